//! A bucket on this machine, for the tests of remote caches; `tests/program` uses it too. It keeps what S3 keeps of a
//! bucket: names with bytes, conditions, pages of listings, parts. A request must be signed with a key that it knows, over
//! every header that counts, and with the digest of the body that came; that signatures are right is shown elsewhere
//! (`src/data/s3/tests.rs`, `tests/reference/s3.py`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

use super::stub::{Gate, Reply, Request, Stub};

pub(crate) const BUCKET: &str = "lab-cache";
pub(crate) const KEY: &str = "AKIAPLANTED";
pub(crate) const SECRET: &str = "planted/secret+key";
/// Names in a page of a listing: few, so that there are several.
const PAGE: usize = 7;
/// The bucket's clock stands; long ago, but for what it is told is young.
const MODIFIED: &str = "2020-02-29T12:00:00.000Z";
const YOUNG: &str = "9999-12-31T12:00:00.000Z";

/// What happens to the next so many requests whose first line has these words in it, instead of an answer.
pub(crate) struct Fault {
    pub on: &'static str,
    pub times: usize,
    pub reply: Reply,
}

#[derive(Default)]
struct State {
    names: BTreeMap<String, Vec<u8>>,
    /// By their number: the name, and the parts that came.
    uploads: BTreeMap<usize, (String, BTreeMap<usize, Vec<u8>>)>,
    begun: usize,
    keys: Vec<String>,
    faults: Vec<Fault>,
    /// The next body is cut after so many bytes, for names with these words in it.
    cuts: Vec<(&'static str, usize)>,
    /// Where it waits before it answers.
    gate: Option<(&'static str, Gate)>,
    no_conditions: bool,
    young: Vec<String>,
}

pub(crate) struct Bucket {
    stub: Stub,
    state: Arc<Mutex<State>>,
}

impl Bucket {
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State { keys: vec![KEY.to_string()], ..State::default() }));
        let own = state.clone();
        Self { stub: Stub::of(move |request| answer(&own, request)), state }
    }

    pub fn endpoint(&self) -> &str {
        &self.stub.address
    }

    /// No fault is left.
    pub fn forgive(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    pub fn fault(&self, on: &'static str, times: usize, reply: Reply) {
        self.state.lock().unwrap().faults.push(Fault { on, times, reply });
    }

    pub fn cut(&self, on: &'static str, after: usize) {
        self.state.lock().unwrap().cuts.push((on, after));
    }

    pub fn hold(&self, on: &'static str, gate: &Gate) {
        self.state.lock().unwrap().gate = Some((on, gate.clone()));
    }

    /// A server that knows no `If-None-Match`.
    pub fn without_conditions(&self) {
        self.state.lock().unwrap().no_conditions = true;
    }

    /// Only these keys are good from now on.
    pub fn keys(&self, keys: &[&str]) {
        self.state.lock().unwrap().keys = keys.iter().map(|key| (*key).to_string()).collect();
    }

    pub fn names(&self) -> Vec<String> {
        self.state.lock().unwrap().names.keys().cloned().collect()
    }

    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        self.state.lock().unwrap().names.get(name).cloned()
    }

    pub fn set(&self, name: &str, content: &[u8]) {
        self.state.lock().unwrap().names.insert(name.to_string(), content.to_vec());
    }

    /// It was put just now.
    pub fn is_young(&self, name: &str) {
        self.state.lock().unwrap().young.push(name.to_string());
    }

    pub fn remove(&self, name: &str) {
        self.state.lock().unwrap().names.remove(name).unwrap();
    }

    /// Uploads in parts that nobody finished.
    pub fn unfinished(&self) -> usize {
        self.state.lock().unwrap().uploads.len()
    }

    /// `PUT /lab-cache/…` for every request so far that has these words in its first line.
    pub fn lines(&self, with: &str) -> Vec<String> {
        self.stub.lines().into_iter().filter(|line| line.contains(with)).collect()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.stub.requests()
    }
}

fn answer(state: &Mutex<State>, request: &Request) -> Reply {
    let line = request.line().to_string();
    let gate = state.lock().unwrap().gate.clone().filter(|(on, _)| line.contains(on));
    if let Some((_, gate)) = gate {
        gate.wait();
    }
    let mut state = state.lock().unwrap();
    if let Some(fault) = state.faults.iter_mut().find(|fault| fault.times > 0 && line.contains(fault.on)) {
        fault.times -= 1;
        return fault.reply.clone();
    }
    let mut reply = match refused(&state, request) {
        Some(refused) => refused,
        None => served(&mut state, request, &line),
    };
    if let Some(at) = state.cuts.iter().position(|(on, after)| line.contains(on) && reply.body.len() > *after) {
        reply.cut = Some(state.cuts.remove(at).1);
    }
    reply
}

pub(crate) fn error(status: u16, code: &str, message: &str) -> Reply {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    Reply { body: body.into_bytes(), ..Reply::status(status) }
}

fn refused(state: &State, request: &Request) -> Option<Reply> {
    let authorization = request.header("authorization").unwrap_or_default();
    let part = |start: &str| authorization.split(start).nth(1).map(|rest| rest.split([',', '/']).next().unwrap_or(""));
    let key = part("Credential=").unwrap_or_default();
    if !state.keys.iter().any(|known| known == key) {
        let message = format!("The AWS Access Key Id {key} does not exist in our records");
        return Some(error(403, "InvalidAccessKeyId", &message));
    }
    let signed: Vec<&str> = part("SignedHeaders=").unwrap_or_default().split(';').collect();
    let names = request.head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name);
    let unsigned = names.map(str::to_ascii_lowercase).find(|name| {
        let counts = name.starts_with("x-amz-") || ["host", "if-none-match", "range"].contains(&name.as_str());
        counts && !signed.contains(&name.as_str())
    });
    if let Some(name) = unsigned {
        return Some(error(403, "AccessDenied", &format!("{name} is not signed")));
    }
    let digest: String = Sha256::digest(&request.body).iter().map(|byte| format!("{byte:02x}")).collect();
    if request.header("x-amz-content-sha256") != Some(&digest) {
        return Some(error(400, "XAmzContentSHA256Mismatch", "another body"));
    }
    None
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn served(state: &mut State, request: &Request, line: &str) -> Reply {
    let (method, address) = line.split_once(' ').unwrap();
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let query: BTreeMap<String, String> = (query.split('&').filter(|part| !part.is_empty()))
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (name.to_string(), decoded(value)))
        .collect();
    let (bucket, name) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let name = decoded(name);
    if bucket != BUCKET {
        return error(404, "NoSuchBucket", "The specified bucket does not exist");
    }
    let upload = query.get("uploadId").map(|id| id.parse::<usize>().unwrap_or(0));
    if let Some(id) = upload.filter(|id| !state.uploads.contains_key(id)) {
        return error(404, "NoSuchUpload", &format!("there is no upload {id}"));
    }
    let is_conditional = request.header("if-none-match") == Some("*");
    if is_conditional && state.no_conditions {
        return error(501, "NotImplemented", "A header you provided implies functionality that is not implemented");
    }
    let is_taken = is_conditional && state.names.contains_key(&name);
    let tag =
        |bytes: &[u8]| format!("\"{}\"", Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect::<String>());
    match (method, upload) {
        ("GET", None) if name.is_empty() && query.contains_key("uploads") => {
            let one = |(id, (name, _)): (&usize, &(String, BTreeMap<usize, Vec<u8>>))| {
                format!("<Upload><Key>{name}</Key><UploadId>{id}</UploadId><Initiated>{MODIFIED}</Initiated></Upload>")
            };
            Reply::ok(format!("<L>{}</L>", state.uploads.iter().map(one).collect::<String>()).as_bytes())
        }
        ("GET", None) if name.is_empty() => Reply::ok(listing(state, &query).as_bytes()),
        ("GET" | "HEAD", None) => match state.names.get(&name) {
            Some(content) => Reply::ok(content).header("etag", tag(content)),
            None => error(404, "NoSuchKey", "The specified key does not exist."),
        },
        ("PUT", None) if is_taken => error(412, "PreconditionFailed", "It is there"),
        ("PUT", None) => {
            state.names.insert(name, request.body.clone());
            Reply::ok(b"").header("etag", tag(&request.body))
        }
        ("PUT", Some(id)) => {
            let number = query["partNumber"].parse().unwrap();
            state.uploads.get_mut(&id).unwrap().1.insert(number, request.body.clone());
            Reply::ok(b"").header("etag", tag(&request.body))
        }
        ("POST", None) => {
            state.begun += 1;
            let id = state.begun;
            state.uploads.insert(id, (name, BTreeMap::new()));
            Reply::ok(format!("<R><UploadId>{id}</UploadId></R>").as_bytes())
        }
        ("POST", Some(_)) if is_taken => error(412, "PreconditionFailed", "It is there"),
        ("POST", Some(id)) => {
            let (name, parts) = state.uploads.remove(&id).unwrap();
            let asked = String::from_utf8(request.body.clone()).unwrap();
            let tags: String =
                parts.values().map(|part| format!("<ETag>{}</ETag>", tag(part).replace('"', "&quot;"))).collect();
            let found: String = (asked.split("<ETag>").skip(1))
                .map(|rest| format!("<ETag>{}</ETag>", rest.split("</ETag>").next().unwrap()))
                .collect();
            if tags != found {
                return error(400, "InvalidPart", "One or more of the specified parts could not be found");
            }
            state.names.insert(name, parts.into_values().flatten().collect());
            Reply::ok(b"<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")
        }
        ("DELETE", Some(id)) => {
            state.uploads.remove(&id);
            Reply::status(204)
        }
        ("DELETE", None) => {
            state.names.remove(&name);
            Reply::status(204)
        }
        _ => error(405, "MethodNotAllowed", method),
    }
}

fn listing(state: &State, query: &BTreeMap<String, String>) -> String {
    let (prefix, after) = (&query["prefix"], query.get("continuation-token"));
    let most = query.get("max-keys").map_or(PAGE, |most| most.parse().unwrap());
    let all = state.names.iter().filter(|(name, _)| name.starts_with(prefix.as_str()));
    let mut rest = all.skip_while(|(name, _)| after.is_some_and(|after| *name <= after));
    let page: Vec<_> = rest.by_ref().take(most).collect();
    let one = |(name, content): &(&String, &Vec<u8>)| {
        let time = if state.young.contains(name) { YOUNG } else { MODIFIED };
        let (size, name) = (content.len(), name.replace('&', "&amp;"));
        format!("<Contents><Key>{name}</Key><LastModified>{time}</LastModified><Size>{size}</Size></Contents>")
    };
    let entries: String = page.iter().map(one).collect();
    let next = rest.next().and(page.last()).map(|(name, _)| {
        format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{name}</NextContinuationToken>")
    });
    format!(
        "<ListBucketResult>{}{entries}</ListBucketResult>",
        next.unwrap_or("<IsTruncated>false</IsTruncated>".into())
    )
}

//! A bucket of S3, or of a server that speaks it: names with bytes. Requests are signed by hand (`sign.rs`) and sent by
//! the same client as those to the hub, so a bucket costs no further dependency. Every wait has an end, and trouble that
//! passes is tried again, after as long as the server asks.
//!
//! ```text
//! GET  ?list-type=2&prefix=…             what there is
//! GET  NAME, with a range                bytes, from where an answer broke off
//! PUT  NAME, If-None-Match: *            bytes under a name that nobody has yet; 412 where somebody has
//! POST NAME?uploads, PUT NAME?partNumber=…, POST NAME?uploadId=…     the same in parts
//! DELETE NAME
//! ```
//! The digest of what is sent is in its signature, so a server takes no bytes that were changed on their way.

mod address;
mod credentials;
mod settings;
mod sign;
#[cfg(test)]
mod tests;
mod xml;

pub use address::S3Address;
pub use settings::S3Settings;

use super::DataError;
use super::network::{Failure, Patience, Steady, asking, first_byte, host, quoted};
use super::trust::tls;
use crate::units::parse_utc;
use credentials::{Keys, now};
use settings::domain;
use sign::{Unsigned, query, signed};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

/// Busy servers are met with more patience than a hub: many ask at once.
const RETRIES: usize = 4;
/// Of an error, a page of a listing.
const LARGEST_ANSWER: u64 = 16 << 20;
/// Putting a large object together may take a while.
const SLOW_ANSWER: Duration = Duration::from_secs(300);
const MOST_PARTS: u64 = 10_000;
/// What is larger is sent in parts of this size, or of more where they would be too many.
const PART: u64 = 16 << 20;

pub struct Bucket {
    agent: Agent,
    address: S3Address,
    settings: S3Settings,
    /// What the server said that it is, or what was set.
    region: Mutex<String>,
}

/// What a listing says of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    pub bytes: u64,
    /// Seconds since 1970, by the server's clock.
    pub modified: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    New,
    /// Somebody was faster, or it was there all along.
    There,
}

/// Bytes that are on their way in parts; nobody sees them before it is finished.
pub struct Upload<'a> {
    bucket: &'a Bucket,
    name: &'a str,
    id: String,
    parts: Vec<String>,
}

/// An upload in parts that was begun and not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    pub name: String,
    id: String,
    /// Seconds since 1970.
    pub begun: u64,
}

/// A request, but for who asks and where.
#[derive(Default)]
struct Ask<'a> {
    method: &'static str,
    /// `None` for the bucket itself.
    name: Option<&'a str>,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: &'a [u8],
    slow: bool,
}

impl Bucket {
    /// As the environment says; see [`S3Settings::from_env`].
    pub fn open(address: &S3Address) -> Result<Self, DataError> {
        Self::new(address.clone(), S3Settings::from_env()?)
    }

    pub fn new(address: S3Address, settings: S3Settings) -> Result<Self, DataError> {
        let config = asking(settings.stalled).tls_config(tls()?);
        let region = Mutex::new(settings.region.clone());
        Ok(Self { agent: config.build().new_agent(), address, settings, region })
    }

    pub fn address(&self) -> &S3Address {
        &self.address
    }

    /// Whether it is there and may be looked into; else why not.
    pub fn greet(&self) -> Result<(), DataError> {
        let query =
            vec![("list-type", "2".to_string()), ("prefix", self.address.key("")), ("max-keys", "1".to_string())];
        let ask = Ask { method: "GET", query, ..Ask::default() };
        let mut attempts = 0;
        let greeted = self.with_retries(|| {
            attempts += 1;
            // Where no network leads there, patience leads nowhere either.
            let seldom = |failure: Failure| match *failure.error {
                DataError::Unreachable { .. } => Failure { again: failure.again && attempts < 2, ..failure },
                _ => failure,
            };
            self.answer(&ask).map_err(seldom)
        });
        greeted.map(drop)
    }

    /// The size of what has this name.
    pub fn size(&self, name: &str) -> Result<Option<u64>, DataError> {
        let found = self.with_retries(|| {
            let ask = Ask { method: "HEAD", name: Some(name), ..Ask::default() };
            let (response, keys) = self.ask(&ask)?;
            match response.status().as_u16() {
                200 => Ok(Some(header(&response, "content-length").and_then(|length| length.parse().ok()))),
                404 => Ok(None),
                // Such an answer has no words; the same question in another form has.
                400..=499 => {
                    let range = ("range", "bytes=0-0".to_string());
                    let ask = Ask { method: "GET", headers: vec![range], ..ask };
                    let (response, keys) = self.ask(&ask)?;
                    Err(self.refusal(&ask, &keys, response))
                }
                _ => Err(self.refusal(&ask, &keys, response)),
            }
        })?;
        let nothing = || DataError::S3 { what: format!("{} has no size: {}", self.address.place(name), self.host()) };
        found.map(|size| size.ok_or_else(nothing)).transpose()
    }

    /// What has this name, where it is no larger than `most`.
    pub fn read(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, DataError> {
        self.with_retries(|| {
            let ask = Ask { method: "GET", name: Some(name), ..Ask::default() };
            let (response, keys) = self.ask(&ask)?;
            match response.status().as_u16() {
                200 => self.body(response, most).map(Some),
                404 => self.no_such_name(&ask, &keys, response).map(|()| None),
                _ => Err(self.refusal(&ask, &keys, response)),
            }
        })
    }

    /// Writes what has this name to `to`, `size` bytes of it and no more; what breaks off is gone on with. `false` where
    /// there is no such name. `came` is told the bytes as they come.
    ///
    /// # Errors
    /// Nothing is known of what was written before one.
    pub fn fetch(&self, name: &str, size: u64, to: &mut dyn Write, came: &dyn Fn(u64)) -> Result<bool, DataError> {
        let mut patience = Patience::new(RETRIES, self.settings.pause);
        let mut done = 0;
        loop {
            let before = done;
            match self.fetch_from(name, size, &mut done, to, came) {
                Ok(found) => return Ok(found),
                Err(failure) => {
                    if done > before {
                        patience.renew();
                    }
                    patience.wait(failure)?;
                }
            }
        }
    }

    fn fetch_from(
        &self,
        name: &str,
        size: u64,
        done: &mut u64,
        to: &mut dyn Write,
        came: &dyn Fn(u64),
    ) -> Result<bool, Failure> {
        let headers = match *done {
            0 => Vec::new(),
            start => vec![("range", format!("bytes={start}-"))],
        };
        let ask = Ask { method: "GET", name: Some(name), headers, ..Ask::default() };
        let (mut response, keys) = self.ask(&ask)?;
        let mut skip = match response.status().as_u16() {
            200 => *done,
            206 if first_byte(header(&response, "content-range")) == Some(*done) => 0,
            404 => return self.no_such_name(&ask, &keys, response).map(|()| false),
            _ => return Err(self.refusal(&ask, &keys, response)),
        };
        let wrong = |what: &str| Failure::last(DataError::S3 { what: format!("{} {what}", self.address.place(name)) });
        let length = response.body().content_length();
        let body = response.body_mut().with_config().limit(u64::MAX).reader();
        let mut body = Steady::new(body, length, self.settings.stalled);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = body.read(&mut buffer).map_err(|error| Failure::network(&self.host(), &error.into()))?;
            if read == 0 {
                return if *done == size { Ok(true) } else { Err(wrong("is shorter than its step says")) };
            }
            let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(read);
            skip -= skipped as u64;
            let bytes = &buffer[skipped..read];
            if *done + bytes.len() as u64 > size {
                return Err(wrong("is longer than its step says"));
            }
            let written = to.write_all(bytes);
            let failed = |source| DataError::Io { action: "write", path: name.into(), source };
            written.map_err(|error| Failure::last(failed(error)))?;
            *done += bytes.len() as u64;
            came(bytes.len() as u64);
        }
    }

    /// Gives bytes a name, if nobody has; with `over` whoever has.
    pub fn put(&self, name: &str, bytes: &[u8], over: bool) -> Result<Put, DataError> {
        self.with_retries(|| {
            let ask = Ask { method: "PUT", name: Some(name), headers: if_new(over), body: bytes, ..Ask::default() };
            let (response, keys) = self.ask_if_new(&ask)?;
            match response.status().as_u16() {
                200..=299 => Ok(Put::New),
                412 => Ok(Put::There),
                _ => Err(self.refusal(&ask, &keys, response)),
            }
        })
    }

    /// Some servers do not know the condition. What is named by its digest may be put twice.
    fn ask_if_new(&self, ask: &Ask) -> Result<(Response<Body>, Keys), Failure> {
        const NOT_IMPLEMENTED: u16 = 501;
        match self.ask(ask)? {
            (response, _) if response.status().as_u16() == NOT_IMPLEMENTED && !ask.headers.is_empty() => {
                self.ask(&Ask { headers: Vec::new(), query: ask.query.clone(), ..*ask })
            }
            answer => Ok(answer),
        }
    }

    /// How large the parts are in which so much is sent; `None` where it goes in one piece.
    pub fn part_of(size: u64) -> Option<u64> {
        (size > PART).then(|| PART.max(size.div_ceil(MOST_PARTS)))
    }

    /// Begins to send what is large.
    pub fn upload<'a>(&'a self, name: &'a str) -> Result<Upload<'a>, DataError> {
        let id = self.with_retries(|| {
            let query = vec![("uploads", String::new())];
            let ask = Ask { method: "POST", name: Some(name), query, ..Ask::default() };
            let text = self.answer(&ask)?;
            xml::text(&text, "UploadId").filter(|id| !id.is_empty()).ok_or_else(|| self.strange("no UploadId"))
        })?;
        Ok(Upload { bucket: self, name, id, parts: Vec::new() })
    }

    /// Everything whose name begins so, by what follows.
    pub fn list(&self, start: &str) -> Result<BTreeMap<String, Listed>, DataError> {
        let mut found = BTreeMap::new();
        let mut next: Option<String> = None;
        loop {
            let more: Vec<_> = next.iter().map(|next| ("continuation-token", next.clone())).collect();
            let page = read_page(&self.page(start, &more)?, &self.address.key(start));
            found.extend(page.names);
            if !page.goes_on {
                return Ok(found);
            }
            if page.next.is_none() || page.next == next {
                return Err(*self.strange("a listing that goes on nowhere").error);
            }
            next = page.next;
        }
    }

    fn page(&self, start: &str, more: &[(&'static str, String)]) -> Result<String, DataError> {
        let mut query = vec![("list-type", "2".to_string()), ("prefix", self.address.key(start))];
        query.extend_from_slice(more);
        self.with_retries(|| self.answer(&Ask { method: "GET", query: query.clone(), ..Ask::default() }))
    }

    /// Removes a name. One that is not there is gone already.
    pub fn remove(&self, name: &str) -> Result<(), DataError> {
        self.with_retries(|| {
            let ask = Ask { method: "DELETE", name: Some(name), ..Ask::default() };
            let (response, keys) = self.ask(&ask)?;
            match response.status().as_u16() {
                200..=299 | 404 => Ok(()),
                _ => Err(self.refusal(&ask, &keys, response)),
            }
        })
    }

    /// What was begun in parts below `start` and never finished: it costs room, and nobody sees it.
    pub fn unfinished(&self, start: &str) -> Result<Vec<Unfinished>, DataError> {
        let query = vec![("uploads", String::new()), ("prefix", self.address.key(start))];
        let page = self.with_retries(|| self.answer(&Ask { method: "GET", query: query.clone(), ..Ask::default() }))?;
        let before = self.address.key("");
        let one = |entry: &str| {
            let name = xml::text(entry, "Key")?.strip_prefix(&before)?.to_string();
            let begun = xml::text(entry, "Initiated").and_then(|time| parse_utc(&time)).unwrap_or(u64::MAX);
            Some(Unfinished { name, id: xml::text(entry, "UploadId")?, begun })
        };
        Ok(xml::elements(&page, "Upload").filter_map(one).collect())
    }

    pub fn forget(&self, unfinished: &Unfinished) -> Result<(), DataError> {
        self.abort(&unfinished.name, &unfinished.id)
    }

    fn abort(&self, name: &str, id: &str) -> Result<(), DataError> {
        self.with_retries(|| {
            let query = vec![("uploadId", id.to_string())];
            let ask = Ask { method: "DELETE", name: Some(name), query, ..Ask::default() };
            let (response, keys) = self.ask(&ask)?;
            match response.status().as_u16() {
                200..=299 | 404 => Ok(()),
                _ => Err(self.refusal(&ask, &keys, response)),
            }
        })
    }

    /// The text of an answer that is one.
    fn answer(&self, ask: &Ask) -> Result<String, Failure> {
        let (response, keys) = self.ask(ask)?;
        if response.status().as_u16() != 200 {
            return Err(self.refusal(ask, &keys, response));
        }
        let bytes = self.body(response, LARGEST_ANSWER)?;
        String::from_utf8(bytes).map_err(|_| self.strange("no text"))
    }

    fn body(&self, mut response: Response<Body>, most: u64) -> Result<Vec<u8>, Failure> {
        let length = response.body().content_length();
        let body = response.body_mut().with_config().limit(most).reader();
        let mut bytes = Vec::new();
        let read = Steady::new(body, length, self.settings.stalled).read_to_end(&mut bytes);
        read.map_err(|error| Failure::network(&self.host(), &error.into()))?;
        Ok(bytes)
    }

    fn with_retries<T>(&self, mut attempt: impl FnMut() -> Result<T, Failure>) -> Result<T, DataError> {
        let mut patience = Patience::new(RETRIES, self.settings.pause);
        loop {
            match attempt() {
                Ok(done) => return Ok(done),
                Err(failure) => patience.wait(failure)?,
            }
        }
    }

    /// Signs and sends a request, once more where the bucket turns out to be in another region; with the keys that it
    /// was signed with.
    fn ask(&self, ask: &Ask) -> Result<(Response<Body>, Keys), Failure> {
        let keys = self.settings.credentials.keys()?;
        let region = self.region();
        let response = self.send(ask, &keys, &region)?;
        let other = header(&response, "x-amz-bucket-region").filter(|other| *other != region).map(str::to_string);
        if let (301 | 307 | 400, Some(other), None) =
            (response.status().as_u16(), other, self.settings.endpoint.as_ref())
        {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if other.len() < 40 && other.chars().all(plain) {
                let response = self.send(ask, &keys, &other)?;
                *self.region.lock().unwrap_or_else(PoisonError::into_inner) = other;
                return Ok((response, keys));
            }
        }
        Ok((response, keys))
    }

    fn send(&self, ask: &Ask, keys: &Keys, region: &str) -> Result<Response<Body>, Failure> {
        let (start, mut path) = self.root(region);
        if let Some(name) = ask.name {
            path = format!("{}/{}", path.trim_end_matches('/'), quoted(&self.address.key(name), true));
        }
        let url = format!("{start}{path}");
        let authority = host(&url);
        let unsigned = Unsigned {
            method: ask.method,
            host: &authority,
            path: &path,
            query: &ask.query,
            headers: &ask.headers,
            body: ask.body,
        };
        let added = signed(&unsigned, keys, region, "s3", now());
        let url = if ask.query.is_empty() { url } else { format!("{url}?{}", query(&ask.query)) };
        let request = Request::builder().method(ask.method).uri(&url);
        let request =
            added.iter().chain(&ask.headers).fold(request, |request, (name, value)| request.header(*name, value));
        let bad = |_| {
            let what = format!("{authority} cannot be asked: the address or a key holds what no header may");
            Failure::last(DataError::S3 { what })
        };
        let sent = match ask.method {
            "PUT" | "POST" => {
                let request = request.body(ask.body).map_err(bad)?;
                let agent = &self.agent;
                match ask.slow {
                    true => {
                        agent.run(agent.configure_request(request).timeout_recv_response(Some(SLOW_ANSWER)).build())
                    }
                    false => agent.run(request),
                }
            }
            _ => self.agent.run(request.body(()).map_err(bad)?),
        };
        sent.map_err(|error| Failure::network(&authority, &error))
    }

    /// Scheme with host, and the path of the bucket itself.
    fn root(&self, region: &str) -> (String, String) {
        let bucket = &self.address.bucket;
        // A name with points fits no certificate as a part of a host's.
        let plain = bucket.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        let endpoint = self.settings.endpoint.as_deref();
        let by_path = self.settings.path_style.unwrap_or(endpoint.is_some() || !plain);
        let whole = endpoint.map_or_else(|| format!("https://s3.{region}.{}", domain(region)), str::to_string);
        let (scheme, rest) = whole.split_once("://").unwrap_or(("https", &whole));
        // What stands before an @ is nobody's business; a path may follow the host.
        let (authority, path) = rest.split_once('/').map_or((rest, String::new()), |(a, path)| (a, format!("/{path}")));
        let authority = authority.rsplit('@').next().unwrap_or(authority);
        match by_path {
            true => (format!("{scheme}://{authority}"), format!("{path}/{}", quoted(bucket, false))),
            false => (format!("{scheme}://{bucket}.{authority}"), format!("{path}/")),
        }
    }

    fn region(&self) -> String {
        self.region.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn host(&self) -> String {
        host(&self.root(&self.region()).0)
    }

    fn strange(&self, what: &str) -> Failure {
        Failure::last(DataError::S3 { what: format!("{} did not answer as S3 does: {what}", self.host()) })
    }

    /// Fails where it is the bucket that is not there.
    fn no_such_name(&self, ask: &Ask, keys: &Keys, response: Response<Body>) -> Result<(), Failure> {
        let failure = self.refusal(ask, keys, response);
        match *failure.error {
            DataError::S3Refused { ref said, .. } if said.contains("NoSuchBucket") => Err(failure),
            _ => Ok(()),
        }
    }

    /// Why the server does not do as asked, with its own words.
    fn refusal(&self, ask: &Ask, keys: &Keys, response: Response<Body>) -> Failure {
        const LONGEST: usize = 300;
        let status = response.status().as_u16();
        let wait = header(&response, "retry-after").map(str::to_string);
        let body = if ask.method == "HEAD" { Vec::new() } else { self.body(response, 1 << 16).unwrap_or_default() };
        let text = String::from_utf8_lossy(&body);
        let code = xml::text(&text, "Code").unwrap_or_default();
        let mut said = format!(" {code}");
        if let Some(words) = xml::text(&text, "Message").filter(|words| !words.is_empty()) {
            said = format!("{said} ({words})");
        }
        // Servers name the key that they do not know.
        for secret in [Some(&keys.id), Some(&keys.secret), keys.token.as_ref()].into_iter().flatten() {
            said = said.replace(secret.as_str(), "…");
        }
        let said: String = said.trim_end().chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        let hint = match code.as_str() {
            "RequestTimeTooSkewed" => ": set this machine's clock",
            "NoSuchBucket" => ": make the bucket first, or check its name, AWS_REGION and AWS_ENDPOINT_URL",
            "SignatureDoesNotMatch" | "InvalidAccessKeyId" => ": check the keys, and that they are this server's",
            "ExpiredToken" => ": renew the keys",
            _ if status == 403 => ": the keys may not do this, or are no longer good",
            _ => "",
        };
        let place = ask.name.map_or_else(|| self.address.to_string(), |name| self.address.place(name));
        let error = DataError::S3Refused { host: self.host(), status, said, place, hint };
        let ended = matches!(code.as_str(), "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired")
            || code == "InvalidAccessKeyId";
        let again = match code.as_str() {
            _ if ended => self.settings.credentials.forget(keys),
            "ConditionalRequestConflict" | "OperationAborted" | "RequestTimeout" | "BadDigest" => true,
            // A body that was changed on its way.
            "XAmzContentSHA256Mismatch" | "IncompleteBody" => true,
            _ => false,
        };
        let failure = Failure::status(error, status, wait.as_deref());
        Failure { again: again || failure.again, ..failure }
    }
}

impl Upload<'_> {
    pub fn part(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        let number = self.parts.len() + 1;
        let etag = self.bucket.with_retries(|| {
            let query = vec![("partNumber", number.to_string()), ("uploadId", self.id.clone())];
            let ask = Ask { method: "PUT", name: Some(self.name), query, body: bytes, ..Ask::default() };
            let (response, keys) = self.bucket.ask(&ask)?;
            match (response.status().as_u16(), header(&response, "etag")) {
                (200, Some(etag)) => Ok(etag.to_string()),
                (200, None) => Err(self.bucket.strange("no ETag of a part")),
                _ => Err(self.bucket.refusal(&ask, &keys, response)),
            }
        })?;
        self.parts.push(etag);
        Ok(())
    }

    /// Gives the whole its name, if nobody has; with `over` whoever has.
    pub fn finish(self, over: bool) -> Result<Put, DataError> {
        let part = |(number, etag): (usize, &String)| {
            let etag = etag.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
            format!("<Part><PartNumber>{}</PartNumber><ETag>{etag}</ETag></Part>", number + 1)
        };
        let parts: String = self.parts.iter().enumerate().map(part).collect();
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        let mut tried = false;
        let put = self.bucket.with_retries(|| {
            let query = vec![("uploadId", self.id.clone())];
            let body = body.as_bytes();
            let ask = Ask { method: "POST", name: Some(self.name), query, headers: if_new(over), body, slow: true };
            let again = std::mem::replace(&mut tried, true);
            let (response, keys) = self.bucket.ask_if_new(&ask)?;
            match response.status().as_u16() {
                412 => Ok(Put::There),
                // Done by an attempt whose answer was lost.
                404 if again && matches!(self.bucket.size(self.name), Ok(Some(_))) => Ok(Put::New),
                200 => {
                    let text = String::from_utf8_lossy(&self.bucket.body(response, LARGEST_ANSWER)?).into_owned();
                    match xml::text(&text, "Code") {
                        // It answers at once, and says later that it failed.
                        Some(code) if text.contains("<Error>") => {
                            let place = self.bucket.address.place(self.name);
                            let what = format!("{} failed to put {place} together: {code}", self.bucket.host());
                            Err(Failure::passing(DataError::S3 { what }))
                        }
                        _ => Ok(Put::New),
                    }
                }
                _ => Err(self.bucket.refusal(&ask, &keys, response)),
            }
        });
        if !matches!(put, Ok(Put::New)) {
            self.abort();
        }
        put
    }

    /// Nothing of it stays. Where that fails, `cache gc --remote` removes it later.
    pub fn abort(self) {
        self.bucket.abort(self.name, &self.id).ok();
    }
}

/// A page of a listing.
pub struct Page {
    /// By what follows the part that is asked for.
    pub names: BTreeMap<String, Listed>,
    pub goes_on: bool,
    pub next: Option<String>,
}

/// Reads a page of the names that begin with `before`.
pub fn read_page(page: &str, before: &str) -> Page {
    let entry = |entry: &str| {
        let number = |name: &str| xml::text(entry, name)?.trim().parse::<u64>().ok();
        let name = xml::text(entry, "Key")?.strip_prefix(before)?.to_string();
        let modified = xml::text(entry, "LastModified").and_then(|time| parse_utc(&time));
        // What has no time is of now, so that nothing takes it for old.
        Some((name, Listed { bytes: number("Size").unwrap_or(0), modified: modified.unwrap_or(u64::MAX) }))
    };
    Page {
        names: xml::elements(page, "Contents").filter_map(entry).collect(),
        goes_on: xml::text(page, "IsTruncated").as_deref() == Some("true"),
        next: xml::text(page, "NextContinuationToken").filter(|token| !token.is_empty()),
    }
}

fn if_new(over: bool) -> Vec<(&'static str, String)> {
    if over { Vec::new() } else { vec![("if-none-match", "*".to_string())] }
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

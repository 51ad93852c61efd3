//! Whose keys sign a request. Found in the order of Amazon's tools: the environment, a web identity, the profile, the
//! container's endpoint, the instance's. What does not last is asked for again before it ends. Keys are in signatures and
//! nowhere else: not in messages, files, or the command lines of processes.

use super::super::DataError;
use super::super::network::{Failure, host, quoted};
use super::super::trust::tls;
use super::xml;
use crate::plain;
use crate::units::parse_utc;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use ureq::Agent;
use ureq::http::{Request, Response};

/// A key that ends sooner is as good as gone.
const BEFORE_ITS_END: u64 = 300;
const LONGEST_TOKEN: u64 = 1 << 16;
const LONGEST_ANSWER: u64 = 1 << 20;
/// The endpoints of containers and instances are next door, or are not there.
const NEXT_DOOR: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(crate) struct Keys {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
    /// Seconds since 1970.
    pub ends: Option<u64>,
}

impl Keys {
    pub fn lasting(id: String, secret: String, token: Option<String>) -> Self {
        Self { id, secret, token, ends: None }
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

#[derive(Clone, Debug)]
pub(super) enum Source {
    Given(Keys),
    /// A token in a file, for which the token service gives keys of a role.
    WebIdentity {
        file: PathBuf,
        role: String,
        session: String,
        endpoint: String,
    },
    Container {
        url: String,
        token: Option<String>,
        file: Option<PathBuf>,
    },
    Instance {
        endpoint: String,
    },
    None,
}

#[derive(Debug)]
pub(super) struct Credentials {
    pub source: Source,
    known: Mutex<Option<Keys>>,
}

impl Credentials {
    pub fn new(source: Source) -> Self {
        Self { source, known: Mutex::default() }
    }

    pub fn keys(&self) -> Result<Keys, Failure> {
        // Kept while it asks: the others need not ask too.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = known.as_ref().filter(|keys| keys.ends.is_none_or(|ends| now() + BEFORE_ITS_END < ends)) {
            return Ok(keys.clone());
        }
        let keys = match &self.source {
            Source::Given(keys) => keys.clone(),
            Source::WebIdentity { file, role, session, endpoint } => web_identity(file, role, session, endpoint)?,
            Source::Container { url, token, file } => container(url, token.as_deref(), file.as_deref())?,
            Source::Instance { endpoint } => instance(endpoint)?,
            Source::None => return Err(Failure::last(DataError::NoS3Credentials)),
        };
        Ok(known.insert(keys).clone())
    }

    /// The server says that they are no longer good. Whether others can be had.
    pub fn forget(&self, keys: &Keys) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let renewable = !matches!(self.source, Source::Given(_) | Source::None);
        if renewable && known.as_ref().is_some_and(|known| known.id == keys.id) {
            *known = None;
        }
        renewable
    }
}

pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

fn wrong(what: String) -> Failure {
    Failure::last(DataError::S3Credentials { what })
}

fn token_in(file: &Path) -> Result<String, Failure> {
    let text = plain::text_up_to(file, LONGEST_TOKEN);
    let text = text.map_err(|error| wrong(format!("failed to read the token in `{}`: {error}", file.display())))?;
    Ok(text.trim().to_string())
}

fn agent(is_near: bool) -> Result<Agent, Failure> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(if is_near { NEXT_DOOR } else { Duration::from_secs(30) }))
        .user_agent(concat!("pipeline/", env!("CARGO_PKG_VERSION")));
    // A proxy leads away from what is next door.
    let config = if is_near { config.proxy(None) } else { config };
    Ok(config.tls_config(tls().map_err(Failure::last)?).build().new_agent())
}

/// The answer's text; an error names the host and the status alone.
fn ask(agent: &Agent, request: Request<Vec<u8>>, what: &str) -> Result<String, Failure> {
    let url = request.uri().to_string();
    let sent = if request.body().is_empty() { agent.run(request.map(|_| ())) } else { agent.run(request) };
    let mut response: Response<ureq::Body> = sent.map_err(|error| Failure::network(&host(&url), &error))?;
    let status = response.status().as_u16();
    if status != 200 {
        let error = DataError::S3Credentials { what: format!("{} answered {status} for {what}", host(&url)) };
        return Err(Failure::status(error, status, None));
    }
    let text = response.body_mut().with_config().limit(LONGEST_ANSWER).read_to_string();
    text.map_err(|error| Failure::network(&host(&url), &error))
}

fn request(method: &str, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Request<Vec<u8>>, Failure> {
    let request = Request::builder().method(method).uri(url);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(body).map_err(|_| wrong(format!("`{}` cannot be asked for keys", host(url))))
}

fn web_identity(file: &Path, role: &str, session: &str, endpoint: &str) -> Result<Keys, Failure> {
    let token = token_in(file)?;
    let form = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", session),
        ("WebIdentityToken", &token),
    ];
    let form: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", quoted(value, false))).collect();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let url = format!("{}/", endpoint.trim_end_matches('/'));
    let asked = request("POST", &url, &headers, form.join("&").into_bytes())?;
    let answer = ask(&agent(false)?, asked, &format!("keys of the role {role}"))?;
    let given = |name: &str| xml::text(&answer, name);
    match (given("AccessKeyId"), given("SecretAccessKey"), given("SessionToken")) {
        (Some(id), Some(secret), token) => {
            Ok(Keys { id, secret, token, ends: given("Expiration").and_then(|ends| parse_utc(&ends)) })
        }
        _ => Err(wrong(format!("{} gave no keys for the role {role}", host(endpoint)))),
    }
}

/// What containers and instances are told, as JSON.
fn told(answer: &str, by: &str) -> Result<Keys, Failure> {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let given = |name: &str| answer[name].as_str().map(str::to_string);
    match (given("AccessKeyId"), given("SecretAccessKey")) {
        (Some(id), Some(secret)) => {
            let ends = given("Expiration").and_then(|ends| parse_utc(&ends));
            Ok(Keys { id, secret, token: given("Token"), ends })
        }
        _ => Err(wrong(format!("{by} gave no keys"))),
    }
}

fn container(url: &str, token: Option<&str>, file: Option<&Path>) -> Result<Keys, Failure> {
    let name = host(url);
    let near = name.rsplit_once(':').filter(|(name, _)| !name.ends_with(':')).map_or(name.as_str(), |(name, _)| name);
    let is_near = ["127.0.0.1", "localhost", "[::1]", "169.254.170.2", "169.254.170.23"].contains(&near);
    if !is_near && !url.starts_with("https://") {
        let what = format!("AWS_CONTAINER_CREDENTIALS_FULL_URI leads to {name} by plain http");
        return Err(wrong(what));
    }
    let token = match file {
        Some(file) => Some(token_in(file)?),
        None => token.map(str::to_string),
    };
    let headers: Vec<(&str, &str)> = token.iter().map(|token| ("authorization", token.as_str())).collect();
    let answer = ask(&agent(is_near)?, request("GET", url, &headers, Vec::new())?, "the container's keys")?;
    told(&answer, &name)
}

fn instance(endpoint: &str) -> Result<Keys, Failure> {
    // Not a cloud's machine, most likely.
    let absent = |failure: Failure| match *failure.error {
        DataError::Unreachable { .. } => Failure::last(DataError::NoS3Credentials),
        _ => failure,
    };
    let agent = agent(true)?;
    let url = format!("{endpoint}/latest/api/token");
    let lasts = [("x-aws-ec2-metadata-token-ttl-seconds", "21600")];
    let token = ask(&agent, request("PUT", &url, &lasts, Vec::new())?, "a token of the instance").map_err(absent)?;
    let headers = [("x-aws-ec2-metadata-token", token.trim())];
    let roles = format!("{endpoint}/latest/meta-data/iam/security-credentials/");
    let role = ask(&agent, request("GET", &roles, &headers, Vec::new())?, "the instance's role").map_err(absent)?;
    let role = role.lines().next().unwrap_or_default().trim();
    let url = format!("{roles}{}", quoted(role, false));
    let answer = ask(&agent, request("GET", &url, &headers, Vec::new())?, "the instance's keys").map_err(absent)?;
    told(&answer, &host(endpoint))
}

//! Requests to the hub. The token goes to the hub itself and to nobody it redirects to; every wait has an end.

use super::super::DataError;
use super::super::network::{Failure, Steady, asking, host};
use super::super::trust::tls;
use super::settings::{HUGGING_FACE, HubSettings};
use serde::de::DeserializeOwned;
use std::io::Read;
use std::time::Duration;
use ureq::http::Response;
use ureq::typestate::{WithBody, WithoutBody};
use ureq::{Agent, Body, RequestBuilder};

const LARGEST_ANSWER: u64 = 64 << 20;
const REDIRECTS: usize = 8;

pub(super) struct Client {
    agent: Agent,
    endpoint: String,
    token: Option<String>,
    token_from: String,
    window: Duration,
}

/// An answer, and the address that gave it or, where the hub points elsewhere, the address to go to.
pub(super) struct Answer {
    pub response: Response<Body>,
    pub url: String,
}

impl Client {
    pub fn new(settings: &HubSettings) -> Result<Client, DataError> {
        let endpoint = settings.endpoint.clone();
        if !settings.offline && !["http://", "https://"].iter().any(|start| endpoint.starts_with(start)) {
            let what = "an address starts with https://".to_string();
            return Err(DataError::NotAHub { host: host(&endpoint), what });
        }
        let config = asking(settings.stalled);
        // Without the network, nobody's certificate matters.
        let config = if settings.offline { config } else { config.tls_config(tls()?) };
        let (token, token_from) = (settings.token.clone(), settings.token_from.clone());
        Ok(Client { agent: config.build().new_agent(), endpoint, token, token_from, window: settings.window })
    }

    pub fn host(&self) -> String {
        host(&self.endpoint)
    }

    /// The address of `path` on the hub.
    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.endpoint)
    }

    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// The headers of a file as the hub gives them. A redirect that stays on the hub (a renamed repository) is
    /// followed, as is one that says nothing of the file (a mirror's); one to the place of the bytes is not, and its
    /// target is the answer's `url`.
    pub fn head(&self, url: &str) -> Result<Answer, Failure> {
        let mut url = url.to_string();
        for _ in 0..REDIRECTS {
            let response = self.call(self.agent.head(&url), &url)?;
            let Some(target) = self.redirect(&response, &url)? else { return Ok(Answer { response, url }) };
            let tells = ["x-repo-commit", "x-linked-etag", "etag"].iter().any(|name| header(&response, name).is_some());
            if !self.is_hub(&target) && tells {
                return Ok(Answer { response, url: target });
            }
            url = target;
        }
        Err(self.circles())
    }

    /// A body, from its byte `start` on if the server can, wherever redirects lead.
    pub fn get(&self, url: &str, start: u64) -> Result<Answer, Failure> {
        let mut url = url.to_string();
        for _ in 0..REDIRECTS {
            let request = self.agent.get(&url);
            let request = if start > 0 { request.header("range", format!("bytes={start}-")) } else { request };
            let response = self.call(request, &url)?;
            let Some(target) = self.redirect(&response, &url)? else { return Ok(Answer { response, url }) };
            url = target;
        }
        Err(self.circles())
    }

    fn call(&self, request: RequestBuilder<WithoutBody>, url: &str) -> Result<Response<Body>, Failure> {
        let request = match self.authorization(url) {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        };
        request.call().map_err(|error| Failure::network(&host(url), &error))
    }

    /// Sends `body` once; what to do with the answer's status is the caller's. `request` is made by [`Self::post`] or
    /// [`Self::put`].
    pub fn send(&self, request: RequestBuilder<WithBody>, url: &str, body: &[u8]) -> Result<Response<Body>, Failure> {
        request.send(body).map_err(|error| Failure::network(&host(url), &error))
    }

    /// A question to the hub, with the token.
    pub fn post(&self, url: &str, content_type: &str) -> RequestBuilder<WithBody> {
        let request = self.agent.post(url).header("content-type", content_type);
        match self.authorization(url) {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }

    /// Bytes for an address that the hub has signed, without the token.
    pub fn put(&self, url: &str) -> RequestBuilder<WithBody> {
        self.agent.put(url)
    }

    fn authorization(&self, url: &str) -> Option<String> {
        self.token.as_ref().filter(|_| self.is_hub(url)).map(|token| format!("Bearer {token}"))
    }

    fn is_hub(&self, url: &str) -> bool {
        origin(url) == origin(&self.endpoint)
    }

    /// An address that the hub gave for itself, by way of the endpoint that is in use: a mirror may hand out the
    /// original's.
    pub fn through_endpoint(&self, url: &str) -> String {
        match url.strip_prefix(HUGGING_FACE).filter(|rest| rest.starts_with('/')) {
            Some(rest) => format!("{}{rest}", self.endpoint),
            None => url.to_string(),
        }
    }

    fn redirect(&self, response: &Response<Body>, from: &str) -> Result<Option<String>, Failure> {
        if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let bad = |what: &str| Failure::last(DataError::NotAHub { host: host(from), what: what.to_string() });
        let location = header(response, "location").ok_or_else(|| bad("it redirects to nowhere"))?;
        let target = absolute(from, location).ok_or_else(|| bad("it redirects to something that is no address"))?;
        if from.starts_with("https://") && !target.starts_with("https://") {
            return Err(bad("it redirects from https to plain http"));
        }
        Ok(Some(target))
    }

    fn circles(&self) -> Failure {
        Failure::last(DataError::NotAHub { host: self.host(), what: "it redirects in circles".to_string() })
    }

    /// The JSON of an answer.
    pub fn json<T: DeserializeOwned>(&self, mut response: Response<Body>) -> Result<T, Failure> {
        let host = self.host();
        let length = response.body().content_length();
        let body = response.body_mut().with_config().limit(LARGEST_ANSWER).reader();
        let mut text = String::new();
        let read = Steady::new(body, length, self.window).read_to_string(&mut text);
        read.map_err(|error| Failure::network(&host, &error.into()))?;
        let parsed = serde_json::from_str(&text);
        parsed.map_err(|error| Failure::last(DataError::NotAHub { host, what: error.to_string() }))
    }

    /// Why the server at `url` does not do as asked. 404 is the caller's to explain.
    pub fn refusal(&self, url: &str, repo: &str, response: &Response<Body>) -> Failure {
        let (host, repo, status) = (host(url), repo.to_string(), response.status().as_u16());
        let error = match status {
            401 | 403 if !self.is_hub(url) => DataError::Status { host, status, what: repo },
            401 | 403 if header(response, "x-error-code") == Some("GatedRepo") => DataError::Gated { host, repo },
            401 | 403 if self.has_token() => {
                DataError::TokenRefused { host, repo, status, from: self.token_from.clone() }
            }
            401 | 403 => DataError::Refused { host, repo, status },
            _ => DataError::Status { host, status, what: repo },
        };
        Failure::status(error, status, header(response, "retry-after"))
    }
}

pub(super) fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

/// Scheme and host with port: what decides who sees the token.
fn origin(url: &str) -> (String, String) {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    (scheme.to_ascii_lowercase(), host(url).to_ascii_lowercase())
}

/// `location` as seen from `from`.
fn absolute(from: &str, location: &str) -> Option<String> {
    let (scheme, rest) = from.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let target = match location.trim() {
        "" => return None,
        whole if whole.starts_with("http://") || whole.starts_with("https://") => whole.to_string(),
        whole if whole.starts_with("//") => format!("{scheme}:{whole}"),
        path if path.starts_with('/') => format!("{scheme}://{authority}{path}"),
        other if other.contains("://") => return None,
        relative => {
            let path = rest[authority.len()..].split(['?', '#']).next()?;
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{scheme}://{authority}{folder}/{relative}")
        }
    };
    Some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_resolved() {
        let from = "https://hub.example:8080/me/bert/resolve/main/a?x=1";
        let cases = [
            ("/cdn/a", Some("https://hub.example:8080/cdn/a")),
            ("b", Some("https://hub.example:8080/me/bert/resolve/main/b")),
            ("//cdn.example/a", Some("https://cdn.example/a")),
            ("https://cdn.example/a?sig=1", Some("https://cdn.example/a?sig=1")),
            ("ftp://cdn.example/a", None),
            ("", None),
        ];
        for (location, expected) in cases {
            assert_eq!(absolute(from, location).as_deref(), expected, "{location}");
        }
        assert_eq!(absolute("http://hub", "x").as_deref(), Some("http://hub/x"));
    }

    #[test]
    fn only_the_same_scheme_host_and_port_are_the_hub() {
        let same = [("https://a/x", "https://A"), ("https://me:secret@a/x", "https://a/y")];
        let other = [("http://a", "https://a"), ("https://a:1", "https://a"), ("https://a.evil", "https://a")];
        assert!(same.iter().all(|(a, b)| origin(a) == origin(b)));
        assert!(other.iter().all(|(a, b)| origin(a) != origin(b)));
    }
}

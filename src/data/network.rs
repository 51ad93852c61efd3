//! What the two kinds of download share: retries with growing pauses, and which failures are worth one.

use super::DataError;
use std::time::Duration;

const RETRIES: usize = 2;
/// Before the first retry; three times longer before each further one.
pub(super) const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A network that drops packets instead of refusing them must not look like a hang.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// One failed attempt.
pub(super) struct Failure {
    pub error: Box<DataError>,
    pub again: bool,
    /// The pause that the server asked for.
    pub wait: Option<Duration>,
}

impl Failure {
    pub fn last(error: DataError) -> Failure {
        Failure { error: Box::new(error), again: false, wait: None }
    }

    pub fn network(host: &str, error: &ureq::Error) -> Failure {
        use ureq::{Error, Timeout};
        let again = match error {
            Error::Timeout(Timeout::Connect | Timeout::Resolve) => false,
            Error::Io(_) | Error::Timeout(_) | Error::ConnectionFailed | Error::HostNotFound => true,
            Error::Protocol(_) => true,
            _ => false,
        };
        let error = DataError::Unreachable { host: host.to_string(), what: error.to_string() };
        Failure { error: Box::new(error), again, wait: None }
    }

    /// `status` with its `Retry-After` header, in seconds.
    pub fn status(error: DataError, status: u16, retry_after: Option<&str>) -> Failure {
        let wait = retry_after.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
        Failure { error: Box::new(error), again: is_busy(status), wait }
    }
}

/// Too many requests, or trouble on the server's side: both pass.
pub(super) fn is_busy(status: u16) -> bool {
    status == 429 || status >= 500
}

pub(super) fn with_retries<T>(
    mut pause: Duration,
    mut attempt: impl FnMut() -> Result<T, Failure>,
) -> Result<T, DataError> {
    for _ in 0..RETRIES {
        match attempt() {
            Ok(done) => return Ok(done),
            Err(failure) if failure.again => std::thread::sleep(failure.wait.unwrap_or(pause).min(LONGEST_PAUSE)),
            Err(failure) => return Err(*failure.error),
        }
        pause *= 3;
    }
    attempt().map_err(|failure| *failure.error)
}

/// The host of an address, without the user name and password that may stand before it.
pub(super) fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.rsplit('@').next().unwrap_or(authority).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passing_trouble_is_tried_again_and_lasting_trouble_is_not() {
        for (again, expected) in [(true, 1 + RETRIES), (false, 1)] {
            let mut attempts = 0;
            let result: Result<(), _> = with_retries(Duration::ZERO, || {
                attempts += 1;
                Err(Failure { error: Box::new(DataError::NoLabels), again, wait: None })
            });
            assert!(result.is_err());
            assert_eq!(attempts, expected);
        }
        let mut attempts = 0;
        let result = with_retries(Duration::ZERO, || {
            attempts += 1;
            let failure = Failure { error: Box::new(DataError::NoLabels), again: true, wait: None };
            if attempts < 3 { Err(failure) } else { Ok(attempts) }
        });
        assert_eq!(result.unwrap(), 3);
    }

    #[test]
    fn hosts_are_shown_without_credentials() {
        assert_eq!(host("https://user:secret@hub.example:8080/a?b"), "hub.example:8080");
        assert_eq!(host("https://huggingface.co"), "huggingface.co");
    }
}

//! What the two kinds of download share: retries with growing pauses, and which failures are worth one.

use super::issuer::issuer_of;
use super::{DataError, shown_value};
use std::io::{self, Read};
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

const RETRIES: usize = 2;
/// Before the first retry; three times longer before each further one.
pub(super) const PAUSE: Duration = Duration::from_millis(500);
/// The longest silence of a server that is still waited for.
pub(super) const STALLED: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A network that drops packets instead of refusing them must not look like a hang.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes a second, over as long as a silence may last: who drips one now and then is as good as silent.
const SLOWEST: u64 = 1024;

/// How the hub and a bucket are asked.
pub(super) fn asking(stalled: Duration) -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
        .http_status_as_error(false)
        // By hand: their own answer is what tells a file's name, and what is secret must not go further.
        .max_redirects(0)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(stalled))
        .timeout_per_read(Some(stalled))
        .timeout_per_write(Some(stalled))
        // Compressed bytes have other sizes and ranges than the file.
        .accept_encoding("identity")
        .user_agent(concat!("pipeline/", env!("CARGO_PKG_VERSION")))
}

/// What so long a time must bring at least.
pub(super) fn least(window: Duration) -> u64 {
    SLOWEST.saturating_mul(window.as_secs().max(1))
}

/// A body that comes fast enough, or breaks off.
pub(super) struct Steady<R> {
    from: R,
    /// Of the whole body, where the server says how much it is.
    left: Option<u64>,
    window: Duration,
    since: Instant,
    /// Since then, if anything.
    came: Option<u64>,
}

impl<R: Read> Steady<R> {
    pub fn new(from: R, length: Option<u64>, window: Duration) -> Self {
        Self { from, left: length, window, since: Instant::now(), came: None }
    }
}

impl<R: Read> Read for Steady<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(came) = self.came.filter(|_| self.left != Some(0))
            && self.since.elapsed() >= self.window
        {
            if came < least(self.window) {
                let text = format!("it sends less than {SLOWEST} bytes a second");
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            (self.since, self.came) = (Instant::now(), Some(0));
        }
        let length = self.from.read(buffer)?;
        self.came = Some(self.came.unwrap_or(0) + length as u64);
        self.left = self.left.map(|left| left.saturating_sub(length as u64));
        Ok(length)
    }
}

/// Whether it took too long.
pub(super) fn is_late(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Timeout(_) => true,
        ureq::Error::Io(error) => error.kind() == io::ErrorKind::TimedOut,
        _ => false,
    }
}

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

    /// Trouble that another attempt meets differently.
    pub fn passing(error: DataError) -> Failure {
        Failure { error: Box::new(error), again: true, wait: None }
    }

    pub fn network(host: &str, error: &ureq::Error) -> Failure {
        use ureq::{Error, Timeout};
        let again = match error {
            Error::Timeout(Timeout::Connect | Timeout::Resolve) => false,
            Error::Io(_) | Error::Timeout(_) | Error::ConnectionFailed | Error::HostNotFound => true,
            Error::Protocol(_) => true,
            _ => false,
        };
        let said = error.to_string();
        // It comes as trouble with reading, but the same certificate comes again.
        let untrusted = said.contains("invalid peer certificate");
        // The address itself is not shown: a signed one is a secret.
        let what = match error {
            Error::BadUri(_) => "it is no address that can be asked".to_string(),
            Error::RequireHttpsOnly(_) => {
                "it leads to plain http, which can be read and changed on its way: https only".to_string()
            }
            _ if untrusted => {
                // By way of a proxy it cannot be asked again so simply.
                let issuer = if ureq::Proxy::try_from_env().is_none() { issuer_of(host) } else { None };
                let by = issuer.map_or(String::new(), |issuer| format!(", signed by `{}`,", shown_value(&issuer)));
                format!(
                    "its certificate{by} is not trusted here ({said}): where a company's own authority signs, let \
                     SSL_CERT_FILE name a file with that authority's certificate"
                )
            }
            _ => match ureq::Proxy::try_from_env() {
                Some(proxy) => format!("{said} (by way of the proxy {}:{})", proxy.host(), proxy.port()),
                None => said,
            },
        };
        let error = DataError::Unreachable { host: host.to_string(), what };
        Failure { error: Box::new(error), again: again && !untrusted, wait: None }
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

/// How often trouble is put up with, and for how long.
pub(super) struct Patience {
    retries: usize,
    left: usize,
    first: Duration,
    pause: Duration,
}

impl Patience {
    pub fn new(retries: usize, first: Duration) -> Patience {
        Patience { retries, left: retries, first, pause: first }
    }

    /// Waits for the next attempt as long as the server asked, within reason, or longer each time. The error comes
    /// back where there is no point in another attempt.
    pub fn wait(&mut self, failure: Failure) -> Result<(), DataError> {
        if !failure.again || self.left == 0 {
            return Err(*failure.error);
        }
        std::thread::sleep(failure.wait.unwrap_or(self.pause).min(LONGEST_PAUSE));
        self.left -= 1;
        self.pause *= 3;
        Ok(())
    }

    /// After progress.
    pub fn renew(&mut self) {
        *self = Patience::new(self.retries, self.first);
    }
}

pub(super) fn with_retries<T>(
    pause: Duration,
    mut attempt: impl FnMut() -> Result<T, Failure>,
) -> Result<T, DataError> {
    let mut patience = Patience::new(RETRIES, pause);
    loop {
        match attempt() {
            Ok(done) => return Ok(done),
            Err(failure) => patience.wait(failure)?,
        }
    }
}

/// The first byte of `bytes 10-19/20`.
pub(super) fn first_byte(content_range: Option<&str>) -> Option<u64> {
    let range = content_range?.trim().strip_prefix("bytes")?.trim_start();
    range.split_once('-')?.0.parse().ok()
}

/// The host of an address, without the user name and password that may stand before it.
pub(super) fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.rsplit('@').next().unwrap_or(authority).to_string()
}

/// `text` as one part of a path, or with `slashes` as several.
pub(super) fn quoted(text: &str, slashes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            b'/' if slashes => out.push('/'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
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
    fn an_untrusted_certificate_is_said_to_be_one_and_not_asked_for_again() {
        let broken = std::io::Error::new(std::io::ErrorKind::InvalidData, "invalid peer certificate: UnknownIssuer");
        let failure = Failure::network("127.0.0.1:9", &ureq::Error::Io(broken));
        let message = failure.error.to_string();
        assert!(
            message.contains("its certificate is not trusted here") && message.contains("SSL_CERT_FILE"),
            "{message}"
        );
        assert!(!failure.again);
        let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert!(Failure::network("hub.example", &ureq::Error::Io(reset)).again);
    }

    #[test]
    fn a_body_that_drips_breaks_off_and_a_whole_one_does_not() {
        let mut slow = Steady::new(std::io::repeat(7), Some(1000), Duration::from_secs(3600));
        let mut whole = Steady::new(std::io::repeat(7).take(20), Some(20), Duration::from_secs(3600));
        for body in [&mut slow as &mut dyn Read, &mut whole] {
            assert_eq!(body.read(&mut [0; 20]).unwrap(), 20);
        }
        for since in [&mut slow.since, &mut whole.since] {
            *since = since.checked_sub(Duration::from_secs(3600)).unwrap();
        }
        let error = slow.read(&mut [0; 20]).unwrap_err();
        assert_eq!(error.to_string(), "it sends less than 1024 bytes a second");
        assert!(is_late(&error.into()));
        assert_eq!(whole.read(&mut [0; 20]).unwrap(), 0);
    }

    #[test]
    fn hosts_are_shown_without_credentials() {
        assert_eq!(host("https://user:secret@hub.example:8080/a?b"), "hub.example:8080");
        assert_eq!(host("https://huggingface.co"), "huggingface.co");
    }

    #[test]
    fn paths_are_quoted() {
        assert_eq!(quoted("a b/ü#1.json", true), "a%20b/%C3%BC%231.json");
        assert_eq!(quoted("refs/convert/parquet", false), "refs%2Fconvert%2Fparquet");
    }
}

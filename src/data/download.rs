//! One file from an https address, known by the BLAKE3 digest that the experiment gives.

use super::DataError;
use super::network::{CONNECT_TIMEOUT, Failure, PAUSE, STALLED, host, with_retries};
use super::secrets::shown;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;
use ureq::Agent;
use ureq::config::Config;

/// Downloads `url` to the file `to`, which appears only when whole and right. `expected` is the digest in hexadecimal;
/// without one nothing is kept, and the error tells the digest to write into the experiment.
///
/// Plain http is refused, also when a redirect leads to it. Trouble that passes is tried again a few times.
pub fn download(url: &str, expected: Option<&str>, to: &Path) -> Result<(), DataError> {
    fetch(&agent(true), url, expected, to, PAUSE)
}

fn agent(https_only: bool) -> Agent {
    config(https_only).new_agent()
}

fn config(https_only: bool) -> Config {
    let config = Agent::config_builder()
        .https_only(https_only)
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(STALLED))
        .timeout_per_read(Some(STALLED))
        .user_agent(concat!("pipeline/", env!("CARGO_PKG_VERSION")));
    config.build()
}

fn fetch(agent: &Agent, url: &str, expected: Option<&str>, to: &Path, pause: Duration) -> Result<(), DataError> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|source| disk("create", folder, source))?;
    let (file, actual) = with_retries(pause, || attempt(agent, url, folder))?;
    match expected.map(|expected| expected.trim().to_lowercase()) {
        None => return Err(DataError::NoDigest { url: shown(url), actual }),
        Some(expected) if expected != actual => {
            return Err(DataError::Digest { url: shown(url), expected, actual });
        }
        Some(_) => {}
    }
    file.as_file().sync_all().map_err(|source| disk("write", to, source))?;
    file.persist(to).map_err(|error| disk("write", to, error.error))?;
    Ok(())
}

/// The whole body in a temporary file beside the target, and its digest.
fn attempt(agent: &Agent, url: &str, folder: &Path) -> Result<(tempfile::NamedTempFile, String), Failure> {
    let network = |error: ureq::Error| Failure::network(&host(url), &error);
    let mut response = agent.get(url).call().map_err(network)?;
    let status = response.status().as_u16();
    if status != 200 {
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let error = DataError::Status { host: host(url), status, what: shown(url) };
        return Err(Failure::status(error, status, retry_after));
    }
    let file = temporary(folder).map_err(|source| Failure::last(disk("create a file in", folder, source)))?;
    let mut hasher = blake3::Hasher::new();
    let mut body = response.body_mut().as_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = body.read(&mut buffer).map_err(|error| network(error.into()))?;
        if read == 0 {
            return Ok((file, hasher.finalize().to_hex().to_string()));
        }
        hasher.update(&buffer[..read]);
        let written = file.as_file().write_all(&buffer[..read]);
        written.map_err(|source| Failure::last(disk("write", file.path(), source)))?;
    }
}

/// Temporary files are private by default, which would stay with the file after its renaming; a data folder is often
/// shared.
fn temporary(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".download-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

fn disk(action: &'static str, path: &Path, source: std::io::Error) -> DataError {
    DataError::Io { action, path: path.to_path_buf(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::stub::{Reply, Stub};
    use ureq::unversioned::resolver::DefaultResolver;
    use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport};

    fn get(stub: &Stub, file: &str, expected: Option<&str>, to: &Path) -> Result<(), DataError> {
        fetch(&agent(false), &format!("{}/{file}", stub.address), expected, to, Duration::ZERO)
    }

    #[test]
    fn only_the_right_bytes_arrive() {
        let stub = Stub::start(vec![("/data.tsv", vec![Reply::status(503), Reply::ok(b"a\tb\n")])]);
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("new/data.tsv");
        let digest = blake3::hash(b"a\tb\n").to_hex().to_string();

        let error = get(&stub, "data.tsv", None, &to).unwrap_err().to_string();
        assert!(error.contains(&format!("add blake3 = \"{digest}\"")), "{error}");
        let error = get(&stub, "data.tsv", Some(&"0".repeat(64)), &to).unwrap_err().to_string();
        assert!(error.contains(&digest) && error.contains(&"0".repeat(64)), "{error}");
        assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 0);

        get(&stub, "data.tsv", Some(&digest.to_uppercase()), &to).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"a\tb\n");
        assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_file_a_cut_off_body_and_plain_http_are_errors() {
        let cut = Reply { cut: Some(3), ..Reply::ok(b"abcdefghij") };
        let stub = Stub::start(vec![("/cut", vec![cut])]);
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("data");
        let error = get(&stub, "no.tsv", None, &to).unwrap_err();
        assert!(matches!(error, DataError::Status { status: 404, .. }), "{error}");
        let error = get(&stub, "cut", None, &to).unwrap_err();
        assert!(matches!(error, DataError::Unreachable { .. }), "{error}");
        let error = download(&format!("{}/cut", stub.address), None, &to).unwrap_err().to_string();
        assert!(error.contains("https only"), "{error}");
    }

    /// Speaks plain HTTP where TLS is expected, and says that it is TLS: a server on this machine has no certificate.
    #[derive(Debug)]
    struct Pretended;

    #[derive(Debug)]
    struct Plain(Box<dyn Transport>);

    impl Connector<()> for Pretended {
        type Out = Plain;

        fn connect(&self, details: &ConnectionDetails, chained: Option<()>) -> Result<Option<Plain>, ureq::Error> {
            Ok(TcpConnector::default().connect(details, chained)?.map(|transport| Plain(Box::new(transport))))
        }
    }

    impl Transport for Plain {
        fn buffers(&mut self) -> &mut dyn Buffers {
            self.0.buffers()
        }

        fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
            self.0.transmit_output(amount, timeout)
        }

        fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
            self.0.await_input(timeout)
        }

        fn is_open(&mut self) -> bool {
            self.0.is_open()
        }

        fn is_tls(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_redirect_may_not_leave_https_and_no_message_shows_a_signed_address() {
        let secure = |stub: &Stub| stub.address.replace("http://", "https://");
        let stub = Stub::start(vec![("/data.tsv", vec![Reply::ok(b"a\tb\n")])]);
        let to_plain = Reply::status(302).header("location", format!("{}/data.tsv?sig=secret", stub.address));
        let to_secure = Reply::status(302).header("location", format!("{}/data.tsv", secure(&stub)));
        stub.page("/down?token=secret", vec![to_plain]);
        stub.page("/aside?token=secret", vec![to_secure]);
        let agent = Agent::with_parts(config(true), Pretended, DefaultResolver::default());
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("data.tsv");
        let digest = blake3::hash(b"a\tb\n").to_hex().to_string();
        let get = |file: &str, expected: &str| {
            let url = format!("{}/{file}?token=secret", secure(&stub));
            fetch(&agent, &url, Some(expected), &to, Duration::ZERO)
        };
        let error = get("down", &digest).unwrap_err();
        assert!(error.to_string().contains("https only"), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        assert_eq!(stub.lines(), ["GET /down?token=secret"], "the plain address was asked");
        assert!(!to.exists());
        for (file, expected) in [("aside", "0".repeat(64)), ("absent", digest.clone())] {
            let error = get(file, &expected).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
            assert!(!to.exists());
        }
        get("aside", &digest).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"a\tb\n");
    }
}

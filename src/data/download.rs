//! One file from an https address, known by the BLAKE3 digest that the experiment gives.

use super::DataError;
use super::arriving;
use super::hub::offline_by;
use super::network::{CONNECT_TIMEOUT, Failure, PAUSE, STALLED, Steady, first_byte, host, with_retries};
use super::secrets::shown;
use super::trust::tls;
use crate::hold;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Duration;
use ureq::Agent;
use ureq::config::Config;
use ureq::tls::TlsConfig;

/// Downloads `url` to the file `to`, which appears only when whole and right. `expected` is the digest in hexadecimal;
/// without one nothing is kept, and the error tells the digest to write into the experiment.
///
/// What broke off stays beside it as `NAME.part`, and the next call goes on with it.
///
/// Where the hub is not to be asked (`HF_HUB_OFFLINE`), nothing else is. Plain http is refused, also when a redirect leads to it. Trouble that passes is tried again a few times.
pub fn download(url: &str, expected: Option<&str>, to: &Path) -> Result<(), DataError> {
    if let Some(by) = offline_by(&|name| std::env::var(name).ok()) {
        return Err(DataError::OfflineAddress { url: shown(url), by });
    }
    fetch(&config(true, tls()?).new_agent(), url, expected, to, PAUSE)
}

fn config(https_only: bool, tls: TlsConfig) -> Config {
    let config = Agent::config_builder()
        .https_only(https_only)
        .tls_config(tls)
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
    let part = to.with_file_name(format!("{}.part", to.file_name().unwrap_or_default().to_string_lossy()));
    let forget = || drop(std::fs::remove_file(&part));
    let Some(expected) = expected.map(|expected| expected.trim().to_lowercase()) else {
        // Nothing would tell whether two halves belong together.
        forget();
        let Body { digest: actual, .. } = with_retries(pause, || attempt(agent, url, &part))?;
        forget();
        return Err(DataError::NoDigest { url: shown(url), actual });
    };
    let mut body = with_retries(pause, || attempt(agent, url, &part))?;
    if body.digest != expected && body.resumed {
        // The file has changed since its first half came.
        forget();
        body = with_retries(pause, || attempt(agent, url, &part))?;
    }
    if body.digest != expected {
        forget();
        return Err(DataError::Digest { url: shown(url), expected, actual: body.digest });
    }
    body.file.sync_all().map_err(|source| disk("write", to, source))?;
    std::fs::rename(&part, to).map_err(|source| disk("write", to, source))
}

struct Body {
    file: File,
    digest: String,
    /// Its first bytes came earlier.
    resumed: bool,
}

/// Goes on with what an earlier attempt left in `part`, where the server lets it, up to the whole body.
fn attempt(agent: &Agent, url: &str, part: &Path) -> Result<Body, Failure> {
    let network = |error: ureq::Error| Failure::network(&host(url), &error);
    let failed = |source| Failure::last(disk("write", part, source));
    let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(part).map_err(failed)?;
    let mut hasher = blake3::Hasher::new();
    let mut start = std::io::copy(&mut file, &mut hasher).map_err(failed)?;
    // Ranges count the bytes that are sent, so these must be the file's own.
    let request = agent.get(url).header("accept-encoding", "identity");
    let request = if start > 0 { request.header("range", format!("bytes={start}-")) } else { request };
    let mut response = request.call().map_err(network)?;
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    match response.status().as_u16() {
        206 if first_byte(header("content-range")) == Some(start) => {}
        200 => {
            file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
            (hasher, start) = (blake3::Hasher::new(), 0);
        }
        status => {
            // 416, or a range that was not asked for: the next attempt starts anew.
            if start > 0 && matches!(status, 206 | 416) {
                file.set_len(0).map_err(failed)?;
            }
            let error = DataError::Status { host: host(url), status, what: shown(url) };
            return Err(match status {
                206 | 416 if start > 0 => Failure::passing(error),
                _ => Failure::status(error, status, header("retry-after")),
            });
        }
    }
    let all = header("content-length").and_then(|length| length.parse::<u64>().ok()).map(|rest| start + rest);
    let mut arrived = start;
    let length = response.body().content_length();
    let mut body = Steady::new(response.body_mut().as_reader(), length, STALLED);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = body.read(&mut buffer).map_err(|error| network(error.into()))?;
        if read == 0 {
            return Ok(Body { file, digest: hasher.finalize().to_hex().to_string(), resumed: start > 0 });
        }
        hasher.update(&buffer[..read]);
        file.write_all(&buffer[..read]).map_err(failed)?;
        arrived += read as u64;
        arriving::arrived(arrived, all);
        hold::at(format_args!("arrived"));
    }
}

fn disk(action: &'static str, path: &Path, source: std::io::Error) -> DataError {
    DataError::Io { action, path: path.to_path_buf(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tests::stub::{Reply, Stub};
    use ureq::unversioned::resolver::DefaultResolver;
    use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport};

    fn get(stub: &Stub, file: &str, expected: Option<&str>, to: &Path) -> Result<(), DataError> {
        fetch(
            &config(false, TlsConfig::default()).new_agent(),
            &format!("{}/{file}", stub.address),
            expected,
            to,
            Duration::ZERO,
        )
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
    fn what_broke_off_is_gone_on_with() {
        let whole: Vec<u8> = (0..200_000u32).map(|byte| (byte % 251) as u8).collect();
        let digest = blake3::hash(&whole).to_hex().to_string();
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("data");
        let part = folder.path().join("data.part");
        let cut = || Reply { cut: Some(150_000), ..Reply::ok(&whole) };
        let stub = Stub::start(vec![("/data", vec![cut(), Reply::ok(&whole)])]);
        // The retry within one call, and what an earlier call left.
        get(&stub, "data", Some(&digest), &to).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), whole);
        for ignores_range in [false, true] {
            for left in [&whole[..70_000], &whole[..], b"of another file"] {
                std::fs::write(&part, left).unwrap();
                std::fs::remove_file(&to).ok();
                let stub = Stub::start(vec![("/data", vec![Reply { ignores_range, ..Reply::ok(&whole) }])]);
                get(&stub, "data", Some(&digest), &to).unwrap();
                assert_eq!(std::fs::read(&to).unwrap(), whole);
                assert!(!part.exists());
            }
        }
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
        let agent = Agent::with_parts(config(true, TlsConfig::default()), Pretended, DefaultResolver::default());
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

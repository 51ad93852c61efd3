//! Whose certificates are trusted: those of the system's store and of the variables in which a company's authority is
//! named, as curl and Python's tools read them; where there is no store, Mozilla's list.

use super::DataError;
use crate::plain;
use std::path::{Path, PathBuf};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Files of authorities.
const FILES: [&str; 3] = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
const FOLDER: &str = "SSL_CERT_DIR";
/// Where systems keep all that they trust in one file.
const STORES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// # Errors
/// A variable names a file that cannot be read, or holds no certificate.
pub(super) fn tls() -> Result<TlsConfig, DataError> {
    let store = STORES.iter().map(Path::new).find(|store| store.is_file());
    let roots = roots(&|name| std::env::var(name).ok(), store)?;
    Ok(TlsConfig::builder().root_certs(roots).build())
}

fn roots(variable: &dyn Fn(&str) -> Option<String>, store: Option<&Path>) -> Result<RootCerts, DataError> {
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let mut trusted = Vec::new();
    for name in FILES {
        let Some(value) = set(name) else { continue };
        let wrong = |what: String| DataError::Authorities { variable: name, what };
        let path = super::paths::expanded(&value).map_err(wrong)?;
        // Python takes a folder here, too.
        let before = trusted.len();
        for file in if path.is_dir() { inside(&path) } else { vec![path.clone()] } {
            let bytes =
                plain::read(&file).map_err(|error| wrong(format!("failed to read `{}`: {error}", file.display())))?;
            trusted.extend(certificates(&bytes));
        }
        if trusted.len() == before {
            return Err(wrong(format!("`{}` holds no certificate in PEM form", path.display())));
        }
    }
    let folders = set(FOLDER).unwrap_or_default();
    for file in std::env::split_paths(&folders).filter(|folder| folder.is_dir()).flat_map(|folder| inside(&folder)) {
        trusted.extend(plain::read(&file).iter().flat_map(|bytes| certificates(bytes)));
    }
    if let Some(store) = store {
        trusted.extend(plain::read(store).iter().flat_map(|bytes| certificates(bytes)));
    }
    Ok(if trusted.is_empty() { RootCerts::WebPki } else { RootCerts::from(trusted) })
}

fn inside(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

pub(super) fn certificates(pem: &[u8]) -> Vec<Certificate<'static>> {
    let certificate = |item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    };
    parse_pem(pem).filter_map(certificate).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An authority of nobody, made with openssl.
    pub const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBtDCCAVmgAwIBAgIUflEdpt5PF4S1gd7920XiiY46ZEEwCgYIKoZIzj0EAwIw\n\
LjEQMA4GA1UECgwHRXhhbXBsZTEaMBgGA1UEAwwRRXhhbXBsZSBBdXRob3JpdHkw\n\
IBcNMjYxMTI1MTEwMzU3WhgPMjEyNjExMDExMTAzNTdaMC4xEDAOBgNVBAoMB0V4\n\
YW1wbGUxGjAYBgNVBAMMEUV4YW1wbGUgQXV0aG9yaXR5MFkwEwYHKoZIzj0CAQYI\n\
KoZIzj0DAQcDQgAEG6+sLITskj7DvnFtLYPeh6GWwwyYlTW7c74gnhh883OCvreS\n\
aUcTm8bZgQ+dXl/ZCLL/VQnZlCzl9kP5dmoMmKNTMFEwHQYDVR0OBBYEFMXZQNNx\n\
3pN8iViLbWqUUXaQgmLeMB8GA1UdIwQYMBaAFMXZQNNx3pN8iViLbWqUUXaQgmLe\n\
MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAIean5YC8AVkSMHO\n\
SDE7V286CgvF+zKdJIxgeZXu38IwAiEAg3vaP/fEIeIFZIg8I465G5XFOEaz9RRR\n\
gRReJT+2wMk=\n\
-----END CERTIFICATE-----\n\
";

    fn count(variables: &[(&str, &str)], store: Option<&Path>) -> Result<Option<usize>, String> {
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        match roots(&variable, store).map_err(|error| error.to_string())? {
            RootCerts::Specific(trusted) => Ok(Some(trusted.len())),
            _ => Ok(None),
        }
    }

    #[test]
    fn a_companys_authority_is_trusted_beside_the_systems() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.to_string_lossy().into_owned()
        };
        let one = file("one.pem", &format!("a comment\n{AUTHORITY}"));
        let two = file("two.pem", &AUTHORITY.repeat(2));
        assert_eq!(count(&[], None), Ok(None));
        assert_eq!(count(&[], Some(Path::new(&two))), Ok(Some(2)));
        assert_eq!(count(&[("SSL_CERT_FILE", &one)], Some(Path::new(&two))), Ok(Some(3)));
        assert_eq!(count(&[("REQUESTS_CA_BUNDLE", &two), ("SSL_CERT_FILE", "")], None), Ok(Some(2)));
        let inside = folder.path().to_string_lossy().into_owned();
        assert_eq!(count(&[("SSL_CERT_DIR", &inside)], None), Ok(Some(3)));
        assert_eq!(count(&[("REQUESTS_CA_BUNDLE", &inside)], None), Ok(Some(3)));
        let empty = file("empty.pem", "nothing");
        let error = count(&[("SSL_CERT_FILE", &empty)], None).unwrap_err();
        assert!(error.starts_with("SSL_CERT_FILE: `") && error.contains("holds no certificate in PEM form"), "{error}");
        let error = count(&[("CURL_CA_BUNDLE", "/nowhere/ca.pem")], None).unwrap_err();
        assert!(error.starts_with("CURL_CA_BUNDLE: failed to read `/nowhere/ca.pem`"), "{error}");
    }
}

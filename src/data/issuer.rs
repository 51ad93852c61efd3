//! Who signed a certificate that is not trusted: often a company that reads what comes from outside, and then its name
//! tells a user whose certificate is wanted.

use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};

/// A host that was there a moment ago answers soon.
const PATIENCE: Duration = Duration::from_secs(5);

/// The name of the authority at the end of the chain of certificates that a host shows; nothing where it shows none.
pub(super) fn issuer_of(host: &str) -> Option<String> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) => (name, port.parse().ok()?),
        None => (host, 443),
    };
    let address = (name, port).to_socket_addrs().ok()?.next()?;
    let mut socket = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    let provider = Arc::new(ring::default_provider());
    let looking = Arc::new(Looking { provider: provider.clone(), issuer: Mutex::new(None) });
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    let config = config.dangerous().with_custom_certificate_verifier(looking.clone()).with_no_client_auth();
    let server = ServerName::try_from(name.to_owned()).ok()?;
    let mut connection = ClientConnection::new(Arc::new(config), server).ok()?;
    // It never comes to more than a look at the certificate.
    connection.complete_io(&mut socket).err();
    looking.issuer.lock().ok()?.take()
}

/// Takes the issuer's name, and trusts nobody.
#[derive(Debug)]
struct Looking {
    provider: Arc<CryptoProvider>,
    issuer: Mutex<Option<String>>,
}

impl ServerCertVerifier for Looking {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        further: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Ok(mut issuer) = self.issuer.lock() {
            *issuer = issuer_in(further.last().unwrap_or(own));
        }
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

// Of DER, X.690, as much as is before the issuer in RFC 5280's Certificate.
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const ORGANISATION: [u8; 3] = [0x55, 4, 10];
const COMMON_NAME: [u8; 3] = [0x55, 4, 3];

/// A tag with its content, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn elements(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (tag, content, rest) = element(bytes)?;
        bytes = rest;
        Some((tag, content))
    })
}

/// `Example Authority (Example)`: the common name and the organisation.
fn issuer_in(certificate: &[u8]) -> Option<String> {
    let (_, certificate, _) = element(certificate)?;
    let (_, signed, _) = element(certificate)?;
    // The serial number, the algorithm, the issuer.
    let (_, issuer) =
        elements(signed).skip_while(|(tag, _)| *tag == VERSION).nth(2).filter(|(tag, _)| *tag == SEQUENCE)?;
    let part = |wanted: [u8; 3]| {
        elements(issuer).flat_map(|(_, set)| elements(set)).find_map(|(_, pair)| {
            let mut pair = elements(pair);
            let ((_, kind), (_, text)) = (pair.next()?, pair.next()?);
            (kind == wanted).then(|| String::from_utf8_lossy(text).into_owned())
        })
    };
    match (part(COMMON_NAME), part(ORGANISATION)) {
        (Some(name), Some(organisation)) => Some(format!("{name} ({organisation})")),
        (name, organisation) => name.or(organisation),
    }
}

#[cfg(test)]
mod tests {
    use super::super::trust::{certificates, tests::AUTHORITY};
    use super::*;

    #[test]
    fn the_issuers_name_is_found_and_any_cut_of_a_certificate_is_none() {
        let authority = certificates(AUTHORITY.as_bytes())[0].der().to_vec();
        assert_eq!(issuer_in(&authority).as_deref(), Some("Example Authority (Example)"));
        for end in 0..authority.len() {
            assert_eq!(issuer_in(&authority[..end]), None);
        }
        for at in 0..authority.len() {
            let mut flipped = authority.clone();
            flipped[at] ^= 0x81;
            issuer_in(&flipped);
        }
    }
}

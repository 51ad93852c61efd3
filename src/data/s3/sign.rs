//! Signature version 4: who asks, and what exactly, in a header that nobody else can make.
//! Amazon's own examples and botocore are its judges (`tests/reference/s3.py`).

use super::super::network::quoted;
use super::credentials::Keys;
use crate::units::calendar;
use sha2::{Digest, Sha256};

/// A request as it is signed. Names of headers are in lower case.
pub(super) struct Unsigned<'a> {
    pub method: &'a str,
    pub host: &'a str,
    /// Quoted, as it stands in the address.
    pub path: &'a str,
    /// Not quoted.
    pub query: &'a [(&'static str, String)],
    pub headers: &'a [(&'static str, String)],
    pub body: &'a [u8],
}

/// The headers that make it a signed one.
pub(super) fn signed(
    request: &Unsigned,
    keys: &Keys,
    region: &str,
    service: &str,
    seconds: u64,
) -> Vec<(&'static str, String)> {
    let [year, month, day, hour, minute, second] = calendar(seconds).unwrap_or_default();
    let date = format!("{year:04}{month:02}{day:02}");
    let time = format!("{date}T{hour:02}{minute:02}{second:02}Z");
    let payload = hex(&Sha256::digest(request.body));
    let mut added = vec![("x-amz-content-sha256", payload.clone()), ("x-amz-date", time.clone())];
    added.extend(keys.token.iter().map(|token| ("x-amz-security-token", token.clone())));

    let mut headers: Vec<(&str, &str)> =
        added.iter().chain(request.headers).map(|(name, value)| (*name, value.trim())).collect();
    headers.push(("host", request.host));
    headers.sort_unstable();
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let query = query(request.query);
    let canonical = format!("{}\n{}\n{query}\n{lines}\n{names}\n{payload}", request.method, request.path);
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let first = hmac(format!("AWS4{}", keys.secret).as_bytes(), date.as_bytes());
    let key = [region, service, "aws4_request"].iter().fold(first, |key, part| hmac(&key, part.as_bytes()));
    let signature = hex(&hmac(&key, text.as_bytes()));
    let header =
        format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", keys.id);
    added.push(("authorization", header));
    added
}

/// As it stands in the address: quoted, and in order.
pub(super) fn query(query: &[(&'static str, String)]) -> String {
    let mut parts: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", quoted(value, false))).collect();
    parts.sort_unstable();
    parts.join("&")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 2104 with SHA-256.
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let mut block = [0; BLOCK];
    match key.len() > BLOCK {
        true => block[..32].copy_from_slice(&Sha256::digest(key)),
        false => block[..key.len()].copy_from_slice(key),
    }
    let inner = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    Sha256::new_with_prefix(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

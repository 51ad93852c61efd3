//! What a file's ETag promises about its content.

use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::io::{self, Read};

/// The hub's ETags are names of contents: git's SHA-1 for a small file, SHA-256 for one in large file storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    GitBlob,
    Sha256,
    /// An ETag of another kind, as some mirrors give: the size is all there is to check.
    Nothing,
}

impl Promise {
    pub fn of(etag: &str) -> Promise {
        let hexadecimal = etag.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        match etag.len() {
            40 if hexadecimal => Promise::GitBlob,
            64 if hexadecimal => Promise::Sha256,
            _ => Promise::Nothing,
        }
    }

    /// The ETag that `content`, `size` bytes of it, should have; `None` where nothing can be said.
    pub fn digest(self, content: &mut dyn Read, size: u64) -> io::Result<Option<String>> {
        let mut buffer = vec![0; 1 << 16];
        let mut each = |update: &mut dyn FnMut(&[u8])| -> io::Result<()> {
            loop {
                match content.read(&mut buffer)? {
                    0 => return Ok(()),
                    read => update(&buffer[..read]),
                }
            }
        };
        match self {
            Promise::Nothing => Ok(None),
            Promise::Sha256 => {
                let mut hasher = Sha256::new();
                each(&mut |bytes| hasher.update(bytes))?;
                Ok(Some(hexadecimal(&hasher.finalize())))
            }
            Promise::GitBlob => {
                let mut hasher = Sha1::new_with_prefix(format!("blob {size}\0"));
                each(&mut |bytes| hasher.update(bytes))?;
                Ok(Some(hexadecimal(&hasher.finalize())))
            }
        }
    }
}

pub(super) fn git_blob(bytes: &[u8]) -> String {
    hexadecimal(&Sha1::new_with_prefix(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize())
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digests() {
        // `git hash-object` of "hello\n" and of nothing; FIPS 180.
        assert_eq!(git_blob(b"hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(git_blob(b""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn an_etag_tells_by_its_form_what_it_promises() {
        for content in [b"hello\n".as_slice(), b"", &b"x".repeat(200_000)] {
            for etag in [git_blob(content), sha256(content)] {
                let found = Promise::of(&etag).digest(&mut &*content, content.len() as u64).unwrap();
                assert_eq!(found, Some(etag));
            }
        }
        for other in ["", "abc", "5d41402abc4b2a76b9719d911017c592-3", &"G".repeat(40)] {
            assert_eq!(Promise::of(other), Promise::Nothing);
        }
    }
}

//! What a file's ETag promises about its content.

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
                let mut hasher = Sha1::new();
                hasher.update(format!("blob {size}\0").as_bytes());
                each(&mut |bytes| hasher.update(bytes))?;
                Ok(Some(hexadecimal(&hasher.finish())))
            }
        }
    }
}

pub(super) fn git_blob(bytes: &[u8]) -> String {
    let mut hasher = Sha1::new();
    hasher.update(format!("blob {}\0", bytes.len()).as_bytes());
    hasher.update(bytes);
    hexadecimal(&hasher.finish())
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-1 as in FIPS 180-4: good for finding damage, which is all that git's names are used for here.
struct Sha1 {
    state: [u32; 5],
    block: Vec<u8>,
    length: u64,
}

impl Sha1 {
    fn new() -> Sha1 {
        let state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
        Sha1 { state, block: Vec::with_capacity(64), length: 0 }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(64 - self.block.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == 64 {
                self.compress();
                self.block.clear();
            }
        }
    }

    fn finish(mut self) -> [u8; 20] {
        let bits = self.length * 8;
        self.update(&[0x80]);
        let zeros = (64 + 56 - self.block.len()) % 64;
        self.update(&[0; 64][..zeros]);
        self.update(&bits.to_be_bytes());
        let mut digest = [0; 20];
        digest.chunks_exact_mut(4).zip(self.state).for_each(|(out, word)| out.copy_from_slice(&word.to_be_bytes()));
        digest
    }

    fn compress(&mut self) {
        let mut words = [0u32; 80];
        for (word, bytes) in words.iter_mut().zip(self.block.chunks_exact(4)) {
            *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        for at in 16..80 {
            words[at] = (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = self.state;
        for (at, word) in words.iter().enumerate() {
            let (mixed, constant) = match at / 20 {
                0 => ((b & c) | (!b & d), 0x5a827999),
                1 => (b ^ c ^ d, 0x6ed9eba1),
                2 => ((b & c) | (b & d) | (c & d), 0x8f1bbcdc),
                _ => (b ^ c ^ d, 0xca62c1d6u32),
            };
            let next = a.rotate_left(5).wrapping_add(mixed).wrapping_add(e).wrapping_add(constant).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (state, word) in self.state.iter_mut().zip([a, b, c, d, e]) {
            *state = state.wrapping_add(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha1(bytes: &[u8], piece: usize) -> String {
        let mut hasher = Sha1::new();
        bytes.chunks(piece).for_each(|piece| hasher.update(piece));
        hexadecimal(&hasher.finish())
    }

    #[test]
    fn known_digests() {
        // FIPS 180 test vectors, and `git hash-object` of "hello\n" and of nothing.
        assert_eq!(sha1(b"abc", 1), "a9993e364706816aba3e25717850c26c9cd0d89d");
        let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(sha1(two_blocks, 7), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
        assert_eq!(sha1(&b"a".repeat(1_000_000), 4096), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
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

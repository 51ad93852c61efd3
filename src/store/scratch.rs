//! What a step has done so far, for the run that goes on with it after a kill.

use std::fs;
use std::path::PathBuf;

use super::{StoreError, publish};
use crate::fingerprint::Digest;

/// A folder of files bound to a step's key. Each starts with the digest of what follows, so that a damaged one counts
/// as not there. Made with the first file, removed when the step is committed.
#[derive(Debug, Clone)]
pub struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Writes a file so that a later run sees all of it or none.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let mut whole = format!("{}\n", Digest::of(bytes)).into_bytes();
        whole.extend_from_slice(bytes);
        publish(&self.folder.join(name), &whole, false)
    }

    /// What a file holds; `None` where it is not there or not whole.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let whole = fs::read(self.folder.join(name)).ok()?;
        let end = whole.iter().position(|byte| *byte == b'\n')?;
        let bytes = &whole[end + 1..];
        (whole[..end] == *Digest::of(bytes).to_string().as_bytes()).then(|| bytes.to_vec())
    }

    /// Removes everything. What cannot be removed is left: it costs room, and no result comes from it.
    pub fn clear(&self) {
        fs::remove_dir_all(&self.folder).ok();
    }
}

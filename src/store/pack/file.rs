//! A pack as a file, and the places in it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::store::error::damaged;
use crate::store::files::steady;
use crate::store::{Manifest, StoreError};

/// Where a manifest lies in a pack.
#[derive(Debug, Clone)]
pub(in crate::store) struct Place {
    pub(super) pack: Arc<Pack>,
    pub(super) at: u64,
    pub(super) bytes: u64,
}

#[derive(Debug)]
pub(in crate::store) struct Pack {
    pub(super) path: PathBuf,
    /// Kept open: what is replaced meanwhile can still be read.
    pub(super) file: File,
    pub(super) modified: SystemTime,
}

impl Place {
    fn text(&self) -> Result<String, StoreError> {
        let bytes = self.pack.read(self.at, self.bytes)?;
        String::from_utf8(bytes).map_err(|_| damaged(&self.pack.path, "a manifest in it is not text"))
    }

    pub(in crate::store) fn manifest(&self) -> Result<Manifest, StoreError> {
        Manifest::parse(&self.text()?, &self.pack.path)
    }

    /// Bytes of the pack, whether or not they are what they should be.
    pub(in crate::store) fn read(&self, at: u64, bytes: u64) -> Result<Vec<u8>, StoreError> {
        self.pack.read(at, bytes)
    }

    pub(in crate::store) fn path(&self) -> &Path {
        &self.pack.path
    }

    pub(in crate::store) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(in crate::store) fn modified(&self) -> SystemTime {
        self.pack.modified
    }
}

impl Pack {
    pub(super) fn read(&self, at: u64, bytes: u64) -> Result<Vec<u8>, StoreError> {
        // What an index says is asked of the file before memory is.
        let size = self.file.metadata().map_err(|error| StoreError::read(&self.path, error))?.len();
        let bytes = usize::try_from(bytes).ok().filter(|_| at.checked_add(bytes).is_some_and(|end| end <= size));
        let Some(bytes) = bytes else { return Err(damaged(&self.path, "it is shorter than it was")) };
        let mut read = vec![0; bytes];
        match steady(|| read_exact_at(&self.file, &mut read, at)) {
            Ok(()) => Ok(read),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(damaged(&self.path, "it is shorter than it was"))
            }
            Err(error) => Err(StoreError::read(&self.path, error)),
        }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, at)
}

#[cfg(not(unix))]
fn read_exact_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = file.try_clone()?;
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(buffer)
}

//! What comes from elsewhere, an archive or a bucket: bytes are kept only under the digest that they have, and a manifest
//! only where its key is its own and its objects are here.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::damaged;
use super::files::{place, plain, refuse_linked_folder, steady};
use super::{Manifest, Store, StoreError, leftovers, make_folder, manifest_path};
use crate::fingerprint::{Digest, Key};

/// A manifest holds small artifacts of all pairs of a study; far more than that is no manifest.
pub const LARGEST_MANIFEST: u64 = 32 << 20;

/// An object that is being written. Dropped before it is kept, it leaves nothing.
pub struct Incoming {
    path: PathBuf,
    digest: Digest,
    hasher: blake3::Hasher,
    /// `None` where the cache has it: what comes is looked at all the same.
    file: Option<NamedTempFile>,
}

impl Store {
    /// Whether an object is here, read through and compared with its name.
    pub fn has_whole(&self, digest: &Digest) -> bool {
        self.check_content(digest).is_ok()
    }

    /// Room for the object with this digest.
    pub fn incoming(&self, digest: &Digest) -> Result<Incoming, StoreError> {
        let path = self.object_path(digest);
        refuse_linked_folder(&path)?;
        let mut file = None;
        if !self.has_whole(digest) {
            self.make_room(&path);
            let fail = |source| StoreError::write(&path, 0, source);
            let folder = path.parent().unwrap_or(Path::new("."));
            make_folder(folder).map_err(fail)?;
            file = Some(leftovers::temporary(folder).map_err(fail)?);
        }
        Ok(Incoming { path, digest: *digest, hasher: blake3::Hasher::new(), file })
    }

    /// The bytes of an object as a file, for who reads it piece by piece and compares the digest himself.
    pub fn reader(&self, digest: &Digest) -> Result<File, StoreError> {
        let path = self.object_path(digest);
        let found = plain(&path)?.ok_or_else(|| damaged(&path, "the object is gone"));
        found.and_then(|_| steady(|| File::open(&path)).map_err(|error| StoreError::read(&path, error)))
    }
}

impl Manifest {
    /// A manifest as others wrote it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where it is none, or not that of this key; [`StoreError::Newer`].
    pub fn foreign(text: &str, key: &Key) -> Result<Self, StoreError> {
        let path = manifest_path(Path::new("steps"), key);
        let manifest = Self::parse(text, &path)?;
        if manifest.key != *key {
            return Err(damaged(&path, "it holds another key"));
        }
        // They are printed.
        if [&manifest.kind, &manifest.step].into_iter().any(|name| name.len() > 300 || name.contains(char::is_control))
        {
            return Err(damaged(&path, "the name of its step is not one"));
        }
        Ok(manifest)
    }
}

impl Incoming {
    /// Gives it its name, if all of it came and is right: the bytes that are new, `None` where they are not those of the
    /// digest.
    pub fn keep(self) -> Result<Option<u64>, StoreError> {
        if Digest::from(self.hasher.finalize()) != self.digest {
            return Ok(None);
        }
        let Some(file) = self.file else { return Ok(Some(0)) };
        let size = self.hasher.count();
        place(file, &self.path, 0o444).map_err(|error| StoreError::write(&self.path, size, error))?;
        Ok(Some(size))
    }
}

impl Write for Incoming {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.file {
            // Not through the temporary file itself, whose errors name it.
            Some(file) => file.as_file().write(bytes)?,
            None => bytes.len(),
        };
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! What lies in the cache and must not be used: links, and bytes that do not match their name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::damaged;
use super::files::{digest_of, plain};
use super::{Store, StoreError};
use crate::fingerprint::Digest;

const GONE: &str = "the object is gone";

impl Store {
    pub fn damaged_folder(&self) -> PathBuf {
        self.root().join("damaged")
    }

    /// Whether an object is there with the size that its step gave it. Its content is looked at when it is read.
    pub(super) fn check_size(&self, digest: &Digest, size: u64) -> Result<(), StoreError> {
        let path = self.object_path(digest);
        match plain(&path)? {
            Some(found) if found.len() == size => Ok(()),
            Some(_) => Err(damaged(&path, "its size is wrong")),
            None if self.damaged_folder().join(digest.to_string()).exists() => {
                Err(damaged(&path, "its content did not match its name, so it was moved away"))
            }
            None => Err(damaged(&path, GONE)),
        }
    }

    /// Reads an object through and compares it with its name.
    pub(super) fn check_content(&self, digest: &Digest) -> Result<u64, StoreError> {
        let path = self.object_path(digest);
        match plain(&path)? {
            None => Err(damaged(&path, GONE)),
            Some(_) => match digest_of(&path) {
                Ok((found, size)) if found == *digest => Ok(size),
                Ok(_) => Err(damaged(&path, "its content does not match its name")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Err(damaged(&path, GONE)),
                Err(error) => Err(StoreError::read(&path, error)),
            },
        }
    }

    /// The bytes of an object, checked against its name. One that does not match it is moved out of the way, so that the
    /// next plan sees that the step which made it must run again.
    pub fn get(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let path = self.object_path(digest);
        let error = match plain(&path) {
            Ok(None) => return Err(damaged(&path, GONE)),
            Err(error) => error,
            Ok(Some(_)) => match fs::read(&path) {
                Ok(bytes) if Digest::of(&bytes) == *digest => return Ok(bytes),
                // Read again before it is judged: another process may have put it right just now.
                Ok(_) => match self.check_content(digest) {
                    Ok(_) => return fs::read(&path).map_err(|error| StoreError::read(&path, error)),
                    Err(error) => error,
                },
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(damaged(&path, GONE)),
                Err(error) => return Err(StoreError::read(&path, error)),
            },
        };
        Err(self.set_aside(error))
    }

    /// As [`Store::get`], without keeping the bytes.
    pub fn probe(&self, digest: &Digest) -> Result<(), StoreError> {
        self.check_content(digest).map(|_| ()).map_err(|error| self.set_aside(error))
    }

    /// Moves what is damaged into the folder `damaged`, where it can be looked at, and says so. Nothing is moved where
    /// the cache cannot be written or where the trouble is not the file's own.
    pub(super) fn set_aside(&self, error: StoreError) -> StoreError {
        let StoreError::Damaged { path, what } = error else { return error };
        match self.move_away(&path) {
            Some(to) => {
                damaged(&path, format!("{what}; it was moved to `{}` and is made again by the next run", to.display()))
            }
            None => StoreError::Damaged { path, what },
        }
    }

    fn move_away(&self, path: &Path) -> Option<PathBuf> {
        let whole_folder = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink() || found.is_file());
        if !whole_folder || fs::symlink_metadata(path.parent()?).ok()?.is_symlink() {
            return None;
        }
        fs::create_dir_all(self.damaged_folder()).ok()?;
        let to = self.damaged_folder().join(path.file_name()?);
        fs::rename(path, &to).ok()?;
        Some(to)
    }
}

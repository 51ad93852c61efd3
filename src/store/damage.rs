//! What lies in the cache and must not be used: links, and bytes that do not match their name.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::error::damaged;
use super::files::{digest_of, plain, steady};
use super::{Store, StoreError, make_folder};
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
        self.checked(digest, &|path| digest_of(path))
    }

    /// What `read` finds in an object and the digest that this has, if it is the object's own. Read again before it is
    /// judged: another process may have put it right just now, and what reads differently twice is no fault of the file.
    fn checked<T>(&self, digest: &Digest, read: &dyn Fn(&Path) -> io::Result<(Digest, T)>) -> Result<T, StoreError> {
        let path = self.object_path(digest);
        let look = || match plain(&path)? {
            None => Err(damaged(&path, GONE)),
            Some(_) => read(&path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => damaged(&path, GONE),
                _ => StoreError::read(&path, error),
            }),
        };
        let first = match look()? {
            (found, content) if found == *digest => return Ok(content),
            (found, _) => found,
        };
        match look()? {
            (second, content) if second == *digest => Ok(content),
            (second, _) if second == first => Err(damaged(&path, "its content does not match its name")),
            _ => Err(StoreError::Unsteady { path }),
        }
    }

    /// The bytes of an object, checked against its name. One that does not match it is moved out of the way, so that the
    /// next plan sees that the step which made it must run again.
    pub fn get(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        self.get_with(digest, &|path| steady(|| fs::read(path)))
    }

    fn get_with(&self, digest: &Digest, read: &dyn Fn(&Path) -> io::Result<Vec<u8>>) -> Result<Vec<u8>, StoreError> {
        let hashed = |path: &Path| read(path).map(|bytes| (Digest::of(&bytes), bytes));
        self.checked(digest, &hashed).map_err(|error| self.set_aside(error))
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

    pub(super) fn move_away(&self, path: &Path) -> Option<PathBuf> {
        if fs::symlink_metadata(path.parent()?).ok()?.is_symlink() {
            return None;
        }
        make_folder(&self.damaged_folder()).ok()?;
        let name = path.file_name()?.to_string_lossy();
        let names = std::iter::once(name.to_string()).chain((2..20).map(|number| format!("{name}-{number}")));
        // A folder takes no other's place, and a file none of a folder.
        names.map(|name| self.damaged_folder().join(name)).find(|to| fs::rename(path, to).is_ok())
    }

    /// Moves away what stands where a file of the cache is going to be written and is none, or where its folder is:
    /// nothing can be renamed over a folder.
    pub(super) fn make_room(&self, path: &Path) {
        let is =
            |path: &Path, wanted: fn(&Metadata) -> bool| fs::symlink_metadata(path).is_ok_and(|found| wanted(&found));
        if let Some(folder) = path.parent()
            && is(folder, |found| !found.is_dir() && !found.is_symlink())
        {
            self.move_away(folder);
        }
        if is(path, |found| !found.is_file()) {
            self.move_away(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::tests::store;
    use super::*;

    /// A disk that flips a bit: in the first so many reads, the same one or always another.
    fn failing(times: usize, always_the_same: bool) -> impl Fn(&Path) -> io::Result<Vec<u8>> {
        let reads = Cell::new(0);
        move |path| {
            let mut bytes = fs::read(path)?;
            let read = reads.replace(reads.get() + 1);
            if read < times {
                bytes[if always_the_same { 0 } else { read }] ^= 1;
            }
            Ok(bytes)
        }
    }

    #[test]
    fn bytes_that_are_handed_out_are_bytes_that_were_hashed() {
        let (_folder, store) = store();
        let digest = store.put(b"bytes").unwrap().digest;
        for times in 0..4 {
            match store.get_with(&digest, &failing(times, false)) {
                Ok(bytes) => assert_eq!(bytes, b"bytes", "{times} wrong reads"),
                Err(error) => {
                    let words = " was read differently twice: the disk or its cable is failing";
                    assert!(times > 1 && error.to_string().ends_with(words), "{times}: {error}");
                }
            }
            // The file itself is right, and stays.
            assert_eq!(store.get(&digest).unwrap(), b"bytes");
        }
        let error = store.get_with(&digest, &failing(2, true)).unwrap_err().to_string();
        assert!(error.contains("its content does not match its name; it was moved to"), "{error}");
    }
}

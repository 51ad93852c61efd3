//! What a step has done so far, for the run that goes on with it after a kill.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::files::steady;
use super::{StoreError, make_folder, share};
use crate::fingerprint::Digest;
use crate::hold;

const TEMPORARY: &str = ".tmp-";
/// The digest's digits and a line break.
const DIGEST_LINE: usize = 65;
const BUFFER: usize = 1 << 20;

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

    /// Writes a file so that a later run sees all of it or none. It is on its way to the disk when this returns.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.write_with(name, bytes.len() as u64, &mut |out| out.write_all(bytes))
    }

    /// The same piece by piece, for what is too large to be in memory twice. `size` is what `fill` will write, for the
    /// message where there is no room for it.
    pub fn write_with(
        &self,
        name: &str,
        size: u64,
        fill: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), StoreError> {
        let path = self.folder.join(name);
        let write = || {
            make_folder(&self.folder)?;
            let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(&self.folder)?;
            temporary.write_all(&[b'\n'; DIGEST_LINE])?;
            let mut out = BufWriter::with_capacity(BUFFER, Hashing { out: temporary, hasher: blake3::Hasher::new() });
            fill(&mut out)?;
            let Hashing { out: mut temporary, hasher } = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            temporary.seek(SeekFrom::Start(0))?;
            temporary.write_all(Digest::from(hasher.finalize()).to_string().as_bytes())?;
            // Whoever goes on with the step must be able to read it.
            share(temporary.as_file(), &path);
            hold::at(format_args!("kept"));
            let file = temporary.persist(&path).map_err(|error| error.error)?;
            // No work waits for the disk: a kill loses nothing that was written, and a file that a power cut tore is
            // told by its digest.
            std::thread::Builder::new().spawn(move || file.sync_all()).ok();
            Ok(())
        };
        steady(write).map_err(|error: io::Error| StoreError::write(&path, size, error))
    }

    /// What a file holds; `None` where it is not there or not whole.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let (mut content, size) = self.open(name)?;
        let mut bytes = Vec::with_capacity(usize::try_from(size).ok()?);
        content.read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// A file's content to be read piece by piece, and its size. Whether it is whole shows at its end: who has read all
    /// of it without an error has read what was written.
    pub fn open(&self, name: &str) -> Option<(impl Read + use<>, u64)> {
        let path = self.folder.join(name);
        // Anything but a file may have no end.
        let size = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?.len();
        let left = size.checked_sub(DIGEST_LINE as u64)?;
        let mut file = steady(|| File::open(&path)).ok()?;
        let mut line = [0; DIGEST_LINE];
        file.read_exact(&mut line).ok()?;
        let digest = std::str::from_utf8(&line[..DIGEST_LINE - 1]).ok()?.parse().ok()?;
        let content = Sealed { from: file.take(left), left, digest, hasher: blake3::Hasher::new() };
        Some((BufReader::with_capacity(BUFFER, content), left))
    }

    /// Fails where another user has left something that this one may not read: it would be begun anew, and what is
    /// saved there be lost.
    pub fn check_readable(&self) -> Result<(), StoreError> {
        let denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        let foreign = |path: PathBuf| StoreError::Foreign { path };
        match fs::read_dir(&self.folder) {
            Err(error) if denied(&error) => return Err(foreign(self.folder.clone())),
            _ => {}
        }
        for name in self.names() {
            let path = self.folder.join(name);
            let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
            if is_file && File::open(&path).is_err_and(|error| denied(&error)) {
                return Err(foreign(path));
            }
        }
        Ok(())
    }

    /// Of the files that were written, in order.
    pub fn names(&self) -> Vec<String> {
        let files = fs::read_dir(&self.folder).into_iter().flatten();
        let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with(TEMPORARY)).collect();
        names.sort();
        names
    }

    /// Removes a file. What cannot be removed is left: it costs room, and no result comes from it.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.folder.join(name)).ok();
    }

    /// The folder itself, for what is written piece by piece and checked by whoever goes on with it.
    pub fn folder(&self) -> Result<&Path, StoreError> {
        make_folder(&self.folder).map_err(|error| StoreError::write(&self.folder, 0, error))?;
        Ok(&self.folder)
    }

    /// A folder for files that are of no use to a later run; what a kill leaves of it goes with [`Self::sweep`].
    pub fn temporary_folder(&self) -> Result<tempfile::TempDir, StoreError> {
        let made = make_folder(&self.folder)
            .and_then(|()| tempfile::Builder::new().prefix(TEMPORARY).tempdir_in(&self.folder));
        made.map_err(|error| StoreError::write(&self.folder, 0, error))
    }

    /// Removes what a kill left half written. Whoever calls it holds the step's lock.
    pub fn sweep(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let remove = if is_folder { fs::remove_dir_all } else { fs::remove_file };
                remove(entry.path()).ok();
            }
        }
    }

    /// Removes everything, as [`Self::remove`] does.
    pub fn clear(&self) {
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// Gives an error with the last bytes if all together do not have their digest.
struct Sealed<R> {
    from: R,
    left: u64,
    digest: Digest,
    hasher: blake3::Hasher,
}

impl<R: Read> Read for Sealed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = steady(|| self.from.read(buffer))?;
        self.hasher.update(&buffer[..length]);
        self.left -= length as u64;
        let cut = length == 0 && !buffer.is_empty() && self.left > 0;
        if cut || self.left == 0 && Digest::from(self.hasher.finalize()) != self.digest {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not what was written"));
        }
        Ok(length)
    }
}

struct Hashing<W> {
    out: W,
    hasher: blake3::Hasher,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_back_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(folder.path().join("key"));
        assert!(scratch.names().is_empty() && scratch.read("a").is_none());
        let bytes: Vec<u8> = (0..3_000_000u32).map(|byte| byte as u8).collect();
        scratch
            .write_with("b", 3_000_000, &mut |out| bytes.chunks(777).try_for_each(|part| out.write_all(part)))
            .unwrap();
        scratch.write("a", b"small\nwith lines").unwrap();
        scratch.write("empty", b"").unwrap();
        assert_eq!(scratch.read("a").unwrap(), b"small\nwith lines");
        assert_eq!(scratch.read("b").unwrap(), bytes);
        assert_eq!(scratch.read("empty").unwrap(), b"");
        let (mut part, size) = scratch.open("b").unwrap();
        let mut start = [0; 5];
        part.read_exact(&mut start).unwrap();
        assert_eq!((start, size), ([0, 1, 2, 3, 4], 3_000_000));

        let path = folder.path().join("key").join("b");
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[2_000_000] ^= 1;
        for damaged in [&flipped[..], &whole[..whole.len() - 1], &whole[..30], &whole[1..], b""] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(scratch.read("b"), None);
        }
    }

    #[test]
    fn what_another_user_left_and_nobody_may_read_is_said_to_be_that() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(folder.path().join("key"));
        scratch.check_readable().unwrap();
        scratch.write("snapshot-9", b"x").unwrap();
        scratch.check_readable().unwrap();
        let path = folder.path().join("key/snapshot-9");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        // The system's administrator may read everything.
        if File::open(&path).is_err() {
            let error = scratch.check_readable().unwrap_err().to_string();
            assert!(error.contains("snapshot-9` holds how far another user's run came"), "{error}");
        }
    }

    #[test]
    fn what_is_read_is_what_was_hashed() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(folder.path().join("key"));
        let bytes = vec![7; 3_000_000];
        scratch.write("a", &bytes).unwrap();
        let (mut content, _) = scratch.open("a").unwrap();
        // A disk that reads something else the second time.
        let path = folder.path().join("key").join("a");
        let mut flipped = fs::read(&path).unwrap();
        flipped[2_000_000] ^= 1;
        fs::write(&path, flipped).unwrap();
        assert!(content.read_to_end(&mut Vec::new()).is_err());
    }

    #[test]
    fn what_breaks_off_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(folder.path().join("key"));
        scratch.write("a", b"old").unwrap();
        let full = |out: &mut dyn Write| {
            out.write_all(b"new")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        };
        let error = scratch.write_with("a", 1234, &mut { full }).unwrap_err().to_string();
        assert!(error.contains("(1234 bytes)"), "{error}");
        assert_eq!((scratch.read("a").unwrap(), scratch.names()), (b"old".to_vec(), vec!["a".to_owned()]));
        let left = folder.path().join("key").join(".tmp-abc");
        fs::write(&left, b"half").unwrap();
        assert_eq!(scratch.names(), ["a"]);
        scratch.sweep();
        assert!(!left.exists() && scratch.read("a").is_some());
        scratch.remove("a");
        assert!(scratch.names().is_empty());
    }
}

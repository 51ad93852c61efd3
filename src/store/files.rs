//! Files of the cache: written whole or not at all, and never through a link.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use tempfile::NamedTempFile;

use super::error::{StoreError, damaged};
use super::leftovers;
use super::shared::{make_folder, mode, set_mode};
use crate::fingerprint::Digest;
use crate::hold;

/// Between attempts, in milliseconds.
const PAUSES: [u64; 3] = [20, 100, 500];

/// Does again what a network file system refuses now and then and not the next time: a handle that has gone stale, an
/// error of input or output. For what may be done twice.
pub(super) fn steady<T>(mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    const INPUT_OUTPUT: i32 = 5;
    const AS_TEXT: &str = "(os error 5)";
    // `tempfile` puts a path to what the system says, after which only the text has the number.
    let is_io = |error: &io::Error| match error.raw_os_error() {
        Some(number) => number == INPUT_OUTPUT,
        None => error.to_string().contains(AS_TEXT),
    };
    let passes = |error: &io::Error| error.kind() == io::ErrorKind::StaleNetworkFileHandle || is_io(error);
    for pause in PAUSES {
        match work() {
            Err(error) if passes(&error) => std::thread::sleep(Duration::from_millis(pause)),
            done => return done,
        }
    }
    work()
}

/// What is known of a file of the cache, `None` where there is none. Neither the file nor the folder it lies in may be
/// a link: an entry of the cache never leads out of it.
pub(super) fn plain(path: &Path) -> Result<Option<Metadata>, StoreError> {
    refuse_linked_folder(path)?;
    match steady(|| fs::symlink_metadata(path)) {
        Ok(found) if found.is_file() => Ok(Some(found)),
        Ok(found) if found.is_symlink() => Err(damaged(path, "it is a symbolic link, and the cache follows none")),
        Ok(_) => Err(damaged(path, "it is not a file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(damaged(path, "its folder is none")),
        Err(error) => Err(StoreError::read(path, error)),
    }
}

/// A digest spelled as the cache spells it: other spellings of one name would be other files.
pub(super) fn canonical(text: &str) -> Option<Digest> {
    text.parse().ok().filter(|digest: &Digest| digest.to_string() == text)
}

/// The digest of a file's bytes, and how many there are.
pub(super) fn digest_of(path: &Path) -> io::Result<(Digest, u64)> {
    steady(|| {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(path)?)?;
        Ok((hasher.finalize().into(), hasher.count()))
    })
}

/// A file that is written replaces a link in its place, but a folder that is a link would lead it elsewhere.
pub(super) fn refuse_linked_folder(path: &Path) -> Result<(), StoreError> {
    match path.parent() {
        Some(folder) if folder.is_symlink() => {
            Err(damaged(folder, "it is a symbolic link, and the cache follows none; remove it"))
        }
        _ => Ok(()),
    }
}

/// Writes `bytes` to `path` so that a reader sees all of them or none.
pub fn publish(path: &Path, bytes: &[u8], read_only: bool) -> Result<(), StoreError> {
    let fail = |error: std::io::Error| StoreError::write(path, bytes.len() as u64, error);
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        make_folder(folder)?;
        let temporary = leftovers::temporary(folder)?;
        // Not through `temporary` itself, whose errors name it.
        temporary.as_file().write_all(bytes)?;
        place(temporary, path, mode(read_only, path))
    };
    steady(write).map_err(fail)
}

/// Gives a temporary file, which is written to its end, its name.
pub(super) fn place(temporary: NamedTempFile, path: &Path, mode: u32) -> io::Result<()> {
    set_mode(temporary.as_file(), mode)?;
    temporary.as_file().sync_all()?;
    hold::at(format_args!("written"));
    temporary.persist(path).map_err(|error| error.error)?;
    // The rename itself must survive a power cut; file systems that cannot sync a folder are left alone.
    if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
        folder.sync_all().ok();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn what_passes_is_done_again_and_what_stays_is_not() {
        let stale = || io::Error::from(io::ErrorKind::StaleNetworkFileHandle);
        for (error, failures, tries) in [
            (stale(), 2, 3),
            (io::Error::from_raw_os_error(5), 1, 2),
            (stale(), 9, 4),
            (io::Error::from(io::ErrorKind::NotFound), 9, 1),
        ] {
            let count = Cell::new(0);
            let done = steady(|| {
                count.set(count.get() + 1);
                let again = || error.raw_os_error().map_or(io::Error::from(error.kind()), io::Error::from_raw_os_error);
                if count.get() > failures { Ok(()) } else { Err(again()) }
            });
            assert_eq!((done.is_ok(), count.get()), (failures < tries, tries));
        }
        let count = Cell::new(0);
        let wrapped = || io::Error::other(format!("{} at path \"x\"", io::Error::from_raw_os_error(5)));
        let done = steady(|| if count.replace(count.get() + 1) == 0 { Err(wrapped()) } else { Ok(()) });
        assert!(done.is_ok() && count.get() == 2);
    }
}

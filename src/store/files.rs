//! Files of the cache: written whole or not at all, and never through a link.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use super::error::{StoreError, damaged};
use super::leftovers;
use super::shared::{make_folder, mode, set_mode};
use crate::fingerprint::Digest;
use crate::hold;

/// What is known of a file of the cache, `None` where there is none. Neither the file nor the folder it lies in may be
/// a link: an entry of the cache never leads out of it.
pub(super) fn plain(path: &Path) -> Result<Option<Metadata>, StoreError> {
    refuse_linked_folder(path)?;
    match fs::symlink_metadata(path) {
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
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok((hasher.finalize().into(), hasher.count()))
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
    make_folder(folder).map_err(fail)?;
    let temporary = leftovers::temporary(folder).map_err(fail)?;
    // Not through `temporary` itself, whose errors name it.
    temporary.as_file().write_all(bytes).map_err(fail)?;
    place(temporary, path, mode(read_only, path)).map_err(fail)
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

//! Files of the user: what of them enters a key, and how they are brought here.

use std::io;
use std::path::{Path, PathBuf};

use crate::data::secrets::shown;
use crate::data::{DataError, Hub, download};
use crate::engine::{Context, StageError};
use crate::fingerprint::Digest;
use crate::plain;

/// Of its content.
///
/// # Errors
/// No regular file, or one that cannot be read.
pub fn digest_of_file(path: &Path) -> Result<Digest, String> {
    let digest = || -> io::Result<Digest> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(plain::reader(path)?.0)?;
        Ok(hasher.finalize().into())
    };
    digest().map_err(|error| format!("failed to read `{}`: {error}", path.display()))
}

/// A file or folder of the user's may change after its digest became part of the key, so it is looked at again when it
/// was read. `now` is its digest, or why it cannot be read any more.
///
/// # Errors
/// It has changed.
pub fn unchanged(path: &Path, source: &str, now: Result<Digest, String>) -> Result<(), StageError> {
    if now.is_ok_and(|now| source == format!("blake3:{now}")) {
        return Ok(());
    }
    Err(StageError::new(format!("`{}` was changed while the study ran", path.display()))
        .help("run the same command again: it reads what is there now"))
}

/// [`unchanged`] for a step that reads one file, where that is on this machine.
///
/// # Errors
/// As [`unchanged`].
pub fn file_unchanged(source: &str, context: &Context<'_>) -> Result<(), StageError> {
    context.local().map_or(Ok(()), |path| unchanged(path, source, digest_of_file(path)))
}

/// The hub, or its cache alone where the network is not to be used.
///
/// # Errors
/// No folder for its cache.
pub fn hub(context: &Context<'_>) -> Result<Hub, DataError> {
    if context.offline() { Hub::offline() } else { Hub::from_env() }
}

/// The revision of a source: the one that a lock says, else the one that is written.
pub fn revision(source: &str, written: Option<String>, context: &Context<'_>) -> Option<String> {
    context.pinned(source).map(str::to_owned).or(written)
}

pub fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// The last part of an address, without its parameters.
pub fn file_name_of(address: &str) -> Option<String> {
    let path = address.split(['?', '#']).next().unwrap_or(address);
    Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned())
}

/// The file of a step whose location is a path or an address; what is at an address is downloaded under `name`, and must
/// have the digest that `source` says. Where it came from is kept as a fact.
///
/// # Errors
/// Nothing at the address, or something else.
pub fn bring(location: &str, source: &str, name: &str, context: &mut Context<'_>) -> Result<PathBuf, StageError> {
    if !location.starts_with("https://") {
        context.fact("path", location);
        return Ok(PathBuf::from(location));
    }
    if context.offline() {
        let what = format!("{} is not in the cache, and the network is not to be used", shown(location));
        return Err(StageError::new(what).help("run without --offline, or bring the cache from where it is there"));
    }
    let file = context.scratch().folder()?.join(name);
    download(location, source.strip_prefix("blake3:"), &file)?;
    context.fact("url", shown(location));
    Ok(file)
}

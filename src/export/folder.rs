//! The files of an export, all in their place at once or none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Export, FORMAT, PROVENANCE};
use crate::plain;
use crate::store::publish;

/// Far above any that we write.
const LARGEST_PROVENANCE: u64 = 64 << 20;

#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("failed to write `{}`: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Store(#[from] crate::store::StoreError),
    #[error("`{}` is not empty; to replace this earlier export say --force", .0.display())]
    Earlier(PathBuf),
    #[error("`{}` is not empty and not an earlier export: name another folder", .0.display())]
    Foreign(PathBuf),
    #[error("`{}` holds `{name}`, which an export does not write: move it away, or name another folder", path.display())]
    Extra { path: PathBuf, name: String },
    #[error("`{}` is not a folder", .0.display())]
    NotAFolder(PathBuf),
}

/// Writes the files to a folder beside `to`, then gives it that name. What is there is only replaced if it is an
/// earlier export with nothing added, and `force` says so.
pub fn write(export: &Export, to: &Path, force: bool) -> Result<(), FolderError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |source| FolderError::Io { path, source }
    };
    let replaces = check(export, to, force)?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(fail(parent))?;
    let new = tempfile::Builder::new().prefix(".export-").tempdir_in(parent).map_err(fail(parent))?;
    readable(new.path()).map_err(fail(new.path()))?;
    for (name, bytes) in &export.files {
        publish(&new.path().join(name), bytes, false)?;
    }
    let old = tempfile::Builder::new().prefix(".export-").tempdir_in(parent).map_err(fail(parent))?;
    if replaces {
        fs::rename(to, old.path()).map_err(fail(to))?;
    }
    fs::rename(new.path(), to).map_err(|source| {
        if replaces {
            fs::rename(old.path(), to).ok();
        }
        FolderError::Io { path: to.to_owned(), source }
    })
}

/// Whether there is a folder to replace.
fn check(export: &Export, to: &Path, force: bool) -> Result<bool, FolderError> {
    let fail = |source| FolderError::Io { path: to.to_owned(), source };
    let entries = match fs::read_dir(to) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>().map_err(fail)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(FolderError::NotAFolder(to.to_owned()));
        }
        Err(error) => return Err(fail(error)),
    };
    if entries.is_empty() {
        return Ok(true);
    }
    let written = plain::read_up_to(&to.join(PROVENANCE), LARGEST_PROVENANCE).ok().and_then(|bytes| {
        let earlier: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        (earlier["format"] == FORMAT).then(|| earlier["blake3"].as_object().cloned().unwrap_or_default())
    });
    let written = written.ok_or_else(|| FolderError::Foreign(to.to_owned()))?;
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let own =
            name == PROVENANCE || written.contains_key(&name) || export.files.iter().any(|(file, _)| *file == name);
        if !own {
            return Err(FolderError::Extra { path: to.to_owned(), name });
        }
    }
    if force { Ok(true) } else { Err(FolderError::Earlier(to.to_owned())) }
}

/// Temporary folders are private.
fn readable(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(config: &str) -> Export {
        let provenance = format!("{{\"format\": \"{FORMAT}\", \"blake3\": {{\"config.json\": \"\"}}}}");
        Export { files: vec![("config.json".into(), config.into()), (PROVENANCE.into(), provenance.into())] }
    }

    #[test]
    fn only_an_earlier_export_is_replaced_and_only_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("new/model");
        write(&export("one"), &to, false).unwrap();
        let error = write(&export("two"), &to, false).unwrap_err();
        assert!(matches!(error, FolderError::Earlier(_)) && error.to_string().contains("--force"), "{error}");
        assert_eq!(fs::read_to_string(to.join("config.json")).unwrap(), "one");
        write(&export("two"), &to, true).unwrap();
        assert_eq!(fs::read_to_string(to.join("config.json")).unwrap(), "two");

        fs::write(to.join("notes.txt"), "mine").unwrap();
        let error = write(&export("three"), &to, true).unwrap_err().to_string();
        assert!(error.contains("holds `notes.txt`"), "{error}");
        fs::remove_file(to.join(PROVENANCE)).unwrap();
        assert!(matches!(write(&export("three"), &to, true), Err(FolderError::Foreign(_))));
        assert_eq!(fs::read_to_string(to.join("config.json")).unwrap(), "two");

        let empty = folder.path().join("empty");
        fs::create_dir(&empty).unwrap();
        write(&export("four"), &empty, false).unwrap();
        assert!(matches!(write(&export("x"), &to.join("config.json"), true), Err(FolderError::NotAFolder(_))));
        // Nothing temporary is left.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert_eq!(fs::read_dir(to.parent().unwrap()).unwrap().count(), 1);
    }
}

//! A cache that is a group's: its root is writable for the group, and says with the setgid bit that what is made in it is
//! the group's too. Folders and files take that from the folder they are made in, whatever the user's umask.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// The group may write it, and others may read it.
const FILE: u32 = 0o664;

/// A folder, and those above it that are not there.
///
/// # Errors
/// It cannot be made.
pub fn make_folder(path: &Path) -> io::Result<()> {
    if path.exists() {
        // Where it is none, in the system's own words.
        return fs::read_dir(path).map(|_| ());
    }
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return fs::create_dir_all(path);
    };
    make_folder(parent)?;
    match make_new_folder(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

/// A folder that nobody else has made.
///
/// # Errors
/// It is there, or cannot be made.
pub fn make_new_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    path.parent().map_or(Ok(()), |parent| like(path, parent))
}

/// A file that its maker may write is the group's, where its folder is.
pub fn share(file: &File, path: &Path) {
    if path.parent().and_then(group).is_some() {
        set_mode(file, FILE).ok();
    }
}

/// The mode of a file that others find under `path`.
pub(super) fn mode(read_only: bool, path: &Path) -> u32 {
    match (read_only, path.parent().and_then(group)) {
        (true, _) => 0o444,
        (false, Some(_)) => FILE,
        (false, None) => 0o644,
    }
}

#[cfg(unix)]
pub(super) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
pub(super) fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    const SET_GROUP: u32 = 0o2000;
    const GROUP_WRITES: u32 = 0o020;

    /// The mode of a group's folder.
    pub fn group(folder: &Path) -> Option<u32> {
        let mode = fs::metadata(folder).ok()?.mode();
        (mode & SET_GROUP != 0 && mode & GROUP_WRITES != 0).then_some(mode & 0o2775)
    }

    pub fn like(path: &Path, parent: &Path) -> io::Result<()> {
        group(parent).map_or(Ok(()), |mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
    }

    /// Makes a folder a group's, or its owner's alone, with all that lies in it if that is asked for.
    pub fn give(folder: &Path, group: Option<u32>, all: bool) -> io::Result<()> {
        let mut open = vec![folder.to_owned()];
        while let Some(path) = open.pop() {
            let found = fs::symlink_metadata(&path)?;
            if found.is_symlink() {
                continue;
            }
            if let Some(group) = group {
                std::os::unix::fs::chown(&path, None, Some(group))?;
            }
            let mode = match (found.is_dir(), group) {
                (true, Some(_)) => 0o2775,
                (true, None) => 0o700,
                // Objects are read-only for everybody.
                (false, Some(_)) if found.mode() & 0o200 != 0 => FILE,
                (false, _) => found.mode() & 0o7777,
            };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
            if found.is_dir() && all {
                open.extend(fs::read_dir(&path)?.flatten().map(|entry| entry.path()));
            }
        }
        Ok(())
    }

    /// Whether this user may make files in a folder.
    pub fn may_write(folder: &Path) -> bool {
        use std::os::unix::ffi::OsStrExt;
        unsafe extern "C" {
            fn access(path: *const std::ffi::c_char, mode: i32) -> i32;
        }
        const WRITE_AND_SEARCH: i32 = 3;
        let Ok(path) = std::ffi::CString::new(folder.as_os_str().as_bytes()) else { return false };
        // SAFETY: access(2) with a string that ends.
        unsafe { access(path.as_ptr(), WRITE_AND_SEARCH) == 0 }
    }
}

#[cfg(not(unix))]
mod unix {
    use super::*;

    pub fn group(_: &Path) -> Option<u32> {
        None
    }

    pub fn like(_: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }

    pub fn give(_: &Path, _: Option<u32>, _: bool) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn may_write(_: &Path) -> bool {
        true
    }
}

pub use unix::give;
pub(super) use unix::may_write;
use unix::{group, like};

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    #[test]
    fn what_is_made_in_a_groups_folder_is_the_groups() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        let (private, shared) = (folder.path().join("private"), folder.path().join("shared"));
        for (root, folders, files) in [(&private, 0o755, 0o644), (&shared, 0o2775, 0o664)] {
            fs::create_dir(root).unwrap();
            fs::set_permissions(root, fs::Permissions::from_mode(folders)).unwrap();
            let deep = root.join("a/b");
            make_folder(&deep).unwrap();
            make_folder(&deep).unwrap();
            if folders == 0o2775 {
                assert_eq!((mode(&root.join("a")), mode(&deep)), (folders, folders));
            }
            assert_eq!((super::mode(false, &deep.join("x")), super::mode(true, &deep.join("x"))), (files, 0o444));
        }
        let own = File::create(shared.join("log")).unwrap();
        own.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
        share(&own, &shared.join("log"));
        assert_eq!(mode(&shared.join("log")), 0o664);
        give(&shared, None, true).unwrap();
        assert_eq!((mode(&shared), mode(&shared.join("a/b"))), (0o700, 0o700));
        assert!(may_write(&shared) && !may_write(&shared.join("nothing")));
    }
}

//! The one way through folders that others wrote. Pipes and devices have no end, links can lead anywhere and in
//! circles, and nobody knows how much there is: only plain files count, and only so many.

use crate::plain;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Deeper folders than this hold nothing that is looked for.
const DEEPEST: usize = 12;
/// Files and folders together.
const MOST: usize = 200_000;

/// What a link may lead to. One to a folder is never followed.
#[derive(Debug, Clone, Copy)]
pub enum Links<'a> {
    /// Any file: the folder is the user's own, and what is behind a link is only read.
    Followed,
    /// Files in this folder.
    Into(&'a Path),
}

impl Links<'_> {
    /// Whether `path` is a file that may be read.
    pub fn allow(self, path: &Path) -> bool {
        let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
        let leads_there = || match self {
            Self::Followed => true,
            Self::Into(folder) => fs::canonicalize(folder)
                .and_then(|folder| Ok(fs::canonicalize(path)?.starts_with(folder)))
                .unwrap_or(false),
        };
        fs::metadata(path).is_ok_and(|found| found.is_file()) && (!is_link || leads_there())
    }
}

/// Every file below `folder` with its name from there, in the order of names. With `hidden`, also those whose name or
/// folder starts with a point.
pub fn files(folder: &Path, links: Links, hidden: bool) -> io::Result<Vec<(String, PathBuf)>> {
    walk(folder, links, hidden, DEEPEST)
}

/// The names of the files in a folder of the user's own, not looking into the folders in it.
pub fn names(folder: &Path) -> io::Result<Vec<String>> {
    Ok(walk(folder, Links::Followed, true, 0)?.into_iter().map(|(name, _)| name).collect())
}

/// The same, and those in the folders in it, as `FOLDER/NAME`.
pub fn names_below(folder: &Path) -> io::Result<Vec<String>> {
    Ok(walk(folder, Links::Followed, true, 1)?.into_iter().map(|(name, _)| name).collect())
}

fn walk(folder: &Path, links: Links, hidden: bool, deepest: usize) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    let mut left = MOST;
    let mut open = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = open.pop() {
        for entry in fs::read_dir(folder)? {
            left = left.checked_sub(1).ok_or_else(|| {
                io::Error::other(format!("it holds more than {MOST} files and folders: name one with less in it"))
            })?;
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !hidden && name.starts_with('.') {
                continue;
            }
            let (path, name) = (entry.path(), format!("{prefix}{name}"));
            if entry.file_type()?.is_dir() {
                if depth < deepest {
                    open.push((path, format!("{name}/"), depth + 1));
                }
            } else if links.allow(&path) {
                files.push((name, path));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The text of a small file, such as one that names a commit.
pub fn small_text(path: &Path) -> io::Result<String> {
    const LONGEST: u64 = 1 << 16;
    plain::text_up_to(path, LONGEST)
}

/// Removes what is no plain file from a place where one is going to be written.
pub fn make_room(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() && !found.is_dir() => fs::remove_file(path),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(folder: &Path, links: Links) -> Vec<String> {
        files(folder, links, false).unwrap().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn only_plain_files_count_and_links_lead_where_they_may() {
        let whole = tempfile::tempdir().unwrap();
        let (folder, blobs) = (whole.path().join("snapshot"), whole.path().join("blobs"));
        for name in ["snapshot/b/2", "snapshot/a", "snapshot/.git/c", "blobs/x", "elsewhere"] {
            let path = whole.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        for (target, link) in [
            ("../blobs/x", "blob"),
            ("../../blobs/x", "b/blob"),
            ("../elsewhere", "out"),
            ("/dev/zero", "zero"),
            (".", "again"),
            (".", "and-again"),
            ("nowhere", "lost"),
        ] {
            symlink(target, folder.join(link)).unwrap();
        }
        assert!(std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
        assert_eq!(names(&folder, Links::Into(&blobs)), ["a", "b/2", "b/blob", "blob"]);
        assert_eq!(names(&folder, Links::Followed), ["a", "b/2", "b/blob", "blob", "out"]);
        assert!(small_text(&folder.join("pipe")).is_err() && small_text(&folder.join("zero")).is_err());
    }

    #[test]
    fn depth_has_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d/".repeat(DEEPEST + 1));
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("lost"), "").unwrap();
        fs::write(deep.parent().unwrap().join("found"), "").unwrap();
        assert_eq!(names(folder.path(), Links::Followed), ["d/".repeat(DEEPEST) + "found"]);
    }
}

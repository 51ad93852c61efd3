//! What git knows of a folder, asked of the program `git`. It writes nothing, and runs nothing that the repository's
//! configuration names.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::{Deserialize, Serialize};

/// The commit of a tree, and whether it is what lies there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    pub commit: String,
    /// No file that git knows was changed, and git knows all files that were asked about.
    pub clean: bool,
}

impl Tree {
    /// Of the tree that these files lie in, the first of which says where that is. Nothing where git is not there, or
    /// does not know the folder.
    pub fn of(files: &[PathBuf]) -> Option<Self> {
        let folder = files.first()?.parent()?;
        let commit = text(git(folder, &["rev-parse", "HEAD"]).ok()?)?.trim().to_owned();
        let unchanged = text(git(folder, &["status", "--porcelain", "--untracked-files=no"]).ok()?)?.is_empty();
        let knows = |file: &PathBuf| {
            let asked = git(folder, &["ls-files", "--error-unmatch", "--", &file.to_string_lossy()]);
            asked.is_ok_and(|asked| asked.status.success())
        };
        Some(Self { commit, clean: unchanged && files.iter().all(knows) })
    }
}

/// Which commit a name means in the repository that `path` lies in.
///
/// # Errors
/// In words: no git, no repository, no such revision.
pub fn commit(path: &Path, revision: &str) -> Result<String, String> {
    let (folder, _) = there(path);
    if revision.is_empty() || revision.starts_with('-') {
        return Err(format!("`{revision}` is no git revision"));
    }
    let run = |arguments: &[&str]| git(&folder, arguments).map_err(|error| error.to_string());
    if !run(&["rev-parse", "--git-dir"])?.status.success() {
        return Err(format!("`{}` is in no git repository", whole(path).display()));
    }
    let asked = run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{revision}^{{commit}}")])?;
    match text(asked) {
        Some(commit) => Ok(commit.trim().to_owned()),
        None => Err(format!("git knows no revision `{revision}` in the repository of `{}`", path.display())),
    }
}

/// A file as it was in a revision; neither it nor its folder need be there now.
///
/// # Errors
/// In git's words.
pub fn file(path: &Path, revision: &str) -> io::Result<String> {
    if revision.starts_with('-') {
        return Err(io::Error::other(format!("`{revision}` is no git revision")));
    }
    let (folder, name) = there(path);
    let asked = git(&folder, &["cat-file", "blob", &format!("{revision}:./{name}")])?;
    if !asked.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&asked.stderr).trim().to_owned()));
    }
    String::from_utf8(asked.stdout).map_err(io::Error::other)
}

fn git(folder: &Path, arguments: &[&str]) -> io::Result<Output> {
    let mut git = Command::new("git");
    git.args(["--no-optional-locks", "-c", "core.fsmonitor=false", "-C"]).arg(folder).args(arguments);
    let output = git.stdin(Stdio::null()).output();
    output.map_err(|error| io::Error::new(error.kind(), format!("failed to run git: {error}")))
}

fn text(output: Output) -> Option<String> {
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Absolute, and without `..`: git goes by names.
fn whole(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            other => whole.push(other),
        }
    }
    whole
}

/// The nearest folder of a path that is there, and the way on from it, with `/` between its parts.
fn there(path: &Path) -> (PathBuf, String) {
    let path = whole(path);
    let folder = path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("/")).to_owned();
    let name = path.strip_prefix(&folder).unwrap_or(&path);
    let parts: Vec<_> = name.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    (folder, parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_clean_when_git_has_all_of_the_experiment() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let file = path("study.toml");
        let run = |arguments: &[&str]| {
            let output = git(folder.path(), &[&["-c", "user.name=x", "-c", "user.email=x@y"], arguments].concat());
            assert!(output.unwrap().status.success(), "{arguments:?}");
        };
        let state = || Tree::of(std::slice::from_ref(&file)).map(|tree| tree.clean);
        std::fs::write(&file, "1").unwrap();
        std::fs::write(path("other"), "1").unwrap();
        assert_eq!(state(), None);
        assert!(commit(&file, "HEAD").unwrap_err().ends_with("study.toml` is in no git repository"));
        run(&["init", "-q"]);
        run(&["add", "other"]);
        run(&["commit", "-qm", "x"]);
        assert_eq!(state(), Some(false));
        run(&["add", "study.toml"]);
        run(&["commit", "-qm", "x"]);
        std::fs::write(path("untracked"), "1").unwrap();
        assert_eq!(state(), Some(true));
        std::fs::write(path("other"), "2").unwrap();
        assert_eq!(state(), Some(false));

        // As it was, whether or not it is there now.
        std::fs::create_dir(path("below")).unwrap();
        std::fs::write(path("below/base.toml"), "base").unwrap();
        run(&["add", "below"]);
        run(&["commit", "-qm", "x"]);
        std::fs::remove_dir_all(path("below")).unwrap();
        let at = |name: &str, revision: &str| super::file(&path(name), revision);
        assert_eq!(at("below/base.toml", "HEAD").unwrap(), "base");
        assert_eq!(at("below/../below/base.toml", "HEAD").unwrap(), "base");
        assert!(at("below/base.toml", "HEAD~1").is_err() && at("below/base.toml", "--help").is_err());
        assert_eq!(commit(&file, "HEAD").unwrap().len(), 40);
        assert_eq!(commit(Path::new("x"), "-x").unwrap_err(), "`-x` is no git revision");
        let unknown = commit(&file, "nowhere").unwrap_err();
        assert!(unknown.starts_with("git knows no revision `nowhere` in the repository of `"), "{unknown}");
    }
}

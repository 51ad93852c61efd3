//! What results are made from, beside the cache: the experiment's files, the command line, and the state of git.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::secrets::masked;
use crate::engine::StageError;
use crate::git::Tree;
use crate::kinds::stages::Experiment;
use crate::study::from_disk;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    pub name: String,
    /// The experiment's file and those that it extends, from the folder of the results.
    pub files: Vec<String>,
    /// The texts of `--set`.
    pub set: Vec<String>,
    /// Of the folder that the file lies in; nothing outside git.
    pub git: Option<Tree>,
}

impl Origin {
    /// Of what is about to be written to `folder`, which must be there, and holds what was made from `earlier`.
    ///
    /// # Errors
    /// That is another experiment file with this name.
    pub fn new(
        experiment: &Experiment,
        set: &[String],
        folder: &Path,
        earlier: Option<&Self>,
    ) -> Result<Self, StageError> {
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let (name, folder) = (experiment.name.clone(), whole(folder));
        let files: Vec<PathBuf> = experiment.sources.files().map(|file| whole(Path::new(file))).collect();
        if let (Some(file), Some(earlier)) = (files.first(), earlier) {
            told_apart(file, earlier, &folder)?;
        }
        let git = Tree::of(&files);
        let files = files.iter().map(|file| relative(file, &folder).display().to_string()).collect();
        Ok(Self { name, files, set: set.iter().map(|text| masked(text)).collect(), git })
    }
}

/// Two experiments of one name must not write over each other. A file that was moved or renamed is no other one.
fn told_apart(file: &Path, earlier: &Origin, folder: &Path) -> Result<(), StageError> {
    let Some(other) = earlier.files.first().and_then(|other| folder.join(other).canonicalize().ok()) else {
        return Ok(());
    };
    let text = from_disk(&other).unwrap_or_default();
    let renamed = text.parse::<toml::Table>().is_ok_and(|table| {
        let named = table.get("experiment").and_then(|header| header.get("name")).and_then(toml::Value::as_str);
        named.is_some_and(|name| name != earlier.name)
    });
    let same = from_disk(file).is_ok_and(|own| own == text);
    if other == file || renamed || same {
        return Ok(());
    }
    let (folder, other) = (folder.display(), other.display());
    let message =
        format!("`{folder}` holds the results of `{other}`, whose experiment is also called `{}`", earlier.name);
    Err(StageError::new(message)
        .help("give one of them another `name` in [experiment], or choose a folder with --results-dir"))
}

/// The way from one folder to a path; both are absolute, else it is the path itself.
fn relative(to: &Path, from: &Path) -> PathBuf {
    let (to_parts, from_parts): (Vec<Component>, Vec<Component>) =
        (to.components().collect(), from.components().collect());
    let common = to_parts.iter().zip(&from_parts).take_while(|(one, other)| one == other).count();
    if common == 0 {
        return to.to_owned();
    }
    let up = from_parts[common..].iter().map(|_| Component::ParentDir);
    up.chain(to_parts[common..].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_between_paths() {
        for (to, from, way) in [
            ("/a/study.toml", "/a/results/x", "../../study.toml"),
            ("/a/results/x/study.toml", "/a/results/x", "study.toml"),
            ("/b/c.toml", "/a", "../b/c.toml"),
            ("c.toml", "/a", "c.toml"),
        ] {
            assert_eq!(relative(Path::new(to), Path::new(from)), Path::new(way));
        }
    }
}

//! `results.json`: what lies beside it, what it was made from, and so what may be removed when that changes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::origin::Origin;
use crate::fingerprint::{Digest, Key};
use crate::plain;
use crate::store::{StoreError, publish};
use crate::tables::TableError;

pub const NAME: &str = "results.json";
const FORMAT: &str = "pipeline.results.v1";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Index {
    pub format: String,
    /// Of the program.
    pub pipeline: String,
    pub experiment: Origin,
    pub steps: Steps,
    /// Models that were left out of what is made of several, because they lack something.
    pub without: BTreeSet<String>,
    /// Figures without a picture, and why.
    pub not_drawn: BTreeMap<String, String>,
    /// By path below the folder.
    pub files: BTreeMap<String, File>,
    /// Of every finished step: the column `key` of the tables, and what figures carry inside.
    pub keys: BTreeMap<String, Key>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Steps {
    pub finished: usize,
    pub all: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct File {
    pub blake3: Digest,
    /// Whose steps it was made from.
    pub stages: BTreeSet<String>,
}

impl Index {
    pub fn new(experiment: Origin, steps: Steps) -> Self {
        let (format, pipeline) = (FORMAT.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let (without, not_drawn, files, keys) = Default::default();
        Self { format, pipeline, experiment, steps, without, not_drawn, files, keys }
    }

    /// That of an earlier run; nothing where there is none that can be read.
    pub fn read(folder: &Path) -> Option<Self> {
        let index: Self = serde_json::from_slice(&plain::read(&folder.join(NAME)).ok()?).ok()?;
        (index.format == FORMAT).then_some(index)
    }

    pub fn write(&self, folder: &Path) -> Result<(), TableError> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        super::put::put(&folder.join(NAME), &text)
    }

    /// Before files are written: with those of `earlier`, so that whatever a kill leaves behind is known as ours.
    pub fn announce(&self, earlier: &Self, folder: &Path) -> Result<(), TableError> {
        let mut both = self.clone();
        for (name, file) in &earlier.files {
            both.files.entry(name.clone()).or_insert_with(|| file.clone());
        }
        let text = serde_json::to_vec_pretty(&both)?;
        Ok(publish(&folder.join(NAME), &text, false)?)
    }

    /// Removes what an earlier run wrote and this one does not. What somebody has changed since stays, and is theirs from
    /// now on: its name is given back.
    pub fn remove_rest_of(&self, earlier: &Self, folder: &Path) -> Result<Vec<String>, TableError> {
        let mut changed = Vec::new();
        for (name, file) in earlier.files.iter().filter(|(name, _)| !self.files.contains_key(*name)) {
            let Some(path) = below(folder, name) else { continue };
            match plain::read(&path) {
                Ok(bytes) if Digest::of(&bytes) == file.blake3 => remove(&path)?,
                Ok(_) => changed.push(name.clone()),
                Err(_) => {}
            }
            // A folder of ours goes with the last file in it.
            path.parent().filter(|parent| *parent != folder).map(std::fs::remove_dir);
        }
        Ok(changed)
    }
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::Remove { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// A path that an index names, if it stays in the folder: nothing else is ever removed.
fn below(folder: &Path, name: &str) -> Option<PathBuf> {
    let name = Path::new(name);
    let plain = name.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && name.components().next().is_some()).then(|| folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(files: &[(&str, &str)]) -> Index {
        let mut index = Index::new(Origin::default(), Steps { finished: 1, all: 1 });
        for (name, content) in files {
            let file = File { blake3: Digest::of(content.as_bytes()), stages: BTreeSet::new() };
            index.files.insert((*name).to_owned(), file);
        }
        index
    }

    #[test]
    fn only_what_an_index_names_and_nobody_changed_is_removed() {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("results");
        let write = |name: &str, text: &str| {
            std::fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
            std::fs::write(folder.join(name), text).unwrap();
        };
        for name in [
            "stays.csv",
            "gone.csv",
            "training/gone.parquet",
            "surfaces/gone.parquet",
            "surfaces/mine.txt",
            "mine.csv",
            "../other",
        ] {
            write(name, "1");
        }
        write("edited.csv", "2");
        let names = [
            "stays.csv",
            "gone.csv",
            "edited.csv",
            "not there.csv",
            "training/gone.parquet",
            "surfaces/gone.parquet",
            "../other",
            "",
        ];
        let earlier = index(&names.map(|name| (name, "1")));
        let changed = index(&[("stays.csv", "1")]).remove_rest_of(&earlier, &folder).unwrap();
        assert_eq!(changed, ["edited.csv"]);
        let there = |name: &str| folder.join(name).exists();
        for name in ["stays.csv", "edited.csv", "mine.csv", "surfaces/mine.txt", "../other"] {
            assert!(there(name), "{name}");
        }
        for name in ["gone.csv", "training", "surfaces/gone.parquet"] {
            assert!(!there(name), "{name}");
        }
    }

    #[test]
    fn what_a_kill_leaves_is_known_as_ours() {
        let folder = tempfile::tempdir().unwrap();
        let (earlier, now) = (index(&[("a.csv", "1"), ("b.csv", "1")]), index(&[("b.csv", "2"), ("c.csv", "2")]));
        now.announce(&earlier, folder.path()).unwrap();
        let read = Index::read(folder.path()).unwrap();
        assert_eq!(read.files.keys().collect::<Vec<_>>(), ["a.csv", "b.csv", "c.csv"]);
        now.write(folder.path()).unwrap();
        assert_eq!(Index::read(folder.path()), Some(now));
        for text in ["", "{}", "[1]", "{\"format\": \"pipeline.results.v2\"}"] {
            std::fs::write(folder.path().join(NAME), text).unwrap();
            assert_eq!(Index::read(folder.path()), None);
        }
    }
}

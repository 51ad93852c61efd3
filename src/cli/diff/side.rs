//! One of the two versions: a file, or a file as it was in a revision of git, with what it extends.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::exit::Failure;
use crate::engine::{Graph, Plan};
use crate::experiment::{self, expand};
use crate::git::{self, Tree};
use crate::kinds::stages::Experiment;
use crate::store::Store;

/// As it is named.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    pub file: PathBuf,
    pub revision: Option<String>,
}

/// `FILE` or `FILE@REVISION`. A revision may have an `@` itself, and so may a file.
fn parse(text: &str) -> Named {
    let path = Path::new(text);
    let there = |(at, _): &(usize, &str)| Path::new(&text[..*at]).is_file() || text[..*at].ends_with(".toml");
    let found =
        if path.is_file() { None } else { text.match_indices('@').find(there).or(text.match_indices('@').next()) };
    match found {
        Some((at, _)) => Named { file: PathBuf::from(&text[..at]), revision: Some(text[at + 1..].to_owned()) },
        None => Named { file: path.to_owned(), revision: None },
    }
}

/// Both versions; without a second one, the file as it is now, against its last commit where none is named.
pub fn named(first: &str, second: Option<&str>) -> (Named, Named) {
    let first = parse(first);
    match second {
        Some(second) => (first, parse(second)),
        None => {
            let now = Named { revision: None, ..first.clone() };
            (Named { revision: Some(first.revision.unwrap_or_else(|| "HEAD".to_owned())), ..first }, now)
        }
    }
}

/// Which version it is.
#[derive(Debug, Clone, Serialize)]
pub struct Version {
    /// `study.toml@HEAD~2`
    pub name: String,
    /// The commit that it is, or that the files as they are lie on.
    pub commit: Option<String>,
    /// The files are those of that commit.
    pub committed: bool,
}

pub struct Side {
    pub version: Version,
    pub experiment: Experiment,
    /// Nothing where it cannot be expanded: data that it names are not there.
    pub steps: Result<Steps, String>,
}

/// What a version becomes, and what of it is finished.
pub struct Steps {
    pub graph: Graph,
    pub plan: Plan,
}

impl Side {
    pub fn load(named: &Named, overrides: &[String], store: &Store) -> Result<Self, Failure> {
        let Named { file, revision } = named;
        let (version, experiment) = match revision {
            None => {
                let experiment = experiment::read(file, overrides)?;
                let files: Vec<PathBuf> = experiment.sources.files().map(whole).collect();
                let tree = Tree::of(&files);
                let committed = tree.as_ref().is_some_and(|tree| tree.clean);
                let name = file.display().to_string();
                (Version { name, commit: tree.map(|tree| tree.commit), committed }, experiment)
            }
            Some(revision) => {
                let name = format!("{}@{revision}", file.display());
                let commit = git::commit(file, revision).map_err(|error| {
                    let help = "FILE@REVISION is a file as git has it in a commit, a branch or a tag";
                    Failure::wrong_input(format!("{error}\n  = help: {help}"))
                })?;
                // All files of one commit, wherever a branch moves meanwhile.
                let text = |path: &Path| git::file(path, &commit);
                let experiment = experiment::read_with(file, overrides, &text).map_err(|error| {
                    let error = error.to_string();
                    Failure::wrong_input(format!("in {name}: {}", error.strip_prefix("error: ").unwrap_or(&error)))
                })?;
                (Version { name, commit: Some(commit), committed: true }, experiment)
            }
        };
        let steps = match expand(&experiment) {
            Ok(graph) => Ok(Steps { plan: Plan::new(&graph, store, &BTreeSet::new())?, graph }),
            Err(error) => Err(error.diagnostics.first().map_or_else(String::new, |first| first.message.clone())),
        };
        Ok(Self { version, experiment, steps })
    }

    /// What a reader should know.
    pub fn notes(&self, other: &Self) -> Vec<String> {
        let mut notes = Vec::new();
        let old = [self, other].into_iter().find(|side| side.version.committed && side.version.name.contains('@'));
        if let Some(old) = old.filter(|side| side.reads_local_files()) {
            notes.push(format!(
                "files that `path:` names in {} are taken as they are on this machine now",
                old.version.name
            ));
        }
        notes
    }

    fn reads_local_files(&self) -> bool {
        let local = |location: &Option<String>| location.as_ref().is_some_and(|at| !at.starts_with("https://"));
        self.steps.as_ref().is_ok_and(|steps| steps.graph.steps.iter().any(|step| local(&step.location)))
    }
}

fn whole(file: &str) -> PathBuf {
    let file = Path::new(file);
    file.canonicalize().unwrap_or_else(|_| file.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_a_revision_and_without() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("a@b");
        std::fs::write(&odd, "").unwrap();
        let (there, odd) = (format!("{}@HEAD", odd.display()), odd.display().to_string());
        for (text, file, revision) in [
            ("study.toml", "study.toml", None),
            ("a/study.toml@HEAD", "a/study.toml", Some("HEAD")),
            ("study.toml@HEAD@{1}", "study.toml", Some("HEAD@{1}")),
            ("study.toml@me/branch", "study.toml", Some("me/branch")),
            ("study@HEAD", "study", Some("HEAD")),
            (odd.as_str(), odd.as_str(), None),
            (there.as_str(), odd.as_str(), Some("HEAD")),
        ] {
            let expected = Named { file: file.into(), revision: revision.map(str::to_owned) };
            assert_eq!(parse(text), expected);
        }
        let name = |named: &Named| (named.file.display().to_string(), named.revision.clone());
        let (first, second) = named("x.toml", None);
        assert_eq!((name(&first), name(&second)), (("x.toml".into(), Some("HEAD".into())), ("x.toml".into(), None)));
        let (first, second) = named("x.toml@v1", None);
        assert_eq!((name(&first), name(&second)), (("x.toml".into(), Some("v1".into())), ("x.toml".into(), None)));
    }
}

//! Models and data sets from the Hugging Face hub, kept in the standard hub cache that every other hub client shares:
//!
//! ```text
//! $HF_HOME/hub/models--OWNER--NAME/    (datasets--… for data sets)
//!   blobs/ETAG                         files by their content
//!   snapshots/COMMIT/config.json       links into blobs/
//!   refs/main                          the commit that a revision named when it was last asked for
//!   refs/main~step-15000               the commit that names that training step; git allows no `~` in a name, so it
//!                                      is never mistaken for a branch
//! ```
//!
//! The `hf-hub` crate names folders and addresses. The downloads are our own, since it knows neither HF_HUB_CACHE nor
//! HF_HUB_OFFLINE, nor that a cache can be all one needs, nor time limits, Retry-After, what a file's digest should
//! be, nor how to go on with a download that another process began.

mod client;
mod digest;
mod file;
mod layout;
mod online;
mod settings;
mod steps;
#[cfg(test)]
mod tests;
mod upload;

pub use settings::HubSettings;
pub(super) use settings::offline_by;
pub use upload::{Upload, Uploaded};

use super::error::There;
use super::splits::{Layout, readme};
use super::walk::{self, Links};
use super::{ChooseModel, DataError};
use client::Client;
use hf_hub::{Repo, RepoType};
use std::cell::Cell;
use std::path::{Path, PathBuf};

/// The branch of a data set's repository where the hub itself keeps a copy as Parquet.
const CONVERTED: &str = "refs/convert/parquet";

pub struct Hub {
    settings: HubSettings,
    client: Client,
}

/// A model's files, at one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubModel {
    pub commit: String,
    /// Names in the repository, and where each file lies: what [`crate::data::ModelFiles`] chooses, and what Python's
    /// tokenizers want beside it.
    pub files: Vec<(String, PathBuf)>,
    /// Something that the user should be told, such as that the hub could not be asked.
    pub note: Option<String>,
}

/// The files of one split, in the order of their rows, at one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubDataset {
    pub commit: String,
    /// The revision that had it: the one asked for, `main`, or `refs/convert/parquet`.
    pub revision: String,
    pub files: Vec<PathBuf>,
    pub note: Option<String>,
}

/// Chosen files of a repository with their names in it, at one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubFiles {
    pub commit: String,
    pub files: Vec<(String, PathBuf)>,
    pub note: Option<String>,
}

/// Files of one repository at one commit, with their names in it.
struct Found {
    commit: String,
    files: Vec<(String, PathBuf)>,
    note: Option<String>,
}

/// Chooses the files that are wanted among all there are, some by the text of another of them.
type Pick<'a> = &'a dyn Fn(&[String], TextOf) -> Result<Vec<String>, DataError>;
/// The text of a file of the repository, if it has that file.
type TextOf<'a> = &'a dyn Fn(&str) -> Result<Option<String>, DataError>;

/// What tells which files are a split, where a repository has it.
const README: &str = "README.md";

impl Hub {
    /// As the environment says; see [`HubSettings::from_env`].
    pub fn from_env() -> Result<Hub, DataError> {
        Hub::new(HubSettings::from_env()?)
    }

    /// The same, with what is in the cache alone.
    pub fn offline() -> Result<Hub, DataError> {
        Hub::new(HubSettings { offline: true, offline_by: "--offline", ..HubSettings::from_env()? })
    }

    /// What is in a hub's cache elsewhere, without network.
    pub fn in_folder(cache: &Path) -> Result<Hub, DataError> {
        Hub::new(HubSettings { cache: cache.to_owned(), offline: true, ..HubSettings::from_env()? })
    }

    pub fn new(settings: HubSettings) -> Result<Hub, DataError> {
        Ok(Hub { client: Client::new(&settings)?, settings })
    }

    /// The files of a model, downloaded if need be. Without a revision, of the main branch; with a training step, of
    /// the newest commit of that revision whose message names the step.
    pub fn model_files(
        &self,
        repo: &str,
        revision: Option<&str>,
        step: Option<u64>,
        choose: ChooseModel,
    ) -> Result<HubModel, DataError> {
        let revision = revision.unwrap_or("main");
        let wanted = Repo::with_revision(repo.to_string(), RepoType::Model, revision.to_string());
        let pick = |files: &[String], _: TextOf| layout::model_files(repo, files, choose);
        let found = match step {
            Some(step) => self.find_step(repo, &wanted, step, &pick)?,
            None => self.find(repo, &wanted, &pick, self.settings.offline)?,
        };
        Ok(HubModel { commit: found.commit, files: found.files, note: found.note })
    }

    /// The files of a model's tokenizer, downloaded if need be. Without a revision, of the main branch.
    pub fn tokenizer_files(&self, repo: &str, revision: Option<&str>) -> Result<HubModel, DataError> {
        let revision = revision.unwrap_or("main");
        let wanted = Repo::with_revision(repo.to_string(), RepoType::Model, revision.to_string());
        let pick = |files: &[String], _: TextOf| layout::tokenizer_files(repo, files);
        let found = self.find(repo, &wanted, &pick, self.settings.offline)?;
        Ok(HubModel { commit: found.commit, files: found.files, note: found.note })
    }

    /// The files of one split, downloaded if need be. Without a revision they are looked for on the main branch, and
    /// if it has no table of that configuration, on the branch of the hub's own Parquet conversion.
    pub fn dataset_files(
        &self,
        repo: &str,
        revision: Option<&str>,
        config: Option<&str>,
        split: &str,
    ) -> Result<HubDataset, DataError> {
        let doubt = Cell::new(None);
        let pick = |files: &[String], text: TextOf| {
            let readme = text(README)?;
            let layout = Layout { name: repo, config, files, readme: readme.as_deref(), is_local: false };
            let found = layout.split(split)?;
            doubt.set(if readme.is_none() {
                Some("its README, which may list other files for its splits, is not there")
            } else if layout.may_be_more(split, &found) {
                Some("how many files the split has is not known there")
            } else {
                None
            });
            Ok(found)
        };
        let ask = |revision: &str, offline: bool| {
            let wanted = Repo::with_revision(repo.to_string(), RepoType::Dataset, revision.to_string());
            // A cache may hold some of a commit's files.
            let mut found = match !offline && is_commit(revision) {
                true => self.asked_first(repo, &wanted, &pick)?,
                false => self.find(repo, &wanted, &pick, offline)?,
            };
            if let Some(doubt) = doubt.get().filter(|_| offline && revision != CONVERTED) {
                found.note = Some(format!("read from the hub cache's part of {repo}: {doubt}"));
            }
            let files = found.files.into_iter().map(|(_, path)| path).collect();
            Ok(HubDataset { commit: found.commit, revision: revision.to_string(), files, note: found.note })
        };
        let offline = self.settings.offline;
        let first = match (ask(revision.unwrap_or("main"), offline), revision) {
            (Err(first), None) => first,
            (answer, _) => return answer,
        };
        let unreachable = matches!(first, DataError::HubUnreachable { .. });
        let elsewhere = match &first {
            DataError::NoSplit { .. }
            | DataError::NoConfig { .. }
            | DataError::ConfigNeeded { .. }
            | DataError::Offline { .. } => true,
            _ => unreachable,
        };
        if !elsewhere {
            return Err(first);
        }
        match ask(CONVERTED, offline || unreachable) {
            Ok(mut found) => {
                if let DataError::HubUnreachable { host, what, .. } = &first {
                    found.note = Some(unasked(host, what, repo, CONVERTED, &found.commit));
                }
                Ok(found)
            }
            Err(second) if says_more(&second, &first) => Err(second),
            Err(_) => Err(first),
        }
    }

    /// Every file of a repository that is `wanted` by its name, downloaded if need be. The repository may be a data set
    /// or, as published logs often are, a model.
    pub fn files(
        &self,
        repo: &str,
        revision: Option<&str>,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<HubFiles, DataError> {
        let ask = |kind: RepoType| {
            let pick = |files: &[String], _: TextOf| Ok(files.iter().filter(|file| wanted(file)).cloned().collect());
            let asked = Repo::with_revision(repo.to_string(), kind, revision.unwrap_or("main").to_string());
            // Which files there are is not known from the cache, even of a commit: a download may have been stopped.
            let found = match !self.settings.offline && is_commit(asked.revision()) {
                true => self.asked_first(repo, &asked, &pick)?,
                false => self.find(repo, &asked, &pick, self.settings.offline)?,
            };
            Ok(HubFiles { commit: found.commit, files: found.files, note: found.note })
        };
        let first = match ask(RepoType::Dataset) {
            Err(first) => first,
            found => return found,
        };
        // A hub without a token says "refused" of what is not there.
        let elsewhere = matches!(
            first,
            DataError::RepoNotFound { .. }
                | DataError::Refused { .. }
                | DataError::TokenRefused { .. }
                | DataError::Offline { .. }
                | DataError::HubUnreachable { .. }
        );
        match ask(RepoType::Model) {
            _ if !elsewhere => Err(first),
            Err(
                DataError::RepoNotFound { .. }
                | DataError::Refused { .. }
                | DataError::TokenRefused { .. }
                | DataError::Offline { .. },
            ) => Err(first),
            answer => answer,
        }
    }

    /// What to do where the cache alone was asked.
    fn help_offline(&self, unserved: &Unserved) -> String {
        let by = self.settings.offline_by;
        let fill = "fill that folder (HF_HOME, HF_HUB_CACHE) where there is a network";
        match unserved {
            Unserved::Unfit(error) if matches!(**error, DataError::Io { .. }) => String::new(),
            _ if !self.settings.offline => format!("; {fill}"),
            Unserved::Absent(_) => format!("; {by} is set: unset it, or {fill}"),
            Unserved::Unfit(_) => {
                format!("; if the hub itself has more than this copy: {by} is set, unset it, or {fill}")
            }
        }
    }

    /// From the hub, or from the cache where that cannot be reached.
    fn asked_first(&self, name: &str, repo: &Repo, pick: Pick) -> Result<Found, DataError> {
        match self.online(name, repo, pick) {
            Err(DataError::Unreachable { .. }) => self.find(name, repo, pick, false),
            answer => answer,
        }
    }

    /// From the cache where that is certain or all there is, else by asking the hub.
    fn find(&self, name: &str, repo: &Repo, pick: Pick, offline: bool) -> Result<Found, DataError> {
        let revision = repo.revision();
        let cache = self.settings.cache.clone();
        let local = match self.local(repo, pick) {
            // A commit never changes, so there is nothing to ask the hub about it.
            Ok(found) if offline || is_commit(revision) => return Ok(found),
            Err(unserved) if offline => {
                let (repo, revision) = (name.to_string(), revision.to_string());
                let (why, help) = (unserved.to_string(), self.help_offline(&unserved));
                return Err(DataError::Offline { repo, revision, why, cache, help });
            }
            local => local.map_err(|unserved| unserved.to_string()),
        };
        let (host, what) = match self.online(name, repo, pick) {
            Err(DataError::Unreachable { host, what }) => (host, what),
            Err(DataError::Status { host, status, .. }) if super::network::is_busy(status) => {
                (host, format!("it answered {status}"))
            }
            answer => return answer,
        };
        match local {
            Ok(mut found) => {
                found.note = Some(unasked(&host, &what, name, revision, &found.commit));
                Ok(found)
            }
            Err(why) => Err(DataError::HubUnreachable { host, repo: name.to_string(), what, why, cache }),
        }
    }

    /// What the cache holds, or why it does not serve.
    fn local(&self, repo: &Repo, pick: Pick) -> Result<Found, Unserved> {
        let folder = self.settings.cache.join(repo.folder_name());
        let revision = repo.revision();
        let recorded = walk::small_text(&folder.join("refs").join(revision)).map(|text| text.trim().to_string());
        let commit = match recorded {
            Ok(commit) if is_commit(&commit) => commit,
            _ if is_commit(revision) => revision.to_string(),
            _ if folder.is_dir() => return Err(Unserved::Absent("it holds other revisions only")),
            _ => return Err(Unserved::Absent("it holds nothing of that repository")),
        };
        let snapshot = folder.join("snapshots").join(&commit);
        // The links that the layout has lead from here into `blobs` and nowhere else.
        let found = match walk::files(&snapshot, Links::Into(&folder.join("blobs")), true) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            found => found.map_err(|source| DataError::Io { action: "read", path: snapshot.clone(), source })?,
        };
        let files: Vec<String> = found.into_iter().map(|(name, _)| name).collect();
        if files.is_empty() {
            return Err(Unserved::Absent("it holds no files of that revision"));
        }
        let text = |file: &str| match files.iter().any(|name| name == file) {
            true => readme(&snapshot.join(file)).map(Some),
            false => Ok(None),
        };
        let picked = pick(&files, &text)?;
        let files = picked.into_iter().map(|file| (file.clone(), snapshot.join(file))).collect();
        Ok(Found { commit, files, note: None })
    }
}

/// Why the cache does not serve.
#[derive(Debug, thiserror::Error)]
enum Unserved {
    #[error("{0}")]
    Absent(&'static str),
    /// What is there is not what is wanted, or cannot be read.
    #[error(transparent)]
    Unfit(Box<DataError>),
}

impl From<DataError> for Unserved {
    fn from(error: DataError) -> Self {
        Self::Unfit(Box::new(error))
    }
}

/// Whether the hub's own conversion has tables, and the repository itself has none.
fn says_more(converted: &DataError, own: &DataError) -> bool {
    let tables = |error: &DataError| match error {
        DataError::NoSplit { of, .. } => *of != There::Files,
        // All that the cache does not serve is in words.
        DataError::Offline { why, .. } => why.contains(" has no split ") && !why.contains("; it has no"),
        _ => false,
    };
    tables(converted) && !tables(own)
}

fn unasked(host: &str, what: &str, repo: &str, revision: &str, commit: &str) -> String {
    let commit = commit.get(..12).unwrap_or(commit);
    format!(
        "failed to reach {host} ({what}): used what the hub cache has of {repo} at `{revision}`, commit {commit}, \
         which may not be the newest"
    )
}

fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

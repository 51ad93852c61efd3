//! The hub itself: which commit a revision is, and which files it has.

use super::super::DataError;
use super::super::network::{Failure, quoted, with_retries};
use super::super::splits::readme;
use super::{Found, Hub, Pick, is_commit};
use hf_hub::Repo;
use serde::Deserialize;

#[derive(Deserialize)]
struct Info {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

/// Whether a name from a repository, put behind a folder's, names something in that folder on any system.
fn stays_inside(file: &str) -> bool {
    let plain = |c: char| !c.is_control() && !matches!(c, '\\' | ':');
    file.chars().all(plain) && file.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

impl Hub {
    /// Asks for the commit first and downloads by commit, so that all files belong together even if the branch moves
    /// meanwhile. The revision is recorded in the cache last.
    pub(super) fn online(&self, name: &str, repo: &Repo, pick: Pick) -> Result<Found, DataError> {
        let info = with_retries(self.settings.pause, || self.info(name, repo))?;
        let names: Vec<String> =
            info.siblings.into_iter().map(|file| file.rfilename).filter(|file| stays_inside(file)).collect();
        let text = |file: &str| match names.iter().any(|name| name == file) {
            true => readme(&self.file(name, repo, &info.sha, file)?).map(Some),
            false => Ok(None),
        };
        let picked = pick(&names, &text)?;
        // Last file first: while a split's first file is missing in the cache, it cannot be mistaken for whole.
        let mut files = Vec::with_capacity(picked.len());
        for file in picked.into_iter().rev() {
            let path = self.file(name, repo, &info.sha, &file)?;
            files.push((file, path));
        }
        files.reverse();
        if !is_commit(repo.revision()) {
            self.record(repo, repo.revision(), &info.sha)?;
        }
        Ok(Found { commit: info.sha, files, note: None })
    }

    fn info(&self, name: &str, repo: &Repo) -> Result<Info, Failure> {
        let kind = self.kind(repo);
        let url = self.client.url(&format!("api/{kind}/{name}/revision/{}", quoted(repo.revision(), false)));
        let response = self.client.get(&url, 0)?.response;
        match response.status().as_u16() {
            200 => {}
            404 => return Err(Failure::last(self.unknown(name, repo))),
            _ => return Err(self.client.refusal(&url, name, &response)),
        }
        let info: Info = self.client.json(response)?;
        if !is_commit(&info.sha) {
            let (host, what) = (self.client.host(), "it named no commit".to_string());
            return Err(Failure::last(DataError::NotAHub { host, what }));
        }
        Ok(info)
    }

    pub(super) fn unknown(&self, name: &str, repo: &Repo) -> DataError {
        let (repo, revision) = (name.to_string(), repo.revision().to_string());
        DataError::RepoNotFound { host: self.client.host(), repo, revision }
    }

    /// The plural that the API's addresses have.
    pub(super) fn kind(&self, repo: &Repo) -> &'static str {
        if repo.url().starts_with("datasets/") { "datasets" } else { "models" }
    }
}

#[cfg(test)]
mod tests {
    use super::stays_inside;

    #[test]
    fn names_that_leave_their_folder_are_known() {
        let out = ["../a", "a/../../b", "a/..", "/etc/passwd", "a//b", ".", "./a", "", "..\\a", "C:\\a", "C:a", "a\0b"];
        for name in out {
            assert!(!stays_inside(name), "{name:?}");
        }
        for name in ["config.json", "a/b.json", "..a/b..", "train-00000-of-00001.parquet", "ü b/[x].json"] {
            assert!(stays_inside(name), "{name:?}");
        }
    }
}

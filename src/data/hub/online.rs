//! The hub itself: which commit a revision is, which files it has, and their download into the cache.

use super::super::DataError;
use super::super::network::{CONNECT_TIMEOUT, Failure, host, with_retries};
use super::{Found, Hub, Pick, is_commit};
use hf_hub::api::RepoInfo;
use hf_hub::api::sync::ApiError;
use hf_hub::{Repo, RepoType};
use std::path::PathBuf;
use std::time::Duration;

/// For the answer to one question; downloads have no limit.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
const LARGEST_ANSWER: u64 = 64 << 20;

impl Hub {
    /// Asks for the commit first and downloads by commit, so that all files belong together even if the branch moves
    /// meanwhile. The revision is recorded in the cache last.
    pub(super) fn online(&self, name: &str, repo: &Repo, pick: Pick) -> Result<Found, DataError> {
        let info = with_retries(self.settings.pause, || self.info(name, repo))?;
        let inside = |file: &String| !file.starts_with('/') && file.split('/').all(|part| part != ".." && part != ".");
        let names: Vec<String> = info.siblings.into_iter().map(|file| file.rfilename).filter(inside).collect();
        let picked = pick(&names)?;
        // Last file first: while a split's first file is missing in the cache, it cannot be mistaken for whole.
        let mut files = Vec::with_capacity(picked.len());
        for file in picked.into_iter().rev() {
            let path = self.file(name, repo, &info.sha, &file)?;
            files.push((file, path));
        }
        files.reverse();
        if !is_commit(repo.revision()) {
            let recorded = self.cache.repo(repo.clone()).create_ref(&info.sha);
            recorded.map_err(|source| DataError::Io {
                action: "record a revision in",
                path: self.settings.cache.clone(),
                source,
            })?;
        }
        Ok(Found { commit: info.sha, files, note: None })
    }

    fn info(&self, name: &str, repo: &Repo) -> Result<RepoInfo, Failure> {
        let host = host(&self.settings.endpoint);
        let request = self.api.repo(repo.clone()).info_request();
        let request = request
            .config()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(ANSWER_TIMEOUT))
            .build();
        let mut response = request.call().map_err(|error| Failure::network(&host, &error))?;
        let status = response.status().as_u16();
        if status != 200 {
            let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
            let error = match status {
                404 => DataError::RepoNotFound { host, repo: name.to_string(), revision: repo.revision().to_string() },
                _ => refusal(host, name, status),
            };
            return Err(Failure::status(error, status, retry_after));
        }
        let body = response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_string();
        let body = body.map_err(|error| Failure::network(&host, &error))?;
        let info: Result<RepoInfo, _> = serde_json::from_str(&body);
        match info {
            Ok(info) if is_commit(&info.sha) => Ok(info),
            Ok(_) => Err(Failure::last(DataError::NotAHub { host, what: "it named no commit".to_string() })),
            Err(error) => Err(Failure::last(DataError::NotAHub { host, what: error.to_string() })),
        }
    }

    /// One file at one commit: from the cache, else downloaded into it.
    fn file(&self, name: &str, repo: &Repo, commit: &str, file: &str) -> Result<PathBuf, DataError> {
        let kind = if repo.url().starts_with("datasets/") { RepoType::Dataset } else { RepoType::Model };
        let pinned = Repo::with_revision(name.to_string(), kind, commit.to_string());
        let path = self.cache.repo(pinned.clone()).pointer_path(commit).join(file);
        if path.exists() {
            return Ok(path);
        }
        let remote = self.api.repo(pinned);
        with_retries(self.settings.pause, || remote.download(file).map_err(|error| self.failure(name, file, error)))
    }

    fn failure(&self, name: &str, file: &str, error: ApiError) -> Failure {
        let host = host(&self.settings.endpoint);
        let failed = |what: String| DataError::HubDownload { repo: name.to_string(), file: file.to_string(), what };
        match error {
            ApiError::RequestError(error) => match *error {
                ureq::Error::StatusCode(404) => {
                    let hint = ", though it lists it".to_string();
                    Failure::last(DataError::NoFile { repo: name.to_string(), file: file.to_string(), hint })
                }
                ureq::Error::StatusCode(status) => Failure::status(refusal(host, name, status), status, None),
                error => Failure::network(&host, &error),
            },
            ApiError::MissingHeader(_) | ApiError::InvalidHeader(_) | ApiError::ParseIntError(_) => {
                Failure::last(DataError::NotAHub { host, what: error.to_string() })
            }
            // Another process may be downloading it, or the connection broke: both are seen from here as I/O.
            ApiError::LockAcquisition(_) | ApiError::IoError(_) => {
                Failure { error: Box::new(failed(error.to_string())), again: true, wait: None }
            }
            other => Failure::last(failed(other.to_string())),
        }
    }
}

fn refusal(host: String, name: &str, status: u16) -> DataError {
    match status {
        401 | 403 => DataError::Refused { host, repo: name.to_string(), status },
        _ => DataError::Status { host, status, what: name.to_string() },
    }
}

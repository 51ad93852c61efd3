//! A commit on the hub: small files inside it, large ones sent before it by Git LFS. Nothing is visible until the
//! commit, which is the last request, so an upload that breaks off leaves nothing half done, and large files that
//! arrived are not sent again.
//!
//! Requests, as the `huggingface_hub` library makes them:
//!
//! ```text
//! POST /api/repos/create                          {"name", "organization", "type", "private"}; 409: it exists
//! POST /api/models/REPO/branch/BRANCH             {}; 409: it exists; not for main
//! POST /api/models/REPO/preupload/BRANCH          {"files": [{"path", "sample", "size"}]} → which are large
//! POST /REPO.git/info/lfs/objects/batch           {"objects": [{"oid", "size"}]} → where to put those not there yet
//! PUT  …                                          the bytes, or their parts; then a POST that completes them
//! POST /api/models/REPO/commit/BRANCH             one line of JSON a file
//! ```

use super::super::DataError;
use super::super::network::{Failure, host, quoted, with_retries};
use super::Hub;
use super::client::header;
use super::digest::{git_blob, sha256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::time::Duration;
use ureq::Body;
use ureq::http::Response;

const JSON: &str = "application/json";
const LFS: &str = "application/vnd.git-lfs+json";
/// The first bytes of a file, by which the hub tells text from data.
const SAMPLE: usize = 512;
/// A commit of large files, or putting one together from its parts, may take the hub a while.
const SLOW_ANSWER: Duration = Duration::from_secs(300);

/// What to upload, and where to.
pub struct Upload<'a> {
    /// `OWNER/NAME`.
    pub repo: &'a str,
    pub branch: &'a str,
    /// For a repository that is not there yet.
    pub private: bool,
    /// The first line of the commit's message.
    pub message: &'a str,
    /// Names in the repository, with contents.
    pub files: &'a [(String, Vec<u8>)],
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// The commit's page, or the branch's where nothing differed.
    pub url: String,
    /// The files that were new or different.
    pub changed: usize,
}

#[derive(Deserialize)]
struct Preuploaded {
    files: Vec<Mode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mode {
    path: String,
    upload_mode: String,
    #[serde(default)]
    should_ignore: bool,
    /// The content that is there now: git's name of a small file, the SHA-256 of a large one.
    #[serde(default)]
    oid: Option<String>,
}

#[derive(Deserialize)]
struct Batch {
    objects: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    oid: String,
    #[serde(default)]
    actions: Option<Actions>,
    #[serde(default)]
    error: Option<ObjectError>,
}

#[derive(Deserialize)]
struct ObjectError {
    message: String,
}

#[derive(Deserialize)]
struct Actions {
    upload: Option<Action>,
    verify: Option<Action>,
}

#[derive(Deserialize)]
struct Action {
    href: String,
    #[serde(default)]
    header: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Committed {
    commit_url: String,
}

/// A file that differs from what is there.
struct Change<'a> {
    path: &'a str,
    bytes: &'a [u8],
    /// The SHA-256 of a file for large file storage.
    large: Option<String>,
}

impl Hub {
    /// Whether an upload is worth starting: there is a token, and the network may be used.
    pub fn can_upload(&self, repo: &str) -> Result<(), DataError> {
        if self.settings.offline {
            return Err(DataError::UploadOffline { repo: repo.to_string(), by: self.settings.offline_by });
        }
        if !self.client.has_token() {
            return Err(DataError::NoToken { host: self.client.host() });
        }
        Ok(())
    }

    /// Makes the repository and the branch where they are missing, and commits the files there. Files of other names
    /// stay as they are.
    pub fn upload(&self, upload: &Upload) -> Result<Uploaded, DataError> {
        self.can_upload(upload.repo)?;
        self.create(upload)?;
        let changes = self.changes(upload)?;
        if changes.is_empty() {
            let url = self.client.url(&format!("{}/tree/{}", upload.repo, quoted(upload.branch, true)));
            return Ok(Uploaded { url, changed: 0 });
        }
        self.send_large(upload, &changes)?;
        let url = self.commit(upload, &changes)?;
        Ok(Uploaded { url, changed: changes.len() })
    }

    fn create(&self, upload: &Upload) -> Result<(), DataError> {
        let (owner, name) = upload
            .repo
            .split_once('/')
            .ok_or_else(|| failed(upload, format!("a repository to write to is OWNER/NAME, not `{}`", upload.repo)))?;
        let mut wanted = json!({"name": name, "organization": owner, "type": "model"});
        if upload.private {
            wanted["private"] = true.into();
        }
        with_retries(self.settings.pause, || {
            let url = self.client.url("api/repos/create");
            let response = self.ask(&url, JSON, wanted.to_string().as_bytes())?;
            match response.status().as_u16() {
                200..=299 | 409 => Ok(()),
                // A token for one repository may not make any, and need not where it exists.
                401..=403 if self.exists(upload.repo)? => Ok(()),
                _ => Err(self.refused(upload, &url, response)),
            }
        })?;
        if upload.branch == "main" {
            return Ok(());
        }
        with_retries(self.settings.pause, || {
            let path = format!("api/models/{}/branch/{}", upload.repo, quoted(upload.branch, false));
            let url = self.client.url(&path);
            let response = self.ask(&url, JSON, b"{}")?;
            match response.status().as_u16() {
                200..=299 | 409 => Ok(()),
                _ => Err(self.refused(upload, &url, response)),
            }
        })
    }

    fn exists(&self, repo: &str) -> Result<bool, Failure> {
        let url = self.client.url(&format!("api/models/{repo}"));
        Ok(self.client.get(&url, 0)?.response.status().as_u16() == 200)
    }

    fn changes<'a>(&self, upload: &'a Upload) -> Result<Vec<Change<'a>>, DataError> {
        let file = |(path, bytes): &(String, Vec<u8>)| {
            let sample = STANDARD.encode(&bytes[..bytes.len().min(SAMPLE)]);
            json!({"path": path, "sample": sample, "size": bytes.len()})
        };
        let files: Vec<Value> = upload.files.iter().map(file).collect();
        let body = json!({"files": files}).to_string();
        let path = format!("api/models/{}/preupload/{}", upload.repo, quoted(upload.branch, false));
        let answer: Preuploaded = self.question(upload, &self.client.url(&path), JSON, &body)?;
        let modes: HashMap<&str, &Mode> = answer.files.iter().map(|mode| (mode.path.as_str(), mode)).collect();
        let mut changes = Vec::new();
        for (path, bytes) in upload.files {
            let mode = modes.get(path.as_str());
            let mode = mode.ok_or_else(|| failed(upload, format!("the hub does not say how to send {path}")))?;
            if mode.should_ignore {
                continue;
            }
            // Large file storage takes no empty files.
            let large = (mode.upload_mode == "lfs" && !bytes.is_empty()).then(|| sha256(bytes));
            let own = large.clone().unwrap_or_else(|| git_blob(bytes));
            if mode.oid.as_ref() != Some(&own) {
                changes.push(Change { path, bytes, large });
            }
        }
        Ok(changes)
    }

    fn send_large(&self, upload: &Upload, changes: &[Change]) -> Result<(), DataError> {
        let large: HashMap<&str, &Change> =
            changes.iter().filter_map(|change| Some((change.large.as_deref()?, change))).collect();
        if large.is_empty() {
            return Ok(());
        }
        let objects: Vec<Value> =
            large.iter().map(|(oid, change)| json!({"oid": oid, "size": change.bytes.len()})).collect();
        let body = json!({
            "operation": "upload",
            "transfers": ["basic", "multipart"],
            "objects": objects,
            "hash_algo": "sha256",
            "ref": {"name": upload.branch},
        });
        let url = self.client.url(&format!("{}.git/info/lfs/objects/batch", upload.repo));
        let batch: Batch = self.question(upload, &url, LFS, &body.to_string())?;
        for oid in large.keys() {
            if !batch.objects.iter().any(|object| object.oid == **oid) {
                return Err(failed(upload, format!("the hub does not say where to send {}", large[oid].path)));
            }
        }
        for object in &batch.objects {
            let Some(change) = large.get(object.oid.as_str()) else { continue };
            if let Some(error) = &object.error {
                return Err(failed(upload, format!("the hub does not take {}: {}", change.path, error.message)));
            }
            // Without an action the content is there already.
            let Some(Actions { upload: Some(action), verify }) = &object.actions else { continue };
            self.put(upload, change, action)?;
            if let Some(verify) = verify {
                let body = json!({"oid": object.oid, "size": change.bytes.len()}).to_string();
                let url = self.client.through_endpoint(&verify.href);
                with_retries(self.settings.pause, || {
                    let response = self.ask(&url, JSON, body.as_bytes())?;
                    if response.status().is_success() { Ok(()) } else { Err(self.refused(upload, &url, response)) }
                })?;
            }
        }
        Ok(())
    }

    fn put(&self, upload: &Upload, change: &Change, action: &Action) -> Result<(), DataError> {
        let none = Map::new();
        let header = action.header.as_ref().unwrap_or(&none);
        let target = self.client.through_endpoint(&action.href);
        let Some(size) = header.get("chunk_size") else {
            self.put_bytes(upload, change.path, &target, change.bytes)?;
            return Ok(());
        };
        // In parts: the header holds their length and, under their numbers from 1, their addresses.
        let strange = || failed(upload, format!("the hub's directions for sending {} make no sense", change.path));
        let size = size.as_str().map_or(size.as_u64(), |text| text.parse().ok());
        let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0).ok_or_else(strange)?;
        let mut addresses: Vec<(u64, &str)> =
            header.iter().filter_map(|(number, url)| Some((number.parse().ok()?, url.as_str()?))).collect();
        addresses.sort_unstable();
        let parts: Vec<&[u8]> = change.bytes.chunks(size).collect();
        if parts.len() != addresses.len() {
            return Err(strange());
        }
        let mut done = Vec::with_capacity(parts.len());
        for (number, (part, (_, url))) in (1..).zip(parts.iter().zip(&addresses)) {
            let response = self.put_bytes(upload, change.path, url, part)?;
            let etag = super::client::header(&response, "etag").ok_or_else(strange)?;
            done.push(json!({"partNumber": number, "etag": etag}));
        }
        let body = json!({"oid": change.large, "parts": done}).to_string();
        with_retries(self.settings.pause, || {
            let request = self.client.post(&target, LFS).header("accept", LFS);
            let request = request.config().timeout_recv_response(Some(SLOW_ANSWER)).build();
            let response = self.client.send(request, &target, body.as_bytes())?;
            if response.status().is_success() { Ok(()) } else { Err(self.refused(upload, &target, response)) }
        })
    }

    fn put_bytes(&self, upload: &Upload, path: &str, url: &str, bytes: &[u8]) -> Result<Response<Body>, DataError> {
        with_retries(self.settings.pause, || {
            let response = self.client.send(self.client.put(url), url, bytes)?;
            if response.status().is_success() {
                return Ok(response);
            }
            let status = response.status().as_u16();
            let error = DataError::Status { host: host(url), status, what: format!("{path} of {}", upload.repo) };
            Err(Failure::status(error, status, header(&response, "retry-after")))
        })
    }

    fn commit(&self, upload: &Upload, changes: &[Change]) -> Result<String, DataError> {
        let mut body = json!({"key": "header", "value": {"summary": upload.message, "description": ""}}).to_string();
        for change in changes {
            let line = match &change.large {
                Some(oid) => json!({
                    "key": "lfsFile",
                    "value": {"path": change.path, "algo": "sha256", "oid": oid, "size": change.bytes.len()},
                }),
                None => json!({
                    "key": "file",
                    "value": {"content": STANDARD.encode(change.bytes), "path": change.path, "encoding": "base64"},
                }),
            };
            body.push('\n');
            body.push_str(&line.to_string());
        }
        body.push('\n');
        let path = format!("api/models/{}/commit/{}", upload.repo, quoted(upload.branch, false));
        let url = self.client.url(&path);
        with_retries(self.settings.pause, || {
            let request = self.client.post(&url, "application/x-ndjson");
            let request = request.config().timeout_recv_response(Some(SLOW_ANSWER)).build();
            // Sent again only where the hub says that it did not take it: else there could be two commits.
            let response = self
                .client
                .send(request, &url, body.as_bytes())
                .map_err(|failure| Failure { again: false, ..failure })?;
            match response.status().as_u16() {
                200..=299 => self.client.json::<Committed>(response).map(|committed| committed.commit_url),
                429 | 503 => Err(self.refused(upload, &url, response)),
                _ => Err(Failure { again: false, ..self.refused(upload, &url, response) }),
            }
        })
    }

    fn question<T: serde::de::DeserializeOwned>(
        &self,
        upload: &Upload,
        url: &str,
        content_type: &str,
        body: &str,
    ) -> Result<T, DataError> {
        with_retries(self.settings.pause, || {
            let response = self.ask(url, content_type, body.as_bytes())?;
            if response.status().is_success() {
                return self.client.json(response);
            }
            Err(self.refused(upload, url, response))
        })
    }

    fn ask(&self, url: &str, content_type: &str, body: &[u8]) -> Result<Response<Body>, Failure> {
        self.client.send(self.client.post(url, content_type).header("accept", content_type), url, body)
    }

    /// With the hub's own words, which say for example that a name is not allowed.
    fn refused(&self, upload: &Upload, url: &str, mut response: Response<Body>) -> Failure {
        let status = response.status().as_u16();
        let said = header(&response, "x-error-message").map(str::to_string).or_else(|| {
            let body = response.body_mut().with_config().limit(1 << 16).read_to_string().ok()?;
            let body: Value = serde_json::from_str(&body).ok()?;
            body["error"].as_str().map(str::to_string)
        });
        let said = said.map_or(String::new(), |said| format!(": {}", said.chars().take(500).collect::<String>()));
        let hint = match status {
            401 | 403 => "; check that HF_TOKEN may write there",
            _ => "",
        };
        let error = failed(upload, format!("{} answered {status}{said}{hint}", host(url)));
        Failure::status(error, status, header(&response, "retry-after"))
    }
}

fn failed(upload: &Upload, what: String) -> DataError {
    DataError::Upload { repo: upload.repo.to_string(), what }
}

//! One file of a repository at one commit, downloaded into the cache as Hugging Face's own tools lay it out:
//!
//! ```text
//! .locks/models--OWNER--NAME/ETAG.lock      held (flock) while that file is downloaded
//! models--OWNER--NAME/
//!   blobs/ETAG.incomplete                   what has arrived; a later attempt, or run, goes on from its end
//!   blobs/ETAG                              the file, whole and checked
//!   snapshots/COMMIT/config.json            a relative link to it
//!   refs/main                               the commit that a revision named
//! ```

use super::super::DataError;
use super::super::arriving;
use super::super::network::{Failure, Patience, Steady, first_byte, host, is_late, least, quoted};
use super::super::walk::{self, Links};
use super::Hub;
use super::client::{Answer, header};
use super::digest::Promise;
use crate::hold;
use hf_hub::Repo;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Of one file, each time without having got further than before.
const RETRIES: usize = 4;

/// The file that is wanted, for addresses and messages.
struct Wanted<'a> {
    name: &'a str,
    file: &'a str,
    url: String,
    folder: PathBuf,
    pointer: PathBuf,
}

/// What the hub says of it.
struct Remote {
    etag: String,
    size: Option<u64>,
    /// Where its bytes are.
    url: String,
}

/// How an attempt went, for the next one.
#[derive(Default)]
struct Progress {
    /// The most bytes that there ever were.
    reached: u64,
    damaged: bool,
    /// It broke off because it took too long.
    late: bool,
}

impl Hub {
    pub(super) fn file(&self, name: &str, repo: &Repo, commit: &str, file: &str) -> Result<PathBuf, DataError> {
        let folder = self.settings.cache.join(repo.folder_name());
        let pointer = folder.join("snapshots").join(commit).join(file);
        if Links::Into(&folder.join("blobs")).allow(&pointer) {
            return Ok(pointer);
        }
        let path = format!("{}/resolve/{commit}/{}", repo.url(), quoted(file, true));
        let wanted = Wanted { name, file, url: self.client.url(&path), folder, pointer };
        let mut patience = Patience::new(RETRIES, self.settings.pause);
        let mut progress = Progress::default();
        loop {
            let before = progress.reached;
            match self.attempt(&wanted, &mut progress) {
                Ok(()) => return Ok(wanted.pointer),
                Err(failure) => {
                    // A byte now and then is no progress.
                    let late = std::mem::take(&mut progress.late);
                    let enough = if late { least(self.settings.window) } else { 1 };
                    if progress.reached - before >= enough {
                        patience.renew();
                    }
                    patience.wait(failure)?;
                }
            }
        }
    }

    /// Keeps which commit a revision was, so that it serves offline.
    pub(super) fn record(&self, repo: &Repo, revision: &str, commit: &str) -> Result<(), DataError> {
        let path = self.settings.cache.join(repo.folder_name()).join("refs").join(revision);
        if walk::small_text(&path).is_ok_and(|known| known == commit) {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(&self.settings.cache);
        let write = || {
            fs::create_dir_all(folder)?;
            let mut file = tempfile::Builder::new().prefix(".ref-").tempfile_in(folder)?;
            file.write_all(commit.as_bytes())?;
            readable(file.as_file())?;
            file.persist(&path).map_err(|error| error.error)
        };
        write().map_err(|source| DataError::Io { action: "record a revision in", path: path.clone(), source })?;
        Ok(())
    }

    fn attempt(&self, wanted: &Wanted, progress: &mut Progress) -> Result<(), Failure> {
        let remote = self.remote(wanted)?;
        let blob = wanted.folder.join("blobs").join(&remote.etag);
        let lock = self.lock(wanted, &remote.etag)?;
        // Another process may have been faster, or another commit may have the same file.
        let whole = fs::metadata(&blob)
            .is_ok_and(|found| found.is_file() && remote.size.is_none_or(|size| size == found.len()));
        if !whole {
            // Where locks do not work, nobody else's half file may be continued.
            let suffix = if lock.is_some() { String::new() } else { format!(".{:08x}", std::process::id()) };
            let partial = wanted.folder.join("blobs").join(format!("{}{suffix}.incomplete", remote.etag));
            self.complete(wanted, &remote, &partial, progress)?;
            fs::rename(&partial, &blob).map_err(|source| disk("write", &blob, source))?;
        }
        link(&blob, &wanted.pointer).map_err(|source| disk("write", &wanted.pointer, source))
    }

    fn remote(&self, wanted: &Wanted) -> Result<Remote, Failure> {
        let Answer { response, url } = self.client.head(&wanted.url)?;
        match response.status().as_u16() {
            200..=399 => {}
            404 => {
                let (repo, file) = (wanted.name.to_string(), wanted.file.to_string());
                return Err(Failure::last(DataError::NoFile { repo, file, hint: ", though it lists it".to_string() }));
            }
            _ => return Err(self.client.refusal(&wanted.url, wanted.name, &response)),
        }
        let redirected = response.status().is_redirection();
        let number = |name: &str| header(&response, name).and_then(|text| text.trim().parse().ok());
        let etag = header(&response, "x-linked-etag").or(header(&response, "etag")).map(normalised);
        let etag = etag.filter(|etag| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'=');
            (1..=200).contains(&etag.len()) && !etag.starts_with('.') && etag.bytes().all(plain)
        });
        let Some(etag) = etag else {
            let what = format!("{} has no ETag that can name a file", wanted.file);
            return Err(Failure::last(DataError::NotAHub { host: self.client.host(), what }));
        };
        let size = number("x-linked-size").or(number("content-length").filter(|_| !redirected));
        Ok(Remote { etag, size, url })
    }

    /// `None` where the file system has no locks that keep others out.
    fn lock(&self, wanted: &Wanted, etag: &str) -> Result<Option<File>, Failure> {
        let name = wanted.folder.file_name().unwrap_or_default();
        let path = self.settings.cache.join(".locks").join(name).join(format!("{etag}.lock"));
        for folder in [path.parent(), Some(&wanted.folder.join("blobs")), wanted.pointer.parent()].into_iter().flatten()
        {
            fs::create_dir_all(folder).map_err(|source| disk("create", folder, source))?;
        }
        walk::make_room(&path).map_err(|source| disk("remove", &path, source))?;
        let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = open.map_err(|source| disk("create", &path, source))?;
        // Some file systems give a lock to everybody.
        let lies = || hold::flock_lies() || File::open(&path).is_ok_and(|second| second.try_lock().is_ok());
        Ok((file.lock().is_ok() && !lies()).then_some(file))
    }

    /// Brings `partial` to its full length and checks it.
    fn complete(
        &self,
        wanted: &Wanted,
        remote: &Remote,
        partial: &Path,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let written = |source| disk("write", partial, source);
        walk::make_room(partial).map_err(written)?;
        let mut file = OpenOptions::new().create(true).append(true).open(partial).map_err(written)?;
        let mut length = file.metadata().map_err(written)?.len();
        if remote.size.is_some_and(|size| length > size) {
            file.set_len(0).map_err(written)?;
            length = 0;
        }
        progress.reached = progress.reached.max(length);
        if remote.size != Some(length) {
            length = self.receive(wanted, remote, partial, &mut file, length, progress)?;
        }
        file.sync_all().map_err(written)?;
        drop(file);
        let mut content = File::open(partial).map_err(written)?;
        let actual = Promise::of(&remote.etag).digest(&mut content, length);
        let actual = actual.map_err(|source| disk("read", partial, source))?;
        match actual {
            Some(actual) if actual != remote.etag => {
                fs::remove_file(partial).map_err(|source| disk("remove", partial, source))?;
                let error = DataError::HubDigest {
                    host: host(&remote.url),
                    repo: wanted.name.to_string(),
                    file: wanted.file.to_string(),
                    expected: remote.etag.clone(),
                    actual,
                };
                let again = !std::mem::replace(&mut progress.damaged, true);
                Err(Failure { error: Box::new(error), again, wait: None })
            }
            _ => Ok(()),
        }
    }

    /// Appends the bytes from `start` on to `file`, which is at `partial`, and gives its new length.
    fn receive(
        &self,
        wanted: &Wanted,
        remote: &Remote,
        partial: &Path,
        file: &mut File,
        start: u64,
        progress: &mut Progress,
    ) -> Result<u64, Failure> {
        let written = |source| disk("write", partial, source);
        let Answer { mut response, url } = self.client.get(&remote.url, start)?;
        let cut = |what: String| {
            let (repo, file) = (wanted.name.to_string(), wanted.file.to_string());
            let error = DataError::CutOff { host: host(&url), repo, file, what };
            Failure { error: Box::new(error), again: true, wait: None }
        };
        let mut length = start;
        match response.status().as_u16() {
            200 => {
                // All of it, whatever was asked for.
                file.set_len(0).map_err(written)?;
                length = 0;
            }
            206 if first_byte(header(&response, "content-range")) == Some(start) => {}
            206 | 416 => {
                file.set_len(0).map_err(written)?;
                return Err(cut("it sent another part than the one asked for".to_string()));
            }
            _ => return Err(self.client.refusal(&url, wanted.name, &response)),
        }
        let size = response.body().content_length();
        let mut body = Steady::new(response.body_mut().as_reader(), size, self.settings.window);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = body.read(&mut buffer).map_err(|error| {
                let error = ureq::Error::from(error);
                progress.late = is_late(&error);
                cut(error.to_string())
            })?;
            if read == 0 {
                break;
            }
            length += read as u64;
            if remote.size.is_some_and(|size| length > size) {
                file.set_len(0).map_err(written)?;
                return Err(cut("it sent more than the file's size".to_string()));
            }
            file.write_all(&buffer[..read]).map_err(written)?;
            progress.reached = progress.reached.max(length);
            arriving::arrived(length, remote.size);
            hold::at(format_args!("arrived"));
        }
        match remote.size {
            Some(size) if length < size => Err(cut(format!("{length} of {size} bytes arrived"))),
            _ => Ok(length),
        }
    }
}

/// Without the quotes, and without the mark of a weak one.
fn normalised(etag: &str) -> String {
    etag.trim_start_matches("W/").trim_matches('"').to_string()
}

/// A relative link, so that the cache can be moved as a whole.
fn link(blob: &Path, pointer: &Path) -> std::io::Result<()> {
    let blobs = blob.parent().unwrap_or(blob);
    if Links::Into(blobs).allow(pointer) {
        return Ok(());
    }
    // A link that leads nowhere, or to where none of the layout does.
    fs::remove_file(pointer).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    #[cfg(unix)]
    {
        let snapshots = blob.parent().and_then(Path::parent).map(|folder| folder.join("snapshots"));
        let below = snapshots.as_deref().and_then(|snapshots| pointer.strip_prefix(snapshots).ok());
        let up = "../".repeat(below.map_or(0, |below| below.components().count()));
        let name = blob.file_name().unwrap_or_default();
        match std::os::unix::fs::symlink(Path::new(&format!("{up}blobs")).join(name), pointer) {
            // Another process was faster.
            Err(_) if Links::Into(blobs).allow(pointer) => Ok(()),
            done => done,
        }
    }
    #[cfg(not(unix))]
    fs::copy(blob, pointer).map(drop)
}

/// Temporary files are private, but a cache is often shared.
fn readable(file: &File) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    Ok(())
}

fn disk(action: &'static str, path: &Path, source: std::io::Error) -> Failure {
    Failure::last(DataError::Io { action, path: path.to_path_buf(), source })
}

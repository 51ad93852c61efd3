//! The cache: immutable objects named by their digest, and a manifest for every finished step.
//!
//! ```text
//! cache/
//!   CACHEDIR.TAG
//!   v1/
//!     objects/ab/ab12…       artifacts, read-only
//!     steps/ab/<key>.json    manifest, written last: a step exists when its manifest does
//!     packs/<digest>.pack    many manifests in one file (`pack.rs`)
//!     experiments/<name>.json  which key each step of an experiment had last (only to explain changes)
//!     scratch/<key>/         a running step's own files
//!     locks/<key>.lock       held while a step runs
//!     alive/<run>.lock       held while a run is going on
//!     gc.lock                held while something is removed
//!     runs/<run-id>/         journal.jsonl, logs/
//!     slurm/<name>/          scripts and jobs of a study's pilots (`slurm/`)
//!     damaged/               what did not match its name, moved out of the way
//! ```
//! Everything is written to a temporary file beside its place, synced and renamed. Killed anywhere, the cache is
//! incomplete at worst, never wrong. Reading needs no lock.

mod archive;
mod damage;
mod error;
mod files;
mod finished;
mod gc;
mod incoming;
mod inventory;
mod leftovers;
mod living;
mod lock;
mod manifest;
mod pack;
mod scratch;
mod shared;
mod steps;
mod usage;
mod verify;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub use archive::{ArchiveError, Exported, Imported};
pub use error::StoreError;
pub use files::publish;
pub use finished::{Finished, Made};
pub use gc::{Removal, Sweep, Wanted, What};
pub use incoming::{Incoming, LARGEST_MANIFEST};
pub use inventory::in_parallel_on;
pub use leftovers::remove as remove_leftovers;
pub use lock::{Attempt, Holder, StepLock, Watch};
pub use manifest::{InputRecord, MANIFEST_FORMAT, Manifest, OutputRecord, Provenance};
pub use scratch::Scratch;
pub use shared::{make_folder, make_new_folder, share};
pub use usage::{KindUsage, Part, Usage};
pub use verify::Verified;

use error::damaged;
use files::{plain, refuse_linked_folder};
use pack::index::Packs;

use crate::fingerprint::{Digest, Key};

const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
# This directory holds results that `pipeline` can compute again.\n";

#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    packs: Arc<Mutex<Packs>>,
}

impl Store {
    /// Opens the cache in `directory`, making it where there is none. Fails where it cannot be written.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let store = Self::existing(directory);
        for folder in ["objects", "steps", "packs", "experiments", "scratch", "locks", "alive", "runs"] {
            let path = store.root.join(folder);
            make_folder(&path).map_err(|error| StoreError::unwritable(&path, error))?;
        }
        let tag = directory.join("CACHEDIR.TAG");
        if !tag.exists() {
            publish(&tag, TAG.as_bytes(), false)?;
        }
        lock::try_out(&store.root.join("locks"));
        // Found out now rather than after an hour of training.
        leftovers::temporary(&store.root).map_err(|error| StoreError::unwritable(&store.root, error))?;
        Ok(store)
    }

    /// Makes a cache that belongs to a group, by its number, or to its owner alone; one that is there is given to them.
    ///
    /// # Errors
    /// It is another's.
    pub fn init(directory: &Path, group: Option<u32>) -> Result<Self, StoreError> {
        let store = Self::open(directory)?;
        let given = shared::give(directory, group, false).and_then(|()| shared::give(&store.root, group, true));
        given.map_err(|error| StoreError::unwritable(directory, error))?;
        Ok(store)
    }

    /// Whether this user may write wherever a finished step may have to: found out before the work and not after it.
    ///
    /// # Errors
    /// A folder that another user made for himself.
    pub fn check_folders(&self) -> Result<(), StoreError> {
        let shards = |folder: &str| fs::read_dir(self.root.join(folder)).into_iter().flatten().flatten();
        let all = ["objects", "steps"].into_iter().flat_map(|folder| shards(folder).map(|entry| entry.path()));
        let tops = ["objects", "steps", "packs", "experiments", "scratch", "locks", "alive", "runs"];
        let tops = tops.into_iter().map(|folder| self.root.join(folder));
        match tops.chain(all).find(|folder| folder.is_dir() && !shared::may_write(folder)) {
            None => Ok(()),
            Some(folder) => {
                let why = "another user made it for himself; `pipeline cache init --group NAME` by its owner shares it";
                Err(StoreError::unwritable(&folder, std::io::Error::new(std::io::ErrorKind::PermissionDenied, why)))
            }
        }
    }

    /// The cache in `directory` for reading alone; nothing is made.
    pub fn existing(directory: &Path) -> Self {
        Self { root: directory.join("v1"), packs: Arc::default() }
    }

    /// Whether the file system's locks keep anybody out; else what lock files say decides, which is slower.
    pub fn has_locks(&self) -> bool {
        !lock::lie()
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn object_path(&self, digest: &Digest) -> PathBuf {
        object_path(&self.root.join("objects"), digest)
    }

    /// Stores bytes under their digest; bytes that are there already are not written again.
    pub fn put(&self, bytes: &[u8]) -> Result<OutputRecord, StoreError> {
        let digest = Digest::of(bytes);
        let path = self.object_path(&digest);
        let size = bytes.len() as u64;
        refuse_linked_folder(&path)?;
        match self.check_content(&digest) {
            // Young again, so that nothing takes it for the leftover of a run long ago.
            Ok(_) => drop(File::open(&path).and_then(|file| file.set_modified(std::time::SystemTime::now()))),
            Err(_) => {
                self.make_room(&path);
                publish(&path, bytes, true)?;
            }
        }
        Ok(OutputRecord { digest, size, inline: None })
    }

    /// A running step's own files; whoever uses them holds the step's lock.
    pub fn scratch(&self, key: &Key) -> Scratch {
        let folder = self.root.join("scratch").join(key.to_string());
        if fs::symlink_metadata(&folder).is_ok_and(|found| !found.is_dir()) {
            // Of a link the link alone: what it leads to is none of the cache's.
            fs::remove_file(&folder).ok();
        }
        Scratch::new(folder)
    }

    /// Tries to get the right to run a step. `dead` is what a [`Watch`] said about its lock.
    pub fn lock(&self, key: &Key, step: &str, dead: Option<&str>) -> Result<Attempt, StoreError> {
        let path = self.lock_path(key);
        self.make_room(&path);
        lock::acquire(&path, step, dead)
    }

    pub fn lock_path(&self, key: &Key) -> PathBuf {
        self.root.join("locks").join(format!("{key}.lock"))
    }

    /// Removes the scratch of finished steps: their workers were killed before they could.
    pub fn remove_finished_scratch(&self) {
        for entry in fs::read_dir(self.root.join("scratch")).into_iter().flatten().flatten() {
            let Some(key) = entry.file_name().to_str().and_then(|name| name.parse().ok()).map(Key) else { continue };
            if matches!(self.manifest(&key), Ok(Some(_)))
                && let Ok(Attempt::Held(_lock)) = self.lock(&key, "", None)
            {
                self.scratch(&key).clear();
            }
        }
    }

    /// Removes temporary files that killed processes left.
    pub fn remove_leftovers(&self) {
        leftovers::remove(&self.root, 2);
    }

    /// The key that each step of an experiment had when it was last finished, by the step's label.
    pub fn last_keys(&self, experiment: &str) -> BTreeMap<String, Key> {
        self.read_last_keys(experiment).unwrap_or_default()
    }

    /// The same for those who must know whether it is all.
    ///
    /// # Errors
    /// It cannot be read, or is not what was written.
    pub fn read_last_keys(&self, experiment: &str) -> Result<BTreeMap<String, Key>, StoreError> {
        let path = self.last_keys_path(experiment);
        if plain(&path)?.is_none() {
            return Ok(BTreeMap::new());
        }
        let bytes = fs::read(&path).map_err(|error| StoreError::read(&path, error))?;
        let wrong = || damaged(&path, "it is not what was written");
        let mut keys: BTreeMap<String, Key> = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
        let sealed = keys.remove(SEAL);
        // Earlier versions wrote none. Every label has a point in it, so that one that lacks it was the seal.
        match sealed {
            Some(seal) if seal != seal_of(&keys) => Err(wrong()),
            None if keys.keys().any(|label| !label.contains('.')) => Err(wrong()),
            _ => Ok(keys),
        }
    }

    pub fn remember_keys(&self, experiment: &str, keys: &BTreeMap<String, Key>) -> Result<(), StoreError> {
        let path = self.last_keys_path(experiment);
        let mut sealed = keys.clone();
        // Among the others, where earlier versions take it for a step that nobody has.
        sealed.insert(SEAL.to_owned(), seal_of(keys));
        let text = serde_json::to_string_pretty(&sealed).unwrap_or_default();
        self.make_room(&path);
        publish(&path, text.as_bytes(), false)
    }

    fn last_keys_path(&self, experiment: &str) -> PathBuf {
        self.root.join("experiments").join(format!("{experiment}.json"))
    }
}

const SEAL: &str = "seal";

fn seal_of(keys: &BTreeMap<String, Key>) -> Key {
    Key(Digest::of(serde_json::to_string(keys).unwrap_or_default().as_bytes()))
}

fn object_path(folder: &Path, digest: &Digest) -> PathBuf {
    sharded(folder, &digest.to_string(), "")
}

fn manifest_path(folder: &Path, key: &Key) -> PathBuf {
    sharded(folder, &key.to_string(), ".json")
}

fn sharded(folder: &Path, name: &str, suffix: &str) -> PathBuf {
    folder.join(&name[..2]).join(format!("{name}{suffix}"))
}

#[cfg(test)]
pub(crate) mod tests;

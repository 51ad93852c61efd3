//! Many small steps in one file, with the same promises: a study of all pairs would else be tens of thousands of files.
//!
//! ```text
//! packs/<digest>.pack
//!   pipeline.pack.v1
//!   one manifest a line, each with its seal, in the order of the keys
//!   the index: what planning asks of each of them, as JSON, named by the digest in the file's name
//!   where the index begins, in twenty digits
//! ```
//! A pack is written whole under its name, and only then do the manifests in it lose files of their own. So a step is in
//! one of the two at any time, and whoever finds no file looks for packs that are new. Where there is both, the file
//! counts: it is what a later run made of the step. Nothing in a pack is trusted for standing there: the index must have
//! the digest of the pack's name, a manifest is checked as one in a file is, and an artifact against its digest. Where
//! the index is damaged the lines are read instead.

pub(super) mod file;
pub(super) mod index;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard, PoisonError};

use index::Packs;

use crate::fingerprint::Key;
use crate::store::{Finished, Store, StoreError};

impl Store {
    fn packs_folder(&self) -> PathBuf {
        self.root().join("packs")
    }

    fn known_packs(&self) -> MutexGuard<'_, Packs> {
        self.packs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step that a pack holds.
    pub(super) fn packed(&self, key: &Key) -> Result<Option<Arc<Finished>>, StoreError> {
        if let Some(step) = self.known_packs().steps.get(key) {
            return Ok(Some(step.clone()));
        }
        self.look_at_packs()?;
        Ok(self.known_packs().steps.get(key).cloned())
    }

    /// All steps that packs hold, in the order of their keys.
    pub(super) fn all_packed(&self) -> Result<Vec<Arc<Finished>>, StoreError> {
        self.look_at_packs()?;
        let mut steps: Vec<Arc<Finished>> = self.known_packs().steps.values().cloned().collect();
        steps.sort_by_key(|step| step.key);
        Ok(steps)
    }

    /// Looks which packs there are now; those that are known already are not read again.
    pub fn look_at_packs(&self) -> Result<(), StoreError> {
        self.known_packs().look(&self.packs_folder())
    }

    /// It is read again, if it is still there.
    fn forget_pack(&self, path: &Path) {
        self.known_packs().packs.retain(|_, known| known.pack.path != path);
    }

    /// Packs whose index is damaged.
    pub(super) fn broken_packs(&self) -> Vec<PathBuf> {
        let known = self.known_packs();
        known.packs.values().filter(|known| known.broken).map(|known| known.pack.path.clone()).collect()
    }
}

#[cfg(test)]
mod tests;

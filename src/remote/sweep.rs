//! What may go from the bucket: steps that nobody wants, then what no step refers to.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{AT_A_TIME, Remote, RemoteError, There, object_name, step_name};
use crate::data::s3::{Listed, Unfinished};
use crate::fingerprint::{Digest, Key};
use crate::store::{LARGEST_MANIFEST, Manifest, StoreError, in_parallel_on};

/// Who pushes sends objects before manifests, and takes no longer.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What goes, and what stays.
#[derive(Debug, Default)]
pub struct Swept {
    pub steps: usize,
    pub objects: usize,
    /// Large objects that were begun to be sent, and never finished.
    pub unfinished: usize,
    pub bytes: u64,
    /// Bytes that stay.
    pub left: u64,
}

impl Remote {
    /// Removes the steps that are not `wanted` (`None` keeps all) and the objects that no other refers to, if they have
    /// been there for a day. Only looks with `dry_run`. Killed anywhere, what is left goes the next time.
    ///
    /// # Errors
    /// A manifest of a newer version: what it needs is not known.
    pub fn sweep(&self, wanted: Option<&BTreeSet<Key>>, dry_run: bool) -> Result<Swept, RemoteError> {
        let there = self.look()?;
        let unfinished = self.bucket.unfinished("v1/")?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let old = |modified: u64| modified.saturating_add(DAY.as_secs()) < now.as_secs();
        let (stay, go): (Vec<Key>, Vec<Key>) =
            there.steps.keys().partition(|key| wanted.is_none_or(|wanted| wanted.contains(key)));
        let mut used = self.used_by(&stay)?;
        if !dry_run {
            self.remove(&go, step_name)?;
        }
        let unused = |used: &BTreeSet<Digest>| -> Vec<Digest> {
            let free = there.objects.iter().filter(|(digest, listed)| !used.contains(digest) && old(listed.modified));
            free.map(|(digest, _)| *digest).collect()
        };
        if !dry_run && !unused(&used).is_empty() {
            // What was pushed meanwhile.
            let now: Vec<Key> = self.look()?.steps.into_keys().filter(|key| !there.steps.contains_key(key)).collect();
            used.extend(self.used_by(&now)?);
        }
        let objects = unused(&used);
        let unfinished: Vec<Unfinished> = unfinished.into_iter().filter(|upload| old(upload.begun)).collect();
        if !dry_run {
            self.remove(&objects, object_name)?;
            unfinished.iter().try_for_each(|upload| self.bucket.forget(upload))?;
        }
        Ok(swept(&there, &go, &objects, unfinished.len()))
    }

    fn used_by(&self, keys: &[Key]) -> Result<BTreeSet<Digest>, RemoteError> {
        let manifests = in_parallel_on(AT_A_TIME, keys, |key| {
            let bytes = self.bucket.read(&step_name(key), LARGEST_MANIFEST)?;
            match bytes.map(|bytes| Manifest::foreign(&String::from_utf8_lossy(&bytes), key)) {
                Some(Ok(manifest)) => Ok(manifest.objects().collect()),
                Some(Err(newer @ StoreError::Newer { .. })) => Err(RemoteError::from(newer)),
                // Nobody can use it.
                Some(Err(_)) | None => Ok(Vec::new()),
            }
        });
        let mut used = BTreeSet::new();
        for objects in manifests {
            let objects: Vec<Digest> = objects?;
            used.extend(objects);
        }
        Ok(used)
    }

    fn remove<T: Sync>(&self, items: &[T], name: impl Fn(&T) -> String + Sync) -> Result<(), RemoteError> {
        in_parallel_on(AT_A_TIME, items, |item| self.bucket.remove(&name(item)))
            .into_iter()
            .try_for_each(|removed| Ok(removed?))
    }
}

fn swept(there: &There, steps: &[Key], objects: &[Digest], unfinished: usize) -> Swept {
    fn sum<'a>(listed: impl Iterator<Item = &'a Listed>) -> u64 {
        listed.fold(0, |sum, listed| sum.saturating_add(listed.bytes))
    }
    let all = sum(there.steps.values().chain(there.objects.values()));
    let steps_gone = steps.iter().filter_map(|key| there.steps.get(key));
    let bytes = sum(steps_gone.chain(objects.iter().filter_map(|object| there.objects.get(object))));
    Swept { steps: steps.len(), objects: objects.len(), unfinished, bytes, left: all.saturating_sub(bytes) }
}

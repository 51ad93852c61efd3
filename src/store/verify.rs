//! Every manifest and every object against its digest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use super::error::damaged;
use super::inventory::in_parallel;
use super::{Store, StoreError};
use crate::fingerprint::Digest;

#[derive(Debug, Default)]
pub struct Verified {
    pub steps: usize,
    pub objects: usize,
    pub bytes: u64,
    /// What is damaged and, unless it was only looked for, where it was moved.
    pub damage: Vec<StoreError>,
    /// Finished steps that the damage takes with it: what they are called, and which object they lack.
    pub lost: Vec<(String, Digest)>,
    /// Links and files with names that the cache gives to nothing; they are left alone.
    pub strange: Vec<PathBuf>,
    /// Manifests of a newer version; they are left alone.
    pub newer: usize,
}

impl Verified {
    pub fn is_whole(&self) -> bool {
        self.damage.is_empty() && self.lost.is_empty() && self.strange.is_empty()
    }
}

impl Store {
    /// How many bytes [`Store::verify`] is going to read from objects.
    pub fn bytes_to_verify(&self) -> Result<u64, StoreError> {
        Ok(self.list_objects()?.entries.iter().map(|object| object.bytes).sum())
    }

    /// Reads everything. What is damaged is moved to the folder `damaged` if `repair`, so that the next run makes it
    /// again. Runs may go on meanwhile. `read` is told the bytes of each object that was read.
    pub fn verify(&self, repair: bool, read: impl Fn(u64) + Sync) -> Result<Verified, StoreError> {
        let (steps, objects) = (self.list_steps()?, self.list_objects()?);
        let mut verified = Verified { objects: objects.entries.len(), ..Verified::default() };
        verified.strange = steps.strange.iter().chain(&objects.strange).cloned().collect();
        let judge = |error| if repair { self.set_aside(error) } else { error };

        let contents = in_parallel(&objects.entries, |object| {
            let content = self.check_content(&object.name);
            read(object.bytes);
            content
        });
        let mut whole: BTreeMap<Digest, u64> = BTreeMap::new();
        for (object, content) in objects.entries.iter().zip(contents) {
            match content {
                Ok(bytes) => {
                    verified.bytes += bytes;
                    whole.insert(object.name, bytes);
                }
                // Removed by `gc`, or moved away by a run, since the objects were listed: no damage unless a step has it.
                Err(_) if fs::symlink_metadata(&object.path).is_err() => verified.objects -= 1,
                Err(error) => verified.damage.push(judge(error)),
            }
        }
        let found = self.read_manifests(&steps)?;
        verified.steps = found.len();
        let mut unpacked = BTreeSet::new();
        for found in found {
            match found.manifest {
                Ok(manifest) => {
                    // A run may have made the object since the objects were listed.
                    let lacking = manifest
                        .outputs
                        .values()
                        .filter(|output| output.inline.is_none() && whole.get(&output.digest) != Some(&output.size))
                        .find(|output| {
                            whole.contains_key(&output.digest) || self.check_content(&output.digest).is_err()
                        });
                    // `gc` removes a manifest before its objects, so where that is gone nothing is lost.
                    let there = || !matches!(self.read_manifest(&found.key), Ok(None));
                    match lacking {
                        Some(output) if there() => verified.lost.push((manifest.step.clone(), output.digest)),
                        Some(_) => verified.steps -= 1,
                        None => {}
                    }
                }
                Err(StoreError::Newer { .. }) => verified.newer += 1,
                Err(error) if found.packed => {
                    verified.damage.push(error);
                    unpacked.insert(found.key);
                }
                Err(error) => verified.damage.push(judge(error)),
            }
        }
        let broken = self.broken_packs();
        if repair && !(unpacked.is_empty() && broken.is_empty()) {
            self.unpack(&unpacked)?;
        }
        let broken = broken.into_iter().map(|path| damaged(&path, "its index is not what was written"));
        verified.damage.extend(broken);
        Ok(verified)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Once;

    use super::super::tests::{finish, store};
    use crate::store::{Wanted, publish};

    #[test]
    fn what_gc_removes_meanwhile_is_no_damage() {
        let (_folder, store) = store();
        let steps: Vec<_> =
            (0..40).map(|number| finish(&store, number, format!("bytes {number}").as_bytes())).collect();
        let wanted = Wanted { steps: [steps[0].key].into(), ..Wanted::default() };
        // `verify` has listed everything, and has read one object when `gc` comes.
        let gc = Once::new();
        let sweep = store.sweep(&wanted, None, std::time::SystemTime::now()).unwrap();
        let beside = |_| gc.call_once(|| assert!(store.remove(&sweep).unwrap() > 0));
        let verified = store.verify(true, beside).unwrap();
        assert!(verified.is_whole(), "{verified:?}");
        assert_eq!(store.verify(true, |_| ()).unwrap().steps, 1);
    }

    #[test]
    fn damage_is_found_and_moved_away_once() {
        let (_folder, store) = store();
        let steps: Vec<_> = (0..5).map(|number| finish(&store, number, format!("bytes {number}").as_bytes())).collect();
        assert!(store.verify(true, |_| ()).unwrap().is_whole());
        let object = |step: usize| steps[step].outputs["x"].digest;
        publish(&store.object_path(&object(0)), b"BYTES 0", true).unwrap();
        publish(&store.object_path(&object(1)), b"bytes", true).unwrap();
        std::fs::remove_file(store.object_path(&object(2))).unwrap();
        publish(&store.manifest_path(&steps[3].key), b"{}", false).unwrap();
        for repair in [false, true] {
            let verified = store.verify(repair, |_| ()).unwrap();
            assert_eq!((verified.steps, verified.objects, verified.bytes), (5, 4, 14));
            assert_eq!(verified.damage.len(), 3, "{:?}", verified.damage);
            assert_eq!(verified.lost.len(), 3, "{:?}", verified.lost);
            assert_eq!(store.manifest_path(&steps[3].key).exists(), !repair);
            assert_eq!(verified.damage.iter().all(|error| error.to_string().contains("moved to")), repair);
        }
        let again = store.verify(true, |_| ()).unwrap();
        assert_eq!((again.damage.len(), again.lost.len()), (0, 3));
        for number in 0..4 {
            finish(&store, number, format!("bytes {number}").as_bytes());
        }
        assert!(store.verify(true, |_| ()).unwrap().is_whole());
    }
}

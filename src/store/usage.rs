//! What the cache holds, by kind of step: how many, how large, how old, and what it took.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Store, StoreError};
use crate::fingerprint::Digest;

#[derive(Debug, Default, Serialize)]
pub struct Usage {
    pub kinds: Vec<KindUsage>,
    /// Objects that steps of different kinds or several steps refer to; they are counted where they came first.
    pub shared_objects: Part,
    /// Objects that no step refers to.
    pub unreferenced_objects: Part,
    /// Manifests that cannot be read, and those of a newer version.
    pub unreadable_manifests: Part,
    /// Files of steps that are not finished.
    pub scratch: Part,
    /// Journals and logs.
    pub runs: Part,
    /// What was damaged and moved away.
    pub damaged: Part,
    pub total_bytes: u64,
}

#[derive(Debug, Default, Serialize)]
pub struct KindUsage {
    pub kind: String,
    pub steps: usize,
    /// Of manifests, and of the objects that a step of this kind was the first to make.
    pub bytes: u64,
    /// When the first and the last of them began, in seconds since 1970.
    pub oldest: u64,
    pub newest: u64,
    /// What they took, all together.
    pub seconds: f64,
}

#[derive(Debug, Default, Serialize)]
pub struct Part {
    pub count: usize,
    pub bytes: u64,
}

impl Part {
    fn of(sizes: impl Iterator<Item = u64>) -> Self {
        sizes.fold(Self::default(), |part, bytes| Self {
            count: part.count + 1,
            bytes: part.bytes.saturating_add(bytes),
        })
    }
}

impl Store {
    pub fn usage(&self) -> Result<Usage, StoreError> {
        let (steps, objects) = (self.list_steps()?, self.list_objects()?);
        let mut found = self.read_manifests(&steps)?;
        let unreadable = Part::of(found.iter().filter(|found| found.manifest.is_err()).map(|found| found.file.bytes));
        found.retain(|found| found.manifest.is_ok());
        found.sort_by_key(|found| {
            (found.manifest.as_ref().map_or(0, |manifest| manifest.provenance.started), found.key)
        });

        let sizes: BTreeMap<Digest, u64> = objects.entries.iter().map(|object| (object.name, object.bytes)).collect();
        let mut counted: BTreeSet<Digest> = BTreeSet::new();
        let mut shared: BTreeSet<Digest> = BTreeSet::new();
        let mut kinds: BTreeMap<String, KindUsage> = BTreeMap::new();
        for (file, manifest) in found.into_iter().filter_map(|found| Some((found.file, found.manifest.ok()?))) {
            let (started, seconds) = (manifest.provenance.started, manifest.provenance.seconds);
            let kind = kinds.entry(manifest.kind.clone()).or_insert_with(|| KindUsage {
                kind: manifest.kind.clone(),
                oldest: started,
                ..KindUsage::default()
            });
            kind.steps += 1;
            kind.oldest = kind.oldest.min(started);
            kind.newest = kind.newest.max(started);
            kind.seconds += seconds;
            kind.bytes = kind.bytes.saturating_add(file.bytes);
            let own: BTreeSet<Digest> = manifest.objects().collect();
            for object in own {
                match counted.insert(object) {
                    true => kind.bytes = kind.bytes.saturating_add(sizes.get(&object).copied().unwrap_or(0)),
                    false => drop(shared.insert(object)),
                }
            }
        }
        let size_of = |object: &Digest| sizes.get(object).copied().unwrap_or(0);
        let loose = |folder| Ok::<_, StoreError>(Part::of(self.list_loose(folder)?.iter().map(|loose| loose.bytes)));
        let mut usage = Usage {
            kinds: kinds.into_values().collect(),
            shared_objects: Part::of(shared.iter().map(size_of)),
            unreferenced_objects: Part::of(
                sizes.iter().filter(|(object, _)| !counted.contains(object)).map(|(_, bytes)| *bytes),
            ),
            unreadable_manifests: unreadable,
            scratch: loose("scratch")?,
            runs: loose("runs")?,
            damaged: loose("damaged")?,
            total_bytes: 0,
        };
        let parts =
            [&usage.unreferenced_objects, &usage.unreadable_manifests, &usage.scratch, &usage.runs, &usage.damaged];
        let beside = parts.into_iter().map(|part| part.bytes);
        usage.total_bytes = usage.kinds.iter().map(|kind| kind.bytes).chain(beside).fold(0, u64::saturating_add);
        Ok(usage)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{finish, store};

    #[test]
    fn shared_objects_are_counted_once() {
        let (_folder, store) = store();
        for number in 0..3 {
            finish(&store, number, b"shared");
        }
        finish(&store, 3, b"own");
        store.put(b"nobody's").unwrap();
        let usage = store.usage().unwrap();
        let manifests: u64 = store.list_steps().unwrap().entries.iter().map(|file| file.bytes).sum();
        let [kind] = usage.kinds.as_slice() else { panic!("{usage:?}") };
        assert_eq!((kind.kind.as_str(), kind.steps, kind.bytes, kind.seconds), ("eval", 4, manifests + 9, 6.0));
        assert_eq!((usage.shared_objects.count, usage.shared_objects.bytes), (1, 6));
        assert_eq!((usage.unreferenced_objects.count, usage.unreferenced_objects.bytes), (1, 8));
        assert_eq!(usage.total_bytes, manifests + 9 + 8);
    }
}

//! From the bucket to the cache: manifests, then their objects, then what is whole is a finished step here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::push::Told;
use super::{AT_A_TIME, Remote, RemoteError, object_name, step_name};
use crate::data::DataError;
use crate::fingerprint::{Digest, Key};
use crate::store::{Finished, LARGEST_MANIFEST, Manifest, Store, StoreError, in_parallel_on};

#[derive(Debug, Default)]
pub struct Pulled {
    pub found: BTreeMap<Key, Arc<Finished>>,
    pub objects: usize,
    pub bytes: u64,
    /// Steps that are there and cannot be used.
    pub broken: Vec<Broken>,
}

/// A step of the remote of which something is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// What it is called, or its key.
    pub step: String,
    pub what: String,
}

impl Pulled {
    pub fn add(&mut self, more: Self) {
        self.found.extend(more.found);
        self.objects += more.objects;
        self.bytes += more.bytes;
        self.broken.extend(more.broken);
    }
}

enum Read {
    Absent,
    Manifest(Box<Manifest>),
    Broken(String),
}

impl Remote {
    /// Brings those of these steps that are there. What was brought before an error stays in the cache.
    pub fn pull(&self, store: &Store, keys: &[Key], told: &(dyn Fn(Told) + Sync)) -> Result<Pulled, RemoteError> {
        let mut pulled = Pulled::default();
        let mut manifests: Vec<Box<Manifest>> = Vec::new();
        for (key, read) in keys.iter().zip(in_parallel_on(AT_A_TIME, keys, |key| self.read(key))) {
            match read? {
                Read::Absent => {}
                Read::Manifest(manifest) => manifests.push(manifest),
                Read::Broken(what) => pulled.broken.push(Broken { step: key.to_string(), what }),
            }
        }
        let outputs = manifests.iter().flat_map(|manifest| manifest.outputs.values());
        let objects: BTreeMap<Digest, u64> =
            outputs.filter(|output| output.inline.is_none()).map(|output| (output.digest, output.size)).collect();
        let objects: Vec<(Digest, u64)> = objects.into_iter().collect();
        let here = in_parallel_on(AT_A_TIME, &objects, |(digest, _)| store.has_whole(digest));
        let wanted: Vec<(Digest, u64)> =
            objects.into_iter().zip(here).filter_map(|(object, here)| (!here).then_some(object)).collect();
        told(Told::All(wanted.iter().map(|(_, size)| size).sum()));
        let (bytes, over) = (AtomicU64::new(0), AtomicBool::new(false));
        let fetched = in_parallel_on(AT_A_TIME, &wanted, |(digest, size)| {
            if over.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let came = |length| {
                bytes.fetch_add(length, Ordering::Relaxed);
                told(Told::Moved(length));
            };
            let fetched = self.fetch(store, digest, *size, &came);
            over.fetch_or(fetched.is_err(), Ordering::Relaxed);
            fetched.map(Some)
        });
        pulled.bytes = bytes.into_inner();
        let mut wrong: BTreeMap<Digest, String> = BTreeMap::new();
        let mut error = None;
        for ((digest, _), fetched) in wanted.iter().zip(fetched) {
            match fetched {
                Ok(Some(None)) => pulled.objects += 1,
                Ok(Some(Some(what))) => drop(wrong.insert(*digest, what)),
                Ok(None) => {}
                Err(found) => error = error.or(Some(found)),
            }
        }
        for manifest in manifests {
            let finished = Finished::of(&manifest);
            let is_wrong = manifest.objects().find_map(|object| wrong.get(&object));
            let what = match (is_wrong, store.check_objects(&finished)) {
                (Some(what), _) => what.clone(),
                (None, Ok(())) => {
                    store.commit(&manifest)?;
                    pulled.found.insert(manifest.key, Arc::new(finished));
                    continue;
                }
                // It was not fetched any more.
                (None, Err(_)) if error.is_some() => continue,
                (None, Err(StoreError::Damaged { what, .. })) => what,
                (None, Err(error)) => return Err(error.into()),
            };
            pulled.broken.push(Broken { step: manifest.step.clone(), what });
        }
        match error {
            Some(error) => Err(error),
            None => Ok(pulled),
        }
    }

    /// What is there of these steps, by their manifests alone.
    pub fn finished(&self, keys: &[Key]) -> Result<BTreeMap<Key, Arc<Finished>>, RemoteError> {
        let mut found = BTreeMap::new();
        for (key, read) in keys.iter().zip(in_parallel_on(AT_A_TIME, keys, |key| self.read(key))) {
            if let Read::Manifest(manifest) = read? {
                found.insert(*key, Arc::new(Finished::of(&manifest)));
            }
        }
        Ok(found)
    }

    fn read(&self, key: &Key) -> Result<Read, RemoteError> {
        let Some(bytes) = self.bucket.read(&step_name(key), LARGEST_MANIFEST)? else { return Ok(Read::Absent) };
        let text = String::from_utf8_lossy(&bytes);
        match Manifest::foreign(&text, key) {
            Ok(manifest) => Ok(Read::Manifest(Box::new(manifest))),
            Err(StoreError::Damaged { what, .. }) => Ok(Read::Broken(self.named(&step_name(key), &what))),
            Err(error @ StoreError::Newer { .. }) => Ok(Read::Broken(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// Brings an object; what is wrong with it there, if anything is.
    fn fetch(
        &self,
        store: &Store,
        digest: &Digest,
        size: u64,
        came: &dyn Fn(u64),
    ) -> Result<Option<String>, RemoteError> {
        let name = object_name(digest);
        // What came wrong may have been changed on its way.
        for _ in 0..2 {
            let mut incoming = store.incoming(digest)?;
            match self.bucket.fetch(&name, size, &mut incoming, came) {
                Ok(true) => {}
                Ok(false) => return Ok(Some(self.named(&name, "it is missing"))),
                Err(DataError::S3 { what }) => return Ok(Some(what)),
                Err(error) => return Err(error.into()),
            }
            if incoming.keep()?.is_some() {
                return Ok(None);
            }
        }
        Ok(Some(self.named(&name, "its content does not match its name; remove it there, and push it again")))
    }

    fn named(&self, name: &str, what: &str) -> String {
        format!("`{}`: {what}", self.address().place(name))
    }
}

//! Everything that lies in the cache, by looking: for the commands that list, verify, sweep and export it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use super::files::{canonical, steady};
use super::{Manifest, Store, StoreError};
use crate::fingerprint::{Digest, Key};

const MOST_THREADS: usize = 16;

/// A file of the cache that is named by a digest.
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: Digest,
    pub path: PathBuf,
    pub bytes: u64,
    pub modified: SystemTime,
}

/// What a folder of shards holds. Links are neither followed nor removed.
#[derive(Debug, Default)]
pub struct Listing {
    /// In the order of their names.
    pub entries: Vec<Entry>,
    /// What writing left behind: bytes and age.
    pub temporary: Vec<Loose>,
    /// Links, and files whose names the cache gives to nothing.
    pub strange: Vec<PathBuf>,
}

/// A file or folder that no manifest knows.
#[derive(Debug, Clone)]
pub struct Loose {
    pub path: PathBuf,
    pub bytes: u64,
    pub modified: SystemTime,
}

/// A manifest as it was found.
#[derive(Debug)]
pub struct Found {
    pub key: Key,
    pub file: Entry,
    /// In a pack, which is the file.
    pub packed: bool,
    pub manifest: Result<Manifest, StoreError>,
}

impl Store {
    pub(super) fn list_objects(&self) -> Result<Listing, StoreError> {
        list_shards(&self.root().join("objects"), "")
    }

    pub(super) fn list_steps(&self) -> Result<Listing, StoreError> {
        list_shards(&self.root().join("steps"), ".json")
    }

    /// Reads manifests, those in packs too, not asking whether their objects are there. One that vanished meanwhile is
    /// left out.
    pub(super) fn read_manifests(&self, steps: &Listing) -> Result<Vec<Found>, StoreError> {
        let loose = in_parallel(&steps.entries, |file| {
            let (key, manifest) = (Key(file.name), self.read_loose(&Key(file.name)).transpose()?);
            Some(Found { key, file: file.clone(), packed: false, manifest })
        });
        let is_loose = |key: &Key| steps.entries.binary_search_by_key(&key.0, |file| file.name).is_ok();
        let packed: Vec<_> = self.all_packed()?.into_iter().filter(|step| !is_loose(&step.key)).collect();
        let packed = in_parallel(&packed, |step| {
            let (key, place) = (step.key, step.place.as_ref()?);
            let (bytes, modified) = (place.bytes(), place.modified());
            let file = Entry { name: key.0, path: place.path().to_owned(), bytes, modified };
            Some(Found { key, file, packed: true, manifest: place.manifest() })
        });
        Ok(loose.into_iter().chain(packed).flatten().collect())
    }

    /// Of each of these kinds the newest so many finished steps.
    pub fn newest(&self, kinds: &[&str], each: usize) -> Result<Vec<Manifest>, StoreError> {
        let found = self.read_manifests(&self.list_steps()?)?.into_iter();
        let mut manifests: Vec<Manifest> = found.filter_map(|found| found.manifest.ok()).collect();
        manifests.sort_by_key(|manifest| std::cmp::Reverse(manifest.provenance.started));
        let of = |kind: &&str| manifests.iter().filter(|one| one.kind == *kind).take(each).cloned().collect::<Vec<_>>();
        Ok(kinds.iter().flat_map(of).collect())
    }

    /// The files and folders that lie in one folder of the cache (`scratch`, `runs`, …), with the bytes in them. Links
    /// are left out.
    pub(super) fn list_loose(&self, folder: &str) -> Result<Vec<Loose>, StoreError> {
        let mut found: Vec<Loose> = children(&self.root().join(folder))?
            .into_iter()
            .filter(|(_, kind)| !kind.is_symlink())
            .map(|(path, _)| {
                let (bytes, modified) = extent(&path);
                Loose { path, bytes, modified }
            })
            .collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }
}

fn list_shards(folder: &Path, suffix: &str) -> Result<Listing, StoreError> {
    let mut listing = Listing::default();
    for (shard, kind) in children(folder)? {
        if !kind.is_dir() {
            listing.strange.push(shard);
            continue;
        }
        for (path, kind) in children(&shard)? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                listing.strange.push(path);
                continue;
            };
            // Gone since the folder was read.
            let Ok(found) = fs::symlink_metadata(&path) else { continue };
            let (bytes, modified) = (found.len(), found.modified().unwrap_or(SystemTime::UNIX_EPOCH));
            let digest = name.strip_suffix(suffix).and_then(canonical);
            let fits = |name: &Digest| shard.file_name().is_some_and(|shard| shard == &name.to_string()[..2]);
            match digest.filter(fits) {
                Some(name) if kind.is_file() => listing.entries.push(Entry { name, path, bytes, modified }),
                None if kind.is_file() && name.starts_with(".tmp-") => {
                    listing.temporary.push(Loose { path, bytes, modified });
                }
                _ => listing.strange.push(path),
            }
        }
    }
    listing.entries.sort_by_key(|entry| entry.name);
    listing.strange.sort();
    Ok(listing)
}

/// What lies in a folder; nothing where there is none.
fn children(folder: &Path) -> Result<Vec<(PathBuf, fs::FileType)>, StoreError> {
    let fail = |error| StoreError::read(folder, error);
    match steady(|| fs::read_dir(folder)) {
        Ok(entries) => entries
            .map(|entry| entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))).map_err(fail))
            .filter(|entry| !matches!(entry, Err(StoreError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound))
            .collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(fail(error)),
    }
}

/// The bytes of a file, or of all files in a folder, and when the newest was written.
fn extent(path: &Path) -> (u64, SystemTime) {
    let Ok(found) = fs::symlink_metadata(path) else { return (0, SystemTime::UNIX_EPOCH) };
    let own = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    if !found.is_dir() {
        return (found.len(), own);
    }
    let inside = children(path).unwrap_or_default();
    inside
        .iter()
        .map(|(path, _)| extent(path))
        .fold((0, own), |(bytes, newest), (more, modified)| (bytes.saturating_add(more), newest.max(modified)))
}

/// Does something to every item, on all cores, and gives the results in the items' order.
pub(super) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    in_parallel_on(cores.min(MOST_THREADS), items, work)
}

/// The same on so many threads, which may be more than cores where they wait.
pub fn in_parallel_on<T: Sync, R: Send>(threads: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = threads.min(items.len().max(1));
    let next = AtomicUsize::new(0);
    let one_thread = || {
        let mut done = Vec::new();
        while let Some((at, item)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, items.get(at)?)))
        {
            done.push((at, work(item)));
        }
        done
    };
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        // As many as there may be: this thread does the rest.
        let start = |_| std::thread::Builder::new().spawn_scoped(scope, one_thread).ok();
        let others: Vec<_> = (1..threads).map_while(start).collect();
        let mut results = one_thread();
        for other in others {
            match other.join() {
                Ok(more) => results.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    });
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

//! What may go: steps that nobody wants, then what no step refers to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::files::{canonical, plain};
use super::inventory::{Entry, Found, Loose};
use super::{Store, StoreError, leftovers, lock};
use crate::fingerprint::{Digest, Key};

const HOUR: Duration = Duration::from_secs(3600);
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

/// What must stay.
#[derive(Debug, Default)]
pub struct Wanted {
    pub steps: BTreeSet<Key>,
    /// Steps that are not finished: what they have done so far stays.
    pub unfinished: BTreeSet<Key>,
    /// Which others are wanted is not known: every step stays.
    pub all: bool,
}

/// What goes, in the order in which it goes.
#[derive(Debug, Default)]
pub struct Sweep {
    pub removals: Vec<Removal>,
    /// Bytes that stay.
    pub left: u64,
}

#[derive(Debug)]
pub struct Removal {
    pub path: PathBuf,
    pub bytes: u64,
    pub what: What,
    /// Of a manifest; the path is its pack's where it is in one.
    key: Option<Key>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A finished step and what it took. `wanted` where it goes for its size alone.
    Step {
        kind: String,
        seconds: f64,
        wanted: bool,
    },
    BrokenManifest,
    Object,
    Temporary,
    Damaged,
    Scratch,
    Lock,
    Run,
}

/// A step that stays, unless it is too large.
struct Kept {
    file: Entry,
    kind: String,
    seconds: f64,
    objects: BTreeSet<Digest>,
}

impl Store {
    /// Finds what may go. With a `limit` in bytes, steps that are wanted go too until the cache fits: those first that
    /// give back most bytes for each hour of making them again.
    ///
    /// # Errors
    /// A manifest of a newer version: what it needs is not known.
    pub fn sweep(&self, wanted: &Wanted, limit: Option<u64>, now: SystemTime) -> Result<Sweep, StoreError> {
        let older = |modified: SystemTime, age: Duration| now.duration_since(modified).is_ok_and(|old| old > age);
        let (steps, objects) = (self.list_steps()?, self.list_objects()?);
        let mut sweep = Sweep::default();
        let mut kept: Vec<Kept> = Vec::new();
        // A running step stores objects before its manifest; those of a step that goes now are nobody's.
        // What was put again since its last manifest may be another step's.
        let mut orphaned: BTreeMap<Digest, SystemTime> = BTreeMap::new();
        let orphan = |orphaned: &mut BTreeMap<Digest, SystemTime>, objects: BTreeSet<Digest>, made: SystemTime| {
            for object in objects {
                let last = orphaned.entry(object).or_insert(made);
                *last = made.max(*last);
            }
        };
        for Found { key, file, manifest, .. } in self.read_manifests(&steps)? {
            match manifest {
                Ok(manifest) => {
                    let objects: BTreeSet<Digest> = manifest.objects().collect();
                    let (kind, seconds) = (manifest.kind, manifest.provenance.seconds.max(0.0));
                    if wanted.all || wanted.steps.contains(&key) {
                        kept.push(Kept { file, kind, seconds, objects });
                    } else {
                        orphan(&mut orphaned, objects, file.modified);
                        sweep.push(&file, What::Step { kind, seconds, wanted: false });
                    }
                }
                Err(newer @ StoreError::Newer { .. }) => return Err(newer),
                Err(StoreError::Damaged { .. }) => sweep.push(&file, What::BrokenManifest),
                Err(error) => return Err(error),
            }
        }
        // An interrupted step may have stored objects that only its scratch knows.
        let scratch = self.list_loose("scratch")?;
        let (resumable, stale): (Vec<Loose>, Vec<Loose>) = scratch
            .into_iter()
            .partition(|loose| key_of(&loose.path).is_some_and(|key| wanted.all || wanted.unfinished.contains(&key)));
        let spared = if resumable.is_empty() { HOUR } else { MONTH };
        let (old_runs, runs): (Vec<Loose>, Vec<Loose>) =
            self.list_loose("runs")?.into_iter().partition(|run| older(run.modified, MONTH));

        let free = |object: &Entry, orphaned: &BTreeMap<Digest, SystemTime>| {
            orphaned.get(&object.name).is_some_and(|made| object.modified <= *made) || older(object.modified, spared)
        };
        if let Some(limit) = limit {
            let beside: u64 = resumable.iter().chain(&runs).map(|loose| loose.bytes).sum();
            let used = references(&kept);
            let unknown = objects.entries.iter().filter(|o| !used.contains_key(&o.name) && !free(o, &orphaned));
            let fixed = beside + unknown.map(|object| object.bytes).sum::<u64>();
            let sizes = objects.entries.iter().map(|object| (object.name, object.bytes)).collect();
            for gone in shrink(&mut kept, &sizes, limit.saturating_sub(fixed)) {
                orphan(&mut orphaned, gone.objects, gone.file.modified);
                sweep.push(&gone.file, What::Step { kind: gone.kind, seconds: gone.seconds, wanted: true });
            }
        }
        let used = references(&kept);
        for object in &objects.entries {
            if !used.contains_key(&object.name) && free(object, &orphaned) {
                sweep.push(object, What::Object);
            } else {
                sweep.left += object.bytes;
            }
        }
        sweep.left += kept.iter().map(|step| step.file.bytes).sum::<u64>();
        sweep.left += resumable.iter().chain(&runs).map(|loose| loose.bytes).sum::<u64>();
        let in_packs = self.list_loose("packs")?.into_iter().filter(|loose| leftovers::is_temporary(&loose.path));
        let temporary = steps.temporary.into_iter().chain(objects.temporary).chain(in_packs);
        let temporary = temporary.filter(|loose| older(loose.modified, HOUR));
        let locks = self.list_loose("locks")?.into_iter().chain(self.list_loose("alive")?);
        let locks = locks.filter(|loose| older(loose.modified, HOUR));
        for (what, loose) in [
            (What::Temporary, temporary.collect()),
            (What::Damaged, self.list_loose("damaged")?),
            (What::Scratch, stale),
            (What::Lock, locks.collect::<Vec<_>>()),
            (What::Run, old_runs),
        ] {
            let removal = |Loose { path, bytes, .. }| Removal { path, bytes, what: what.clone(), key: None };
            sweep.removals.extend(loose.into_iter().map(removal));
        }
        Ok(sweep)
    }

    /// Removes what a sweep has found: manifests first, so that no step exists whose objects are gone. Returns the bytes
    /// that came back. Killed anywhere, what is left goes the next time.
    pub fn remove(&self, sweep: &Sweep) -> Result<u64, StoreError> {
        let mut bytes = 0;
        let keys: BTreeSet<Key> = sweep.removals.iter().filter_map(|removal| removal.key).collect();
        // Those with a file of their own too: what a pack had of them before must not come back.
        self.unpack(&keys)?;
        for removal in &sweep.removals {
            let path = &removal.path;
            let removed = match removal.what {
                _ if removal.key.is_some_and(|key| self.manifest_path(&key) != *path) => Ok(()),
                What::Scratch | What::Run | What::Damaged | What::Lock if path.is_dir() && !path.is_symlink() => {
                    fs::remove_dir_all(path)
                }
                What::Lock if lock::is_locked(path) => continue,
                What::Step { .. } | What::BrokenManifest | What::Object if plain(path).is_err() => continue,
                _ => fs::remove_file(path),
            };
            match removed {
                Ok(()) => bytes += removal.bytes,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::Remove { path: path.clone(), source: error }),
            }
        }
        Ok(bytes)
    }
}

impl Sweep {
    fn push(&mut self, file: &Entry, what: What) {
        let key = (what != What::Object).then_some(Key(file.name));
        self.removals.push(Removal { path: file.path.clone(), bytes: file.bytes, what, key });
    }

    pub fn bytes(&self) -> u64 {
        self.removals.iter().map(|removal| removal.bytes).sum()
    }
}

fn key_of(path: &Path) -> Option<Key> {
    path.file_name()?.to_str().and_then(canonical).map(Key)
}

/// How many of the steps refer to each object.
fn references(steps: &[Kept]) -> BTreeMap<Digest, usize> {
    let mut count = BTreeMap::new();
    steps.iter().flat_map(|step| &step.objects).for_each(|object| *count.entry(*object).or_default() += 1);
    count
}

/// Takes steps out until manifests and objects fit into `limit` bytes. An object counts for a step once no other step
/// that stays refers to it, so shared ones are looked at again after every pass.
fn shrink(kept: &mut Vec<Kept>, sizes: &BTreeMap<Digest, u64>, limit: u64) -> Vec<Kept> {
    let mut used = references(kept);
    let size = |object: &Digest| sizes.get(object).copied().unwrap_or(0);
    let mut total: u64 = used.keys().map(size).sum::<u64>() + kept.iter().map(|step| step.file.bytes).sum::<u64>();
    let mut gone = Vec::new();
    while total > limit && !kept.is_empty() {
        let own = |step: &Kept| {
            let alone = step.objects.iter().filter(|object| used.get(object) == Some(&1));
            step.file.bytes + alone.map(size).sum::<u64>()
        };
        let mut order: Vec<(f64, usize)> =
            kept.iter().enumerate().map(|(at, step)| (own(step) as f64 / step.seconds.max(1e-3), at)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        // Half of them at most: what goes makes others give back more.
        let mut out = BTreeSet::new();
        for (_, at) in order.iter().take(kept.len().div_ceil(2)) {
            if total <= limit {
                break;
            }
            total -= kept[*at].file.bytes;
            for object in &kept[*at].objects {
                if let Some(count) = used.get_mut(object) {
                    *count -= 1;
                    if *count == 0 {
                        total -= size(object);
                        used.remove(object);
                    }
                }
            }
            out.insert(*at);
        }
        let mut at = 0;
        let (leaving, staying) = std::mem::take(kept).into_iter().partition(|_| {
            at += 1;
            out.contains(&(at - 1))
        });
        *kept = staying;
        let leaving: Vec<Kept> = leaving;
        gone.extend(leaving);
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::super::tests::{finish, manifest, store};
    use super::*;

    fn names(sweep: &Sweep, wanted: impl Fn(&What) -> bool) -> usize {
        sweep.removals.iter().filter(|removal| wanted(&removal.what)).count()
    }

    fn set_age(path: &Path, age: Duration) {
        fs::File::open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
    }

    #[test]
    fn what_is_wanted_stays_with_its_objects() {
        let (_folder, store) = store();
        let kept = finish(&store, 1, b"shared");
        let gone = finish(&store, 2, b"shared");
        finish(&store, 3, b"alone");
        let wanted = Wanted { steps: BTreeSet::from([kept.key]), ..Wanted::default() };
        let now = SystemTime::now();
        let sweep = store.sweep(&wanted, None, now).unwrap();
        assert_eq!(names(&sweep, |what| matches!(what, What::Step { wanted: false, .. })), 2);
        assert_eq!(names(&sweep, |what| *what == What::Object), 1);
        let first_object = sweep.removals.iter().position(|removal| removal.what == What::Object).unwrap();
        assert!(sweep.removals[..first_object].iter().all(|removal| matches!(removal.what, What::Step { .. })));
        assert_eq!(store.remove(&sweep).unwrap(), sweep.bytes());
        assert!(store.manifest(&kept.key).unwrap().is_some() && store.manifest(&gone.key).unwrap().is_none());
        assert!(store.verify(true, |_| ()).unwrap().is_whole());
        let left = store.usage().unwrap().total_bytes;
        assert_eq!((sweep.left, store.sweep(&wanted, None, now).unwrap().removals.len()), (left, 0));
    }

    #[test]
    fn what_a_run_in_progress_has_stored_stays() {
        let (_folder, store) = store();
        let (young, old) = (store.put(b"young").unwrap(), store.put(b"old").unwrap());
        set_age(&store.object_path(&old.digest), HOUR * 2);
        let interrupted = manifest(7, BTreeMap::new()).key;
        let sweep = |wanted: &Wanted| store.sweep(wanted, None, SystemTime::now()).unwrap();
        let objects = |sweep: &Sweep| -> Vec<PathBuf> {
            let objects = sweep.removals.iter().filter(|removal| removal.what == What::Object);
            objects.map(|removal| removal.path.clone()).collect()
        };
        assert_eq!(objects(&sweep(&Wanted::default())), [store.object_path(&old.digest)]);
        // Used again by a step that is not committed yet.
        store.put(b"old").unwrap();
        assert!(objects(&sweep(&Wanted::default())).is_empty());
        set_age(&store.object_path(&old.digest), HOUR * 2);
        // An interrupted step's checkpoints.
        store.scratch(&interrupted).write("snapshot", b"x").unwrap();
        let wanted = Wanted { unfinished: BTreeSet::from([interrupted]), ..Wanted::default() };
        assert!(sweep(&wanted).removals.is_empty());
        assert_eq!(names(&sweep(&Wanted::default()), |what| *what == What::Scratch), 1);
        // A step that goes had the same checkpoint, before it was stored again.
        let gone = manifest(9, BTreeMap::from([("x".to_owned(), store.put(b"shared").unwrap())]));
        store.commit(&gone).unwrap();
        let shared = store.object_path(&Digest::of(b"shared"));
        set_age(&shared, HOUR);
        assert_eq!(objects(&sweep(&wanted)), [shared]);
        set_age(&store.manifest_path(&gone.key), HOUR);
        store.put(b"shared").unwrap();
        assert!(objects(&sweep(&wanted)).is_empty());
        fs::remove_file(store.manifest_path(&gone.key)).unwrap();
        // A clock that went back makes nothing old.
        set_age(&store.object_path(&young.digest), Duration::ZERO);
        assert!(store.sweep(&wanted, None, SystemTime::UNIX_EPOCH).unwrap().removals.is_empty());

        assert_eq!(store.at_work().unwrap(), None);
        let lock = store.lock(&interrupted, "finetune.a[1]", None).unwrap();
        let said = format!("a step is running in this cache (pid {} on ", std::process::id());
        assert!(store.at_work().unwrap().unwrap().starts_with(&said));
        drop(lock);
        assert_eq!(store.at_work().unwrap(), None);
    }

    #[test]
    fn the_largest_for_their_time_go_first() {
        let (_folder, store) = store();
        let large = vec![1; 50_000];
        let mut keys = Vec::new();
        for (number, bytes, seconds) in [(1, &large[..], 1000.0), (2, &large[1..], 10.0), (3, &large[2..100], 1.0)] {
            let mut step = manifest(number, BTreeMap::from([("x".to_owned(), store.put(bytes).unwrap())]));
            step.provenance.seconds = seconds;
            store.commit(&step).unwrap();
            keys.push(step.key);
        }
        let wanted = Wanted { steps: keys.iter().copied().collect(), ..Wanted::default() };
        let total = store.usage().unwrap().total_bytes;
        for (limit, gone) in
            [(total, vec![]), (total - 1, vec![2]), (60_000, vec![2]), (51_500, vec![2, 3]), (10, vec![1, 2, 3])]
        {
            let sweep = store.sweep(&wanted, Some(limit), SystemTime::now()).unwrap();
            let mut went: Vec<usize> = sweep
                .removals
                .iter()
                .filter(|removal| matches!(removal.what, What::Step { wanted: true, .. }))
                .map(|removal| keys.iter().position(|key| removal.path.ends_with(format!("{key}.json"))).unwrap() + 1)
                .collect();
            went.sort();
            assert!(sweep.left <= limit && sweep.left + sweep.bytes() == total, "{limit}: {sweep:?}");
            assert_eq!(went, gone, "{limit}");
        }
    }

    /// Prints how long the commands take on a large cache: `cargo test --release --lib -- --ignored --nocapture timings`.
    #[test]
    #[ignore = "writes 200 MB"]
    fn timings_of_ten_thousand_steps() {
        let (_folder, store) = store();
        let mut wanted = Wanted::default();
        let write = |path: PathBuf, bytes: &[u8]| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        for number in 0..10_000_u64 {
            let bytes = number.to_le_bytes().repeat(2_500);
            let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
            write(store.object_path(&digest), &bytes);
            let record = crate::store::OutputRecord { digest, size, inline: None };
            let step = manifest(number, BTreeMap::from([("x".to_owned(), record)]));
            write(store.manifest_path(&step.key), step.to_json().as_bytes());
            if number % 2 == 0 {
                wanted.steps.insert(step.key);
            }
        }
        let clock = |what: &str, since: std::time::Instant| println!("{what}: {:.2} s", since.elapsed().as_secs_f64());
        let since = std::time::Instant::now();
        let usage = store.usage().unwrap();
        clock(&format!("ls of {} bytes", usage.total_bytes), since);
        let since = std::time::Instant::now();
        assert!(store.verify(true, |_| ()).unwrap().is_whole());
        clock("verify", since);
        let since = std::time::Instant::now();
        let limited = store.sweep(&wanted, Some(20_000_000), SystemTime::now()).unwrap();
        clock(&format!("sweep to a size, {} removals", limited.removals.len()), since);
        let since = std::time::Instant::now();
        let sweep = store.sweep(&wanted, None, SystemTime::now()).unwrap();
        clock(&format!("sweep, {} removals", sweep.removals.len()), since);
        let since = std::time::Instant::now();
        let bytes = store.remove(&sweep).unwrap();
        clock(&format!("removing {bytes} bytes"), since);
    }
}

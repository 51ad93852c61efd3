//! Runs and `gc` on one cache. A run that is going on keeps a lock of its own in the folder `alive`, and `gc` keeps
//! `gc.lock` while it removes. Each takes its own first and looks for the other's then, so that one of them sees the
//! other at least: `gc` gives way, a run waits.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use super::lock::{self, Attempt, Holder, StepLock, Watch};
use super::{Scratch, Store, StoreError, leftovers};
use crate::fingerprint::Key;

/// How often a run looks whether `gc` has ended.
const EVERY: Duration = Duration::from_millis(50);
/// More runs than one process ever has.
const MOST: usize = 1000;

impl Store {
    /// Says that a run is going on, for as long as the lock is kept: until then nothing is removed. Where something is
    /// being removed just now, it waits for that; `waiting` is told for whom.
    pub fn stay(&self, run: &str, waiting: impl FnOnce(&str)) -> Result<StepLock, StoreError> {
        let folder = self.root().join("alive");
        self.forget_the_dead();
        let own = format!("{}-{}", leftovers::machine(), std::process::id());
        let mut names = (1..MOST).map(|number| folder.join(format!("{own}-{number}.lock")));
        let lock = loop {
            let Some(path) = names.next() else {
                return Err(StoreError::write(&folder, 0, std::io::Error::other("too many runs")));
            };
            self.make_room(&path);
            if let Attempt::Held(lock) = lock::acquire(&path, run, None)? {
                break lock;
            }
        };
        let mut watch = Watch::new(Instant::now());
        let mut waiting = Some(waiting);
        while !watch.may_be_free(&self.gc_lock(), Instant::now()) {
            if let Some(tell) = waiting.take() {
                tell(&Holder::read(&self.gc_lock()).map_or("another process".to_owned(), |holder| holder.to_string()));
            }
            std::thread::sleep(EVERY);
        }
        Ok(lock)
    }

    /// Gets the right to remove: no run begins while it is kept. Those that are going on already show in
    /// [`Store::at_work`].
    pub fn lock_for_gc(&self) -> Result<Attempt, StoreError> {
        self.make_room(&self.gc_lock());
        lock::acquire(&self.gc_lock(), "gc", None)
    }

    /// What is going on in this cache right now, if anything is, in words.
    pub fn at_work(&self) -> Result<Option<String>, StoreError> {
        let now = self.file_clock();
        for (folder, what) in [("locks", "a step is running"), ("alive", "a run is going on")] {
            let locks = self.list_loose(folder)?;
            if let Some(holder) = locks.iter().find_map(|lock| lock::holder(&lock.path, lock.modified, now)) {
                return Ok(Some(format!("{what} in this cache ({holder})")));
            }
        }
        Ok(None)
    }

    /// The runs that are going on, by their processes.
    pub fn runs_alive(&self) -> Result<Vec<Holder>, StoreError> {
        let locks = self.list_loose("alive")?;
        if locks.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.file_clock();
        let alive = locks.into_iter().filter(|lock| lock::holder(&lock.path, lock.modified, now).is_some());
        Ok(alive.filter_map(|lock| Holder::read(&lock.path)).collect())
    }

    /// Who runs a step, if anybody does.
    pub fn holder_of(&self, key: &Key) -> Option<String> {
        let path = self.lock_path(key);
        let modified = std::fs::symlink_metadata(&path).ok()?.modified().ok()?;
        lock::holder(&path, modified, self.file_clock())
    }

    /// The names of what an interrupted run left of a step; nothing is made or removed.
    pub fn kept(&self, key: &Key) -> Vec<String> {
        Scratch::new(self.root().join("scratch").join(key.to_string())).names()
    }

    /// The time by the clock that gives files theirs, which may be another machine's than this one.
    pub fn file_clock(&self) -> SystemTime {
        leftovers::clock(self.root()).unwrap_or_else(|_| SystemTime::now())
    }

    /// Removes what runs left that were killed.
    fn forget_the_dead(&self) {
        for left in self.list_loose("alive").unwrap_or_default() {
            // Of the dead it is taken over, and given back.
            drop(lock::acquire(&left.path, "", None));
        }
    }

    fn gc_lock(&self) -> PathBuf {
        self.root().join("gc.lock")
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::store;
    use super::*;

    #[track_caller]
    fn held(attempt: Attempt) -> StepLock {
        match attempt {
            Attempt::Held(lock) => lock,
            Attempt::Busy(holder) => panic!("busy: {holder:?}"),
        }
    }

    #[test]
    fn gc_sees_runs_and_runs_wait_for_gc() {
        let (_folder, store) = store();
        assert_eq!(store.at_work().unwrap(), None);
        let runs = [store.stay("x", |_| panic!("waited")).unwrap(), store.stay("x", |_| panic!("waited")).unwrap()];
        let said = format!("a run is going on in this cache (pid {} on ", std::process::id());
        for run in runs {
            assert!(store.at_work().unwrap().unwrap().starts_with(&said));
            drop(run);
        }
        assert_eq!(store.at_work().unwrap(), None);

        let gc = held(store.lock_for_gc().unwrap());
        assert!(matches!(store.lock_for_gc().unwrap(), Attempt::Busy(_)));
        let (sender, waits) = std::sync::mpsc::channel();
        let run = std::thread::spawn({
            let store = store.clone();
            move || store.stay("x", |who| sender.send(who.to_owned()).unwrap()).map(drop)
        });
        assert!(waits.recv().unwrap().starts_with(&format!("pid {}", std::process::id())));
        // It has said that it is there before it waits.
        assert!(store.at_work().unwrap().is_some());
        drop(gc);
        run.join().unwrap().unwrap();
        assert_eq!(store.at_work().unwrap(), None);
    }

    #[test]
    fn a_run_that_was_killed_is_forgotten_and_one_elsewhere_is_not_as_long_as_it_lives() {
        let (_folder, store) = store();
        let lock = store.stay("x", |_| {}).unwrap();
        let path = store.list_loose("alive").unwrap().remove(0).path;
        let mut record: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        drop(lock);
        let leave = |record: &serde_json::Value, age: u64| {
            std::fs::write(&path, record.to_string()).unwrap();
            let file = std::fs::File::open(&path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        };
        record["started"] = 1.into();
        leave(&record, 0);
        assert_eq!(store.at_work().unwrap(), None);
        drop(store.stay("y", |_| {}).unwrap());
        assert!(!path.exists());

        (record["host"], record["boot"]) = ("node7".into(), "other".into());
        for (age, lives) in [(0, true), (100, true), (200, false)] {
            leave(&record, age);
            drop(store.stay("y", |_| {}).unwrap());
            let found = store.at_work().unwrap();
            assert_eq!(found.is_some(), lives, "{age}: {found:?}");
        }
    }
}

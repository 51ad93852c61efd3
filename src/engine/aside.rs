//! Steps that other processes run: looked at again from time to time, while the workers do something else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::process::Runnable;
use crate::store::{Holder, Store, Watch};

const EVERY: Duration = Duration::from_millis(500);

#[derive(Default)]
pub struct Aside {
    waiting: Vec<Waiting>,
    /// Lock files are watched for longer than one stay here: an attempt to take a lock can fail.
    watches: BTreeMap<usize, Watch>,
    told: BTreeSet<usize>,
}

struct Waiting {
    what: Runnable,
    holder: Option<Holder>,
    look_at: Instant,
}

impl Aside {
    pub fn add(&mut self, mut what: Runnable, holder: Option<Holder>, now: Instant) {
        if what.dead.take().is_some()
            && let Some(watch) = self.watches.get_mut(&what.step)
        {
            watch.start_again(now);
        }
        self.waiting.push(Waiting { what, holder, look_at: now + EVERY });
    }

    /// The steps that it is time to look at.
    pub fn due(&mut self, now: Instant) -> Vec<(Runnable, Option<Holder>)> {
        let (due, rest) = std::mem::take(&mut self.waiting).into_iter().partition(|one| one.look_at <= now);
        self.waiting = rest;
        let due: Vec<Waiting> = due;
        due.into_iter().map(|one| (one.what, one.holder)).collect()
    }

    /// All that are waited for, whenever they were looked at.
    pub fn all(&mut self) -> Vec<(Runnable, Option<Holder>)> {
        std::mem::take(&mut self.waiting).into_iter().map(|one| (one.what, one.holder)).collect()
    }

    pub fn steps(&self) -> BTreeSet<usize> {
        self.waiting.iter().map(|one| one.what.step).collect()
    }

    /// Whether a worker should try to take the step's lock; sets what it needs to know for that.
    pub fn may_be_free(&mut self, store: &Store, what: &mut Runnable, now: Instant) -> bool {
        let watch = self.watches.entry(what.step).or_insert_with(|| Watch::new(now));
        let free = watch.may_be_free(&store.lock_path(&what.key), now);
        what.dead = watch.dead(now).map(str::to_owned);
        free
    }

    /// True the first time for every step.
    pub fn tell(&mut self, step: usize) -> bool {
        self.told.insert(step)
    }
}

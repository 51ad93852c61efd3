//! A lock that another process holds, seen from outside.

use std::path::Path;
use std::time::{Duration, Instant};

use super::record::{Holder, content, open};
use super::{Flock, flock};

/// Six heartbeats.
const DEAD_AFTER: Duration = Duration::from_secs(60);

/// What a lock file held when it was looked at last, and since when.
#[derive(Debug)]
pub struct Watch {
    text: String,
    since: Instant,
}

impl Watch {
    pub fn new(now: Instant) -> Self {
        Self { text: String::new(), since: now }
    }

    /// Looks again. `true`: it is worth trying to take the lock, with [`Watch::dead`].
    pub fn may_be_free(&mut self, path: &Path, now: Instant) -> bool {
        let Ok(mut file) = open(path) else { return true };
        let Ok(text) = content(&mut file) else { return true };
        if text != self.text {
            (self.text, self.since) = (text, now);
        }
        if self.text.is_empty() {
            return true;
        }
        let me = Holder::me("", false);
        let holder = Holder::parse(&self.text);
        // The operating system knows of every holder on this machine: a lock that can be had is had for a moment.
        let known_here = holder.as_ref().is_none_or(|holder| holder.has_flock() && holder.shares_kernel_with(&me));
        let let_go = || known_here && matches!(flock(&file), Ok(Flock::Taken));
        holder.as_ref().is_some_and(|holder| holder.is_gone(&me)) || self.stands_still(now) || let_go()
    }

    /// The content that has not changed for too long.
    pub fn dead(&self, now: Instant) -> Option<&str> {
        self.stands_still(now).then_some(self.text.as_str())
    }

    /// An attempt on what [`Watch::dead`] said has failed.
    pub fn start_again(&mut self, now: Instant) {
        self.since = now;
    }

    fn stands_still(&self, now: Instant) -> bool {
        !self.text.is_empty() && now.duration_since(self.since) >= DEAD_AFTER
    }
}

//! When a step writes down how far it is.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

const DEFAULT: Duration = Duration::from_secs(600);

/// `[run] snapshot_every`. It decides how much is lost with a kill, and never what comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotEvery {
    Steps(usize),
    Time(Duration),
}

impl Default for SnapshotEvery {
    fn default() -> Self {
        Self::Time(DEFAULT)
    }
}

/// Says when the next snapshot is due.
#[derive(Debug)]
pub struct Pace {
    every: SnapshotEvery,
    last: Instant,
}

impl Pace {
    pub fn new(every: SnapshotEvery) -> Self {
        Self { every, last: Instant::now() }
    }

    /// After `step` training steps.
    pub fn due(&self, step: usize) -> bool {
        match self.every {
            SnapshotEvery::Steps(steps) => step.is_multiple_of(steps.max(1)),
            SnapshotEvery::Time(_) => self.time_is_up(),
        }
    }

    /// For work that has no training steps: a number of them says nothing about it.
    pub fn time_is_up(&self) -> bool {
        let every = match self.every {
            SnapshotEvery::Time(every) => every,
            SnapshotEvery::Steps(_) => DEFAULT,
        };
        self.last.elapsed() >= every
    }

    /// A snapshot was written, or could not be.
    pub fn restart(&mut self) {
        self.last = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_times_come_round() {
        let steps = Pace::new(SnapshotEvery::Steps(3));
        assert_eq!((1..8).filter(|step| steps.due(*step)).collect::<Vec<_>>(), [3, 6]);
        assert!(!steps.time_is_up());
        let later = Pace::new(SnapshotEvery::Time(Duration::from_secs(3600)));
        assert!(!later.due(3) && !later.time_is_up());
        let mut soon = Pace::new(SnapshotEvery::Time(Duration::from_millis(5)));
        std::thread::sleep(Duration::from_millis(5));
        assert!(soon.due(1) && soon.time_is_up());
        let before = soon.last;
        soon.restart();
        assert!(soon.last > before);
    }
}

//! How a worker is asked to stop: by its driver, or by a signal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::hold;

/// Work that cannot be gone on with is left alone for so long: most of it ends by then.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a worker ends with that was asked to.
pub const STOPPED: u8 = 130;

/// Set once, never taken back: a worker that is asked to stop ends.
#[derive(Debug)]
pub struct StopFlag {
    asked: AtomicBool,
    /// Whether what runs now looks at the flag.
    listening: AtomicBool,
}

impl StopFlag {
    pub const fn new() -> Self {
        Self { asked: AtomicBool::new(false), listening: AtomicBool::new(true) }
    }

    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Asks; a step that does not listen is ended soon, since nothing finished is lost with it.
    pub fn ask(&'static self) {
        if !self.asked.swap(true, Ordering::Relaxed) {
            // Where no thread starts, the driver's patience ends it.
            let watch = std::thread::Builder::new().spawn(|| {
                std::thread::sleep(PATIENCE);
                if !self.listening.load(Ordering::Relaxed) {
                    std::process::exit(STOPPED.into());
                }
            });
            drop(watch);
        }
        hold::at(format_args!("stop-asked"));
    }

    pub(super) fn running(&self, listening: bool) {
        self.listening.store(listening, Ordering::Relaxed);
    }
}

impl Default for StopFlag {
    fn default() -> Self {
        Self::new()
    }
}

//! The sign of life in the lock files that this process holds.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::record::{Holder, content, open};
use crate::threads;

const EVERY: Duration = Duration::from_secs(10);

static HELD: Mutex<Vec<Weak<Beating>>> = Mutex::new(Vec::new());
static STARTED: AtomicBool = AtomicBool::new(false);

/// A lock file of ours.
#[derive(Debug)]
pub(super) struct Beating {
    pub path: PathBuf,
    state: Mutex<(File, Holder)>,
    lost: AtomicBool,
}

impl Beating {
    pub fn new(path: PathBuf, file: File, holder: Holder) -> Arc<Self> {
        Arc::new(Self { path, state: Mutex::new((file, holder)), lost: AtomicBool::new(false) })
    }

    fn state(&self) -> MutexGuard<'_, (File, Holder)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another process has taken the lock over: this one slept too long to count as alive.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Counts on, unless the file has another holder by now. What cannot be written is tried again next time.
    pub fn beat(&self) {
        let mut state = self.state();
        if self.is_ours(&state.1) {
            state.1 = state.1.beaten();
            let (file, holder) = &mut *state;
            holder.write(file).ok();
        }
    }

    /// Removes the file if it is still ours.
    pub fn remove(&self) {
        let state = self.state();
        if self.is_ours(&state.1) {
            std::fs::remove_file(&self.path).ok();
        }
    }

    fn is_ours(&self, holder: &Holder) -> bool {
        let text = open(&self.path).and_then(|mut file| content(&mut file));
        let other = match text {
            Ok(text) => Holder::parse(&text).is_none_or(|found| !found.is(holder)),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        self.lost.fetch_or(other, Ordering::Relaxed);
        !other
    }
}

/// Beats from now on, as long as somebody keeps `lock`. One thread serves the whole process.
pub(super) fn keep(lock: &Arc<Beating>) -> std::io::Result<()> {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.retain(|lock| lock.strong_count() > 0);
    held.push(Arc::downgrade(lock));
    drop(held);
    if !STARTED.swap(true, Ordering::Relaxed) {
        let thread = std::thread::Builder::new().name("heartbeat".to_owned()).spawn(|| {
            loop {
                std::thread::sleep(EVERY);
                let held: Vec<_> = HELD.lock().unwrap_or_else(PoisonError::into_inner).clone();
                held.iter().filter_map(Weak::upgrade).for_each(|lock| lock.beat());
            }
        });
        if let Err(error) = thread {
            STARTED.store(false, Ordering::Relaxed);
            return Err(std::io::Error::new(error.kind(), threads::REFUSED));
        }
    }
    Ok(())
}

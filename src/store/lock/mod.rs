//! One step runs once, however many processes and machines share the cache.
//!
//! A lock is a file that says who runs the step. On one machine the operating system's own lock (flock) on that file
//! decides: it ends with its process. Between machines, and where a file system has no such locks, the record in the
//! file decides: its holder counts on every 10 seconds, and one that has stood still for 60 seconds by the observer's
//! own clock is taken for dead. No clock of a wall is compared with another.
//!
//! Two processes may both believe that they hold a lock only if one of them was stopped for a minute and goes on. Then
//! the step runs twice, and both write the same names with whole files: the cache stays right.

mod heartbeat;
mod record;
mod watch;

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use super::{StoreError, share};
use crate::hold;
use heartbeat::Beating;
use record::content;

pub use record::{Holder, started};
pub use watch::Watch;

/// How long another process may take between reading a record and writing its own.
const PAUSE: Duration = Duration::from_millis(300);
const TRIES: usize = 20;
/// A machine that is alive writes its locks more often than this.
const HEARTBEATS: Duration = Duration::from_secs(120);

/// The right to run a step; given back when it is dropped.
#[derive(Debug)]
pub struct StepLock {
    beating: Arc<Beating>,
    /// Who held the lock before and did not give it back.
    pub taken_over: Option<Holder>,
}

impl StepLock {
    /// Another process has taken the lock over meanwhile.
    pub fn is_lost(&self) -> bool {
        self.beating.is_lost()
    }
}

impl Drop for StepLock {
    fn drop(&mut self) {
        // Whoever opened the file before it went finds that its path is another file, and tries again.
        self.beating.remove();
    }
}

#[derive(Debug)]
pub enum Attempt {
    Held(StepLock),
    /// Another process runs the step; `None` where its record cannot be read.
    Busy(Option<Holder>),
}

/// Tries to take a lock, and never waits for its holder. `dead` is the content of the lock file that a [`Watch`] has
/// seen unchanged for too long.
pub(super) fn acquire(path: &Path, step: &str, dead: Option<&str>) -> Result<Attempt, StoreError> {
    acquire_with(path, step, dead, flock)
}

fn acquire_with(
    path: &Path,
    step: &str,
    dead: Option<&str>,
    flock: fn(&File) -> io::Result<Flock>,
) -> Result<Attempt, StoreError> {
    let fail = |error| StoreError::write(path, record::LENGTH as u64, error);
    for _ in 0..TRIES {
        let Some((mut file, created)) = open(path).map_err(fail)? else { continue };
        let flocked = match flock(&file).map_err(fail)? {
            Flock::Taken => true,
            Flock::Held => return Ok(Attempt::Busy(content(&mut file).ok().and_then(|text| Holder::parse(&text)))),
            Flock::Unsupported => false,
        };
        if !is_at(&file, path) {
            continue;
        }
        let me = Holder::me(step, flocked);
        let mut before = content(&mut file).map_err(fail)?;
        if before.is_empty() && !created {
            // Its maker is about to write it, or died before he did.
            std::thread::sleep(PAUSE);
            before = content(&mut file).map_err(fail)?;
        }
        let holder = Holder::parse(&before);
        let free = match &holder {
            Some(holder) => {
                // Where everybody gets the operating system's lock, it says nothing of a process that is known to live.
                let let_go = flocked && holder.has_flock() && holder.shares_kernel_with(&me) && !holder.lives(&me);
                let_go || holder.is_gone(&me) || dead == Some(before.as_str())
            }
            None => flocked || created || before.is_empty() || dead == Some(before.as_str()),
        };
        if !free {
            return Ok(Attempt::Busy(holder));
        }
        if let Err(error) = me.write(&mut file) {
            // An empty file would make the next one wait for its maker.
            if created {
                std::fs::remove_file(path).ok();
            }
            return Err(fail(error));
        }
        let sure = flocked && (created || holder.as_ref().is_some_and(|holder| holder.shares_kernel_with(&me)));
        if !sure {
            std::thread::sleep(PAUSE);
            let now = content(&mut file).ok().and_then(|text| Holder::parse(&text));
            if !now.as_ref().is_some_and(|now| now.is(&me)) || !is_at(&file, path) {
                return Ok(Attempt::Busy(now));
            }
        }
        let beating = Beating::new(path.to_owned(), file, me);
        heartbeat::keep(&beating).map_err(fail)?;
        return Ok(Attempt::Held(StepLock { beating, taken_over: holder }));
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(fail(io::Error::other(record::NO_FILE))),
        // Others come and go quickly.
        _ => Ok(Attempt::Busy(None)),
    }
}

/// The file, and whether it was made; `None` where it went meanwhile.
fn open(path: &Path) -> io::Result<Option<(File, bool)>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.clone().create_new(true).open(path) {
        Ok(file) => {
            share(&file, path);
            return Ok(Some((file, true)));
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    match options.open(path) {
        Ok(file) => Ok(Some((file, false))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Who holds a lock, by its file. Waits for nothing. A lock that another machine keeps alive may not be seen from here
/// as a lock, but as a file that is written again and again; `now` is by the clock that `modified` is by.
pub(super) fn holder(path: &Path, modified: SystemTime, now: SystemTime) -> Option<String> {
    let holder = Holder::read(path);
    if is_locked(path) {
        return Some(holder.map_or("another process".to_owned(), |holder| holder.to_string()));
    }
    let beats = now.duration_since(modified).map_or(true, |age| age < HEARTBEATS);
    let alive = holder.filter(|holder| beats && !holder.is_gone(&Holder::me("", false)))?;
    Some(alive.to_string())
}

/// Whether the operating system's locks keep anybody out: some file systems give them to all who ask (mounts of Lustre,
/// GPFS or NFS). Where they do not, records decide from now on.
pub(super) fn try_out(folder: &Path) -> bool {
    let tried = || -> io::Result<bool> {
        let first = super::leftovers::temporary(folder)?;
        let second = File::open(first.path())?;
        let both = [first.as_file(), &second].map(flock);
        Ok(!matches!(both, [Ok(Flock::Taken), Ok(Flock::Taken)]))
    };
    let honest = tried().unwrap_or(true);
    if !honest {
        LIES.store(true, Ordering::Relaxed);
    }
    honest
}

/// What [`try_out`] found.
pub(super) fn lie() -> bool {
    LIES.load(Ordering::Relaxed)
}

static LIES: AtomicBool = AtomicBool::new(false);

pub(super) fn is_locked(path: &Path) -> bool {
    record::open(path).is_ok_and(|file| matches!(flock(&file), Ok(Flock::Held)))
}

enum Flock {
    Taken,
    Held,
    /// This file system has no such locks.
    Unsupported,
}

fn flock(file: &File) -> io::Result<Flock> {
    if lie() {
        return Ok(Flock::Unsupported);
    }
    match file.try_lock() {
        _ if hold::flock_lies() => Ok(Flock::Taken),
        Ok(()) => Ok(Flock::Taken),
        Err(TryLockError::WouldBlock) => Ok(Flock::Held),
        Err(TryLockError::Error(error)) if is_unsupported(&error) => Ok(Flock::Unsupported),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// ENOSYS and EOPNOTSUPP have a name in the library; ENOLCK and EINVAL, which network file systems give, have none.
fn is_unsupported(error: &io::Error) -> bool {
    const ENOLCK: i32 = if cfg!(target_os = "linux") { 37 } else { 77 };
    const EINVAL: i32 = 22;
    error.kind() == io::ErrorKind::Unsupported || matches!(error.raw_os_error(), Some(ENOLCK | EINVAL))
}

/// Whether `path` is still this file, and no link to one.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |found: std::fs::Metadata| (found.dev(), found.ino());
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(file), Ok(path)) => place(file) == place(path),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests;

//! One step runs once, however many processes share the cache.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use super::StoreError;

/// Held while a step runs. The operating system drops it with the process that holds it, so a crash leaves nothing
/// to clean up; the file only says who holds it.
#[derive(Debug)]
pub struct StepLock {
    _file: File,
}

impl StepLock {
    pub(super) fn acquire(path: &Path) -> Result<Self, StoreError> {
        let fail = |error| StoreError::write(path, 0, error);
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(fail)?;
        file.lock().map_err(fail)?;
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        file.set_len(0).map_err(fail)?;
        writeln!(file, "{} on {}", std::process::id(), host.trim()).map_err(fail)?;
        Ok(Self { _file: file })
    }
}

//! How files of the results are written.

use std::fs::File;
use std::path::Path;

use crate::plain;
use crate::store::publish;
use crate::tables::TableError;

/// Waits until no other run writes this folder, which the lock keeps so until it is dropped. Where a file system knows
/// no locks, nobody waits.
pub fn alone(folder: &Path) -> Option<File> {
    std::fs::create_dir_all(folder).ok()?;
    let folder = File::open(folder).ok()?;
    folder.lock().ok()?;
    Some(folder)
}

/// Writes a file unless it holds these bytes already, so that a fresh run leaves files and their times alone.
pub fn put(path: &Path, bytes: &[u8]) -> Result<(), TableError> {
    if plain::read_up_to(path, bytes.len() as u64).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    Ok(publish(path, bytes, false)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_at_a_time_writes_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("results/study");
        let held = alone(&folder).unwrap();
        let other = File::open(&folder).unwrap();
        assert!(other.try_lock().is_err());
        drop(held);
        assert!(other.try_lock().is_ok());
    }
}

//! Temporary files of processes that were killed while they wrote.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use crate::fingerprint::Digest;

const START: &str = ".tmp-";
/// Nobody writes a file for a day.
const OLD: Duration = Duration::from_secs(24 * 3600);

/// How the names of this process's temporary files start: its machine since its last start, and its number.
fn prefix() -> String {
    format!("{START}{}-{}-", machine(), std::process::id())
}

/// Eight digits for this start of this machine, and for this container on it.
pub(super) fn machine() -> &'static str {
    static MACHINE: LazyLock<String> = LazyLock::new(|| {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        Digest::of(format!("{boot} {}", namespace.display()).as_bytes()).to_string()[..8].to_owned()
    });
    &MACHINE
}

/// Removes what dead processes left in `folder` and, `depth` folders deep, below it. What cannot be removed is left.
pub fn remove(folder: &Path, depth: usize) {
    if let Ok(now) = clock(folder) {
        remove_before(folder, depth, now);
    }
}

/// The time by the file system's own clock, which may be another machine's.
pub(super) fn clock(folder: &Path) -> std::io::Result<SystemTime> {
    temporary(folder)?.as_file().metadata()?.modified()
}

/// A file that is gone with what this gives back, and is known as ours should that not come to pass.
pub(super) fn temporary(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(&prefix()).tempfile_in(folder)
}

pub(super) fn is_temporary(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(START))
}

fn remove_before(folder: &Path, depth: usize, now: SystemTime) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // Of the entry itself: links are not followed.
        let Ok(kind) = entry.file_type() else { continue };
        let age = || now.duration_since(entry.metadata().ok()?.modified().ok()?).ok();
        let dead = is_dead(&entry.file_name().to_string_lossy(), machine(), age);
        if kind.is_dir() && depth > 0 {
            remove_before(&entry.path(), depth - 1, now);
        }
        match dead {
            true if kind.is_file() => drop(fs::remove_file(entry.path())),
            // An empty one alone.
            true if kind.is_dir() => drop(fs::remove_dir(entry.path())),
            _ => {}
        }
    }
}

fn is_dead(name: &str, machine: &str, age: impl FnOnce() -> Option<Duration>) -> bool {
    let Some(rest) = name.strip_prefix(START) else {
        // As `tempfile` calls its own where nobody names them.
        let own = name.strip_prefix(".tmp").is_some_and(|rest| rest.len() == 6 && rest.is_ascii());
        return own && age().is_some_and(|age| age > OLD);
    };
    let mut parts = rest.splitn(3, '-');
    match (parts.next(), parts.next().and_then(|pid| pid.parse::<u32>().ok()), parts.next()) {
        (Some(from), Some(pid), Some(_)) if from == machine && Path::new("/proc/self").exists() => {
            super::lock::started(pid).is_none()
        }
        _ => age().is_some_and(|age| age > OLD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_dead_go_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("objects/ab");
        fs::create_dir_all(&deep).unwrap();
        let dead = format!("{START}{}-4194305-x", machine());
        for name in [dead.as_str(), &format!("{}x", prefix()), ".tmp-00000000-4194305-x", ".tmp-x", "ab12"] {
            fs::write(deep.join(name), "").unwrap();
        }
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join(&dead), "").unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
        remove(folder.path(), 2);
        assert_eq!(fs::read_dir(&deep).unwrap().count(), 4);
        assert!(!deep.join(&dead).exists() && outside.path().join(&dead).exists());

        let hours = |hours: u64| move || Some(Duration::from_secs(hours * 3600));
        let other = ".tmp-00000000-4194305-x";
        assert!(is_dead(other, "ffffffff", hours(25)) && is_dead(".tmp-x", "ffffffff", hours(25)));
        // A clock that was set back makes files of the future.
        assert!(!is_dead(other, "ffffffff", hours(23)) && !is_dead(other, "ffffffff", || None));
        assert!(!is_dead("ab12", "ffffffff", hours(1000)) && !is_dead(".tmpfile.md", "ffffffff", hours(1000)));
        // Probes of earlier versions.
        assert!(is_dead(".tmpAb3dE9", "ffffffff", hours(25)) && !is_dead(".tmpAb3dE9", "ffffffff", hours(23)));
    }

    #[test]
    fn empty_folders_of_the_dead_go_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in [".tmpAAAAAA", ".tmpBBBBBB/mine", "cccccc"] {
            fs::create_dir_all(path(name)).unwrap();
        }
        remove_before(folder.path(), 1, SystemTime::now() + 2 * OLD);
        assert!(!path(".tmpAAAAAA").exists() && path(".tmpBBBBBB/mine").exists() && path("cccccc").exists());
    }
}

//! The log of the step that a worker runs. A step that there is nothing to tell of leaves none: the journal says when it
//! began and ended, and a study of all pairs has tens of thousands.

use std::fs::OpenOptions;
use std::io::Write;
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::say;
use crate::store::share;

/// Of the step that runs, or ran last: a panic on another thread has no way to know it.
static LOG: Mutex<Option<Log>> = Mutex::new(None);

struct Log {
    path: PathBuf,
    /// Not written yet.
    head: Option<String>,
}

fn current() -> MutexGuard<'static, Option<Log>> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What follows is told of another step; `head` comes first, once there is something to tell.
pub fn begin(path: &Path, head: String) {
    *current() = Some(Log { path: path.to_owned(), head: Some(head) });
}

pub fn line(text: &str) {
    if let Some(log) = current().as_mut() {
        let head = log.head.take().map_or_else(String::new, |head| head + "\n");
        append(&log.path, &format!("{head}{text}"));
    }
}

/// A line that alone is not worth a log.
pub fn end(text: &str) {
    if current().as_ref().is_some_and(|log| log.head.is_none()) {
        line(text);
    }
}

/// Of a step that is no longer running here.
pub fn append(path: &Path, text: &str) {
    if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path) {
        share(&file, path);
        file.write_all(format!("{}\n", say::for_log(text)).as_bytes()).ok();
    }
}

/// What becomes of a panic is for whoever catches it to say; where it was is in the step's log.
pub fn note_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let backtrace = std::backtrace::Backtrace::force_capture();
    let text = format!("thread `{}` {panic}\n{backtrace}", thread.name().unwrap_or("unnamed"));
    // Not across the other: `line` takes the same lock.
    let known = current().is_some();
    if known { line(&text) } else { eprintln!("{text}") }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::panic::catch_unwind;

    use super::*;

    /// In a process of its own, for a hook is everybody's.
    #[test]
    fn a_panic_leaves_its_place_in_the_log_of_the_step() {
        const PATH: &str = "PIPELINE_TEST_LOG";
        if let Some(path) = std::env::var_os(PATH) {
            std::panic::set_hook(Box::new(note_panic));
            begin(Path::new(&path), "head".to_owned());
            end("nothing to tell");
            assert!(!Path::new(&path).exists());
            assert!(catch_unwind(|| panic!("row {} is odd", 3)).is_err());
            assert!(std::thread::spawn(|| panic!("elsewhere")).join().is_err());
            end("the end");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("step.log");
        let test = "engine::log::tests::a_panic_leaves_its_place_in_the_log_of_the_step";
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let ended = child.args(["--exact", test]).env(PATH, &path).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
        let log = fs::read_to_string(path).unwrap();
        let place = format!("panicked at {}:", file!());
        assert_eq!(log.matches(&place).count(), 2, "{log}");
        assert!(log.contains("row 3 is odd\n") && log.contains("elsewhere\n"), "{log}");
        assert!(log.starts_with("head\n") && log.ends_with("\nthe end\n") && !log.contains("nothing"), "{log}");
        // A backtrace names this function.
        assert!(log.contains("a_panic_leaves_its_place"), "{log}");
    }
}

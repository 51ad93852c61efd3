//! Where tests hold the program still, so that what they do to it happens at a place and not at a time: CONTRIBUTING.md
//! says how. `PIPELINE_HOLD` names a folder that a test owns; without it, as everywhere else, a place costs one load.

use std::collections::HashMap;
use std::fmt::Arguments;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::sleep;
use std::time::Duration;

static HOOKS: OnceLock<Option<Hooks>> = OnceLock::new();

fn hooks() -> Option<&'static Hooks> {
    HOOKS.get_or_init(|| std::env::var_os("PIPELINE_HOLD").map(|folder| Hooks::new(folder.into()))).as_ref()
}

/// The program is at a place, such as `finetune-500`. The name is put together only where somebody may wait there.
pub fn at(place: Arguments<'_>) {
    if let Some(hooks) = hooks() {
        hooks.at(&place.to_string());
    }
}

/// What a test adds to the clock, so that nobody has to wait until something is late.
pub fn late() -> Duration {
    hooks().and_then(|hooks| hooks.number("late")).map_or(Duration::ZERO, Duration::from_secs)
}

/// How long to wait for what is then given up: where tests hold the program, long enough for any machine.
pub fn patience(usual: Duration) -> Duration {
    if hooks().is_some() { 30 * usual } else { usual }
}

/// Whether the operating system's locks are to be had by all who ask.
pub fn flock_lies() -> bool {
    hooks().is_some_and(|hooks| hooks.folder.join("flock-lies").exists())
}

/// How many of something are many: where tests say so, few.
pub fn many(usual: usize) -> usize {
    hooks().and_then(|hooks| hooks.number("many")).and_then(|many| many.try_into().ok()).unwrap_or(usual)
}

struct Hooks {
    folder: PathBuf,
    /// Slept at each place: a slow machine.
    slow: Duration,
    /// How often this process came to each place.
    visits: Mutex<HashMap<String, u64>>,
}

impl Hooks {
    fn new(folder: PathBuf) -> Self {
        let hooks = Self { folder, slow: Duration::ZERO, visits: Mutex::default() };
        Self { slow: hooks.number("slow").map_or(Duration::ZERO, Duration::from_millis), ..hooks }
    }

    fn number(&self, name: &str) -> Option<u64> {
        fs::read_to_string(self.folder.join(name)).ok()?.trim().parse().ok()
    }

    fn at(&self, place: &str) {
        sleep(self.slow);
        for name in [place, "any"] {
            let visit = self.visit(name);
            let Ok(wanted) = fs::read_to_string(self.folder.join(name)) else { continue };
            if wanted.is_empty() || wanted.trim().parse() == Ok(visit) {
                self.wait(name, place);
            }
        }
    }

    /// Counts this visit too.
    fn visit(&self, name: &str) -> u64 {
        let mut visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        let count = visits.entry(name.to_owned()).or_insert(0);
        *count += 1;
        *count
    }

    /// Says that this process is there, and waits until that is taken away again, or the hold itself.
    fn wait(&self, name: &str, place: &str) {
        let said = self.folder.join(format!("{name}.{}", std::process::id()));
        let unfinished = self.folder.join(format!(".{name}.{}", std::process::id()));
        if fs::write(&unfinished, place).and_then(|()| fs::rename(&unfinished, &said)).is_ok() {
            while said.exists() && self.folder.join(name).exists() {
                sleep(Duration::from_millis(1));
            }
            fs::remove_file(&said).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_place_is_passed_unless_a_file_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let hooks = Hooks::new(folder.path().to_owned());
        let me = std::process::id();
        hooks.at("here");
        for (name, wanted) in [("here", ""), ("here", "4"), ("any", "9")] {
            fs::write(file(name), wanted).unwrap();
            let said = file(&format!("{name}.{me}"));
            std::thread::scope(|scope| {
                let (passed, passing) = mpsc::channel();
                let hooks = &hooks;
                scope.spawn(move || {
                    hooks.at("there");
                    hooks.at("here");
                    passed.send(()).unwrap();
                });
                while !said.exists() {
                    sleep(Duration::from_millis(1));
                }
                assert_eq!(fs::read_to_string(&said).unwrap(), "here");
                assert!(passing.try_recv().is_err());
                if wanted.is_empty() {
                    fs::remove_file(file(name)).unwrap();
                }
                fs::remove_file(&said).unwrap();
                passing.recv().unwrap();
            });
            // A number holds at that visit alone.
            hooks.at("here");
        }
    }
}

//! Which jobs were submitted for a study, and what the queue last said of them: `v1/slurm/` in the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::queue::{Line, Queue};
use crate::plain;
use crate::store::{StoreError, publish};

/// The controller is asked no more often, whoever looks.
const EVERY: u64 = 10;

/// The jobs of a study.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    pub experiment: String,
    /// Arrays.
    pub pilots: Vec<String>,
    /// Jobs that write results when the pilots have ended.
    pub results: Vec<String>,
}

/// What the queue says.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Answer {
    /// In seconds since 1970: when the controller was asked last, and when it answered.
    asked: u64,
    answered: u64,
    pub lines: Vec<Line>,
    /// Why it did not answer when it was asked last.
    #[serde(default)]
    pub trouble: Option<String>,
}

impl Answer {
    /// How long ago it was given.
    pub fn age(&self) -> u64 {
        now().saturating_sub(self.answered)
    }

    pub fn is_known(&self) -> bool {
        self.answered > 0
    }
}

impl Submitted {
    /// The scripts of a study, what its jobs print, and their numbers.
    pub fn folder(cache: &Path, experiment: &str) -> PathBuf {
        cache.join("slurm").join(experiment)
    }

    /// Nothing where none were submitted.
    pub fn read(cache: &Path, experiment: &str) -> Self {
        let path = Self::folder(cache, experiment).join("jobs.json");
        let read = plain::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        read.unwrap_or_else(|| Self { experiment: experiment.to_owned(), ..Self::default() })
    }

    /// Of all studies in a cache.
    pub fn all(cache: &Path) -> Vec<Self> {
        let folders = fs::read_dir(cache.join("slurm")).into_iter().flatten().flatten();
        let mut names: Vec<String> = folders.filter_map(|folder| folder.file_name().into_string().ok()).collect();
        names.sort();
        let all = names.iter().map(|name| Self::read(cache, name));
        all.filter(|one| !one.pilots.is_empty() || !one.results.is_empty()).collect()
    }

    /// # Errors
    /// The cache cannot be written.
    pub fn write(&self, cache: &Path) -> Result<(), StoreError> {
        let path = Self::folder(cache, &self.experiment).join("jobs.json");
        publish(&path, serde_json::to_string_pretty(self).unwrap_or_default().as_bytes(), false)
    }

    pub fn jobs(&self) -> impl Iterator<Item = &String> {
        self.pilots.iter().chain(&self.results)
    }
}

/// What the queue says of the jobs of all studies in a cache; of a moment ago, where somebody has just asked.
pub fn ask(cache: &Path, all: &[Submitted]) -> Answer {
    ask_with(cache, all, now(), |jobs| Queue::list(jobs).map_err(|error| error.to_string()))
}

fn ask_with(
    cache: &Path,
    all: &[Submitted],
    now: u64,
    list: impl FnOnce(&[String]) -> Result<Vec<Line>, String>,
) -> Answer {
    let path = cache.join("slurm").join("queue.json");
    let jobs: Vec<String> = all.iter().flat_map(Submitted::jobs).cloned().collect();
    if jobs.is_empty() {
        return Answer::default();
    }
    let last: Answer =
        plain::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    // A clock that was set back, or another machine's, must not silence the queue for long.
    if last.asked.abs_diff(now) < EVERY {
        return last;
    }
    let keep =
        |answer: &Answer| publish(&path, serde_json::to_string(answer).unwrap_or_default().as_bytes(), false).ok();
    // Before the answer: others need not ask meanwhile.
    keep(&Answer { asked: now, answered: last.answered, lines: last.lines.clone(), trouble: last.trouble.clone() });
    let answer = match list(&jobs) {
        Ok(lines) => Answer { asked: now, answered: now, lines, trouble: None },
        Err(trouble) => Answer { asked: now, trouble: Some(trouble), ..last },
    };
    keep(&answer);
    answer
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controller_is_asked_once_in_ten_seconds_and_its_silence_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path();
        let one =
            Submitted { experiment: "qqp".to_owned(), pilots: vec!["7".to_owned()], results: vec!["8".to_owned()] };
        fs::create_dir_all(Submitted::folder(cache, "qqp")).unwrap();
        one.write(cache).unwrap();
        let all = Submitted::all(cache);
        assert_eq!(all, [one]);
        let line = || Line { job: "7_1".to_owned(), state: "RUNNING".to_owned(), place: "node1".to_owned() };
        let answers = |at, answer: Option<Result<Vec<Line>, String>>| {
            let asked = ask_with(cache, &all, at, |jobs| {
                assert_eq!(jobs, ["7", "8"]);
                answer.expect("it was asked again")
            });
            (asked.lines.len(), asked.trouble)
        };
        assert_eq!(answers(1000, Some(Ok(vec![line()]))), (1, None));
        assert_eq!(answers(1009, None), (1, None));
        assert_eq!(answers(1010, Some(Err("silence".to_owned()))), (1, Some("silence".to_owned())));
        assert_eq!(answers(1011, None), (1, Some("silence".to_owned())));
        assert_eq!(answers(1300, Some(Ok(Vec::new()))), (0, None));
        // The clock was set back.
        assert_eq!(answers(500, Some(Ok(vec![line()]))), (1, None));
        assert_eq!(ask_with(cache, &[], 2000, |_| panic!("asked for nothing")).lines, []);
    }
}

//! What runs on a cache just now, on whichever machine: from the locks that runs keep and the journals that they write.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::journal::seconds_since_1970;
use crate::fingerprint::Key;
use crate::plain;
use crate::store::{Holder, Store, StoreError};

/// A run that is going on.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Going {
    pub experiment: String,
    /// `pid 7 on host`
    pub who: String,
    /// As the queue of a cluster calls it.
    pub job: Option<String>,
    /// Seconds since it began; nothing where its journal cannot be found.
    pub seconds: Option<u64>,
    pub steps: usize,
    pub done: usize,
    pub fresh: usize,
    pub failed: usize,
    pub running: Vec<Running>,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct Running {
    pub step: String,
    pub key: Option<Key>,
    pub seconds: u64,
    /// How far it is, when it last said so.
    pub progress: Option<[u64; 2]>,
    pub loss: Option<f64>,
}

impl Running {
    /// `97 of 160, loss 0.5000`
    pub fn how_far(&self) -> Option<String> {
        let [done, total] = self.progress?;
        let loss = self.loss.map_or(String::new(), |loss| format!(", loss {loss:.4}"));
        Some(format!("{done} of {total}{loss}"))
    }
}

/// # Errors
/// The cache cannot be read.
pub fn going_on(store: &Store) -> Result<Vec<Going>, StoreError> {
    let now = seconds_since_1970();
    let runs = store.runs_alive()?;
    Ok(runs.into_iter().map(|holder| journal_of(store, &holder).unwrap_or_else(|| told(&holder)).at(now)).collect())
}

fn told(holder: &Holder) -> Told {
    let going = Going { experiment: holder.step.clone(), who: holder.to_string(), ..Going::default() };
    Told { going, began: None, host: None }
}

struct Told {
    /// Times are still times of the day.
    going: Going,
    began: Option<u64>,
    host: Option<String>,
}

impl Told {
    fn at(mut self, now: u64) -> Going {
        self.going.seconds = self.began.map(|began| now.saturating_sub(began));
        for running in &mut self.going.running {
            running.seconds = now.saturating_sub(running.seconds);
        }
        self.going
    }
}

/// The newest journal of a process; one run may write several, one a round.
fn journal_of(store: &Store, holder: &Holder) -> Option<Told> {
    let folders = std::fs::read_dir(store.root().join("runs")).ok()?.flatten().map(|entry| entry.path());
    let mut own: Vec<PathBuf> = folders.filter(|folder| names(folder, holder)).collect();
    own.sort();
    let told = own.into_iter().rev().filter_map(|folder| read(&folder.join("journal.jsonl"), holder));
    // Journals of earlier versions do not say on which host.
    told.into_iter().find(|told| told.host.as_ref().is_none_or(|host| *host == holder.host))
}

/// `1700000000-7-study`, or with a number behind it.
fn names(folder: &Path, holder: &Holder) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mut parts = name.splitn(3, '-');
    let (_, pid, study) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    pid == Some(holder.pid.to_string().as_str()) && study.starts_with(&holder.step)
}

fn read(journal: &Path, holder: &Holder) -> Option<Told> {
    if !std::fs::symlink_metadata(journal).ok()?.is_file() {
        return None;
    }
    let mut told = told(holder);
    // A line that is not whole is being written.
    let lines = BufReader::new(plain::reader(journal).ok()?.0).lines().map_while(Result::ok);
    lines.filter_map(|line| serde_json::from_str(&line).ok()).for_each(|line| told.hear(&line));
    Some(told)
}

impl Told {
    fn hear(&mut self, line: &Value) {
        let going = &mut self.going;
        let number = |name: &str| line[name].as_u64().unwrap_or_default();
        let step = line["step"].as_str().unwrap_or_default();
        match line["event"].as_str().unwrap_or_default() {
            "run" => {
                self.began = line["time"].as_u64();
                going.job = line["job"].as_str().map(str::to_owned);
                self.host = line["host"].as_str().map(str::to_owned);
            }
            "planned" => (going.steps, going.fresh) = (number("to-run") as usize, number("fresh") as usize),
            "start" => {
                let key = line["key"].as_str().and_then(|key| key.parse().ok()).map(Key);
                going.running.retain(|running| running.step != step);
                let (step, seconds) = (step.to_owned(), number("time"));
                going.running.push(Running { step, key, seconds, progress: None, loss: None });
            }
            "progress" => {
                for running in going.running.iter_mut().filter(|running| running.step == step) {
                    running.progress = Some([number("done"), number("total")]);
                    running.loss = line["loss"].as_f64();
                }
            }
            ended @ ("done" | "failed" | "fresh" | "stopped" | "retry" | "aside") => {
                going.running.retain(|running| running.step != step);
                going.done += usize::from(ended == "done");
                going.failed += usize::from(ended == "failed");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::journal::Journal;
    use serde_json::json;

    #[test]
    fn a_run_is_told_by_its_lock_and_its_journal() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(going_on(&store).unwrap(), []);
        // That of another process, and that of an earlier round.
        std::fs::create_dir_all(store.root().join("runs/9-1-study")).unwrap();
        Journal::create(&store, "study", None).write("start", json!({"step": "x.earlier"}));
        let lock = store.stay("study", |_| ()).unwrap();
        let mut journal = Journal::create(&store, "study", None);
        let key = Key(crate::fingerprint::Digest::of(b"x"));
        journal.write("planned", json!({"steps": 9, "fresh": 4, "to-run": 5}));
        for step in ["x.a", "x.b", "x.c", "x.d"] {
            journal.write("start", json!({"step": step, "key": key}));
        }
        journal.write("done", json!({"step": "x.a"}));
        journal.write("failed", json!({"step": "x.b"}));
        journal.write("aside", json!({"step": "x.d"}));
        journal.write("progress", json!({"step": "x.c", "done": 97, "total": 160, "loss": 0.5}));
        let [going] = going_on(&store).unwrap().try_into().unwrap();
        assert_eq!(
            (going.experiment.as_str(), going.steps, going.fresh, going.done, going.failed),
            ("study", 5, 4, 1, 1)
        );
        assert!(going.who.starts_with(&format!("pid {} on ", std::process::id())) && going.seconds.is_some());
        assert_eq!((going.running.len(), going.running[0].key), (1, Some(key)));
        assert_eq!(going.running[0].how_far().as_deref(), Some("97 of 160, loss 0.5000"));
        drop(lock);
        assert_eq!(going_on(&store).unwrap(), []);
    }
}

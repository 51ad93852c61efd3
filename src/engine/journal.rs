//! What happened in a run, appended line by line: `runs/<run-id>/journal.jsonl`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::fingerprint::Digest;
use crate::git::Tree;
use crate::say;
use crate::slurm::own_job;
use crate::store::{Holder, Store, make_folder, make_new_folder, share};

const FORMAT: &str = "pipeline.journal.v1";

/// A journal that cannot be written must not stop work whose results can.
#[derive(Debug)]
pub struct Journal {
    file: Option<File>,
    folder: PathBuf,
    /// The last line may be there in part.
    cut: bool,
}

impl Journal {
    /// `git`: the commit of the study.
    pub fn create(store: &Store, experiment: &str, git: Option<&Tree>) -> Self {
        let run = format!("{}-{}-{experiment}", seconds_since_1970(), std::process::id());
        let (folder, made) = new_folder(&store.root().join("runs"), &run);
        let file = made.and_then(|()| {
            make_folder(&folder.join("logs"))?;
            let path = folder.join("journal.jsonl");
            let file = OpenOptions::new().create_new(true).append(true).open(&path)?;
            share(&file, &path);
            Ok(file)
        });
        let mut journal = Self { file: file.ok(), folder, cut: false };
        let version = env!("CARGO_PKG_VERSION");
        let mut fields = json!({"format": FORMAT, "experiment": experiment, "pipeline": version, "host": host()});
        if let Some(job) = own_job() {
            fields["job"] = job.into();
        }
        if let Some(git) = git {
            fields["git"] = json!(git);
        }
        journal.write("run", fields);
        journal
    }

    pub fn log_of(&self, step: &str) -> PathBuf {
        self.folder.join("logs").join(file_name(step))
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn write(&mut self, event: &str, mut fields: Value) {
        fields["event"] = event.into();
        fields["time"] = seconds_since_1970().into();
        let Some(file) = &mut self.file else { return };
        let fields = say::for_json(fields);
        // One call for one line; after one that was cut, the next starts afresh.
        let line = if self.cut { format!("\n{fields}\n") } else { format!("{fields}\n") };
        self.cut = file.write_all(line.as_bytes()).is_err();
    }
}

/// Of a step's log: no two steps have the same, and none is too long for a file system.
///
/// Brackets become `_`. Where that could be another step's name, or more had to be replaced or cut, the digest of the
/// whole name follows.
fn file_name(step: &str) -> String {
    const LONGEST: usize = 200;
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "._-=,".contains(c));
    let alone = match step.split_once('[') {
        // Up to its last `_` but one it is the stage, from there on the instance.
        Some((stage, rest)) => {
            rest.strip_suffix(']').is_some_and(|instance| plain(stage) && plain(instance) && !instance.contains('_'))
        }
        None => plain(step) && !step.ends_with('_'),
    };
    let readable = |c: char| if plain(c.encode_utf8(&mut [0; 4])) { c } else { '_' };
    let name: String = step.chars().map(readable).take(LONGEST).collect();
    if alone && name.len() == step.len() {
        return format!("{name}.log");
    }
    let digest = Digest::of(step.as_bytes()).to_string();
    format!("{name}~{}.log", &digest[..16])
}

/// A folder that nobody else uses: a clock that was set back, or another host, can make the same name again.
fn new_folder(runs: &Path, name: &str) -> (PathBuf, io::Result<()>) {
    let mut folder = runs.join(name);
    let mut made = make_new_folder(&folder);
    for number in 2..1000 {
        if !matches!(&made, Err(error) if error.kind() == io::ErrorKind::AlreadyExists) {
            break;
        }
        folder = runs.join(format!("{name}-{number}"));
        made = make_new_folder(&folder);
    }
    (folder, made)
}

/// As locks call it.
fn host() -> String {
    Holder::me("", false).host
}

/// For people to read; durations and decisions never come from it. 0 where the clock is before 1970.
pub fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    #[test]
    fn common_names_of_logs_can_be_read() {
        for (step, file) in [
            ("cluster.basins", "cluster.basins.log"),
            ("finetune.agents[seed=1]", "finetune.agents_seed=1_.log"),
            ("finetune.agents[head=1,order=0]", "finetune.agents_head=1,order=0_.log"),
            ("eval.in_domain[7]", "eval.in_domain_7_.log"),
            ("interpolate.lines[7,22]", "interpolate.lines_7,22_.log"),
        ] {
            assert_eq!(file_name(step), file);
        }
        let replaced = file_name("eval.hans[other/7@15000]");
        assert!(replaced.starts_with("eval.hans_other_7_15000_~") && replaced.ends_with(".log"), "{replaced}");
    }

    #[test]
    fn logs_have_names_of_their_own_that_are_not_too_long() {
        let mut long = "eval.x[".to_owned() + &"7,".repeat(200);
        let (cut, longer) = (long.clone() + "]", long.clone() + "8]");
        let alike: [[&str; 2]; 5] = [
            ["eval.x[a/7]", "eval.x[a@7]"],
            ["eval.x[y_z]", "eval.x_y[z]"],
            ["eval.x[z]", "eval.x_z_"],
            ["eval.x[ü]", "eval.x[ä]"],
            [&cut, &longer],
        ];
        for [one, other] in alike {
            assert_ne!(file_name(one), file_name(other));
        }
        long.push_str(&"ü".repeat(200));
        assert!(file_name(&long).len() <= 255 && file_name(&"ü".repeat(300)).len() <= 255);
    }

    proptest! {
        #[test]
        fn no_two_steps_share_a_log(one in r"[ab][a_/]{0,3}(\[[a_/,]{0,3}\])?", other in r"[ab][a_/]{0,3}(\[[a_/,]{0,3}\])?") {
            prop_assert_eq!(one == other, file_name(&one) == file_name(&other), "{} {}", one, other);
        }
    }

    #[test]
    fn two_runs_of_one_name_have_two_folders() {
        let runs = tempfile::tempdir().unwrap();
        let names: Vec<PathBuf> = (0..3)
            .map(|_| {
                let (folder, made) = new_folder(runs.path(), "7-1-x");
                made.unwrap();
                folder
            })
            .collect();
        assert_eq!(names, ["7-1-x", "7-1-x-2", "7-1-x-3"].map(|name| runs.path().join(name)));
    }

    #[test]
    fn a_journal_that_cannot_be_written_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut journal = Journal::create(&store, "x", None);
        journal.file = Some(OpenOptions::new().append(true).open("/dev/full").unwrap());
        journal.write("start", json!({}));
        assert!(journal.cut);
        let whole = folder.path().join("whole");
        journal.file = Some(File::create(&whole).unwrap());
        journal.write("done", json!({}));
        journal.write("end", json!({}));
        let lines = fs::read_to_string(whole).unwrap();
        assert!(lines.starts_with("\n{") && lines.lines().filter(|line| line.starts_with('{')).count() == 2, "{lines}");

        fs::remove_dir_all(store.root().join("runs")).unwrap();
        Journal::create(&store, "x", None).write("start", json!({}));
    }
}

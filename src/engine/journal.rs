//! What happened in a run, appended line by line: `runs/<run-id>/journal.jsonl`.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::store::{Store, StoreError};

const FORMAT: &str = "pipeline.journal.v1";

#[derive(Debug)]
pub struct Journal {
    file: File,
    folder: PathBuf,
}

impl Journal {
    pub fn create(store: &Store, experiment: &str) -> Result<Self, StoreError> {
        let run = format!("{}-{}-{experiment}", seconds_since_1970(), std::process::id());
        let folder = store.run_folder(&run)?;
        let path = folder.join("journal.jsonl");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let mut journal = Self { file: file.map_err(|error| StoreError::unwritable(&path, error))?, folder };
        let version = env!("CARGO_PKG_VERSION");
        journal.write("run", json!({"format": FORMAT, "experiment": experiment, "pipeline": version}));
        Ok(journal)
    }

    pub fn log_of(&self, step: &str) -> PathBuf {
        let name: String =
            step.chars().map(|c| if c.is_ascii_alphanumeric() || "._-=,".contains(c) { c } else { '_' }).collect();
        self.folder.join("logs").join(format!("{name}.log"))
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A journal that cannot be written must not stop work whose results can.
    pub fn write(&mut self, event: &str, mut fields: Value) {
        fields["event"] = event.into();
        fields["time"] = seconds_since_1970().into();
        writeln!(self.file, "{fields}").ok();
    }
}

pub fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

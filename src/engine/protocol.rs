//! What driver and worker say to each other: one JSON object a line, over the worker's standard input and output.
//! Libraries print to the same output, with or without an end of line, so reports begin with a mark and on a line of
//! their own; what else stands there is not ours.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::pinned::Pinned;
use super::snapshots::SnapshotEvery;
use crate::device::Backend;
use crate::fingerprint::Key;
use crate::git::Tree;
use crate::store::{Holder, InputRecord};

/// Driver and worker must be of one build. Grows with every change of what they say.
pub const PROTOCOL: u32 = 6;

/// Before each report: the record separator, which JSON holds nowhere and a library hardly prints.
const MARK: u8 = 0x1e;

/// Driver → worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", content = "task", rename_all = "kebab-case")]
pub enum Order {
    Run(Box<Task>),
    /// Save what is half done, say so, and end.
    Stop,
}

/// Run this step and commit it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Task {
    pub step: String,
    pub key: Key,
    pub kind: String,
    pub parameters: Value,
    pub inputs: BTreeMap<String, InputRecord>,
    /// Where a fetched file lies; not part of the key.
    pub location: Option<String>,
    pub log: PathBuf,
    /// Run even if the manifest is there.
    pub force: bool,
    /// What an earlier run left of it does not count.
    pub fresh_start: bool,
    pub snapshot_every: SnapshotEvery,
    /// How many threads it has.
    pub threads: usize,
    /// Bytes of models that the worker may keep for later steps.
    pub keep: u64,
    /// The commit of the study.
    #[serde(default)]
    pub git: Option<Tree>,
    /// What a lock says of it.
    #[serde(default)]
    pub pinned: Option<Pinned>,
    /// The network is not to be used.
    #[serde(default)]
    pub offline: bool,
    /// Whether somebody else may have it: the bucket is asked before it runs.
    #[serde(default)]
    pub ask: bool,
    /// What the step's lock file held all the time that the driver has watched it: its holder is dead.
    #[serde(default)]
    pub dead: Option<String>,
}

/// Worker → driver.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "kebab-case")]
pub enum Report {
    /// The device is there, or none was asked for.
    Ready {
        device: Option<String>,
        /// Of the device; never [`Backend::Auto`].
        #[serde(default)]
        backend: Option<Backend>,
        #[serde(default)]
        protocol: u32,
        #[serde(default)]
        version: String,
    },
    /// The device that was asked for is not there.
    NoDevice {
        message: String,
    },
    Progress(Progress),
    /// The step's manifest is in the store.
    Done {
        seconds: f64,
    },
    Failed {
        message: String,
        help: Option<String>,
    },
    /// The step was broken off because somebody asked for it. It goes on when it is started again.
    Stopped,
    /// Another process runs the step.
    Busy {
        holder: Option<Holder>,
    },
    /// The step's lock was left by a process that is dead; the step runs now.
    TookOver {
        from: Holder,
    },
    /// Another process has finished the step meanwhile.
    Found,
    /// Something that the user should know before the step ends.
    Notice {
        text: String,
    },
}

/// A report as it is written, in one piece.
pub fn framed(report: &Report) -> String {
    format!("\n{}{}\n", char::from(MARK), serde_json::to_string(report).unwrap_or_default())
}

/// Why nothing more is heard of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// It is gone, or about to be: only its end closes the pipe.
    Gone,
    /// It said what this version does not understand, and may live.
    Unreadable,
}

/// The reports in what a worker writes; the last item says why there are no more.
pub fn reports(mut output: impl BufRead) -> impl Iterator<Item = Result<Report, Silence>> {
    let mut over = false;
    std::iter::from_fn(move || {
        if over {
            return None;
        }
        let next = next_report(&mut output);
        over = next.is_err();
        Some(next)
    })
}

fn next_report(output: &mut impl BufRead) -> Result<Report, Silence> {
    loop {
        let mut line = Vec::new();
        // Bytes, for what others print need not be UTF-8.
        match output.read_until(b'\n', &mut line) {
            Err(_) => return Err(Silence::Unreadable),
            // Nothing, or what its end has cut off.
            Ok(_) if !line.ends_with(b"\n") => return Err(Silence::Gone),
            Ok(_) => {}
        }
        match line.strip_prefix(&[MARK]) {
            Some(report) => return serde_json::from_slice(report).map_err(|_| Silence::Unreadable),
            // From a version before the mark.
            None if line.starts_with(b"{\"report\":") => return Err(Silence::Unreadable),
            None => {}
        }
    }
}

/// How far a step is. `done` and `total` count its own units (training steps, batches, points).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    pub done: usize,
    pub total: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(output: &[u8]) -> Vec<String> {
        reports(output).map_while(Result::ok).map(|report| serde_json::to_string(&report).unwrap()).collect()
    }

    #[test]
    fn what_libraries_print_swallows_no_report() {
        let (found, done) = (framed(&Report::Found), framed(&Report::Done { seconds: 1.5 }));
        let both = told(format!("{found}{done}").as_bytes());
        assert_eq!(both, [r#"{"report":"found"}"#, r#"{"report":"done","seconds":1.5}"#]);
        for printed in [&b"a line\n"[..], b"no end", b"", b"\n", b"{\"step\":", b"\xff\xfe not UTF-8", b"\r50 %\r"] {
            let output = [printed, found.as_bytes(), printed, done.as_bytes(), printed].concat();
            assert_eq!(told(&output), both, "{printed:?}");
        }
    }

    #[test]
    fn another_version_ends_the_talk() {
        let found = framed(&Report::Found);
        for other in ["\n\x1e{\"report\":\"sung\"}\n", "{\"report\":\"ready\",\"device\":null}\n", "\n\x1e{\"rep"] {
            assert_eq!(told(format!("{found}{other}{found}").as_bytes()).len(), 1, "{other:?}");
        }
        assert_eq!(told(b"\nnothing of ours"), Vec::<String>::new());
    }
}

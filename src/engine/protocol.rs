//! What driver and worker say to each other: one JSON object a line, over the worker's standard input and output.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::snapshots::SnapshotEvery;
use crate::device::Backend;
use crate::fingerprint::Key;
use crate::stages::Params;
use crate::store::{Holder, InputRecord};

/// Driver and worker must be of one build. Grows with every change of what they say.
pub const PROTOCOL: u32 = 3;

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
    pub params: Params,
    pub inputs: BTreeMap<String, InputRecord>,
    /// Where a fetched file lies; not part of the key.
    pub location: Option<String>,
    pub log: PathBuf,
    /// Run even if the manifest is there.
    pub force: bool,
    /// What an earlier run left of it does not count.
    pub fresh_start: bool,
    pub snapshot_every: SnapshotEvery,
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

/// How far a step is. `done` and `total` count its own units (training steps, batches, points).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    pub done: usize,
    pub total: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
}

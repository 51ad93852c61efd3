//! What a run is asked to do, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::context::StageError;
use super::pinned::Pinned;
use super::plan::PlanError;
use super::snapshots::SnapshotEvery;
use crate::data::s3::S3Address;
use crate::device::Backend;
use crate::fingerprint::Key;
use crate::git::Tree;
use crate::store::StoreError;

#[derive(Debug, Clone)]
pub struct RunOptions {
    pub cache: PathBuf,
    pub backend: Backend,
    pub jobs: Option<usize>,
    /// Cores that it may use, where the environment says nothing else.
    pub threads: Option<usize>,
    pub keep_going: bool,
    /// Steps that may run; the others only count where they are fresh.
    pub selected: BTreeSet<usize>,
    pub forced: BTreeSet<usize>,
    /// The commit of the study, for manifests and the journal.
    pub git: Option<Tree>,
    /// What a lock says of steps, by their names.
    pub pinned: BTreeMap<String, Pinned>,
    /// The network is not to be used.
    pub offline: bool,
    pub snapshot_every: SnapshotEvery,
    /// How often a step is run again after its worker died or was ended.
    pub retries: usize,
    /// A worker that has reported no progress for so long is ended.
    pub timeout: Option<Duration>,
    /// Ends where nothing is left to start, rather than wait for other runs.
    pub drain: Option<Drain>,
    /// From then on nothing is begun, and what runs saves what is half done.
    pub until: Option<Instant>,
    /// Where steps may be finished already, and may be sent to.
    pub remote: Option<Share>,
}

/// A bucket that steps come from and, with `push`, go to.
#[derive(Debug, Clone)]
pub struct Share {
    pub address: S3Address,
    pub push: bool,
    /// Steps that were asked for and are not there: they need not be asked for again.
    pub absent: BTreeSet<Key>,
}

/// When a run that finds nothing to start waits all the same: where what others run holds back so much that its own
/// share of that is more than what it waits for.
#[derive(Debug, Clone)]
pub struct Drain {
    /// What each step takes, by its number and in any unit.
    pub work: Vec<f64>,
}

#[derive(Debug, Default)]
pub struct RunSummary {
    pub ran: usize,
    pub fresh: usize,
    pub failed: Vec<usize>,
    /// Need a step that failed.
    pub dropped: usize,
    /// Not fresh and not selected, or need such a step.
    pub not_selected: usize,
    /// Steps that are neither finished nor selected, and how many selected ones need each.
    pub missing: Vec<(usize, usize)>,
    pub interrupted: bool,
    /// It was interrupted because it had no more time.
    pub time_is_up: bool,
    /// What is with other runs, or needs theirs.
    pub left: usize,
}

/// Why a run could not begin, or go on.
#[derive(Debug)]
pub enum RunError {
    Plan(PlanError),
    /// No device, or no worker that lives.
    Worker(StageError),
    /// What is to be computed does not fit what is there, in words.
    Refused(String),
}

impl From<PlanError> for RunError {
    fn from(error: PlanError) -> Self {
        Self::Plan(error)
    }
}

impl From<StoreError> for RunError {
    fn from(error: StoreError) -> Self {
        Self::Plan(error.into())
    }
}

impl From<StageError> for RunError {
    fn from(error: StageError) -> Self {
        Self::Worker(error)
    }
}

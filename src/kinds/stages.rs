//! A validated study.

use std::path::PathBuf;
use std::time::Duration;

use super::references::Needs;
use super::room::Spec;
use crate::data::s3::S3Address;
use crate::device::Backend;
use crate::engine::{SnapshotEvery, StageId};
use crate::slurm::Settings;
use crate::study::words::Precision;
use crate::study::{Places, Sources};

/// A validated study.
#[derive(Debug)]
pub struct Experiment {
    pub name: String,
    pub precision: Precision,
    pub run: RunSettings,
    /// The tables that are no stages, as they are written but with what is in effect.
    pub tables: Vec<(String, Vec<(String, String)>)>,
    /// In the order in which the file names them.
    pub stages: Vec<Stage>,
    /// Which stages each one names.
    pub needs: Needs,
    /// Relative `path:` sources start here.
    pub directory: PathBuf,
    pub sources: Sources,
}

/// What only decides how the work is done.
#[derive(Debug, Clone, Default)]
pub struct RunSettings {
    pub backend: Option<Backend>,
    pub jobs: Option<usize>,
    /// Cores that a run may use.
    pub threads: Option<usize>,
    pub keep_going: Option<bool>,
    pub snapshot_every: SnapshotEvery,
    /// How often a step is run again after its worker died.
    pub retries: Option<usize>,
    /// How long a worker may report no progress.
    pub timeout: Option<Duration>,
    /// Whether the page is written with the other results; as it was, where nothing is said.
    pub report: Option<bool>,
    /// A bucket where others may have finished steps.
    pub remote: Option<S3Address>,
    /// Each finished step is sent there.
    pub push: bool,
    /// For `pipeline slurm`.
    pub slurm: Settings,
}

#[derive(Debug)]
pub struct Stage {
    pub id: StageId,
    pub spec: Box<dyn Spec>,
    pub places: Places,
    /// Its keys, as they are written.
    pub written: Vec<(String, String)>,
}

//! One TOML file → a validated experiment. Text → raw types with positions → validated types; every pass collects all
//! its errors, and after validation nothing is checked again.

mod agreement;
mod clusters;
mod diagnostic;
pub mod durations;
mod dynamics;
mod fetches;
mod imports;
mod load;
mod measurements;
pub mod notation;
mod plots;
mod raw;
mod references;
mod seeds;
mod sharpness;
mod surfaces;
mod trainings;
mod validate;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;

use crate::data::{Format, Source};
use crate::device::Backend;
use crate::engine::SnapshotEvery;
use crate::stages::agreement::Value;
use crate::train::{BoxShape, Recipe};

pub use diagnostic::{Diagnostic, ExperimentError, Sources, nearest};
pub use imports::{ImportedEval, ImportedLines, ImportedSharpness, ImportedSurface, Logs, Members};
pub use notation::{Checkpoint, DataRef, MetricRef, ModelRef};
pub use seeds::{Axis, Coordinates, Pick};
pub use validate::{read, read_with};

/// A validated study.
#[derive(Debug)]
pub struct Experiment {
    pub name: String,
    pub precision: String,
    pub run: RunSettings,
    /// In the order in which the file names them.
    pub stages: Vec<Stage>,
    /// Relative `path:` sources start here.
    pub directory: PathBuf,
    pub sources: Sources,
}

/// What only decides how the work is done.
#[derive(Debug, Clone, Default)]
pub struct RunSettings {
    pub backend: Option<Backend>,
    pub jobs: Option<usize>,
    pub keep_going: Option<bool>,
    pub snapshot_every: SnapshotEvery,
    /// How often a step is run again after its worker died.
    pub retries: Option<usize>,
    /// How long a worker may report no progress.
    pub timeout: Option<Duration>,
}

#[derive(Debug)]
pub struct Stage {
    pub id: StageId,
    pub spec: Spec,
}

/// `finetune.bert`
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageId {
    pub kind: Kind,
    pub name: String,
}

impl std::fmt::Display for StageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.kind, self.name)
    }
}

/// The kinds of stage, in the order in which a study flows through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Fetch,
    Pretrain,
    Finetune,
    Eval,
    Interpolate,
    Cluster,
    Dynamics,
    Sharpness,
    Agreement,
    Surface,
    Plot,
}

impl Kind {
    pub const ALL: [Self; 11] = [
        Self::Fetch,
        Self::Pretrain,
        Self::Finetune,
        Self::Eval,
        Self::Interpolate,
        Self::Cluster,
        Self::Dynamics,
        Self::Sharpness,
        Self::Agreement,
        Self::Surface,
        Self::Plot,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Pretrain => "pretrain",
            Self::Finetune => "finetune",
            Self::Eval => "eval",
            Self::Interpolate => "interpolate",
            Self::Cluster => "cluster",
            Self::Dynamics => "dynamics",
            Self::Sharpness => "sharpness",
            Self::Agreement => "agreement",
            Self::Plot => "plot",
            Self::Surface => "surface",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Debug)]
pub enum Spec {
    Fetch(Fetch),
    Pretrain(Pretrain),
    Finetune(Finetune),
    Eval(Eval),
    Interpolate(Interpolate),
    Cluster(Cluster),
    Dynamics(Dynamics),
    Sharpness(Sharpness),
    Agreement(Agreement),
    Plot(Plot),
    ImportedLines(ImportedLines),
    ImportedEval(ImportedEval),
    Members(Members),
    Surface(Surface),
    ImportedSurface(ImportedSurface),
    ImportedSharpness(ImportedSharpness),
}

#[derive(Debug)]
pub enum Fetch {
    Models(FetchModels),
    Dataset(FetchDataset),
    Generated(Generated),
}

/// Models that somebody else trained: one, or one for each number in a pattern.
#[derive(Debug)]
pub struct FetchModels {
    pub sources: Vec<(Coordinates, Spanned<Source>)>,
    /// The digest of the zip file that an address leads to.
    pub blake3: Option<String>,
    /// Of the repository's history, the newest commit whose message names this training step.
    pub step: Option<u64>,
    /// The classes in the order of the model's outputs, where its configuration does not tell.
    pub labels: Vec<String>,
}

#[derive(Debug)]
pub struct FetchDataset {
    pub source: Spanned<Source>,
    pub blake3: Option<String>,
    pub config: Option<String>,
    pub format: Option<Format>,
    pub header: bool,
    pub text: Vec<String>,
    pub label: Option<String>,
    pub labels: Vec<String>,
    pub keep: Vec<String>,
}

/// Sentences of the built-in grammar.
#[derive(Debug)]
pub struct Generated {
    pub generator: String,
    pub seed: u64,
    pub contrast: f64,
    pub adjective: f64,
    pub adverb: f64,
    pub splits: BTreeMap<String, GeneratedSplit>,
}

#[derive(Debug)]
pub struct GeneratedSplit {
    pub examples: usize,
    pub passive: f64,
}

#[derive(Debug)]
pub struct Pretrain {
    pub data: Spanned<DataRef>,
    pub vocabulary: usize,
    pub layers: usize,
    pub hidden: usize,
    pub heads: usize,
    pub intermediate: usize,
    pub max_length: usize,
    pub initializer_range: f64,
    pub dropout: f64,
    pub mask: f64,
    pub steps: usize,
    pub batch_size: usize,
    pub learning_rate: f64,
    pub warmup: f64,
    pub weight_decay: f64,
    pub seed: u64,
}

#[derive(Debug)]
pub struct Finetune {
    pub model: Spanned<ModelRef>,
    pub data: Spanned<DataRef>,
    pub runs: Vec<FinetuneRun>,
    pub recipe: Recipe,
    /// Sorted, without repeats.
    pub checkpoints: Vec<Checkpoint>,
}

/// One model of a fine-tune stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinetuneRun {
    /// The seeds by which it differs from the stage's other models.
    pub coordinates: Coordinates,
    pub head_seed: u64,
    pub order_seed: u64,
    pub dropout_seed: u64,
}

/// What eval and interpolate share: which models, which examples, which numbers.
#[derive(Debug)]
pub struct Measurement {
    pub models: Vec<Spanned<ModelRef>>,
    pub data: Spanned<DataRef>,
    pub metrics: Vec<String>,
    /// As the fine-tune that made the models, where this is not given.
    pub max_length: Option<usize>,
    /// Label of the data → labels of the model that count as it. Empty: the names are the same.
    pub labels: BTreeMap<String, Vec<String>>,
    pub combine: String,
    pub filter: BTreeMap<String, String>,
    pub permute: Option<u64>,
    pub examples: Option<usize>,
}

#[derive(Debug)]
pub struct Eval {
    pub measure: Measurement,
    pub by: Vec<String>,
}

#[derive(Debug)]
pub struct Interpolate {
    pub measure: Measurement,
    pub points: usize,
    /// Pairs of model labels; all pairs without.
    pub pairs: Option<Spanned<Vec<[String; 2]>>>,
}

/// Grids in planes through three models.
#[derive(Debug)]
pub struct Surface {
    pub measure: Measurement,
    /// Model labels, the anchor first; one plane through all models without.
    pub planes: Option<Spanned<Vec<[String; 3]>>>,
    /// Coefficients run from `-range` to `range`.
    pub range: f64,
    /// Along each axis.
    pub points: usize,
}

#[derive(Debug)]
pub struct Cluster {
    pub of: Spanned<String>,
    pub distance: String,
    pub metric: String,
    pub clusters: usize,
    pub delta: f64,
}

/// Clusterings of the same models, in the order of training.
#[derive(Debug)]
pub struct Dynamics {
    pub of: Vec<Spanned<String>>,
}

#[derive(Debug)]
pub struct Sharpness {
    /// Its `metrics` and `combine` mean nothing here.
    pub measure: Measurement,
    pub epsilon: f64,
    pub shape: BoxShape,
    /// How many parameters move, drawn at random; all of them without.
    pub directions: Option<usize>,
    pub learning_rate: f64,
    pub batch_size: usize,
    /// Everywhere; as the model's configuration says without.
    pub dropout: Option<f64>,
    pub seed: u64,
}

#[derive(Debug)]
pub struct Agreement {
    /// An eval stage.
    pub of: Spanned<String>,
}

#[derive(Debug)]
pub struct Plot {
    pub kind: PlotKind,
    /// The figure's own where there is none.
    pub title: Option<crate::stages::plot::Title>,
    /// The figure's own where there is none.
    pub width: Option<crate::figures::Width>,
}

#[derive(Debug)]
pub enum PlotKind {
    /// Lines of an interpolate stage, grouped by the clusters of a cluster stage where one is named.
    Curves(Curves),
    /// Distances of a cluster stage.
    Heatmap { of: Spanned<String>, order_by: OrderBy },
    /// Centroid feature of a cluster stage against a metric.
    Scatter { of: Spanned<String>, metric: Spanned<MetricRef> },
    /// A metric by cluster.
    Histogram { of: Spanned<String>, metric: Spanned<MetricRef> },
    /// Two metrics, or one of two groups of models.
    Distributions { of: [Spanned<MetricRef>; 2] },
    /// Positions of a dynamics stage.
    Movement { of: Spanned<String> },
    /// Sharpness of the models of a sharpness stage against a metric, coloured by the clusters of a cluster stage.
    Sharpness { of: Spanned<String>, metric: Spanned<MetricRef>, clusters: Option<Spanned<String>> },
    /// One number of an agreement stage for every pair of models.
    Agreement { of: Spanned<String>, value: Value, order_by: OrderBy, clusters: Option<Spanned<String>> },
    /// Loss over the training of all models of a fine-tune or pre-training.
    Training { of: Spanned<String>, smooth: usize },
    /// Every line of a small interpolate stage beside its distance.
    Matrix { of: Spanned<String>, metric: String, distance: String },
    /// The planes of surface stages, side by side.
    Surface { of: Vec<Spanned<String>>, metric: String, clips: Clips },
}

/// What of a surface is shown: ranges of x, y and the metric.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clips {
    pub x: Option<[f64; 2]>,
    pub y: Option<[f64; 2]>,
    pub z: Option<[f64; 2]>,
}

#[derive(Debug)]
pub struct Curves {
    pub of: Spanned<String>,
    pub metric: String,
    pub clusters: Option<Spanned<String>>,
    /// Lines between the best and the worst models only.
    pub choice: Option<Choice>,
    pub band: bool,
    pub lines: bool,
}

/// The models that are best and worst by a metric.
#[derive(Debug)]
pub struct Choice {
    pub best: usize,
    pub worst: usize,
    pub by: Spanned<MetricRef>,
}

#[derive(Debug)]
pub enum OrderBy {
    Seed,
    Cluster,
    Metric(Spanned<MetricRef>),
}

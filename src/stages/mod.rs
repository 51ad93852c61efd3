//! One file per kind of step: the glue between its parameters, its inputs and the rooms below.
//!
//! `Params` is everything about a step that enters its key. A change in what a kind computes from the same parameters
//! comes with a new version constant in its file.

pub mod agreement;
pub mod cluster;
pub mod dynamics;
pub mod eval;
pub mod fetch;
pub mod fetch_model;
pub mod finetune;
pub mod import;
pub mod interpolate;
pub mod measure;
pub mod members;
pub mod plot;
pub mod pretrain;
pub mod sharpness;
mod snapshots;
pub mod surface;
mod unfinished;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::{Context, Outputs, StageEnd};

/// The parameters of one step, by kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "parameters")]
pub enum Params {
    FetchModel(fetch_model::Params),
    FetchData(fetch::DataParams),
    Generate(fetch::GenerateParams),
    Pretrain(pretrain::Params),
    Finetune(finetune::Params),
    Eval(eval::Params),
    EndPoint(interpolate::EndPointParams),
    Pair(interpolate::PairParams),
    Cluster(cluster::Params),
    Plot(plot::Params),
    Dynamics(dynamics::Params),
    Sharpness(sharpness::Params),
    Agreement(agreement::Params),
    ImportLines(import::LinesParams),
    ImportEvaluations(import::EvaluationsParams),
    ImportRuns(import::RunsParams),
    Members(members::Params),
    Surface(surface::Params),
    ImportSurfaces(import::SurfacesParams),
    ImportSharpness(import::SharpnessParams),
}

impl Params {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::FetchModel(_) => "fetch-model",
            Self::FetchData(_) => "fetch-data",
            Self::Generate(_) => "generate",
            Self::Pretrain(_) => "pretrain",
            Self::Finetune(_) => "finetune",
            Self::Eval(_) => "eval",
            Self::EndPoint(_) => "end-point",
            Self::Pair(_) => "pair",
            Self::Cluster(_) => "cluster",
            Self::Plot(_) => "plot",
            Self::Dynamics(_) => "dynamics",
            Self::Sharpness(_) => "sharpness",
            Self::Agreement(_) => "agreement",
            Self::ImportLines(_) => "import-lines",
            Self::ImportEvaluations(_) => "import-evaluations",
            Self::ImportRuns(_) => "import-runs",
            Self::Members(_) => "members",
            Self::Surface(_) => "surface",
            Self::ImportSurfaces(_) => "import-surfaces",
            Self::ImportSharpness(_) => "import-sharpness",
        }
    }

    pub fn version(&self) -> u32 {
        match self {
            Self::FetchModel(_) => fetch_model::VERSION,
            Self::FetchData(_) => fetch::VERSION,
            Self::Generate(_) => fetch::GRAMMAR_VERSION,
            Self::Pretrain(_) => pretrain::VERSION,
            Self::Finetune(_) => finetune::VERSION,
            Self::Eval(_) => eval::VERSION,
            Self::EndPoint(_) | Self::Pair(_) => interpolate::VERSION,
            Self::Cluster(_) => cluster::VERSION,
            Self::Plot(_) => plot::VERSION,
            Self::Dynamics(_) => dynamics::VERSION,
            Self::Sharpness(_) => sharpness::VERSION,
            Self::Agreement(_) => agreement::VERSION,
            Self::ImportLines(_) | Self::ImportEvaluations(_) | Self::ImportRuns(_) => import::VERSION,
            Self::Members(_) => members::VERSION,
            Self::Surface(_) => surface::VERSION,
            Self::ImportSurfaces(_) | Self::ImportSharpness(_) => import::VERSION,
        }
    }

    /// The parameters as they enter the key.
    pub fn value(&self) -> Value {
        serde_json::to_value(self)
            .ok()
            .and_then(|mut value| Some(value.get_mut("parameters")?.take()))
            .unwrap_or_default()
    }

    /// Whether the step needs a device to compute on; the others can run before one is chosen.
    pub fn needs_device(&self) -> bool {
        matches!(
            self,
            Self::Pretrain(_)
                | Self::Finetune(_)
                | Self::Eval(_)
                | Self::EndPoint(_)
                | Self::Pair(_)
                | Self::Sharpness(_)
                | Self::Surface(_)
        )
    }

    /// Whether the step itself ends soon when it is asked to stop, with what is half done in its scratch. These are the
    /// steps that compute for long.
    pub fn listens(&self) -> bool {
        self.needs_device()
    }

    pub fn run(&self, context: &mut Context) -> Result<Outputs, StageEnd> {
        match self {
            Self::FetchModel(params) => Ok(fetch_model::run(params, context)?),
            Self::FetchData(params) => Ok(fetch::data(params, context)?),
            Self::Generate(params) => Ok(fetch::generate(params, context)?),
            Self::Pretrain(params) => pretrain::run(params, context),
            Self::Finetune(params) => finetune::run(params, context),
            Self::Eval(params) => eval::run(params, context),
            Self::EndPoint(params) => interpolate::end_point(params, context),
            Self::Pair(params) => interpolate::pair(params, context),
            Self::Cluster(params) => Ok(cluster::run(params, context)?),
            Self::Plot(params) => Ok(plot::run(params, context)?),
            Self::Dynamics(params) => Ok(dynamics::run(params, context)?),
            Self::Sharpness(params) => sharpness::run(params, context),
            Self::Agreement(params) => Ok(agreement::run(params, context)?),
            Self::ImportLines(params) => Ok(import::lines(params, context)?),
            Self::ImportEvaluations(params) => Ok(import::evaluations(params, context)?),
            Self::ImportRuns(params) => Ok(import::runs(params, context)?),
            Self::Members(params) => Ok(members::run(params, context)?),
            Self::Surface(params) => surface::run(params, context),
            Self::ImportSurfaces(params) => Ok(import::surfaces(params, context)?),
            Self::ImportSharpness(params) => Ok(import::sharpness(params, context)?),
        }
    }
}

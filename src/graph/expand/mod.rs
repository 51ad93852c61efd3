//! A validated experiment → its steps.

mod agreement;
mod clusters;
mod dynamics;
mod fetches;
mod imports;
mod measurements;
mod plots;
mod sharpness;
mod surfaces;
mod trainings;

use std::collections::BTreeMap;

use super::models::{Maker, Model};
use super::{Graph, Input, Step};
use crate::experiment::{Diagnostic, Experiment, ExperimentError, Kind, Spec, Stage, StageId};
use crate::stages::Params;

/// Makes the graph. Local files are read here, because their content is part of a key.
pub fn expand(experiment: &Experiment) -> Result<Graph, ExperimentError> {
    let mut expander = Expander {
        experiment,
        steps: Vec::new(),
        splits: BTreeMap::new(),
        makers: Vec::new(),
        end_points: BTreeMap::new(),
        evals: BTreeMap::new(),
        lines: BTreeMap::new(),
        clusters: BTreeMap::new(),
        dynamics: BTreeMap::new(),
        sharpnesses: BTreeMap::new(),
        agreements: BTreeMap::new(),
        surfaces: BTreeMap::new(),
        errors: Vec::new(),
    };
    // In the order of kinds, so that what a stage names is there; fine-tunes of fine-tunes after what they start from.
    let mut stages: Vec<&Stage> = experiment.stages.iter().collect();
    stages.sort_by_key(|stage| (stage.id.kind, depth(experiment, stage)));
    for stage in stages {
        expander.stage(stage);
    }
    if expander.errors.is_empty() {
        return Ok(Graph { experiment: experiment.name.clone(), steps: expander.steps });
    }
    Err(ExperimentError { sources: experiment.sources.clone(), diagnostics: expander.errors })
}

/// How many fine-tunes lie before this one.
fn depth(experiment: &Experiment, stage: &Stage) -> usize {
    let Spec::Finetune(finetune) = &stage.spec else { return 0 };
    let start = &finetune.model.get_ref().stage;
    let before = experiment.stages.iter().find(|other| other.id.kind == Kind::Finetune && other.id.name == *start);
    before.map_or(0, |before| 1 + depth(experiment, before))
}

struct Expander<'a> {
    experiment: &'a Experiment,
    steps: Vec<Step>,
    /// Fetch steps of data sets, by name and split; only splits that something reads are fetched.
    splits: BTreeMap<(String, String), usize>,
    makers: Vec<Maker>,
    end_points: BTreeMap<(String, Model), usize>,
    evals: BTreeMap<(String, Model), usize>,
    lines: BTreeMap<String, Lines>,
    clusters: BTreeMap<String, Clustered>,
    /// Steps of dynamics stages.
    dynamics: BTreeMap<String, usize>,
    sharpnesses: BTreeMap<String, Vec<(Model, usize)>>,
    agreements: BTreeMap<String, Clustered>,
    surfaces: BTreeMap<String, Vec<Plane>>,
    errors: Vec<Diagnostic>,
}

/// What an interpolate stage became.
struct Lines {
    models: Vec<Model>,
    /// Numbers of two models → step.
    pairs: BTreeMap<(usize, usize), usize>,
}

/// One plane of a surface stage: its step, and the labels of its three models.
struct Plane {
    step: usize,
    models: [String; 3],
    /// Whether the step holds other planes too.
    imported: bool,
}

/// One step over many models.
struct Clustered {
    step: usize,
    models: Vec<Model>,
}

impl Expander<'_> {
    fn stage(&mut self, stage: &Stage) {
        let done = match &stage.spec {
            Spec::Fetch(fetch) => self.fetch(stage, fetch),
            Spec::Pretrain(pretrain) => self.pretrain(&stage.id, pretrain),
            Spec::Finetune(finetune) => self.finetune(&stage.id, finetune),
            Spec::Eval(eval) => self.eval(&stage.id, eval),
            Spec::Interpolate(interpolate) => self.interpolate(&stage.id, interpolate),
            Spec::Cluster(cluster) => self.cluster(&stage.id, cluster),
            Spec::Dynamics(dynamics) => self.dynamics(&stage.id, dynamics),
            Spec::Sharpness(sharpness) => self.sharpness(&stage.id, sharpness),
            Spec::Agreement(agreement) => self.agreement(&stage.id, agreement),
            Spec::Plot(plot) => self.plot(&stage.id, plot),
            Spec::ImportedLines(lines) => self.imported_lines(&stage.id, lines),
            Spec::ImportedEval(eval) => self.imported_eval(&stage.id, eval),
            Spec::Members(members) => self.members(&stage.id, members),
            Spec::Surface(surface) => self.surface(&stage.id, surface),
            Spec::ImportedSurface(surface) => self.imported_surface(&stage.id, surface),
            Spec::ImportedSharpness(sharpness) => self.imported_sharpness(&stage.id, sharpness),
        };
        if let Err(error) = done {
            self.errors.push(error);
        }
    }

    fn push(&mut self, stage: &StageId, instance: String, params: Params, inputs: Vec<Input>) -> usize {
        self.steps.push(Step { stage: stage.clone(), instance, params, inputs, location: None });
        self.steps.len() - 1
    }
}

fn labels(models: &[Model]) -> Vec<String> {
    models.iter().map(|model| model.label.clone()).collect()
}

fn data_inputs(step: usize) -> Vec<Input> {
    let input = |role: &str, output: &str| Input { role: role.to_owned(), from: step, output: output.to_owned() };
    vec![input("data", "data"), input("data.info", "info")]
}

fn model_inputs(role: &str, model: &Model) -> Vec<Input> {
    let input = |part: &str, output: &str| Input {
        role: format!("{role}.{part}"),
        from: model.step,
        output: output.to_owned(),
    };
    vec![input("config", "config"), input("tokenizer", "tokenizer"), input("weights", &model.checkpoint.output())]
}

fn pair_inputs(lines: &Lines) -> Vec<Input> {
    let output = |i: usize, j: usize| match (&lines.models[i], &lines.models[j]) {
        (first, second) if first.is_imported() => format!("line:{},{}", first.label, second.label),
        _ => "line".to_owned(),
    };
    let input = |(&(i, j), &step): (&(usize, usize), &usize)| Input {
        role: format!("pair:{i},{j}"),
        from: step,
        output: output(i, j),
    };
    lines.pairs.iter().map(input).collect()
}

//! A validated experiment → its steps.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Graph, StageId};
use crate::kinds;
use crate::kinds::expand::{Built, Expander};
use crate::kinds::plot;
use crate::kinds::stages::{Experiment, Stage};
use crate::study::ExperimentError;

/// Makes the graph. Local files are read here, because their content is part of a key.
///
/// # Errors
/// What can be known only now, such as a file that is not there.
pub fn expand(experiment: &Experiment) -> Result<Graph, ExperimentError> {
    Ok(build(experiment)?.0)
}

/// The same, with which steps make what stages name.
///
/// # Errors
/// As [`expand`].
pub fn build(experiment: &Experiment) -> Result<(Graph, Built), ExperimentError> {
    build_without(experiment, &BTreeSet::new())
}

/// The same without some models, by their names in tables. What is made of several models says of how many.
///
/// # Errors
/// As [`expand`]; too few models are left for a stage.
pub fn expand_without(experiment: &Experiment, without: &BTreeSet<String>) -> Result<Graph, ExperimentError> {
    let whole = expand(experiment)?;
    let models: BTreeMap<String, usize> = whole.steps.iter().map(|step| (step.name(), step.runs().len())).collect();
    let (mut graph, _) = build_without(experiment, without)?;
    for step in &mut graph.steps {
        let (models, of) = (step.runs().len(), models.get(&step.name()).copied());
        let Some(of) = of.filter(|of| *of > models) else { continue };
        step.out_of = Some(of);
        if let Some(figure) = step.work.of::<plot::Params>() {
            step.work = Box::new(plot::Params { partial: Some([models, of]), ..figure.clone() });
        }
    }
    Ok(graph)
}

fn build_without(experiment: &Experiment, without: &BTreeSet<String>) -> Result<(Graph, Built), ExperimentError> {
    let mut expander = Expander::new(experiment.precision, &experiment.directory, without);
    for stage in in_order(experiment) {
        if let Err(error) = stage.spec.steps(&stage.id, &mut expander) {
            expander.fail(error);
        }
    }
    match expander.finish() {
        Ok((steps, built)) => {
            Ok((Graph { experiment: experiment.name.clone(), without: without.clone(), steps }, built))
        }
        Err(diagnostics) => Err(ExperimentError { sources: experiment.sources.clone(), diagnostics }),
    }
}

/// In the order of kinds, so that what a stage names is there; fine-tunes of fine-tunes after what they start from.
pub(super) fn in_order(experiment: &Experiment) -> Vec<&Stage> {
    let mut stages: Vec<&Stage> = experiment.stages.iter().collect();
    let depths = depths(&stages);
    stages.sort_by_key(|stage| (kinds::place(stage.id.kind), depths.get(&stage.id).copied()));
    stages
}

/// How many stages of its kind lie before each one that starts from another. They start in no circle.
fn depths<'a>(stages: &[&'a Stage]) -> BTreeMap<&'a StageId, usize> {
    let before = |stage: &Stage| {
        let start = stage.spec.starts_from()?.get_ref();
        Some(StageId { kind: stage.id.kind, name: start.stage.clone() })
    };
    let before: BTreeMap<&StageId, StageId> =
        stages.iter().filter_map(|stage| Some((&stage.id, before(stage)?))).collect();
    let mut depths = BTreeMap::new();
    for stage in before.keys() {
        // Back to one whose depth is known, or that starts from another kind.
        let mut way = vec![*stage];
        while let Some((next, _)) = before.get(way[way.len() - 1]).and_then(|next| before.get_key_value(next))
            && !depths.contains_key(next)
        {
            way.push(*next);
        }
        let first = before.get(way[way.len() - 1]).and_then(|next| depths.get(next)).map_or(0, |depth| depth + 1);
        depths.extend(way.into_iter().rev().zip(first..));
    }
    depths
}

//! A validated experiment → its steps.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use petgraph::Direction;
use petgraph::algo::toposort;
use petgraph::graph::DiGraph;

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

/// What was not expanded, since it is not wanted and cannot be.
pub struct LeftAside {
    pub stages: BTreeSet<StageId>,
    /// Why the first of them cannot be.
    pub why: String,
}

/// The same for somebody who wants a part of it, by names as `--only` takes them: what does not concern this part, and
/// cannot be expanded, is left aside with all that needs it.
///
/// # Errors
/// As [`expand`], of what is wanted.
pub fn build_part(
    experiment: &Experiment,
    wanted: &[&str],
) -> Result<(Graph, Built, Option<LeftAside>), ExperimentError> {
    let nothing = BTreeSet::new();
    let (error, mut stages) = match attempt(experiment, &nothing, &BTreeSet::new()) {
        Ok((graph, built)) => return Ok((graph, built, None)),
        Err(failed) => failed,
    };
    for stage in in_order(experiment) {
        if experiment.needs.get(&stage.id).is_some_and(|needs| !needs.is_disjoint(&stages)) {
            stages.insert(stage.id.clone());
        }
    }
    let is_wanted = |stage: &StageId| {
        let (name, kind) = (stage.to_string(), stage.kind.name());
        let part =
            |wanted: &str| wanted.strip_prefix(&name).is_some_and(|step| step.is_empty() || step.starts_with('['));
        wanted.iter().any(|wanted| *wanted == kind || part(wanted))
    };
    if wanted.is_empty() || stages.iter().any(is_wanted) {
        return Err(error);
    }
    let (graph, built) = attempt(experiment, &nothing, &stages).map_err(|(error, _)| error)?;
    // A data set has steps only where something reads it.
    let made: BTreeSet<&StageId> = graph.steps.iter().map(|step| &step.stage).collect();
    if experiment.stages.iter().any(|stage| is_wanted(&stage.id) && !made.contains(&stage.id)) {
        return Err(error);
    }
    let why = error.diagnostics.into_iter().next().map_or_else(String::new, |first| first.message);
    Ok((graph, built, Some(LeftAside { stages, why })))
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
            step.work = Rc::new(plot::Params { partial: Some([models, of]), ..figure.clone() });
        }
    }
    Ok(graph)
}

fn build_without(experiment: &Experiment, without: &BTreeSet<String>) -> Result<(Graph, Built), ExperimentError> {
    attempt(experiment, without, &BTreeSet::new()).map_err(|(error, _)| error)
}

/// All stages but some; or what is wrong, and with which stages.
fn attempt(
    experiment: &Experiment,
    without: &BTreeSet<String>,
    aside: &BTreeSet<StageId>,
) -> Result<(Graph, Built), (ExperimentError, BTreeSet<StageId>)> {
    let mut expander = Expander::new(experiment.precision, &experiment.directory, without);
    let mut failed = BTreeSet::new();
    for stage in in_order(experiment).into_iter().filter(|stage| !aside.contains(&stage.id)) {
        if let Err(error) = stage.spec.steps(&stage.id, &mut expander) {
            expander.fail(error);
            failed.insert(stage.id.clone());
        }
    }
    match expander.finish() {
        Ok((steps, built)) => {
            Ok((Graph { experiment: experiment.name.clone(), without: without.clone(), steps }, built))
        }
        Err(diagnostics) => Err((ExperimentError { sources: experiment.sources.clone(), diagnostics }, failed)),
    }
}

/// In the order of kinds, so that what a stage names is there; fine-tunes of fine-tunes after what they start from.
pub(super) fn in_order(experiment: &Experiment) -> Vec<&Stage> {
    let mut stages: Vec<&Stage> = experiment.stages.iter().collect();
    let depths = depths(&stages);
    stages.sort_by_key(|stage| (kinds::place(stage.id.kind), depths.get(&stage.id).copied()));
    stages
}

/// How many stages of its kind lie one after another before each. They start in no circle.
fn depths<'a>(stages: &[&'a Stage]) -> BTreeMap<&'a StageId, usize> {
    let mut graph = DiGraph::new();
    let nodes: BTreeMap<&StageId, _> = stages.iter().map(|stage| (&stage.id, graph.add_node(&stage.id))).collect();
    for stage in stages {
        for start in stage.spec.starts_from() {
            let start = StageId { kind: stage.id.kind, name: start.get_ref().stage.clone() };
            if let (Some(before), Some(after)) = (nodes.get(&start), nodes.get(&stage.id)) {
                graph.update_edge(*before, *after, ());
            }
        }
    }
    let mut depths = BTreeMap::new();
    for node in toposort(&graph, None).unwrap_or_default() {
        let before = graph.neighbors_directed(node, Direction::Incoming).filter_map(|before| depths.get(graph[before]));
        let depth = before.max().map_or(0, |depth: &usize| depth + 1);
        depths.insert(graph[node], depth);
    }
    depths
}

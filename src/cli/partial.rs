//! What can be made without the models that lack something.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Graph, Plan};
use crate::experiment::expand_without;
use crate::kinds::stages::Experiment;

/// The graph without models that lack what a selected step needs; nothing where none does, or where too few are left.
pub(super) fn partial(
    experiment: &Experiment,
    graph: &Graph,
    plan: &Plan,
    selected: &BTreeSet<usize>,
) -> Option<Graph> {
    let finished = |step: usize| plan.states[step].finished().is_some();
    let lacking = lacking(graph, &finished, selected);
    if lacking.is_empty() {
        return None;
    }
    expand_without(experiment, &lacking).ok()
}

fn lacking(graph: &Graph, finished: &dyn Fn(usize) -> bool, selected: &BTreeSet<usize>) -> BTreeSet<String> {
    let needed = graph.with_needs(selected.clone(), |step| !finished(step));
    let open = needed.into_iter().filter(|step| !finished(*step)).map(|step| &graph.steps[step]);
    // What is made of one model, or of a pair; a clustering of two is no pair.
    let open: Vec<Vec<&str>> = open
        .filter(|step| step.work.needs_device() || step.work.kind() == "fetch-model")
        .map(|step| step.runs().into_iter().collect())
        .collect();
    let mut lacking: BTreeSet<&str> = open.iter().filter(|runs| runs.len() == 1).map(|runs| runs[0]).collect();
    // Of pairs that lack their line alone, as few models as can be: first who is in the most.
    loop {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let pairs = open.iter().filter(|runs| runs.len() == 2 && runs.iter().all(|run| !lacking.contains(run)));
        pairs.flatten().for_each(|run| *counts.entry(run).or_default() += 1);
        let Some((most, _)) = counts.into_iter().max_by_key(|(_, count)| *count) else { break };
        lacking.insert(most);
    }
    lacking.into_iter().map(str::to_owned).collect()
}

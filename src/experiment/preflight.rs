//! Every stage held against what is fetched, before the first step computes.

use std::collections::BTreeSet;

use super::expand::in_order;
use crate::engine::{Graph, Plan, StageId};
use crate::kinds::expand::Built;
use crate::kinds::known::Known;
use crate::kinds::preflight::Preflight;
use crate::kinds::stages::Experiment;
use crate::store::Store;
use crate::study::ExperimentError;

/// What is looked at.
pub struct Looking<'a> {
    /// Stages without any of these steps are not held against anything.
    pub selected: &'a BTreeSet<usize>,
    /// Nor are those that are finished.
    pub unfinished_only: bool,
    /// Beside the cache, what lies on this machine.
    pub local: bool,
}

/// Says what the user should know.
///
/// # Errors
/// What does not fit.
pub fn preflight(
    experiment: &Experiment,
    (graph, built): (&Graph, &Built),
    plan: &Plan,
    store: &Store,
    looking: &Looking<'_>,
) -> Result<Vec<String>, ExperimentError> {
    let steps = graph.by_stage();
    let has = |stage: &StageId, which: &dyn Fn(usize) -> bool| {
        steps.get(stage).is_some_and(|steps| steps.iter().any(|step| which(*step)))
    };
    let open = |step: usize| plan.states[step].finished().is_none();
    let mut known = Known::new((graph, &steps), built, plan, store, looking.local);
    let (mut errors, mut notes) = (Vec::new(), Vec::new());
    for stage in in_order(experiment) {
        let told = has(&stage.id, &|step| looking.selected.contains(&step) && (!looking.unfinished_only || open(step)));
        // What it will make may be needed to judge others.
        if !told && !has(&stage.id, &open) {
            continue;
        }
        let mut one = Preflight::new(&mut known, &stage.id, &stage.places);
        stage.spec.preflight(&mut one);
        if told {
            let (found, said) = one.into_findings();
            errors.extend(found);
            notes.extend(said);
        }
    }
    if errors.is_empty() {
        // Several stages may say the same of one data set.
        let mut said = BTreeSet::new();
        notes.retain(|note| said.insert(note.clone()));
        return Ok(notes);
    }
    errors.sort_by_key(|error| error.span.as_ref().map(|span| span.start));
    Err(ExperimentError { sources: experiment.sources.clone(), diagnostics: errors })
}

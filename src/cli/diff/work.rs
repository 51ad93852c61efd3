//! Which steps are the same, which are others, and which would run.

use std::collections::BTreeMap;

use serde::Serialize;

use super::side::Steps;
use crate::engine::Graph;
use crate::fingerprint::{Digest, KeyParts};

#[derive(Debug, Serialize)]
pub struct Work {
    /// In the order of the second version, then those that only the first has.
    pub stages: Vec<OfStage>,
    /// Steps of the second version that are not in the cache.
    pub would_run: usize,
    pub steps: usize,
}

/// The steps of one stage.
#[derive(Debug, Serialize)]
pub struct OfStage {
    pub stage: String,
    pub first: usize,
    pub second: usize,
    /// Of both, by name, those that come to the same.
    pub same: usize,
    /// Of both, by name, those that do not: by their own values, or by what they read.
    pub own: usize,
    pub inputs: usize,
    /// In the cache.
    pub finished_first: usize,
    pub finished_second: usize,
}

impl OfStage {
    pub fn differs(&self) -> bool {
        (self.first, self.second) != (self.same, self.same)
    }
}

impl Work {
    pub fn of(first: &Steps, second: &Steps) -> Self {
        let (one, other) = (lineages(&first.graph), lineages(&second.graph));
        let names: BTreeMap<String, usize> =
            first.graph.steps.iter().enumerate().map(|(step, known)| (known.name(), step)).collect();
        let finished = |steps: &Steps, step: usize| usize::from(steps.plan.states[step].finished().is_some());
        let mut stages: Vec<OfStage> = Vec::new();
        let mut at = BTreeMap::new();
        let order = second.graph.stages().into_iter().chain(first.graph.stages());
        for stage in order.map(ToString::to_string) {
            at.entry(stage.clone()).or_insert_with(|| {
                let (first, second, same, own, inputs, finished_first, finished_second) = Default::default();
                stages.push(OfStage { stage, first, second, same, own, inputs, finished_first, finished_second });
                stages.len() - 1
            });
        }
        for (step, known) in first.graph.steps.iter().enumerate() {
            let stage = &mut stages[at[&known.stage.to_string()]];
            stage.first += 1;
            stage.finished_first += finished(first, step);
        }
        for (step, known) in second.graph.steps.iter().enumerate() {
            let stage = &mut stages[at[&known.stage.to_string()]];
            stage.second += 1;
            stage.finished_second += finished(second, step);
            let Some(before) = names.get(&known.name()) else { continue };
            let keys = [first.plan.states[*before].key(), second.plan.states[step].key()];
            // Where both keys are known they decide: other ways may have led to the same input.
            let same = matches!(keys, [Some(one), Some(other)] if one == other) || one[*before] == other[step];
            let before = &first.graph.steps[*before].work;
            let alike = before.parameters() == known.work.parameters() && before.kind() == known.work.kind();
            match (same, alike) {
                (true, _) => stage.same += 1,
                (false, true) => stage.inputs += 1,
                (false, false) => stage.own += 1,
            }
        }
        let would_run = (0..second.graph.steps.len()).filter(|step| finished(second, *step) == 0).count();
        Self { stages, would_run, steps: second.graph.steps.len() }
    }
}

/// What decides each step's result, back to the sources: steps with the same lineage come to the same.
fn lineages(graph: &Graph) -> Vec<Digest> {
    let mut known: Vec<Digest> = Vec::with_capacity(graph.steps.len());
    for step in &graph.steps {
        let of = |from: usize, output: &str| Digest::of(format!("{}:{output}", known[from]).as_bytes());
        let inputs = step.inputs.iter().map(|input| (&*input.role, of(input.from, &input.output))).collect();
        let parameters = step.work.parameters();
        let parts = KeyParts { kind: step.work.kind(), version: step.work.version(), parameters: &parameters, inputs };
        known.push(parts.key().0);
    }
    known
}

//! Which steps are fresh, which will run and why, which wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::graph::{Graph, Input, Step};
use crate::fingerprint::{Key, KeyParts};
use crate::store::{Finished, InputRecord, Manifest, Store, StoreError};

/// What is known of every step, by its number in the graph.
#[derive(Debug)]
pub struct Plan {
    pub states: Vec<State>,
}

#[derive(Debug)]
pub enum State {
    /// Finished before, with this result.
    Fresh(Arc<Finished>),
    /// Its inputs are there, so it can run now.
    WillRun(Key, Reason),
    /// Runs after these steps.
    Waiting(Vec<usize>),
}

impl State {
    /// Where its inputs are known.
    pub fn key(&self) -> Option<Key> {
        match self {
            Self::Fresh(finished) => Some(finished.key),
            Self::WillRun(key, _) => Some(*key),
            Self::Waiting(_) => None,
        }
    }

    /// `fresh`, `will run` or `waiting`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Fresh(_) => "fresh",
            Self::WillRun(..) => "will run",
            Self::Waiting(_) => "waiting",
        }
    }

    pub fn finished(&self) -> Option<&Finished> {
        match self {
            Self::Fresh(finished) => Some(finished),
            Self::WillRun(..) | Self::Waiting(_) => None,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key over what is left of a step's inputs would be another step's.
    #[error(
        "{step} needs the artifact `{artifact}` of {from}, and the cache holds that step without it, made by another \
             version of pipeline; make it anew with `pipeline run FILE --force {stage}`"
    )]
    NoArtifact { step: String, artifact: String, from: String, stage: String },
}

/// Why a step is not fresh.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    NeverRun,
    Forced,
    /// Part of its result is broken or gone.
    Damaged(String),
    /// What differs from the last time a step of this name was finished.
    Changed(Vec<String>),
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NeverRun => f.write_str("never run"),
            Self::Forced => f.write_str("forced"),
            Self::Damaged(what) => f.write_str(what),
            Self::Changed(changes) => write!(f, "changed: {}", changes.join(", ")),
        }
    }
}

impl Plan {
    /// `forced` steps run whatever the cache holds.
    pub fn new(graph: &Graph, store: &Store, forced: &BTreeSet<usize>) -> Result<Self, PlanError> {
        let last_keys = store.last_keys(&graph.experiment);
        // What another process found damaged is not in them any more.
        store.look_at_packs()?;
        let mut plan = Self { states: Vec::with_capacity(graph.steps.len()) };
        for step in 0..graph.steps.len() {
            let state = plan.inspect(graph, store, step, forced.contains(&step), &last_keys)?;
            plan.states.push(state);
        }
        Ok(plan)
    }

    /// The state of one step, given those of the steps before it.
    fn inspect(
        &self,
        graph: &Graph,
        store: &Store,
        step: usize,
        forced: bool,
        last_keys: &BTreeMap<String, Key>,
    ) -> Result<State, PlanError> {
        let mut waiting = graph.steps[step].needs();
        waiting.retain(|from| self.states[*from].finished().is_none());
        if !waiting.is_empty() {
            return Ok(State::Waiting(waiting));
        }
        let inputs = self.inputs(graph, step)?;
        Ok(look_up(store, &graph.steps[step], &inputs, forced, last_keys)?)
    }

    /// The artifacts that a step reads. Every step it needs must be fresh.
    pub fn inputs(&self, graph: &Graph, step: usize) -> Result<BTreeMap<String, InputRecord>, PlanError> {
        let step = &graph.steps[step];
        let record = |Input { role, from, output }: &Input| {
            let made = self.states[*from].finished();
            let found = made.and_then(|made| Some((made.key, made.output(output)?.digest)));
            let (from, digest) = found.ok_or_else(|| PlanError::NoArtifact {
                step: step.name(),
                artifact: output.clone(),
                from: graph.steps[*from].name(),
                stage: graph.steps[*from].stage.to_string(),
            })?;
            Ok((role.clone(), InputRecord { digest, from, output: output.clone() }))
        };
        step.inputs.iter().map(record).collect()
    }

    pub fn last_keys(&self, graph: &Graph) -> BTreeMap<String, Key> {
        let states = self.states.iter().zip(&graph.steps);
        states.filter_map(|(state, step)| Some((step.name(), state.finished()?.key))).collect()
    }
}

pub fn key_of(step: &Step, inputs: &BTreeMap<String, InputRecord>) -> Key {
    let parameters = step.work.parameters();
    let inputs = inputs.iter().map(|(role, record)| (role.as_str(), record.digest)).collect();
    KeyParts { kind: step.work.kind(), version: step.work.version(), parameters: &parameters, inputs }.key()
}

/// Looks a step up in the store, its inputs being known.
pub fn look_up(
    store: &Store,
    step: &Step,
    inputs: &BTreeMap<String, InputRecord>,
    forced: bool,
    last_keys: &BTreeMap<String, Key>,
) -> Result<State, StoreError> {
    let key = key_of(step, inputs);
    if forced {
        return Ok(State::WillRun(key, Reason::Forced));
    }
    match store.finished(&key) {
        Ok(Some(finished)) => Ok(State::Fresh(finished)),
        Ok(None) => {
            let before = last_keys.get(&step.name()).and_then(|last| store.manifest(last).ok().flatten());
            let reason = before.map_or(Reason::NeverRun, |before| {
                let changes = changes(&before, step, inputs);
                if changes.is_empty() { Reason::NeverRun } else { Reason::Changed(changes) }
            });
            Ok(State::WillRun(key, reason))
        }
        Err(damaged @ StoreError::Damaged { .. }) => Ok(State::WillRun(key, Reason::Damaged(damaged.to_string()))),
        Err(error) => Err(error),
    }
}

/// Of all finished steps of its kind the one that differs least from a step, and in what.
///
/// # Errors
/// A cache that cannot be listed.
pub fn nearest_finished(
    store: &Store,
    step: &Step,
    inputs: &BTreeMap<String, InputRecord>,
) -> Result<Option<(Manifest, Vec<String>)>, StoreError> {
    let all = store.newest(&[step.work.kind()], usize::MAX)?.into_iter();
    let all = all.map(|manifest| (changes(&manifest, step, inputs), manifest));
    Ok(all.min_by_key(|(changes, _)| changes.len()).map(|(changes, manifest)| (manifest, changes)))
}

fn changes(before: &Manifest, step: &Step, inputs: &BTreeMap<String, InputRecord>) -> Vec<String> {
    let mut changes = Vec::new();
    if before.version != step.work.version() {
        changes.push(format!("the program's version of {}", before.kind));
    }
    differences(&before.parameters, &step.work.parameters(), "", &mut changes);
    let digest = |record: Option<&InputRecord>| record.map(|record| record.digest);
    let roles: BTreeSet<&String> = before.inputs.keys().chain(inputs.keys()).collect();
    let changed: Vec<&str> = roles
        .into_iter()
        .filter(|role| digest(before.inputs.get(*role)) != digest(inputs.get(*role)))
        .map(String::as_str)
        .collect();
    match changed.as_slice() {
        [] => {}
        few if few.len() <= 3 => changes.extend(few.iter().map(|role| format!("input {role}"))),
        many => changes.push(format!("{} inputs", many.len())),
    }
    changes
}

/// `recipe.epochs 3 → 2`, one entry for each leaf that differs.
fn differences(old: &Value, new: &Value, path: &str, changes: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let null = Value::Null;
                differences(old.get(name).unwrap_or(&null), new.get(name).unwrap_or(&null), &path, changes);
            }
        }
        _ if old == new => {}
        _ => {
            let short = |value: &Value| {
                let text = value.to_string();
                if text.chars().count() > 40 {
                    format!("{}…", text.chars().take(40).collect::<String>())
                } else {
                    text
                }
            };
            changes.push(format!("{path} {} → {}", short(old), short(new)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_name_the_field() {
        let mut changes = Vec::new();
        differences(
            &json!({"recipe": {"epochs": 3, "rate": 0.1}, "rows": null}),
            &json!({"recipe": {"epochs": 2, "rate": 0.1}, "rows": {"start": 0}}),
            "",
            &mut changes,
        );
        assert_eq!(changes, ["recipe.epochs 3 → 2", "rows null → {\"start\":0}"]);
    }
}

//! Which steps are fresh, which will run and why, which wait.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use super::graph::{Graph, Input, Step};
use super::work::Work;
use crate::fingerprint::{Digest, Key, KeyParts, KeyStart};
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
        let last_keys = LazyCell::new(|| store.last_keys(&graph.experiment));
        let mut keys = Keys::default();
        // What another process found damaged is not in them any more.
        store.look_at_packs()?;
        let mut plan = Self { states: Vec::with_capacity(graph.steps.len()) };
        for step in 0..graph.steps.len() {
            let state = plan.inspect(graph, store, step, forced.contains(&step), &mut keys, &last_keys)?;
            plan.states.push(state);
        }
        Ok(plan)
    }

    /// The same by what somebody else says of keys, of the steps that are `wanted` alone: as many at a time as can be
    /// known, for what a step makes decides the keys of those behind it.
    ///
    /// # Errors
    /// That of `ask`.
    pub fn by_asking<E>(
        graph: &Graph,
        wanted: &BTreeSet<usize>,
        mut ask: impl FnMut(&[Key]) -> Result<BTreeMap<Key, Arc<Finished>>, E>,
    ) -> Result<Self, E> {
        let states = graph.steps.iter().map(|step| State::Waiting(step.needs())).collect();
        let mut plan = Self { states };
        loop {
            let open = wanted.iter().filter(|step| match &plan.states[**step] {
                State::Waiting(needs) => needs.iter().all(|from| plan.states[*from].finished().is_some()),
                State::Fresh(_) | State::WillRun(..) => false,
            });
            // A step that was made without what this one needs is none of this study's.
            let keys: Vec<(usize, Key)> = open
                .filter_map(|step| Some((*step, key_of(&graph.steps[*step], &plan.inputs(graph, *step).ok()?))))
                .collect();
            if keys.is_empty() {
                return Ok(plan);
            }
            let asked: BTreeSet<Key> = keys.iter().map(|(_, key)| *key).collect();
            let found = ask(&asked.into_iter().collect::<Vec<_>>())?;
            for (step, key) in keys {
                plan.states[step] = match found.get(&key) {
                    Some(finished) => State::Fresh(finished.clone()),
                    None => State::WillRun(key, Reason::NeverRun),
                };
            }
        }
    }

    /// The state of one step, given those of the steps before it.
    fn inspect<'g>(
        &self,
        graph: &'g Graph,
        store: &Store,
        step: usize,
        forced: bool,
        keys: &mut Keys,
        last_keys: &LazyCell<BTreeMap<String, Key>, impl FnOnce() -> BTreeMap<String, Key>>,
    ) -> Result<State, PlanError> {
        let of = &graph.steps[step];
        let is_open = |from: usize| self.states[from].finished().is_none();
        if of.inputs.iter().any(|input| is_open(input.from)) {
            return Ok(State::Waiting(of.needs().into_iter().filter(|from| is_open(*from)).collect()));
        }
        let digest = |input: &'g Input| Ok((&*input.role, self.read(graph, of, input)?.1));
        let mut digests = of.inputs.iter().map(digest).collect::<Result<Vec<(&str, Digest)>, PlanError>>()?;
        digests.sort_unstable();
        let key = keys.key(&of.work, &digests);
        if let Some(state) = found(store, key, forced)? {
            return Ok(state);
        }
        Ok(State::WillRun(key, why(store, of, &self.inputs(graph, step)?, last_keys)))
    }

    /// What a step reads: who made it, and its content.
    fn read(&self, graph: &Graph, step: &Step, input: &Input) -> Result<(Key, Digest), PlanError> {
        let made = self.states[input.from].finished();
        let found = made.and_then(|made| Some((made.key, made.output(&input.output)?.digest)));
        found.ok_or_else(|| PlanError::NoArtifact {
            step: step.name(),
            artifact: input.output.to_string(),
            from: graph.steps[input.from].name(),
            stage: graph.steps[input.from].stage.to_string(),
        })
    }

    /// The artifacts that a step reads. Every step it needs must be fresh.
    pub fn inputs(&self, graph: &Graph, step: usize) -> Result<BTreeMap<String, InputRecord>, PlanError> {
        let step = &graph.steps[step];
        let record = |input: &Input| {
            let (from, digest) = self.read(graph, step, input)?;
            Ok((input.role.to_string(), InputRecord { digest, from, output: input.output.to_string() }))
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
    Ok(match found(store, key, forced)? {
        Some(state) => state,
        None => State::WillRun(key, why(store, step, inputs, last_keys)),
    })
}

/// The state of a step by its key alone; nothing where it is not finished.
fn found(store: &Store, key: Key, forced: bool) -> Result<Option<State>, StoreError> {
    if forced {
        return Ok(Some(State::WillRun(key, Reason::Forced)));
    }
    match store.finished(&key) {
        Ok(finished) => Ok(finished.map(State::Fresh)),
        Err(damaged @ StoreError::Damaged { .. }) => {
            Ok(Some(State::WillRun(key, Reason::Damaged(damaged.to_string()))))
        }
        Err(error) => Err(error),
    }
}

/// Why a step that is not finished is not.
fn why(
    store: &Store,
    step: &Step,
    inputs: &BTreeMap<String, InputRecord>,
    last_keys: &BTreeMap<String, Key>,
) -> Reason {
    let before = last_keys.get(&step.name()).and_then(|last| store.manifest(last).ok().flatten());
    let changes = before.map_or_else(Vec::new, |before| changes(&before, step, inputs));
    if changes.is_empty() { Reason::NeverRun } else { Reason::Changed(changes) }
}

/// Makes keys, taking in the parameters of steps that share them once.
#[derive(Default)]
struct Keys(Option<(Rc<dyn Work>, KeyStart)>);

impl Keys {
    /// `inputs` in the order of their roles.
    fn key(&mut self, work: &Rc<dyn Work>, inputs: &[(&str, Digest)]) -> Key {
        let known = self.0.take().filter(|(known, _)| Rc::ptr_eq(known, work));
        let start =
            known.unwrap_or_else(|| (work.clone(), KeyStart::new(work.kind(), work.version(), &work.parameters())));
        self.0.insert(start).1.key(inputs)
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

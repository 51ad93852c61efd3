//! The finished steps of a study, as rows of tables are made of them.

use std::collections::BTreeSet;

use polars::prelude::DataFrame;
use serde::de::DeserializeOwned;

use crate::data::{read_parquet, write_parquet};
use crate::engine::{Artifact, Graph, Plan, Step, StepKind, Work};
use crate::fingerprint::Key;
use crate::store::{self, Store};
use crate::tables::{TableError, column};

/// What is finished of a study.
#[derive(Clone, Copy)]
pub struct Finished<'a> {
    graph: &'a Graph,
    plan: &'a Plan,
    store: &'a Store,
}

/// A finished step; with the parameters of its kind, where that is known.
pub struct Done<'a, T: ?Sized = dyn Work> {
    pub step: &'a Step,
    pub params: &'a T,
    finished: &'a store::Finished,
    store: &'a Store,
}

impl<'a> Finished<'a> {
    pub fn new(graph: &'a Graph, plan: &'a Plan, store: &'a Store) -> Self {
        Self { graph, plan, store }
    }

    /// One of the graph, finished or not.
    pub fn step(&self, step: usize) -> &'a Step {
        &self.graph.steps[step]
    }

    /// All steps of the graph, finished or not.
    pub fn every(&self) -> impl Iterator<Item = &'a Step> + use<'a> {
        self.graph.steps.iter()
    }

    /// All of them, in the order of the graph.
    pub fn all(&self) -> impl Iterator<Item = Done<'a>> + use<'a> {
        let (store, steps) = (self.store, self.graph.steps.iter().zip(&self.plan.states));
        steps.filter_map(move |(step, state)| {
            Some(Done { step, params: &*step.work, finished: state.finished()?, store })
        })
    }

    /// Those of one kind, in the order of the graph.
    pub fn steps<T: StepKind>(&self) -> impl Iterator<Item = Done<'a, T>> + use<'a, T> {
        self.all().filter_map(|done| done.of())
    }
}

impl<'a> Done<'a> {
    /// The same with its parameters, where it is of this kind.
    pub fn of<T: StepKind>(&self) -> Option<Done<'a, T>> {
        Some(Done { step: self.step, params: self.params.of()?, finished: self.finished, store: self.store })
    }
}

impl<'a, T: ?Sized> Done<'a, T> {
    /// The name of its stage.
    pub fn stage(&self) -> &'a str {
        &self.step.stage.name
    }

    /// What tells it from the others of its stage.
    pub fn instance(&self) -> &'a str {
        &self.step.instance
    }

    pub fn key(&self) -> Key {
        self.finished.key
    }

    /// The models that it is about, as tables call them.
    pub fn subjects(&self) -> &'a [String] {
        &self.step.subjects
    }

    /// How long it took.
    pub fn seconds(&self) -> f64 {
        self.finished.seconds
    }

    /// The names of what it made.
    pub fn artifacts(&self) -> impl Iterator<Item = &'a str> {
        self.finished.outputs().iter().map(|made| &*made.name)
    }

    /// # Errors
    /// It is damaged, or gone.
    pub fn bytes<U: ?Sized>(&self, artifact: &Artifact<U>) -> Result<Vec<u8>, TableError> {
        Ok(self.store.output(self.finished, artifact.name())?)
    }

    /// # Errors
    /// As [`Self::bytes`].
    pub fn json<U: DeserializeOwned>(&self, artifact: &Artifact<U>) -> Result<U, TableError> {
        Ok(serde_json::from_slice(&self.bytes(artifact)?)?)
    }
}

/// A number of examples; what was published without one says 0, and nothing that we measure has none.
pub fn known(examples: usize) -> Option<usize> {
    (examples > 0).then_some(examples)
}

/// Steps with the names of their stages, in the order of the stages' first step.
pub fn by_stage<'a, T>(steps: impl Iterator<Item = Done<'a, T>>) -> Vec<(&'a str, Vec<Done<'a, T>>)> {
    let mut stages: Vec<(&str, Vec<Done<'a, T>>)> = Vec::new();
    for done in steps {
        match stages.iter_mut().find(|(stage, _)| *stage == done.stage()) {
            Some((_, steps)) => steps.push(done),
            None => stages.push((done.stage(), vec![done])),
        }
    }
    stages
}

/// A Parquet table of one step: its name, its bytes and the step's key.
pub type Part = Result<(String, Vec<u8>, Key), TableError>;

/// A Parquet table of several steps, and their keys.
pub type Stacked = (Vec<u8>, BTreeSet<Key>);

/// Parquet tables below each other as one, with two more columns: the name of each under `named`, and its key. And all
/// keys; `None` of none.
pub fn stacked(named: &str, parts: impl Iterator<Item = Part>) -> Result<Option<Stacked>, TableError> {
    let (mut whole, mut keys): (Option<DataFrame>, _) = (None, BTreeSet::new());
    for part in parts {
        let (name, bytes, key) = part?;
        keys.insert(key);
        let mut part = read_parquet(&bytes)?;
        let rows = part.height();
        part.with_column(column(named, vec![name; rows]))?;
        part.with_column(column("key", vec![key.to_string(); rows]))?;
        match &mut whole {
            Some(whole) => drop(whole.vstack_mut(&part)?),
            None => whole = Some(part),
        }
    }
    let Some(mut whole) = whole else { return Ok(None) };
    whole.rechunk_mut();
    Ok(Some((write_parquet(&mut whole)?, keys)))
}

//! The finished steps of a study, as rows of tables are made of them.

use std::any::Any;

use serde::de::DeserializeOwned;

use crate::engine::{Artifact, Graph, Plan, Step, StepKind};
use crate::fingerprint::Key;
use crate::store::{Manifest, Store};
use crate::tables::TableError;

/// What is finished of a study.
#[derive(Clone, Copy)]
pub struct Finished<'a> {
    graph: &'a Graph,
    plan: &'a Plan,
    store: &'a Store,
}

/// A finished step of one kind.
pub struct Done<'a, T> {
    pub step: &'a Step,
    pub params: &'a T,
    manifest: &'a Manifest,
    store: &'a Store,
}

impl<'a> Finished<'a> {
    pub fn new(graph: &'a Graph, plan: &'a Plan, store: &'a Store) -> Self {
        Self { graph, plan, store }
    }

    /// Those of one kind, in the order of the graph.
    pub fn steps<T: StepKind>(&self) -> impl Iterator<Item = Done<'a, T>> + use<'a, T> {
        let (store, steps) = (self.store, self.graph.steps.iter().zip(&self.plan.states));
        steps.filter_map(move |(step, state)| {
            Some(Done { step, params: step.work.of::<T>()?, manifest: state.manifest()?, store })
        })
    }

    /// The number of a step in the graph: rows of one table that come from several kinds of steps are in this order.
    pub fn place<T: Any>(&self, done: &Done<'a, T>) -> usize {
        self.graph.steps.iter().position(|step| std::ptr::eq(step, done.step)).unwrap_or(usize::MAX)
    }
}

impl<'a, T> Done<'a, T> {
    /// The name of its stage.
    pub fn stage(&self) -> &'a str {
        &self.step.stage.name
    }

    /// What tells it from the others of its stage.
    pub fn instance(&self) -> &'a str {
        &self.step.instance
    }

    pub fn key(&self) -> Key {
        self.manifest.key
    }

    /// # Errors
    /// It is damaged, or gone.
    pub fn bytes<U: ?Sized>(&self, artifact: &Artifact<U>) -> Result<Vec<u8>, TableError> {
        Ok(self.store.output(self.manifest, artifact.name())?)
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

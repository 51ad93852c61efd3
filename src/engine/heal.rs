//! Damage that is found when something is read: which finished steps it takes with it.

use std::collections::BTreeSet;

use super::plan::{Plan, Reason, State};
use crate::graph::Graph;
use crate::store::{Store, StoreError};

/// A step that was finished and is not any more.
#[derive(Debug)]
pub struct Lost {
    pub step: usize,
    pub why: String,
}

/// Compares what a run ended with to what the cache holds now. Whoever reads an object that does not match its name
/// moves it away, so looking again is all it takes, whichever process met the damage.
pub fn lost(graph: &Graph, store: &Store, ended: &Plan) -> Result<Vec<Lost>, StoreError> {
    let now = Plan::new(graph, store, &BTreeSet::new())?;
    let pairs = ended.states.iter().zip(now.states).enumerate();
    let lost = pairs.filter_map(|(step, states)| match states {
        (State::Fresh(_), State::WillRun(_, Reason::Damaged(why))) => Some(Lost { step, why }),
        (State::Fresh(_), State::WillRun(..)) => Some(Lost { step, why: "its manifest is gone".to_owned() }),
        _ => None,
    });
    Ok(lost.collect())
}

//! Damage that is found when something is read: which finished steps it takes with it.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::Graph;
use super::plan::{Plan, PlanError, Reason, State};
use crate::fingerprint::Digest;
use crate::store::{Made, Store, StoreError};

/// Tables and figures are made from artifacts that are no larger; models are.
const LARGEST_FOR_RESULTS: u64 = 64 << 20;

/// A step that was finished and is not any more, or not as it was.
#[derive(Debug)]
pub struct Lost {
    pub step: usize,
    pub why: Why,
}

#[derive(Debug, PartialEq)]
pub enum Why {
    /// It must run again.
    Damaged(String),
    /// Another run has made it again, with another result: what needs it must run.
    Remade,
}

/// Compares what a run ended with to what the cache holds now. Whoever reads an object that does not match its name
/// moves it away, so looking again is all it takes, whichever process met the damage. What the `failed` steps and those
/// that must run again are going to read is read now, and with `results` what tables and figures are made from, so that
/// one more round is enough where much is damaged.
pub fn lost(
    graph: &Graph,
    store: &Store,
    ended: &Plan,
    failed: &[usize],
    results: bool,
) -> Result<Vec<Lost>, PlanError> {
    let mut reader = Reader { store, damaged: BTreeMap::new() };
    if results {
        let outputs = ended.states.iter().filter_map(State::finished).flat_map(|finished| finished.outputs());
        for output in outputs.filter(|output| output.size <= LARGEST_FOR_RESULTS) {
            reader.is_damaged(output);
        }
    }
    let mut seen: BTreeSet<usize> = failed.iter().copied().collect();
    let mut open: Vec<usize> = failed.to_vec();
    let mut lost: BTreeMap<usize, Why> = BTreeMap::new();
    loop {
        while let Some(step) = open.pop() {
            for input in &graph.steps[step].inputs {
                let record = ended.states[input.from].finished().and_then(|made| made.output(&input.output));
                if record.is_some_and(|record| reader.is_damaged(record)) && seen.insert(input.from) {
                    open.push(input.from);
                }
            }
        }
        let now = Plan::new(graph, store, &BTreeSet::new())?;
        for (step, states) in ended.states.iter().zip(now.states).enumerate() {
            let why = match states {
                (State::Fresh(before), State::Fresh(now)) if before.is_remade(&now) => Why::Remade,
                (State::Fresh(before), State::WillRun(key, _)) if key != before.key => {
                    // Behind one that was made again: it runs with another key, and reads what the others do.
                    if seen.insert(step) {
                        open.push(step);
                    }
                    continue;
                }
                (State::Fresh(_), State::WillRun(_, Reason::Damaged(why))) => Why::Damaged(why),
                (State::Fresh(_), State::WillRun(..)) => Why::Damaged("its manifest is gone".to_owned()),
                // Behind one that is lost itself: whether its own result is whole shows here alone.
                (State::Fresh(finished), State::Waiting(_)) => match store.finished(&finished.key) {
                    Err(error @ StoreError::Damaged { .. }) => Why::Damaged(error.to_string()),
                    _ => continue,
                },
                _ => continue,
            };
            let runs_again = why != Why::Remade;
            lost.insert(step, why);
            if runs_again && seen.insert(step) {
                open.push(step);
            }
        }
        if open.is_empty() {
            break;
        }
    }
    Ok(lost.into_iter().map(|(step, why)| Lost { step, why }).collect())
}

/// Reads each object once.
struct Reader<'a> {
    store: &'a Store,
    damaged: BTreeMap<Digest, bool>,
}

impl Reader<'_> {
    fn is_damaged(&mut self, output: &Made) -> bool {
        !output.inline
            && *self
                .damaged
                .entry(output.digest)
                .or_insert_with(|| matches!(self.store.probe(&output.digest), Err(StoreError::Damaged { .. })))
    }
}

//! How long the rest of a run will take, from what its steps took so far.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::Graph;
use crate::engine::Plan;

/// Mean seconds of each kind of step; finished steps of earlier runs count as the first sample.
#[derive(Debug, Default)]
pub struct Estimate {
    open: BTreeMap<usize, String>,
    seconds: BTreeMap<String, (f64, usize)>,
    /// Share of each running step that is done.
    running: BTreeMap<usize, f64>,
}

/// What is left, with one worker. `complete` is false while some kind of step has never been timed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Left {
    pub seconds: f64,
    pub complete: bool,
}

fn class(graph: &Graph, step: usize) -> String {
    format!("{} {}", graph.steps[step].stage, graph.steps[step].work.kind())
}

impl Estimate {
    pub fn new(graph: &Graph, plan: &Plan, selected: &BTreeSet<usize>) -> Self {
        let mut estimate = Self::default();
        for (step, state) in plan.states.iter().enumerate() {
            match state.finished() {
                Some(finished) => estimate.sample(class(graph, step), finished.seconds),
                None if selected.contains(&step) => drop(estimate.open.insert(step, class(graph, step))),
                None => {}
            }
        }
        estimate
    }

    fn sample(&mut self, class: String, seconds: f64) {
        let (sum, count) = self.seconds.entry(class).or_default();
        *sum += seconds;
        *count += 1;
    }

    pub fn open(&self) -> usize {
        self.open.len()
    }

    pub fn progress(&mut self, step: usize, share: f64) {
        self.running.insert(step, share.clamp(0.0, 1.0));
    }

    pub fn done(&mut self, step: usize, seconds: f64) {
        self.running.remove(&step);
        if let Some(class) = self.open.remove(&step) {
            self.sample(class, seconds);
        }
    }

    pub fn dropped(&mut self, step: usize) {
        self.running.remove(&step);
        self.open.remove(&step);
    }

    pub fn left(&self) -> Left {
        let mut left = Left { seconds: 0.0, complete: true };
        for (step, class) in &self.open {
            match self.seconds.get(class) {
                Some((sum, count)) => {
                    let rest = 1.0 - self.running.get(step).copied().unwrap_or(0.0);
                    left.seconds += rest * sum / *count as f64;
                }
                None => left.complete = false,
            }
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_counted_by_class_and_by_progress() {
        let open = [(1, "a"), (2, "a"), (3, "b")].map(|(step, class)| (step, class.to_owned()));
        let mut estimate = Estimate { open: open.into(), ..Default::default() };
        assert_eq!(estimate.left(), Left { seconds: 0.0, complete: false });
        estimate.done(1, 10.0);
        estimate.progress(2, 0.25);
        assert_eq!(estimate.left(), Left { seconds: 7.5, complete: false });
        estimate.dropped(3);
        assert_eq!(estimate.left(), Left { seconds: 7.5, complete: true });
    }
}

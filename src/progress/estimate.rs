//! How long the rest of a run will take: from steps like it that are finished, scaled by what they compute, and from
//! how fast those go that are running. What nothing is known of is said to be unknown.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Graph, Plan};
use crate::store::Finished;
use crate::units::duration;

/// What is known of steps before they run.
pub trait Costs {
    /// Everything that is known at the beginning.
    fn begin(&mut self, graph: &Graph, plan: &Plan);

    /// Roughly how many operations a step takes; unknown where its data or its model are, and of steps that hardly
    /// compute.
    fn operations(&self, graph: &Graph, step: usize) -> Option<f64>;

    /// A step is finished: says whether more is known now of those that read its result.
    fn learn(&mut self, graph: &Graph, step: usize, finished: &Finished) -> bool;

    /// What steps of a kind took in other experiments of this cache.
    fn elsewhere(&self, kind: &str) -> Option<Sample>;
}

/// Steps that were timed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sample {
    pub seconds: f64,
    pub steps: f64,
    /// Of those whose operations are known, and their seconds.
    pub operations: f64,
    pub operating: f64,
}

impl Sample {
    pub fn add(&mut self, steps: f64, seconds: f64, operations: Option<f64>) {
        self.seconds += seconds;
        self.steps += steps;
        if let Some(operations) = operations {
            self.operations += operations;
            self.operating += seconds;
        }
    }

    /// Seconds of a step: by its operations, else as the others took.
    fn of(&self, operations: Option<f64>) -> Option<f64> {
        self.by_operations(operations).or((self.steps > 0.0).then(|| self.seconds / self.steps))
    }

    fn by_operations(&self, operations: Option<f64>) -> Option<f64> {
        operations.filter(|_| self.operations > 0.0).map(|operations| operations * self.operating / self.operations)
    }
}

#[derive(Debug)]
struct Open {
    class: String,
    kind: &'static str,
    operations: Option<f64>,
}

/// A step on its way: shares of it that were done, and when.
#[derive(Debug, Clone, Copy)]
struct Running {
    first: (f64, f64),
    last: (f64, f64),
}

#[derive(Default)]
pub struct Estimate {
    costs: Option<Box<dyn Costs>>,
    open: BTreeMap<usize, Open>,
    /// By stage and kind of step, and by kind of step.
    classes: BTreeMap<String, Sample>,
    kinds: BTreeMap<&'static str, Sample>,
    running: BTreeMap<usize, Running>,
}

/// What is left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Left {
    pub steps: usize,
    pub seconds: f64,
    /// Steps of which nothing is known.
    pub unknown: usize,
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = duration(self.seconds);
        match self.unknown {
            0 if self.steps == 0 => Ok(()),
            0 => write!(f, "about {time} left"),
            // What is known is the smaller part: a number would mislead.
            unknown if unknown * 2 > self.steps => f.write_str("time left unknown"),
            unknown => write!(f, "about {time} left, and {unknown} steps of unknown length"),
        }
    }
}

/// Less than this of a step says nothing about its pace.
const SHARE: f64 = 0.01;
const SECONDS: f64 = 1.0;

impl Estimate {
    pub fn new(costs: Box<dyn Costs>) -> Self {
        Self { costs: Some(costs), ..Self::default() }
    }

    pub fn begin(&mut self, graph: &Graph, plan: &Plan, selected: &BTreeSet<usize>) {
        self.costs.iter_mut().for_each(|costs| costs.begin(graph, plan));
        self.plan(graph, plan, selected);
    }

    /// Where all that is known is known already.
    pub fn plan(&mut self, graph: &Graph, plan: &Plan, selected: &BTreeSet<usize>) {
        for (step, state) in plan.states.iter().enumerate() {
            let open = self.describe(graph, step);
            match state.finished() {
                Some(finished) => self.sample(&open, finished.seconds),
                None if selected.contains(&step) => drop(self.open.insert(step, open)),
                None => {}
            }
        }
    }

    fn describe(&self, graph: &Graph, step: usize) -> Open {
        let node = &graph.steps[step];
        let kind = node.work.kind();
        let operations = self.costs.as_ref().and_then(|costs| costs.operations(graph, step));
        Open { class: format!("{} {kind}", node.stage), kind, operations }
    }

    fn sample(&mut self, open: &Open, seconds: f64) {
        self.classes.entry(open.class.clone()).or_default().add(1.0, seconds, open.operations);
        self.kinds.entry(open.kind).or_default().add(1.0, seconds, open.operations);
    }

    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// `now`: seconds by any clock.
    pub fn progress(&mut self, step: usize, share: f64, now: f64) {
        let at = (now, share.clamp(0.0, 1.0));
        self.running.entry(step).or_insert(Running { first: at, last: at }).last = at;
    }

    /// Seconds and share, from the first time that the step said how far it is: what it took to load is not in it.
    fn pace(&self, step: usize) -> Option<(f64, f64)> {
        let Running { first, last } = self.running.get(&step)?;
        let (seconds, share) = (last.0 - first.0, last.1 - first.1);
        (share >= SHARE && seconds >= SECONDS).then_some((seconds, share))
    }

    pub fn done(&mut self, graph: &Graph, step: usize, seconds: f64, finished: &Finished) {
        self.finished(graph, step, finished);
        self.running.remove(&step);
        if let Some(open) = self.open.remove(&step) {
            self.sample(&open, seconds);
        }
    }

    /// Another process has finished it: how long it took here is not known.
    pub fn finished(&mut self, graph: &Graph, step: usize, finished: &Finished) {
        let Some(costs) = &mut self.costs else { return };
        if !costs.learn(graph, step, finished) {
            return;
        }
        for (step, open) in self.open.iter_mut().filter(|(_, open)| open.operations.is_none()) {
            open.operations = costs.operations(graph, *step);
        }
    }

    pub fn dropped(&mut self, step: usize) {
        self.running.remove(&step);
        self.open.remove(&step);
    }

    /// It does not run any more, and will.
    pub fn paused(&mut self, step: usize) {
        self.running.remove(&step);
    }

    /// The rest of a step that runs, by its own pace.
    pub fn left_of(&self, step: usize) -> Option<f64> {
        let (seconds, share) = self.pace(step)?;
        Some(seconds / share * (1.0 - self.running.get(&step)?.last.1))
    }

    /// With so many workers.
    pub fn left(&self, workers: usize) -> Left {
        // What runs tells of those like it that do not yet.
        let (mut classes, mut kinds) = (self.classes.clone(), self.kinds.clone());
        for (step, open) in &self.open {
            if let Some((seconds, share)) = self.pace(*step) {
                let operations = open.operations.map(|operations| operations * share);
                classes.entry(open.class.clone()).or_default().add(share, seconds, operations);
                kinds.entry(open.kind).or_default().add(share, seconds, operations);
            }
        }
        // Any device computes others' operations about as fast as its own.
        let mut any = Sample::default();
        for sample in kinds.values() {
            any.operations += sample.operations;
            any.operating += sample.operating;
        }
        let (mut seconds, mut longest, mut unknown) = (0.0, 0.0_f64, 0);
        for (step, open) in &self.open {
            let whole = || {
                let like = classes.get(&open.class).and_then(|sample| sample.of(open.operations));
                let kind = || kinds.get(open.kind).and_then(|sample| sample.of(open.operations));
                let elsewhere = || self.costs.as_ref()?.elsewhere(open.kind)?.of(open.operations);
                like.or_else(kind).or_else(elsewhere).or_else(|| any.by_operations(open.operations))
            };
            let done = self.running.get(step).map_or(0.0, |running| running.last.1);
            match self.left_of(*step).or_else(|| Some(whole()? * (1.0 - done))) {
                Some(left) => {
                    seconds += left;
                    longest = longest.max(left);
                }
                None => unknown += 1,
            }
        }
        // The last step alone keeps one worker busy.
        Left { steps: self.open.len(), seconds: (seconds / workers.max(1) as f64).max(longest), unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(class: &str, kind: &'static str, operations: Option<f64>) -> Open {
        Open { class: class.to_owned(), kind, operations }
    }

    fn done(estimate: &mut Estimate, step: usize, seconds: f64) {
        estimate.running.remove(&step);
        let open = estimate.open.remove(&step).unwrap();
        estimate.sample(&open, seconds);
    }

    #[test]
    fn what_nothing_is_known_of_is_unknown() {
        let mut estimate = Estimate::default();
        for step in 0..3 {
            estimate.open.insert(step, open("a", "x", None));
        }
        estimate.open.insert(3, open("b", "y", None));
        assert_eq!(estimate.left(1).to_string(), "time left unknown");
        done(&mut estimate, 0, 10.0);
        assert_eq!(estimate.left(1).to_string(), "about 20 s left, and 1 steps of unknown length");
        // Two at a time, but one of them alone takes as long.
        assert_eq!(estimate.left(2).seconds, 10.0);
        estimate.dropped(3);
        assert_eq!(estimate.left(1), Left { steps: 2, seconds: 20.0, unknown: 0 });
        (1..3).for_each(|step| estimate.dropped(step));
        assert_eq!(estimate.left(1).to_string(), "");
    }

    #[test]
    fn operations_scale_from_stage_to_stage_and_from_kind_to_kind() {
        let mut estimate = Estimate::default();
        for (step, class, kind, operations) in
            [(0, "a train", "train", 4e9), (1, "b train", "train", 8e9), (2, "c eval", "eval", 1e9)]
        {
            estimate.open.insert(step, open(class, kind, Some(operations)));
        }
        assert_eq!(estimate.left(1).unknown, 3);
        done(&mut estimate, 0, 40.0);
        assert_eq!(estimate.left(1), Left { steps: 2, seconds: 90.0, unknown: 0 });
        // Its own kind knows better.
        estimate.kinds.insert("eval", Sample { seconds: 3.0, steps: 1.0, operations: 1e9, operating: 3.0 });
        assert_eq!(estimate.left(1).seconds, 83.0);
    }

    #[test]
    fn what_runs_tells_of_itself_and_of_those_like_it() {
        let mut estimate = Estimate::default();
        for step in 0..3 {
            estimate.open.insert(step, open("a", "x", Some(1e9)));
        }
        // It went on from half of an earlier run, after a minute of loading.
        estimate.progress(0, 0.5, 60.0);
        assert_eq!(estimate.left(1).unknown, 3);
        estimate.progress(0, 0.6, 70.0);
        assert_eq!(estimate.left_of(0).map(f64::round), Some(40.0));
        let left = estimate.left(1);
        assert_eq!((left.seconds.round(), left.unknown), (240.0, 0));
        estimate.paused(0);
        assert_eq!((estimate.left(1).unknown, estimate.left_of(0)), (3, None));
    }
}

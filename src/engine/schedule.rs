//! What is to be run, what is finished, and what cannot be: the steps of a run, whoever runs them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::aside::Aside;
use super::events::Event;
use super::graph::{Graph, Input};
use super::options::{Drain, RunOptions, RunSummary};
use super::plan::{Plan, PlanError, Reason, State, look_up};
use super::process::Runnable;
use super::queue::Queue;
use super::teller::Teller;
use crate::fingerprint::Key;
use crate::store::{Finished, Holder, Manifest, Store};

/// Ready steps, more than any machine has cores.
const SOME: usize = 1024;

pub struct Schedule<'a> {
    graph: &'a Graph,
    store: &'a Store,
    options: &'a RunOptions,
    queue: Queue,
    pub plan: Plan,
    last_keys: BTreeMap<String, Key>,
    pub summary: RunSummary,
    /// Steps to be run before new ones: their worker died, or somebody else asked it to stop.
    again: VecDeque<Runnable>,
    aside: Aside,
    /// The steps of others that it was decided to wait for.
    waited_for: Option<BTreeSet<usize>>,
    /// How often a worker has died over a step.
    tries: BTreeMap<usize, usize>,
}

impl<'a> Schedule<'a> {
    pub fn new(graph: &'a Graph, store: &'a Store, options: &'a RunOptions, plan: Plan) -> Self {
        let dependencies: Vec<Vec<usize>> = graph.steps.iter().map(|step| step.needs()).collect();
        // What computes for hours waits for what is brought here and read.
        let computing: BTreeSet<usize> =
            (0..graph.steps.len()).filter(|step| graph.steps[*step].work.needs_device()).collect();
        Self {
            graph,
            store,
            options,
            queue: Queue::new(&dependencies, computing),
            plan,
            last_keys: store.last_keys(&graph.experiment),
            summary: RunSummary::default(),
            again: VecDeque::new(),
            aside: Aside::default(),
            waited_for: None,
            tries: BTreeMap::new(),
        }
    }

    /// Nothing runs and nothing can.
    pub fn is_idle(&self) -> bool {
        self.queue.is_idle()
    }

    /// Lets the steps through that compute, once all others have ended that can. Says whether it did.
    pub fn open_gate(&mut self) -> bool {
        self.queue.open_gate()
    }

    /// Whether a worker has died over a step.
    pub fn lost_a_worker(&self) -> bool {
        !self.tries.is_empty()
    }

    /// Whether a step that is wanted and not there needs a device.
    pub fn needs_device(&self) -> bool {
        let needs =
            |step: &usize| self.graph.steps[*step].work.needs_device() && self.plan.states[*step].finished().is_none();
        self.options.selected.iter().any(needs)
    }

    /// Walks through ready steps that are fresh or not wanted, up to one that must run.
    pub fn next(&mut self, teller: &mut Teller<'_>) -> Result<Option<Runnable>, PlanError> {
        if let Some(runnable) = self.again.pop_front() {
            return Ok(Some(runnable));
        }
        while let Some(step) = self.queue.next() {
            let selected = self.options.selected.contains(&step);
            let inputs = self.plan.inputs(self.graph, step)?;
            if self.plan.states[step].finished().is_none() {
                let forced = self.options.forced.contains(&step);
                self.plan.states[step] =
                    look_up(self.store, &self.graph.steps[step], &inputs, forced, &self.last_keys)?;
            }
            match &self.plan.states[step] {
                State::Fresh(finished) => {
                    self.summary.fresh += 1;
                    self.queue.finish(step);
                    teller.event(&Event::Fresh { graph: self.graph, step, finished });
                }
                State::WillRun(key, reason) if selected => {
                    let key = *key;
                    if let Reason::Damaged(what) = reason {
                        teller.damaged(step, what);
                    }
                    let memory = self.graph.steps[step].work.memory(self.size_of_inputs(step));
                    return Ok(Some(Runnable { step, key, inputs, dead: None, again: false, memory }));
                }
                State::WillRun(..) | State::Waiting(_) => {
                    let dropped = self.queue.drop_step(step);
                    self.summary.not_selected += 1 + dropped.len();
                    let wanted = dropped.iter().filter(|step| self.options.selected.contains(step)).count();
                    if wanted > 0 {
                        self.summary.missing.push((step, wanted));
                    }
                    teller.event(&Event::NotSelected { graph: self.graph, step });
                }
            }
        }
        Ok(None)
    }

    /// Bytes of all that the step reads.
    fn size_of_inputs(&self, step: usize) -> u64 {
        let size = |input: &Input| {
            let made = self.plan.states[input.from].finished();
            made.and_then(|made| made.output(&input.output)).map_or(0, |output| output.size)
        };
        self.graph.steps[step].inputs.iter().map(size).sum()
    }

    /// How many more steps could begin now, up to `most`, among the next of those that are ready.
    pub fn others_ready(&self, most: usize) -> usize {
        let will_run =
            |step: &usize| self.options.selected.contains(step) && self.plan.states[*step].finished().is_none();
        self.again.len() + self.queue.ready().take(SOME).filter(will_run).take(most).count()
    }

    /// A step is run before new ones.
    pub fn run_again(&mut self, what: Runnable) {
        self.again.push_back(Runnable { again: true, ..what });
    }

    /// This run has finished a step.
    pub fn ran(&mut self, step: usize, manifest: Manifest, seconds: f64, teller: &mut Teller<'_>) {
        self.summary.ran += 1;
        self.queue.finish(step);
        let finished = Arc::new(Finished::of(&manifest));
        let note = manifest.provenance.facts.get("note").map(String::as_str);
        teller.done(step, seconds, note, &finished);
        self.plan.states[step] = State::Fresh(finished);
    }

    /// Another process has finished a step.
    pub fn found(&mut self, step: usize, manifest: Manifest, teller: &mut Teller<'_>) {
        self.summary.fresh += 1;
        self.queue.finish(step);
        let finished = Arc::new(Finished::of(&manifest));
        teller.fresh(step, &finished);
        self.plan.states[step] = State::Fresh(finished);
    }

    pub fn failed(&mut self, step: usize, message: &str, help: Option<&str>, teller: &mut Teller<'_>) {
        let dropped = self.queue.drop_step(step).len();
        self.summary.failed.push(step);
        self.summary.dropped += dropped;
        teller.failed(step, message, help, dropped);
    }

    /// A worker has died over a step: it is run again, or has failed where it has cost too many already. `last`: nothing
    /// is run again any more. Says whether it has failed.
    pub fn died(&mut self, what: Runnable, cause: &str, last: bool, teller: &mut Teller<'_>) -> bool {
        let step = what.step;
        let tries = self.tries.entry(step).or_insert(0);
        *tries += 1;
        let tries = *tries;
        if tries > self.options.retries || last {
            let times = if tries == 1 { String::new() } else { format!(" (tried {tries} times)") };
            let help = "`retries` and `timeout` in [run] say how often and how long a step is tried";
            self.failed(step, &format!("{cause}{times}"), Some(help), teller);
            return true;
        }
        teller.retried(step, cause, tries);
        self.run_again(what);
        false
    }

    /// Another process runs the step.
    pub fn set_aside(&mut self, what: Runnable, holder: Option<Holder>, teller: &mut Teller<'_>) {
        teller.set_aside(what.step);
        self.aside.add(what, holder, Instant::now());
    }

    /// Looks at the steps that other processes run: they may be finished, or given up.
    pub fn look_aside(&mut self, teller: &mut Teller<'_>) {
        let now = Instant::now();
        for (what, holder) in self.aside.due(now) {
            let step = what.step;
            if self.is_aside(what, holder.clone(), now, teller) && self.aside.tell(step) {
                teller.waiting(step, holder.as_ref());
            }
        }
    }

    /// Whether another process still runs a step.
    fn is_aside(&mut self, mut what: Runnable, holder: Option<Holder>, now: Instant, teller: &mut Teller<'_>) -> bool {
        let step = what.step;
        let forced = self.options.forced.contains(&step);
        if !forced && let Some(manifest) = self.store.manifest(&what.key).ok().flatten() {
            self.found(step, manifest, teller);
        } else if self.aside.may_be_free(self.store, &mut what, now) {
            self.again.push_back(what);
        } else {
            self.aside.add(what, holder, now);
            return true;
        }
        false
    }

    /// Whether a run that finds nothing to start waits for others. If it does not, they will find what it has done: who
    /// ends last has looked at everything that the rest finished.
    pub fn waits(&mut self, drain: &Drain, teller: &mut Teller<'_>) -> bool {
        if self.waited_for.as_ref() == Some(&self.aside.steps()) {
            return true;
        }
        let now = Instant::now();
        for (what, holder) in self.aside.all() {
            self.is_aside(what, holder, now, teller);
        }
        if !self.again.is_empty() || self.queue.has_ready() {
            return true;
        }
        let aside = self.aside.steps();
        let selected = || self.options.selected.iter().copied();
        let open: Vec<usize> = selected().filter(|step| self.queue.is_open(*step)).collect();
        let held_back: f64 = open.iter().map(|step| drain.work[*step]).sum();
        let longest = aside.iter().map(|step| drain.work[*step]).fold(0.0, f64::max);
        let here = |run: &&Holder| self.graph.experiment.starts_with(&run.step);
        let runs = self.store.runs_alive().map_or(1, |runs| runs.iter().filter(here).count().max(1));
        let waits = held_back / runs as f64 > longest;
        self.summary.left = if waits { 0 } else { aside.len() + open.len() };
        self.waited_for = waits.then_some(aside);
        waits
    }

    /// What a worker committed before it died, without having said so. What a forced step finds may be older.
    pub fn committed(&self, what: &Runnable) -> Option<Manifest> {
        if self.options.forced.contains(&what.step) {
            return None;
        }
        self.store.manifest(&what.key).ok().flatten()
    }

    /// Keeps which key every step had, so that the next plan can say what changed.
    pub fn remember(&mut self) {
        let mut keys = std::mem::take(&mut self.last_keys);
        let now = self.plan.last_keys(self.graph);
        let all = now.len() == self.graph.steps.len();
        keys.extend(now);
        // What is damaged tells `gc` to remove nothing, until all is known again.
        if all || self.store.read_last_keys(&self.graph.experiment).is_ok() {
            self.store.remember_keys(&self.graph.experiment, &keys).ok();
        }
    }

    /// Finished steps in few files. Where that cannot be, they stay as they are.
    pub fn pack(&self) {
        self.store.pack(self.plan.states.iter().filter_map(State::finished)).ok();
    }
}

//! Runs a plan: hands steps to workers in dependency order, takes what the cache has, reports what happens.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use serde_json::json;

use super::aside::Aside;
use super::cause::cause;
use super::context::StageError;
use super::crew::Crew;
use super::events::{Event, Reporter};
use super::graph::Graph;
use super::journal::Journal;
use super::plan::{Plan, PlanError, Reason, State, look_up};
use super::process::{FromWorker, HowToStart, Runnable, Running, Worker};
use super::protocol::{Order, PROTOCOL, Report, Silence, Task};
use super::queue::Queue;
use super::snapshots::SnapshotEvery;
use super::stopping::STOPPED;
use crate::device::Backend;
use crate::fingerprint::Key;
use crate::hold;
use crate::store::{Holder, Manifest, Store, StoreError};

#[derive(Debug)]
pub struct RunOptions {
    pub cache: PathBuf,
    pub backend: Backend,
    pub jobs: Option<usize>,
    pub keep_going: bool,
    /// Steps that may run; the others only count where they are fresh.
    pub selected: BTreeSet<usize>,
    pub forced: BTreeSet<usize>,
    pub snapshot_every: SnapshotEvery,
    /// How often a step is run again after its worker died or was ended.
    pub retries: usize,
    /// A worker that has reported no progress for so long is ended.
    pub timeout: Option<Duration>,
}

/// How long workers may take to save what is half done.
const STOPPING: Duration = Duration::from_secs(20);

#[derive(Debug, Default)]
pub struct RunSummary {
    pub ran: usize,
    pub fresh: usize,
    pub failed: Vec<usize>,
    /// Need a step that failed.
    pub dropped: usize,
    /// Not fresh and not selected, or need such a step.
    pub not_selected: usize,
    /// Steps that are neither finished nor selected, and how many selected ones need each.
    pub missing: Vec<(usize, usize)>,
    pub interrupted: bool,
}

/// Why a run could not begin, or go on.
#[derive(Debug)]
pub enum RunError {
    Plan(PlanError),
    /// No device, or no worker that lives.
    Worker(StageError),
}

impl From<PlanError> for RunError {
    fn from(error: PlanError) -> Self {
        Self::Plan(error)
    }
}

impl From<StoreError> for RunError {
    fn from(error: StoreError) -> Self {
        Self::Plan(error.into())
    }
}

impl From<StageError> for RunError {
    fn from(error: StageError) -> Self {
        Self::Worker(error)
    }
}

/// Runs what is missing. `interrupt` is set from outside when the user asks to stop.
pub fn run(
    graph: &Graph,
    store: &Store,
    options: &RunOptions,
    interrupt: &AtomicBool,
    reporter: &mut dyn Reporter,
) -> Result<(RunSummary, Plan), RunError> {
    let plan = Plan::new(graph, store, &options.forced)?;
    store.remove_finished_scratch();
    if options.selected.iter().any(|step| plan.states[*step].manifest().is_none()) {
        store.remove_leftovers();
    }
    let dependencies: Vec<Vec<usize>> = graph.steps.iter().map(|step| step.needs()).collect();
    let mut driver = Driver {
        graph,
        store,
        options,
        queue: Queue::new(&dependencies),
        last_keys: store.last_keys(&graph.experiment),
        journal: Journal::create(store, &graph.experiment),
        plan,
        summary: RunSummary::default(),
        crew: Crew::new(options.jobs, options.backend),
        workers: Vec::new(),
        reports: mpsc::channel(),
        reporter,
        stopping: false,
        asked_to_stop: None,
        again: VecDeque::new(),
        aside: Aside::default(),
        tries: BTreeMap::new(),
        stillborn: 0,
        looked: None,
    };
    driver.reporter.event(&Event::Planned { graph, plan: &driver.plan, selected: &options.selected });
    let result = driver.run(interrupt);
    driver.workers.clear();
    if !driver.tries.is_empty() {
        // A worker that died may have been writing.
        store.remove_leftovers();
    }
    driver.remember();
    driver.journal.write("end", json!({"ran": driver.summary.ran, "failed": driver.summary.failed.len()}));
    result.map(|()| (driver.summary, driver.plan))
}

struct Driver<'a> {
    graph: &'a Graph,
    store: &'a Store,
    options: &'a RunOptions,
    queue: Queue,
    plan: Plan,
    last_keys: BTreeMap<String, Key>,
    journal: Journal,
    summary: RunSummary,
    crew: Crew,
    workers: Vec<Worker>,
    reports: (Sender<FromWorker>, Receiver<FromWorker>),
    reporter: &'a mut dyn Reporter,
    stopping: bool,
    /// Since when the user wants an end.
    asked_to_stop: Option<Instant>,
    /// Steps to be run before new ones: their worker died, or somebody else asked it to stop.
    again: VecDeque<Runnable>,
    aside: Aside,
    /// How often a worker has died over a step.
    tries: BTreeMap<usize, usize>,
    /// Workers in a row that ended before they were ready.
    stillborn: usize,
    /// When it last looked for workers that hang.
    looked: Option<Instant>,
}

impl Driver<'_> {
    fn run(&mut self, interrupt: &AtomicBool) -> Result<(), RunError> {
        let mut pending: Option<Runnable> = None;
        loop {
            self.look_aside();
            self.end_hung();
            while !self.stopping {
                if pending.is_none() {
                    pending = self.next_to_run()?;
                }
                let Some(runnable) = pending.take() else { break };
                match self.idle_worker()? {
                    Some(worker) => self.start(worker, runnable),
                    None => {
                        pending = Some(runnable);
                        break;
                    }
                }
            }
            let starting = |worker: &Worker| self.asked_to_stop.is_none() && !(worker.ready || worker.gone);
            let busy = self.workers.iter().any(|worker| worker.running.is_some() || starting(worker));
            if !busy && (self.stopping || (pending.is_none() && self.queue.is_idle())) {
                return Ok(());
            }
            let report = self.reports.1.recv_timeout(Duration::from_millis(100));
            // Before the report: who stops everybody at once also ends workers.
            if interrupt.load(Ordering::Relaxed) && self.asked_to_stop.is_none() {
                self.ask_to_stop();
            }
            match report {
                Ok((worker, report)) => self.handle(worker, report)?,
                Err(RecvTimeoutError::Timeout) => self.reporter.event(&Event::Tick),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            if self.asked_to_stop.is_some_and(|since| since.elapsed() > hold::patience(STOPPING)) {
                return Ok(());
            }
        }
    }

    /// Asks every worker to save what is half done and to end.
    fn ask_to_stop(&mut self) {
        self.asked_to_stop = Some(Instant::now());
        self.summary.interrupted = true;
        self.stopping = true;
        let running = self.workers.iter().filter(|worker| worker.running.is_some()).count();
        self.journal.write("stopping", json!({"running": running}));
        if running > 0 {
            self.reporter.event(&Event::Stopping);
        }
        for worker in self.workers.iter_mut().filter(|worker| !worker.gone) {
            worker.say(&Order::Stop);
        }
        hold::at(format_args!("stopping"));
    }

    /// A step was broken off on purpose. It is run again only where it was not the user who wanted an end.
    fn stopped(&mut self, number: usize) {
        // A worker that was asked to stop takes no further step.
        self.workers[number].gone = true;
        let Some(Running { what, .. }) = self.workers[number].running.take() else { return };
        self.journal.write("stopped", json!({"step": self.graph.steps[what.step].name(), "key": what.key}));
        self.reporter.event(&Event::Stopped { graph: self.graph, step: what.step });
        if self.asked_to_stop.is_none() {
            self.again.push_back(Runnable { again: true, ..what });
        }
    }

    /// Walks through ready steps that are fresh or not wanted, up to one that must run.
    fn next_to_run(&mut self) -> Result<Option<Runnable>, RunError> {
        if let Some(runnable) = self.again.pop_front() {
            return Ok(Some(runnable));
        }
        while let Some(step) = self.queue.next() {
            let selected = self.options.selected.contains(&step);
            let inputs = self.plan.inputs(self.graph, step)?;
            if self.plan.states[step].manifest().is_none() {
                let forced = self.options.forced.contains(&step);
                self.plan.states[step] =
                    look_up(self.store, &self.graph.steps[step], &inputs, forced, &self.last_keys)?;
            }
            match &self.plan.states[step] {
                State::Fresh(_) => {
                    self.summary.fresh += 1;
                    self.queue.finish(step);
                    self.reporter.event(&Event::Fresh { step });
                }
                State::WillRun(key, reason) if selected => {
                    let key = *key;
                    if let Reason::Damaged(what) = reason {
                        let text = format!("damaged: {}: {what}; it runs again", self.graph.steps[step].name());
                        self.journal.write("damaged", json!({"step": self.graph.steps[step].name(), "what": what}));
                        self.reporter.event(&Event::Notice { text: &text });
                    }
                    return Ok(Some(Runnable { step, key, inputs, dead: None, again: false }));
                }
                _ => {
                    let dropped = self.queue.drop_step(step);
                    self.summary.not_selected += 1 + dropped.len();
                    let wanted = dropped.iter().filter(|step| self.options.selected.contains(step)).count();
                    if wanted > 0 {
                        self.summary.missing.push((step, wanted));
                    }
                    self.reporter.event(&Event::NotSelected { graph: self.graph, step });
                }
            }
        }
        Ok(None)
    }

    /// A worker that is waiting for a step, starting another where there may be one more.
    fn idle_worker(&mut self) -> Result<Option<usize>, RunError> {
        let free = |worker: &Worker| worker.ready && !worker.gone && worker.running.is_none();
        if let Some(worker) = self.workers.iter().position(free) {
            return Ok(Some(worker));
        }
        let alive = self.workers.iter().filter(|worker| !worker.gone).count();
        let starting = self.workers.iter().any(|worker| !worker.ready && !worker.gone);
        if alive < self.crew.jobs() && !starting && (alive == 0 || self.stillborn <= self.options.retries) {
            self.start_worker()?;
        }
        Ok(None)
    }

    fn start_worker(&mut self) -> Result<(), RunError> {
        let needs_device =
            |step: &usize| self.graph.steps[*step].work.needs_device() && self.plan.states[*step].manifest().is_none();
        let number = self.workers.len();
        let how = HowToStart {
            cache: &self.options.cache,
            backend: self.options.selected.iter().any(needs_device).then_some(self.crew.backend()),
            threads: self.crew.threads(),
            stderr: &self.journal.folder().join("logs").join(format!("worker-{number}.stderr")),
        };
        let worker = Worker::start(number, &how, self.reports.0.clone())?;
        self.workers.push(worker);
        Ok(())
    }

    fn start(&mut self, worker: usize, runnable: Runnable) {
        let Runnable { step, key, .. } = runnable;
        let node = &self.graph.steps[step];
        let task = Task {
            step: node.name(),
            key,
            kind: node.work.kind().to_owned(),
            parameters: node.work.parameters(),
            inputs: runnable.inputs.clone(),
            location: node.location.clone(),
            log: self.journal.log_of(&node.name()),
            force: self.options.forced.contains(&step),
            fresh_start: self.options.forced.contains(&step) && !runnable.again,
            snapshot_every: self.options.snapshot_every,
            dead: runnable.dead.clone(),
        };
        self.journal.write("start", json!({"step": node.name(), "key": key}));
        self.reporter.event(&Event::Started { graph: self.graph, step });
        let worker = &mut self.workers[worker];
        worker.heard = Instant::now();
        worker.running = Some(Running { what: runnable, since: worker.heard });
        worker.say(&Order::Run(Box::new(task)));
    }

    fn handle(&mut self, number: usize, report: Result<Report, Silence>) -> Result<(), RunError> {
        self.workers[number].heard = Instant::now();
        let running = self.workers[number].running.as_ref().map(|running| running.what.step);
        match (report, running) {
            (Ok(Report::Ready { device, backend, protocol, version }), _) => {
                one_build(protocol, &version)?;
                self.crew.ready(backend);
                let worker = &mut self.workers[number];
                worker.ready = true;
                if worker.threads > self.crew.threads() {
                    // Started before it was known that several share the CPU: one with its share takes its place.
                    worker.gone = true;
                    worker.say(&Order::Stop);
                }
                self.stillborn = 0;
                if let (Some(device), 0) = (device, number) {
                    self.journal.write("device", json!({"device": device}));
                    self.reporter.event(&Event::Device { description: &device });
                }
            }
            (Ok(Report::NoDevice { message }), _) => return Err(StageError::new(message).into()),
            (Ok(Report::Progress(progress)), Some(step)) => {
                self.reporter.event(&Event::Progress { step, progress: &progress });
            }
            (Ok(Report::Done { seconds }), Some(_)) => self.done(number, seconds)?,
            (Ok(Report::Failed { message, help }), Some(_)) => self.failed(number, &message, help.as_deref()),
            (Ok(Report::Stopped), Some(_)) => self.stopped(number),
            (Ok(Report::Busy { holder }), Some(_)) => self.set_aside(number, holder),
            (Ok(Report::TookOver { from }), Some(step)) => self.took_over(step, &from),
            (Ok(Report::Found), Some(_)) => self.found(number)?,
            (Ok(Report::Notice { text }), Some(step)) => {
                let text = format!("{}: {text}", self.graph.steps[step].name());
                self.reporter.event(&Event::Notice { text: &text });
            }
            (Ok(_), None) => {}
            (Err(silence), _) => self.gone(number, silence)?,
        }
        Ok(())
    }

    fn done(&mut self, number: usize, seconds: f64) -> Result<(), RunError> {
        let Some((step, manifest)) = self.left_by(number)? else { return Ok(()) };
        let key = manifest.key;
        let note = manifest.provenance.facts.get("note").cloned();
        self.plan.states[step] = State::Fresh(Box::new(manifest));
        self.summary.ran += 1;
        self.journal.write("done", json!({"step": self.graph.steps[step].name(), "key": key, "seconds": seconds}));
        self.queue.finish(step);
        self.reporter.event(&Event::Done { graph: self.graph, step, seconds, note: note.as_deref() });
        Ok(())
    }

    /// The worker's step, which is finished, and its manifest. If that cannot be read the step has failed.
    fn left_by(&mut self, number: usize) -> Result<Option<(usize, Manifest)>, RunError> {
        let Some(running) = &self.workers[number].running else { return Ok(None) };
        let step = running.what.step;
        match self.store.manifest(&running.what.key) {
            Ok(Some(manifest)) => {
                self.workers[number].running = None;
                return Ok(Some((step, manifest)));
            }
            Err(error @ StoreError::Newer { .. }) => return Err(error.into()),
            Ok(None) => self.failed(number, "what the step left is gone", None),
            Err(error) => self.failed(number, &format!("what the step left cannot be read: {error}"), None),
        }
        Ok(None)
    }

    fn failed(&mut self, number: usize, message: &str, help: Option<&str>) {
        let Some(Running { what: Runnable { step, .. }, .. }) = self.workers[number].running.take() else { return };
        let name = self.graph.steps[step].name();
        let log = self.journal.log_of(&name);
        self.journal.write("failed", json!({"step": name, "message": message}));
        let dropped = self.queue.drop_step(step).len();
        self.summary.failed.push(step);
        self.summary.dropped += dropped;
        self.stopping |= !self.options.keep_going;
        self.reporter.event(&Event::Failed { graph: self.graph, step, message, help, log: &log, dropped });
    }

    /// A worker ended by itself: killed, out of memory, or a crash below Rust.
    fn gone(&mut self, number: usize, silence: Silence) -> Result<(), RunError> {
        let worker = &mut self.workers[number];
        worker.gone = true;
        let cause = cause(&mut worker.child, worker.hung, silence);
        worker.input = None;
        let on_purpose = worker.child.wait().is_ok_and(|status| status.code() == Some(STOPPED.into()));
        let was_ready = worker.ready;
        if let Some(Running { what: Runnable { step, key, inputs, .. }, since }) = &worker.running {
            // It may have died between committing the step and saying so.
            if !self.options.forced.contains(step)
                && let Ok(state @ State::Fresh(_)) =
                    look_up(self.store, &self.graph.steps[*step], inputs, false, &BTreeMap::new())
            {
                debug_assert_eq!(state.manifest().map(|manifest| manifest.key), Some(*key));
                let seconds = since.elapsed().as_secs_f64();
                return self.done(number, seconds);
            }
            if on_purpose || self.asked_to_stop.is_some() {
                self.stopped(number);
                return Ok(());
            }
            self.try_again(number, &cause);
            return Ok(());
        }
        if was_ready || self.asked_to_stop.is_some() {
            return Ok(());
        }
        // One may have been killed by chance; if none gets ready, something is wrong with the machine.
        self.stillborn += 1;
        let others = self.workers.iter().any(|worker| worker.ready && !worker.gone);
        if others || self.stillborn <= self.options.retries {
            return Ok(());
        }
        Err(StageError::new(format!("a worker ended before it was ready: {cause}"))
            .help(format!("see {}", log_folder(self.journal.folder())))
            .into())
    }

    /// Runs the step of a worker that is gone again, unless it has cost too many already.
    fn try_again(&mut self, number: usize, cause: &str) {
        let Some(step) = self.workers[number].running.as_ref().map(|running| running.what.step) else { return };
        let tries = self.tries.entry(step).or_insert(0);
        *tries += 1;
        let tries = *tries;
        if tries > self.options.retries || self.stopping {
            let times = if tries == 1 { String::new() } else { format!(" (tried {tries} times)") };
            let help = "`retries` and `timeout` in [run] say how often and how long a step is tried";
            return self.failed(number, &format!("{cause}{times}"), Some(help));
        }
        let Some(Running { what, .. }) = self.workers[number].running.take() else { return };
        let name = self.graph.steps[step].name();
        self.journal.write("retry", json!({"step": name, "cause": cause, "tries": tries}));
        self.reporter.event(&Event::SetAside { step });
        self.reporter.event(&Event::Notice { text: &format!("{name}: {cause}; running it again") });
        self.again.push_back(Runnable { again: true, ..what });
    }

    /// Another process runs the worker's step: the worker is free for others.
    fn set_aside(&mut self, number: usize, holder: Option<Holder>) {
        let Some(Running { what, .. }) = self.workers[number].running.take() else { return };
        self.reporter.event(&Event::SetAside { step: what.step });
        self.aside.add(what, holder, Instant::now());
    }

    /// Looks at the steps that other processes run: they may be finished, or given up.
    fn look_aside(&mut self) {
        let now = Instant::now();
        for (mut what, holder) in self.aside.due(now) {
            let (step, name) = (what.step, self.graph.steps[what.step].name());
            let forced = self.options.forced.contains(&step);
            if !forced && let Some(manifest) = self.store.manifest(&what.key).ok().flatten() {
                self.is_fresh(step, manifest);
            } else if self.aside.may_be_free(self.store, &mut what, now) {
                self.again.push_back(what);
            } else {
                if self.aside.tell(step) {
                    let who = holder.as_ref().map_or("another process".to_owned(), Holder::to_string);
                    self.journal.write("waiting", json!({"step": name, "for": who}));
                    self.reporter.event(&Event::Notice { text: &format!("waiting for {name}, which {who} runs") });
                }
                self.aside.add(what, holder, now);
            }
        }
    }

    fn found(&mut self, number: usize) -> Result<(), RunError> {
        let Some((step, manifest)) = self.left_by(number)? else { return Ok(()) };
        self.reporter.event(&Event::SetAside { step });
        self.is_fresh(step, manifest);
        Ok(())
    }

    /// Another process has finished a step.
    fn is_fresh(&mut self, step: usize, manifest: Manifest) {
        self.journal.write("fresh", json!({"step": self.graph.steps[step].name(), "key": manifest.key}));
        self.plan.states[step] = State::Fresh(Box::new(manifest));
        self.summary.fresh += 1;
        self.queue.finish(step);
        self.reporter.event(&Event::Fresh { step });
    }

    fn took_over(&mut self, step: usize, from: &Holder) {
        let name = self.graph.steps[step].name();
        self.journal.write("took-over", json!({"step": name, "from": from}));
        // A worker of this very run, whose end was said already.
        if !self.workers.iter().any(|worker| worker.child.id() == from.pid) {
            self.reporter.event(&Event::Notice { text: &format!("took over {name} from {from}, which is gone") });
        }
    }

    /// Ends workers that have said nothing for too long; their reader threads tell the rest.
    fn end_hung(&mut self) {
        let Some(timeout) = self.options.timeout else { return };
        // Where the driver itself stood still, what workers said meanwhile is not read yet.
        if self.looked.replace(Instant::now()).is_some_and(|last| last.elapsed() > Duration::from_secs(1)) {
            self.workers.iter_mut().for_each(|worker| worker.heard = Instant::now());
        }
        for worker in self.workers.iter_mut().filter(|worker| !worker.gone && worker.hung.is_none()) {
            if (worker.running.is_some() || !worker.ready) && worker.heard.elapsed() + hold::late() >= timeout {
                worker.hung = Some(timeout);
                worker.child.kill().ok();
            }
        }
    }

    /// Keeps which key every step had, so that the next plan can say what changed.
    fn remember(&mut self) {
        let mut keys = std::mem::take(&mut self.last_keys);
        let now = self.plan.last_keys(self.graph);
        let all = now.len() == self.graph.steps.len();
        keys.extend(now);
        // What is damaged tells `gc` to remove nothing, until all is known again.
        if all || self.store.read_last_keys(&self.graph.experiment).is_ok() {
            self.store.remember_keys(&self.graph.experiment, &keys).ok();
        }
    }
}

/// The program's file may have been replaced while it ran.
fn one_build(protocol: u32, version: &str) -> Result<(), RunError> {
    let ours = env!("CARGO_PKG_VERSION");
    if (protocol, version) == (PROTOCOL, ours) {
        return Ok(());
    }
    let text = format!("the program was replaced by another version ({version} instead of {ours}) while it ran");
    Err(StageError::new(text).help("finished steps are kept; run the same command again with the new one").into())
}

fn log_folder(run: &Path) -> String {
    run.join("logs").display().to_string()
}

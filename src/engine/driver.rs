//! Runs a plan: hands steps to workers in dependency order, takes what the cache has, reports what happens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::context::StageError;
use super::crew::Crew;
use super::events::{Event, Reporter};
use super::gpus::Gpus;
use super::graph::Graph;
use super::journal::Journal;
use super::options::{RunError, RunOptions, RunSummary};
use super::plan::Plan;
use super::pool::Pool;
use super::process::Runnable;
use super::protocol::{PROTOCOL, Report, Silence, Task};
use super::schedule::Schedule;
use super::teller::Teller;
use crate::hold;
use crate::store::{Holder, Manifest, Store, StoreError};

/// How long workers may take to save what is half done.
const STOPPING: Duration = Duration::from_secs(20);

/// Looks at what is there before the first step computes: what the user should know, or why nothing is to be computed.
pub type BeforeComputing<'a> = &'a dyn Fn(&Plan) -> Result<Vec<String>, String>;

/// Runs what is missing. `interrupt` is set from outside when the user asks to stop.
pub fn run(
    graph: &Graph,
    store: &Store,
    options: &RunOptions,
    interrupt: &AtomicBool,
    before_computing: BeforeComputing<'_>,
    reporter: &mut dyn Reporter,
) -> Result<(RunSummary, Plan), RunError> {
    let plan = Plan::new(graph, store, &options.forced)?;
    store.remove_finished_scratch();
    if options.selected.iter().any(|step| plan.states[*step].finished().is_none()) {
        store.check_folders()?;
        store.remove_leftovers();
    }
    let journal = Journal::create(store, &graph.experiment, options.git.as_ref());
    let mut teller = Teller::new(graph, journal, reporter);
    teller.planned(&plan, &options.selected);
    let gpus = Gpus::here();
    let crew = Crew::new(options.jobs, options.threads, options.backend, gpus.count());
    let mut driver = Driver {
        graph,
        store,
        options,
        pool: Pool::new(crew, gpus, options, teller.folder()),
        schedule: Schedule::new(graph, store, options, plan),
        teller,
        before_computing,
        stopping: false,
        asked_to_stop: None,
    };
    let result = driver.run(interrupt);
    driver.pool.end();
    if driver.schedule.lost_a_worker() {
        // It may have been writing.
        store.remove_leftovers();
    }
    driver.schedule.remember();
    driver.schedule.pack();
    let Schedule { summary, plan, .. } = driver.schedule;
    driver.teller.ended(summary.ran, summary.failed.len());
    result.map(|()| (summary, plan))
}

struct Driver<'a> {
    graph: &'a Graph,
    store: &'a Store,
    options: &'a RunOptions,
    pool: Pool,
    schedule: Schedule<'a>,
    teller: Teller<'a>,
    before_computing: BeforeComputing<'a>,
    /// No further step is begun.
    stopping: bool,
    /// Since when the user wants an end.
    asked_to_stop: Option<Instant>,
}

impl Driver<'_> {
    fn run(&mut self, interrupt: &AtomicBool) -> Result<(), RunError> {
        let mut pending: Option<Runnable> = None;
        loop {
            self.schedule.look_aside(&mut self.teller);
            self.pool.end_hung();
            while !self.stopping {
                if pending.is_none() {
                    pending = self.next()?;
                }
                let Some(runnable) = pending.take() else { break };
                match self.pool.idle(runnable.memory, || self.schedule.needs_device())? {
                    Some(worker) => self.start(worker, runnable),
                    None => {
                        pending = Some(runnable);
                        break;
                    }
                }
            }
            let busy = self.pool.is_busy(self.asked_to_stop.is_none());
            if !busy && (self.stopping || (pending.is_none() && self.schedule.is_idle())) {
                return Ok(());
            }
            if let Some(drain) = self.options.drain.as_ref().filter(|_| !busy && pending.is_none())
                && !self.schedule.waits(drain, &mut self.teller)
            {
                return Ok(());
            }
            let report = self.pool.hear();
            // Before the report: who stops everybody at once also ends workers.
            if interrupt.load(Ordering::Relaxed) && self.asked_to_stop.is_none() {
                self.ask_to_stop();
            }
            let until = self.options.until.filter(|_| self.asked_to_stop.is_none());
            if until.is_some_and(|until| Instant::now() + hold::late() >= until) {
                self.schedule.summary.time_is_up = true;
                self.ask_to_stop();
            }
            match report {
                Some((worker, report)) => self.handle(worker, report)?,
                None => self.teller.event(&Event::Tick),
            }
            if self.asked_to_stop.is_some_and(|since| since.elapsed() > hold::patience(STOPPING)) {
                return Ok(());
            }
        }
    }

    /// A step that can run now.
    fn next(&mut self) -> Result<Option<Runnable>, RunError> {
        let next = self.schedule.next(&mut self.teller)?;
        if next.is_some() || !self.schedule.open_gate() {
            return Ok(next);
        }
        let notes = (self.before_computing)(&self.schedule.plan).map_err(RunError::Refused)?;
        notes.iter().for_each(|note| self.teller.notice(note));
        Ok(self.schedule.next(&mut self.teller)?)
    }

    /// Asks every worker to save what is half done and to end.
    fn ask_to_stop(&mut self) {
        self.asked_to_stop = Some(Instant::now());
        self.schedule.summary.interrupted = true;
        self.stopping = true;
        let running = self.pool.ask_to_stop();
        self.teller.stopping(running);
        hold::at(format_args!("stopping"));
    }

    fn start(&mut self, worker: usize, runnable: Runnable) {
        let step = runnable.step;
        let node = &self.graph.steps[step];
        let forced = self.options.forced.contains(&step);
        let threads = self.pool.threads(runnable.memory, self.schedule.others_ready(self.pool.jobs()));
        let task = Task {
            step: node.name(),
            key: runnable.key,
            kind: node.work.kind().to_owned(),
            parameters: node.work.parameters(),
            inputs: runnable.inputs.clone(),
            location: node.location.clone(),
            log: self.teller.log_of(step),
            force: forced,
            fresh_start: forced && !runnable.again,
            snapshot_every: self.options.snapshot_every,
            threads,
            keep: self.pool.keep(),
            git: self.options.git.clone(),
            pinned: self.options.pinned.get(&node.name()).cloned(),
            offline: self.options.offline,
            ask: self.options.remote.as_ref().is_some_and(|share| !share.absent.contains(&runnable.key)),
            dead: runnable.dead.clone(),
        };
        self.teller.started(step, runnable.key, threads);
        self.pool.give(worker, runnable, task);
    }

    fn handle(&mut self, number: usize, report: Result<Report, Silence>) -> Result<(), RunError> {
        let running = self.pool.running(number).map(|running| running.what.step);
        match (report, running) {
            (Ok(Report::Ready { device, backend, protocol, version }), _) => {
                one_build(protocol, &version)?;
                self.pool.ready(number, backend);
                if let (Some(device), 0) = (device, number) {
                    self.teller.device(&device);
                }
            }
            (Ok(Report::NoDevice { message }), _) => return Err(StageError::new(message).into()),
            (Ok(Report::Progress(progress)), Some(step)) => {
                self.teller.progress(step, &progress);
            }
            (Ok(Report::Done { seconds }), Some(_)) => {
                if let Some((step, manifest)) = self.left_by(number)? {
                    self.schedule.ran(step, manifest, seconds, &mut self.teller);
                }
            }
            (Ok(Report::Failed { message, help }), Some(_)) => self.failed(number, &message, help.as_deref()),
            (Ok(Report::Stopped), Some(_)) => self.stopped(number),
            (Ok(Report::Busy { holder }), Some(_)) => {
                if let Some(what) = self.pool.take(number) {
                    self.schedule.set_aside(what, holder, &mut self.teller);
                }
            }
            (Ok(Report::TookOver { from }), Some(step)) => self.took_over(step, &from),
            (Ok(Report::Found), Some(_)) => {
                if let Some((step, manifest)) = self.left_by(number)? {
                    self.teller.event(&Event::SetAside { step });
                    self.schedule.found(step, manifest, &mut self.teller);
                }
            }
            (Ok(Report::Notice { text }), Some(step)) => self.teller.noticed(step, &text),
            (Ok(_), None) => {}
            (Err(silence), _) => self.gone(number, silence)?,
        }
        Ok(())
    }

    /// The worker's step, which is finished, and its manifest. If that cannot be read the step has failed.
    fn left_by(&mut self, number: usize) -> Result<Option<(usize, Manifest)>, RunError> {
        let Some(running) = self.pool.running(number) else { return Ok(None) };
        let step = running.what.step;
        match self.store.manifest(&running.what.key) {
            Ok(Some(manifest)) => {
                self.pool.take(number);
                return Ok(Some((step, manifest)));
            }
            Err(error @ StoreError::Newer { .. }) => return Err(error.into()),
            Ok(None) => self.failed(number, "what the step left is gone", None),
            Err(error) => self.failed(number, &format!("what the step left cannot be read: {error}"), None),
        }
        Ok(None)
    }

    fn failed(&mut self, number: usize, message: &str, help: Option<&str>) {
        let Some(Runnable { step, .. }) = self.pool.take(number) else { return };
        self.stopping |= !self.options.keep_going;
        self.schedule.failed(step, message, help, &mut self.teller);
    }

    /// A step was broken off on purpose. It is run again only where it was not the user who wanted an end.
    fn stopped(&mut self, number: usize) {
        self.pool.retire(number);
        let Some(what) = self.pool.take(number) else { return };
        self.teller.stopped(what.step, what.key);
        if self.asked_to_stop.is_none() {
            self.schedule.run_again(what);
        }
    }

    /// A worker ended by itself: killed, out of memory, or a crash below Rust.
    fn gone(&mut self, number: usize, silence: Silence) -> Result<(), RunError> {
        let ended = self.pool.bury(number, silence);
        let Some(running) = self.pool.running(number) else {
            if ended.was_ready || self.asked_to_stop.is_some() {
                return Ok(());
            }
            return Ok(self.pool.was_stillborn(&ended.cause)?);
        };
        let (step, seconds) = (running.what.step, running.since.elapsed().as_secs_f64());
        // It may have died between committing the step and saying so.
        let committed = self.schedule.committed(&running.what);
        if let Some(manifest) = committed {
            self.pool.take(number);
            self.schedule.ran(step, manifest, seconds, &mut self.teller);
        } else if ended.on_purpose || self.asked_to_stop.is_some() {
            self.stopped(number);
        } else if let Some(what) = self.pool.take(number) {
            let last = self.stopping;
            let failed = self.schedule.died(what, &ended.cause, last, &mut self.teller);
            self.stopping |= failed && !self.options.keep_going;
        }
        Ok(())
    }

    fn took_over(&mut self, step: usize, from: &Holder) {
        let own = self.pool.has_process(from.pid);
        self.teller.took_over(step, from, own);
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

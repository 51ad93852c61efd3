//! Runs a plan: hands steps to workers in dependency order, takes what the cache has, reports what happens.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde_json::json;

use super::context::StageError;
use super::journal::Journal;
use super::plan::{Plan, State, look_up};
use super::protocol::{Report, Task};
use super::queue::Queue;
use crate::device::Backend;
use crate::fingerprint::Key;
use crate::graph::Graph;
use crate::report::{Event, Reporter};
use crate::store::{InputRecord, Store};

#[derive(Debug)]
pub struct RunOptions {
    pub cache: PathBuf,
    pub backend: Backend,
    pub jobs: Option<usize>,
    pub keep_going: bool,
    /// Steps that may run; the others only count where they are fresh.
    pub selected: BTreeSet<usize>,
    pub forced: BTreeSet<usize>,
}

#[derive(Debug, Default)]
pub struct RunSummary {
    pub ran: usize,
    pub fresh: usize,
    pub failed: Vec<usize>,
    /// Need a step that failed.
    pub dropped: usize,
    /// Not fresh and not selected, or need such a step.
    pub not_selected: usize,
    pub interrupted: bool,
}

/// Runs what is missing. `interrupt` is set from outside when the user asks to stop.
pub fn run(
    graph: &Graph,
    store: &Store,
    options: &RunOptions,
    interrupt: &AtomicBool,
    reporter: &mut dyn Reporter,
) -> Result<(RunSummary, Plan), StageError> {
    let plan = Plan::new(graph, store, &options.forced)?;
    let dependencies: Vec<Vec<usize>> = graph.steps.iter().map(|step| step.needs()).collect();
    let mut driver = Driver {
        graph,
        store,
        options,
        queue: Queue::new(&dependencies),
        last_keys: store.last_keys(&graph.experiment),
        journal: Journal::create(store, &graph.experiment)?,
        plan,
        summary: RunSummary::default(),
        workers: Vec::new(),
        reports: mpsc::channel(),
        reporter,
        stopping: false,
    };
    driver.reporter.event(&Event::Planned { graph, plan: &driver.plan, selected: &options.selected });
    let result = driver.run(interrupt);
    driver.workers.clear();
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
    workers: Vec<Worker>,
    reports: (Sender<FromWorker>, Receiver<FromWorker>),
    reporter: &'a mut dyn Reporter,
    stopping: bool,
}

/// A worker's number and what it said; `None` when it is gone.
type FromWorker = (usize, Option<Report>);

/// A step whose inputs are there, and which is not.
struct Runnable {
    step: usize,
    key: Key,
    inputs: BTreeMap<String, InputRecord>,
}

struct Worker {
    child: Child,
    input: ChildStdin,
    running: Option<Running>,
    ready: bool,
    gone: bool,
}

struct Running {
    what: Runnable,
    since: Instant,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // What a worker has finished is committed; what it has not would run again in any case.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Driver<'_> {
    fn run(&mut self, interrupt: &AtomicBool) -> Result<(), StageError> {
        let mut pending: Option<Runnable> = None;
        loop {
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
            let busy = self.workers.iter().any(|worker| worker.running.is_some() || !(worker.ready || worker.gone));
            if !busy && (self.stopping || (pending.is_none() && self.queue.is_idle())) {
                return Ok(());
            }
            match self.reports.1.recv_timeout(Duration::from_millis(100)) {
                Ok((worker, report)) => self.handle(worker, report)?,
                Err(RecvTimeoutError::Timeout) => self.reporter.event(&Event::Tick),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            if interrupt.load(Ordering::Relaxed) {
                self.summary.interrupted = true;
                return Ok(());
            }
        }
    }

    /// Walks through ready steps that are fresh or not wanted, up to one that must run.
    fn next_to_run(&mut self) -> Result<Option<Runnable>, StageError> {
        while let Some(step) = self.queue.next() {
            let selected = self.options.selected.contains(&step);
            let inputs = self.plan.inputs(&self.graph.steps[step]);
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
                State::WillRun(key, _) if selected => {
                    let key = *key;
                    return Ok(Some(Runnable { step, key, inputs }));
                }
                _ => {
                    self.summary.not_selected += 1 + self.queue.drop_step(step).len();
                    self.reporter.event(&Event::NotSelected { graph: self.graph, step });
                }
            }
        }
        Ok(None)
    }

    /// A worker that is waiting for a step, starting another where there may be one more.
    fn idle_worker(&mut self) -> Result<Option<usize>, StageError> {
        let free = |worker: &Worker| worker.ready && !worker.gone && worker.running.is_none();
        if let Some(worker) = self.workers.iter().position(free) {
            return Ok(Some(worker));
        }
        let alive = self.workers.iter().filter(|worker| !worker.gone).count();
        let starting = self.workers.iter().any(|worker| !worker.ready && !worker.gone);
        if alive < self.jobs() && !starting {
            self.start_worker()?;
        }
        Ok(None)
    }

    /// By default four threads for each worker on the CPU, and one worker on a GPU.
    fn jobs(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let default = if self.options.backend == Backend::Cpu { cores / 4 } else { 1 };
        self.options.jobs.unwrap_or(default).max(1)
    }

    fn start_worker(&mut self) -> Result<(), StageError> {
        let needs_device =
            self.options.selected.iter().any(|step| {
                self.graph.steps[*step].params.needs_device() && self.plan.states[*step].manifest().is_none()
            });
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (cores / self.jobs()).max(1).to_string();
        let program = std::env::current_exe()
            .map_err(|error| StageError::new(format!("failed to find the program's own file: {error}")))?;
        let mut command = Command::new(program);
        command.arg("worker").arg("--cache-dir").arg(&self.options.cache);
        if needs_device {
            let name =
                self.options.backend.to_possible_value().map_or("auto".to_owned(), |value| value.get_name().to_owned());
            command.args(["--backend", &name]);
        }
        command.env("RAYON_NUM_THREADS", &threads).env("POLARS_MAX_THREADS", &threads);
        // Training frees and takes the same large buffers over and over: giving them back to the system at once costs
        // some 5 to 12 % of its speed.
        command.env("MIMALLOC_PURGE_DELAY", "1000");
        let number = self.workers.len();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(self.stderr_of(number));
        #[cfg(unix)]
        // Ctrl-C goes to the driver alone, which then ends its workers.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child =
            command.spawn().map_err(|error| StageError::new(format!("failed to start a worker: {error}")))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(StageError::new("failed to open the worker's pipes"));
        };
        let sender = self.reports.0.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let Ok(line) = line else { break };
                // Whatever else stands there a library has printed; `tokenizers` does.
                if let Ok(report) = serde_json::from_str(&line) {
                    sender.send((number, Some(report))).ok();
                }
            }
            sender.send((number, None)).ok();
        });
        self.workers.push(Worker { child, input, running: None, ready: false, gone: false });
        Ok(())
    }

    fn stderr_of(&self, worker: usize) -> Stdio {
        let path = self.journal.folder().join("logs").join(format!("worker-{worker}.stderr"));
        std::fs::File::create(path).map_or_else(|_| Stdio::null(), Stdio::from)
    }

    fn start(&mut self, worker: usize, runnable: Runnable) {
        let Runnable { step, key, .. } = runnable;
        let node = &self.graph.steps[step];
        let task = Task {
            step: node.name(),
            key,
            params: node.params.clone(),
            inputs: runnable.inputs.clone(),
            location: node.location.clone(),
            log: self.journal.log_of(&node.name()),
            force: self.options.forced.contains(&step),
        };
        self.journal.write("start", json!({"step": node.name(), "key": key}));
        self.reporter.event(&Event::Started { graph: self.graph, step });
        let line = serde_json::to_string(&task).unwrap_or_default() + "\n";
        let worker = &mut self.workers[worker];
        worker.running = Some(Running { what: runnable, since: Instant::now() });
        // If the worker is gone, its reader thread tells.
        worker.input.write_all(line.as_bytes()).and_then(|()| worker.input.flush()).ok();
    }

    fn handle(&mut self, number: usize, report: Option<Report>) -> Result<(), StageError> {
        let running = self.workers[number].running.as_ref().map(|running| running.what.step);
        match (report, running) {
            (Some(Report::Ready { device }), _) => {
                self.workers[number].ready = true;
                if let (Some(device), 0) = (device, number) {
                    self.journal.write("device", json!({"device": device}));
                    self.reporter.event(&Event::Device { description: &device });
                }
            }
            (Some(Report::NoDevice { message }), _) => return Err(StageError::new(message)),
            (Some(Report::Progress(progress)), Some(step)) => {
                self.reporter.event(&Event::Progress { step, progress: &progress });
            }
            (Some(Report::Done { seconds }), Some(_)) => self.done(number, seconds)?,
            (Some(Report::Failed { message, help }), Some(_)) => self.failed(number, &message, help.as_deref()),
            (Some(_), None) => {}
            (None, _) => self.gone(number)?,
        }
        Ok(())
    }

    fn done(&mut self, number: usize, seconds: f64) -> Result<(), StageError> {
        let Some(Running { what: Runnable { step, key, .. }, .. }) = self.workers[number].running.take() else {
            return Ok(());
        };
        let Some(manifest) = self.store.manifest(&key)? else {
            return Err(StageError::new(format!("the manifest of {key} vanished")));
        };
        let note = manifest.provenance.facts.get("note").cloned();
        self.plan.states[step] = State::Fresh(Box::new(manifest));
        self.summary.ran += 1;
        self.journal.write("done", json!({"step": self.graph.steps[step].name(), "key": key, "seconds": seconds}));
        self.queue.finish(step);
        self.reporter.event(&Event::Done { graph: self.graph, step, seconds, note: note.as_deref() });
        Ok(())
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
    fn gone(&mut self, number: usize) -> Result<(), StageError> {
        let worker = &mut self.workers[number];
        worker.gone = true;
        let status = worker.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let was_ready = worker.ready;
        if let Some(Running { what: Runnable { step, key, inputs }, since }) = &worker.running {
            // It may have died between committing the step and saying so.
            if !self.options.forced.contains(step)
                && let Ok(state @ State::Fresh(_)) =
                    look_up(self.store, &self.graph.steps[*step], inputs, false, &BTreeMap::new())
            {
                debug_assert_eq!(state.manifest().map(|manifest| manifest.key), Some(*key));
                let seconds = since.elapsed().as_secs_f64();
                return self.done(number, seconds);
            }
            let message = format!("the worker died ({status})");
            self.failed(number, &message, Some("a signal 9 often means that the machine ran out of memory"));
            return Ok(());
        }
        match was_ready {
            true => Ok(()),
            false => Err(StageError::new(format!("a worker ended before it was ready ({status})"))
                .help(format!("see {}", log_folder(self.journal.folder())))),
        }
    }

    /// Keeps which key every step had, so that the next plan can say what changed.
    fn remember(&mut self) {
        let mut keys = std::mem::take(&mut self.last_keys);
        keys.extend(self.plan.last_keys(self.graph));
        self.store.remember_keys(&self.graph.experiment, &keys).ok();
    }
}

fn log_folder(run: &Path) -> String {
    run.join("logs").display().to_string()
}

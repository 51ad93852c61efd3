//! The loop that runs steps, one at a time, in a process of its own: a crash costs one step.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::context::{Context, StageEnd, StageError};
use super::journal::seconds_since_1970;
use super::log;
use super::memory::Memory;
use super::pinned::Pinned;
use super::protocol::{Order, PROTOCOL, Progress, Report, Task, framed};
use super::sharing::Sharing;
use super::snapshots::Pace;
use super::stopping::StopFlag;
use super::threads::Threads;
use super::work::{ReadStep, Work};
use crate::data::arriving;
use crate::data::s3::S3Address;
use crate::device::{Backend, Device, select};
use crate::hold;
use crate::store::{Attempt, Finished, MANIFEST_FORMAT, Manifest, Provenance, Store};
use crate::threads;

/// How often an idle worker looks whether it should end.
const IDLE: Duration = Duration::from_millis(100);

/// Serves the driver on standard input and output until it hangs up, or somebody sets `stop`. `kinds` are the steps that
/// can be run.
pub fn work(
    cache: &Path,
    remote: Option<(S3Address, bool)>,
    backend: Option<Backend>,
    stop: &'static StopFlag,
    kinds: Vec<ReadStep>,
) -> Result<(), StageError> {
    std::panic::set_hook(Box::new(log::note_panic));
    let store = Store::open(cache)?;
    let mut worker = Worker {
        store,
        remote: remote.map(|(address, push)| Sharing::new(address, push)),
        device: None,
        memory: Memory::default(),
        threads: Threads::default(),
        stop,
        kinds,
    };
    match backend.map(select).transpose() {
        Ok(device) => {
            say(&Report::Ready {
                device: device.as_ref().map(|device| format!("{} ({})", device.name, device.why)),
                backend: device.as_ref().map(|device| device.backend),
                protocol: PROTOCOL,
                version: env!("CARGO_PKG_VERSION").to_owned(),
            });
            worker.device = device;
        }
        Err(error) => {
            say(&Report::NoDevice { message: error.to_string() });
            return Ok(());
        }
    }
    let tasks = tasks(stop).map_err(|error| StageError::new(format!("failed to start a thread: {error}")))?;
    while !stop.asked() {
        let task = match tasks.recv_timeout(IDLE) {
            Ok(task) => task,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        log::begin(&task.log, format!("{} key {}\n{}", task.step, task.key, task.parameters));
        let report = match worker.serve(&task) {
            Ok(report) => report,
            Err(StageEnd::Stopped) => {
                log::line("stopped: the step goes on when it is started again");
                Report::Stopped
            }
            Err(StageEnd::Failed(error)) => {
                log::line(&format!("failed: {error}"));
                Report::Failed { message: error.message, help: error.help }
            }
        };
        say(&report);
    }
    Ok(())
}

/// Tasks as they come in. A driver that is gone closes the pipe; work that nobody waits for ends at once, because
/// whatever is finished is committed and the rest would run again anyway.
fn tasks(stop: &'static StopFlag) -> io::Result<Receiver<Task>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new().name("orders".to_owned()).spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            match serde_json::from_str(&line) {
                Ok(Order::Run(task)) => drop(sender.send(*task)),
                Ok(Order::Stop) => stop.ask(),
                Err(error) => {
                    eprintln!("an order that cannot be read: {error}");
                    std::process::exit(1);
                }
            }
        }
        std::process::exit(0);
    })?;
    Ok(receiver)
}

fn say(report: &Report) {
    let mut output = io::stdout().lock();
    if output.write_all(framed(report).as_bytes()).and_then(|()| output.flush()).is_err() {
        std::process::exit(0);
    }
}

struct Worker {
    store: Store,
    remote: Option<Sharing>,
    device: Option<Device>,
    memory: Memory,
    threads: Threads,
    stop: &'static StopFlag,
    kinds: Vec<ReadStep>,
}

impl Worker {
    /// Runs a step, unless another process runs it or has done so.
    fn serve(&mut self, task: &Task) -> Result<Report, StageEnd> {
        let lock = match self.store.lock(&task.key, &task.step, task.dead.as_deref())? {
            Attempt::Held(lock) => lock,
            Attempt::Busy(holder) => return Ok(Report::Busy { holder }),
        };
        hold::at(format_args!("locked"));
        if !task.force && matches!(self.store.manifest(&task.key), Ok(Some(_))) {
            log::end("another process finished this step meanwhile");
            return Ok(Report::Found);
        }
        if let Some(from) = lock.taken_over.clone() {
            log::line(&format!("took over from {from}, which is gone"));
            say(&Report::TookOver { from });
        }
        if task.ask
            && !task.force
            && let Some(remote) = &mut self.remote
            && remote.bring(&self.store, &task.key, &|text| say(&Report::Notice { text }))
        {
            log::end("somebody else has finished this step; it came from the bucket");
            return Ok(Report::Found);
        }
        self.memory.limit(task.keep);
        let pool = self.threads.of(task.threads)?;
        let seconds = pool.install(|| self.run(task))?;
        if lock.is_lost() {
            log::line("this process stood still for so long that another one took the step over too");
        }
        Ok(Report::Done { seconds })
    }

    fn read(&self, task: &Task) -> Result<Box<dyn Work>, StageError> {
        let kind = self.kinds.iter().find(|known| known.kind() == task.kind);
        let kind = kind.ok_or_else(|| StageError::new(format!("this program knows no steps of kind {}", task.kind)))?;
        kind.read(task.parameters.clone())
    }

    fn run(&mut self, task: &Task) -> Result<f64, StageEnd> {
        let (started, clock) = (seconds_since_1970(), Instant::now());
        let step = self.read(task)?;
        let mut last_said = Instant::now();
        let mut report = |progress: Progress| {
            if let Some(loss) = progress.loss {
                log::line(&format!("{}/{} loss {loss:.4}", progress.done, progress.total));
            }
            // A few times a second is enough for a person, and does not slow tiny steps down.
            if last_said.elapsed().as_millis() >= 200 {
                last_said = Instant::now();
                say(&Report::Progress(progress));
            }
            hold::at(format_args!("{}-{}", task.kind, progress.done));
        };
        let scratch = self.store.scratch(&task.key);
        if task.fresh_start {
            scratch.clear();
        }
        scratch.check_readable()?;
        scratch.sweep();
        let mut context = Context {
            store: &self.store,
            scratch: scratch.clone(),
            inputs: &task.inputs,
            location: task.location.as_deref(),
            device: self.device.as_ref(),
            memory: &mut self.memory,
            report: &mut report,
            facts: BTreeMap::new(),
            last: RefCell::new(None),
            stop: self.stop,
            pace: Pace::new(task.snapshot_every),
            log: &log::line,
            tell: &|text| say(&Report::Notice { text: text.to_owned() }),
            seconds_before: 0.0,
            pinned: task.pinned.as_ref(),
            offline: task.offline,
        };
        let said = Cell::new(Instant::now());
        let _listening = arriving::listen(move |done, total| {
            if said.get().elapsed().as_millis() >= 200 {
                said.set(Instant::now());
                say(&Report::Progress(Progress { done: done as usize, total: total as usize, loss: None }));
            }
        });
        self.stop.running(step.needs_device());
        // A panic is a bug of ours or of a library; it costs this step, not the worker.
        let outputs = catch_unwind(AssertUnwindSafe(|| step.run(&mut context)))
            .unwrap_or_else(|panic| Err(panicked(panic.as_ref()).into()));
        self.stop.running(true);
        let outputs = outputs?;
        let facts = std::mem::take(&mut context.facts);
        let seconds = context.seconds_before + clock.elapsed().as_secs_f64();
        let manifest = Manifest {
            format: MANIFEST_FORMAT.to_owned(),
            key: task.key,
            step: task.step.clone(),
            kind: step.kind().to_owned(),
            version: step.version(),
            parameters: step.parameters(),
            inputs: task.inputs.clone(),
            outputs: outputs.store(&self.store)?,
            provenance: Provenance {
                pipeline: env!("CARGO_PKG_VERSION").to_owned(),
                host: std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned(),
                device: self.device.as_ref().map_or_else(String::new, |device| device.name.clone()),
                started,
                seconds,
                git: task.git.clone(),
                facts,
            },
        };
        if let Some(Pinned { content, place, .. }) = &task.pinned
            && Finished::of(&manifest).content() != *content
        {
            let message = format!("it is not what the lock says ({place})");
            let help = "its source has changed, or gives other bytes to this program; `pipeline lock FILE` takes what is there";
            return Err(StageError::new(message).help(help).into());
        }
        self.store.commit(&manifest)?;
        scratch.clear();
        if let Some(remote) = &mut self.remote {
            remote.send(&self.store, &Finished::of(&manifest), &|text| say(&Report::Notice { text }));
        }
        log::end(&format!("finished in {seconds:.2} s"));
        Ok(seconds)
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> StageError {
    if threads::are_refused(panic) {
        return StageError::new(threads::REFUSED).help(threads::WHAT_TO_DO);
    }
    StageError::new(format!("the step broke off: {}", threads::words(panic)))
        .help("this is a bug in pipeline; please report it with the log")
}

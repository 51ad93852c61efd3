//! The workers of a run: starting them, finding one that is idle, ending those that hang.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::cause::{PATIENCE, cause};
use super::context::StageError;
use super::crew::{Crew, Held};
use super::gpus::Gpus;
use super::options::RunOptions;
use super::process::{FromWorker, HowToStart, Runnable, Running, Worker};
use super::protocol::{Order, Silence, Task};
use super::stopping::STOPPED;
use crate::data::s3::S3Address;
use crate::device::Backend;
use crate::hold;

pub struct Pool {
    crew: Crew,
    gpus: Gpus,
    workers: Vec<Worker>,
    reports: (Sender<FromWorker>, Receiver<FromWorker>),
    cache: PathBuf,
    /// And whether steps are sent there too.
    remote: Option<(S3Address, bool)>,
    /// Where workers leave what they print.
    logs: PathBuf,
    /// Workers in a row that ended before they were ready, and how many may.
    stillborn: usize,
    retries: usize,
    /// A worker that has said nothing for so long is ended.
    timeout: Option<Duration>,
    /// When it last looked for workers that hang.
    looked: Option<Instant>,
}

/// How a worker ended.
pub struct Ended {
    pub cause: String,
    /// It was asked to.
    pub on_purpose: bool,
    pub was_ready: bool,
}

impl Pool {
    /// What workers print is left in the folder `run`.
    pub fn new(crew: Crew, gpus: Gpus, options: &RunOptions, run: &Path) -> Self {
        Self {
            crew,
            gpus,
            workers: Vec::new(),
            reports: mpsc::channel(),
            cache: options.cache.clone(),
            remote: options.remote.as_ref().map(|share| (share.address.clone(), share.push)),
            logs: run.join("logs"),
            stillborn: 0,
            retries: options.retries,
            timeout: options.timeout,
            looked: None,
        }
    }

    /// Ends all workers. What they have finished is committed.
    pub fn end(&mut self) {
        self.workers.clear();
    }

    /// What the next worker to speak says, `None` where none does for a moment.
    pub fn hear(&mut self) -> Option<FromWorker> {
        match self.reports.1.recv_timeout(Duration::from_millis(100)) {
            Ok((number, report)) => {
                self.workers[number].heard = Instant::now();
                Some((number, report))
            }
            // The pool itself holds a sender, so the channel stays open.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    /// A worker for a step that takes so much memory: one that is waiting, starting another where there may be one more.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn idle(&mut self, memory: u64, needs_device: impl FnOnce() -> bool) -> Result<Option<usize>, StageError> {
        if !self.crew.has_room(self.held(), memory) {
            return Ok(None);
        }
        let free = |worker: &Worker| worker.ready && !worker.gone && worker.running.is_none();
        if let Some(worker) = self.workers.iter().position(free) {
            return Ok(Some(worker));
        }
        let alive = self.workers.iter().filter(|worker| !worker.gone).count();
        let starting = self.workers.iter().any(|worker| !worker.ready && !worker.gone);
        if alive < self.crew.jobs() && !starting && (alive == 0 || self.stillborn <= self.retries) {
            let number = self.workers.len();
            let alive = self.workers.iter().filter(|worker| !worker.gone);
            let in_use: Vec<usize> = alive.filter_map(|worker| worker.gpu).collect();
            let how = HowToStart {
                gpu: self.gpus.free(&in_use),
                cache: &self.cache,
                remote: self.remote.as_ref(),
                backend: needs_device().then_some(self.crew.backend()),
                threads_of_tables: self.crew.share_of_cores(),
                stderr: &self.logs.join(format!("worker-{number}.stderr")),
            };
            self.workers.push(Worker::start(number, &how, self.reports.0.clone())?);
        }
        Ok(None)
    }

    fn held(&self) -> Held {
        let running = self.workers.iter().filter_map(|worker| worker.running.as_ref());
        running.fold(Held::default(), |held, running| Held {
            steps: held.steps + 1,
            threads: held.threads + running.threads,
            memory: held.memory.saturating_add(running.what.memory),
        })
    }

    /// The threads of the next step, which takes so much memory, where so many others are ready too.
    pub fn threads(&self, memory: u64, others: usize) -> usize {
        self.crew.threads(self.held(), memory, others)
    }

    pub fn jobs(&self) -> usize {
        self.crew.jobs()
    }

    /// Bytes of models that a worker may keep.
    pub fn keep(&self) -> u64 {
        self.crew.keep()
    }

    pub fn give(&mut self, number: usize, what: Runnable, task: Task) {
        let worker = &mut self.workers[number];
        worker.heard = Instant::now();
        worker.running = Some(Running { what, since: worker.heard, threads: task.threads });
        worker.say(&Order::Run(Box::new(task)));
    }

    /// A worker has chosen its device.
    pub fn ready(&mut self, number: usize, backend: Option<Backend>) {
        self.crew.ready(backend);
        self.workers[number].ready = true;
        self.stillborn = 0;
    }

    /// Asks all workers to save what is half done and to end, and says how many of them run a step.
    pub fn ask_to_stop(&mut self) -> usize {
        for worker in self.workers.iter_mut().filter(|worker| !worker.gone) {
            worker.say(&Order::Stop);
        }
        self.workers.iter().filter(|worker| worker.running.is_some()).count()
    }

    /// Whether a worker runs a step, or will be ready soon.
    pub fn is_busy(&self, starting_too: bool) -> bool {
        let starting = |worker: &Worker| starting_too && !(worker.ready || worker.gone);
        self.workers.iter().any(|worker| worker.running.is_some() || starting(worker))
    }

    pub fn running(&self, number: usize) -> Option<&Running> {
        self.workers[number].running.as_ref()
    }

    pub fn take(&mut self, number: usize) -> Option<Runnable> {
        self.workers[number].running.take().map(|running| running.what)
    }

    /// A worker that was asked to stop takes no further step.
    pub fn retire(&mut self, number: usize) {
        self.workers[number].gone = true;
    }

    pub fn has_process(&self, pid: u32) -> bool {
        self.workers.iter().any(|worker| worker.child.id() == pid)
    }

    /// Waits for the end of a worker of which nothing more is heard.
    pub fn bury(&mut self, number: usize, silence: Silence) -> Ended {
        let worker = &mut self.workers[number];
        worker.gone = true;
        let cause = cause(&mut worker.child, worker.hung, silence, hold::patience(PATIENCE));
        worker.input = None;
        let on_purpose = worker.child.wait().is_ok_and(|status| status.code() == Some(STOPPED.into()));
        Ended { cause, on_purpose, was_ready: worker.ready }
    }

    /// A worker ended before it was ready. One may have been killed by chance; if none gets ready, something is wrong
    /// with the machine.
    ///
    /// # Errors
    /// It was not the first, and there is no other.
    pub fn was_stillborn(&mut self, cause: &str) -> Result<(), StageError> {
        self.stillborn += 1;
        let others = self.workers.iter().any(|worker| worker.ready && !worker.gone);
        if others || self.stillborn <= self.retries {
            return Ok(());
        }
        let error = StageError::new(format!("a worker ended before it was ready: {cause}"));
        Err(error.help(format!("see {}", self.logs.display())))
    }

    /// Ends workers that have said nothing for too long; their reader threads tell the rest.
    pub fn end_hung(&mut self) {
        let Some(timeout) = self.timeout else { return };
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
}

//! A worker as the driver sees it: a child process, and two pipes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use super::context::StageError;
use super::gpus::VISIBLE;
use super::program::this_program;
use super::protocol::{self, Order, Report, Silence};
use crate::data::s3::S3Address;
use crate::device::Backend;
use crate::fingerprint::Key;
use crate::store::{InputRecord, share};
use crate::threads;

/// What the user says here stands.
const THREADS_OF_TABLES: &str = "POLARS_MAX_THREADS";

/// A worker's number and what it said, as long as it says something.
pub type FromWorker = (usize, Result<Report, Silence>);

/// A step whose inputs are there, and which is not.
pub struct Runnable {
    pub step: usize,
    pub key: Key,
    pub inputs: BTreeMap<String, InputRecord>,
    /// See [`super::protocol::Task::dead`].
    pub dead: Option<String>,
    /// Was begun in this run already: what is left of it is its own.
    pub again: bool,
    /// Bytes that it will take.
    pub memory: u64,
}

pub struct Running {
    pub what: Runnable,
    pub since: Instant,
    pub threads: usize,
}

pub struct Worker {
    pub child: Child,
    /// Closed as soon as the worker is gone.
    pub input: Option<ChildStdin>,
    pub running: Option<Running>,
    pub ready: bool,
    pub gone: bool,
    /// When it last said something, or was given something to do.
    pub heard: Instant,
    /// Ended by the driver after so long without progress.
    pub hung: Option<Duration>,
    /// The only one that it sees, where it is one of several.
    pub gpu: Option<usize>,
}

pub struct HowToStart<'a> {
    pub cache: &'a Path,
    /// A bucket, and whether steps are sent there too.
    pub remote: Option<&'a (S3Address, bool)>,
    /// `None` where no step needs a device.
    pub backend: Option<Backend>,
    /// For reading tables: their library has threads of its own, and cannot change how many.
    pub threads_of_tables: usize,
    pub stderr: &'a Path,
    /// Its number, and what CUDA calls it.
    pub gpu: Option<(usize, &'a str)>,
}

fn not_started(error: std::io::Error) -> StageError {
    let failed = StageError::new(format!("failed to start a worker: {error}"));
    if error.kind() == std::io::ErrorKind::WouldBlock { failed.help(threads::WHAT_TO_DO) } else { failed }
}

impl Worker {
    /// What it says comes out of `reports`.
    pub fn start(number: usize, how: &HowToStart<'_>, reports: Sender<FromWorker>) -> Result<Self, StageError> {
        let mut command = this_program()
            .map_err(|error| StageError::new(format!("failed to find the program's own file: {error}")))?;
        command.arg("worker").arg("--cache-dir").arg(how.cache);
        if let Some(backend) = how.backend {
            let name = backend.to_possible_value().map_or("auto".to_owned(), |value| value.get_name().to_owned());
            command.args(["--backend", &name]);
        }
        if let Some((address, push)) = how.remote {
            command.args(["--remote", &address.to_string()]).args(push.then_some("--push"));
        }
        if std::env::var_os(THREADS_OF_TABLES).is_none() {
            command.env(THREADS_OF_TABLES, how.threads_of_tables.to_string());
        }
        if let Some((_, gpu)) = how.gpu {
            command.env(VISIBLE, gpu);
        }
        // Training frees and takes the same large buffers over and over, with every step, which may take seconds: giving
        // them back to the system meanwhile costs some 5 to 15 % of its speed.
        command.env("MIMALLOC_PURGE_DELAY", "30000");
        let stderr = File::create(how.stderr)
            .inspect(|file| share(file, how.stderr))
            .map_or_else(|_| Stdio::null(), Stdio::from);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        #[cfg(unix)]
        // Ctrl-C goes to the driver alone, which then ends its workers.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(not_started)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(StageError::new("failed to open the worker's pipes"));
        };
        let reader = std::thread::Builder::new().name(format!("worker {number}")).spawn(move || {
            for report in protocol::reports(BufReader::new(output)) {
                reports.send((number, report)).ok();
            }
        });
        if let Err(error) = reader {
            child.kill().ok();
            child.wait().ok();
            return Err(not_started(error));
        }
        Ok(Self {
            child,
            input: Some(input),
            running: None,
            ready: false,
            gone: false,
            heard: Instant::now(),
            hung: None,
            gpu: how.gpu.map(|(number, _)| number),
        })
    }

    pub fn say(&mut self, order: &Order) {
        let line = serde_json::to_string(order).unwrap_or_default() + "\n";
        let said = self.input.as_mut().map(|input| input.write_all(line.as_bytes()).and_then(|()| input.flush()));
        if said.is_some_and(|said| said.is_err()) {
            // One that never hears of its step would be waited for; its reader thread tells that it is gone.
            self.child.kill().ok();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // What a worker has finished is committed; what it has not would run again in any case.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::process::Command;

    #[test]
    fn a_worker_that_cannot_hear_is_not_waited_for() {
        // It says when its pipe is closed, and does not end by itself.
        let mut command = Command::new("sh");
        command.args(["-c", "exec 0<&-; echo; exec sleep 1000"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        let input = child.stdin.take();
        let heard = Instant::now();
        let mut worker = Worker { child, input, running: None, ready: true, gone: false, heard, hung: None, gpu: None };
        worker.say(&Order::Stop);
        assert!(!worker.child.wait().unwrap().success());
    }
}

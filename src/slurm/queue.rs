//! What is asked of the controller: `sbatch`, `squeue`, `scancel`, `sinfo`, as they are on the PATH. No accounting.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A controller that has not answered by then is busy or gone, and nobody waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error(
        "there is no `{0}` on this machine\n  = help: `pipeline slurm` is for a machine from which jobs are submitted"
    )]
    NotThere(&'static str),
    #[error("{program}: {message}")]
    Refused { program: &'static str, message: String },
    #[error("{0} does not answer")]
    Silent(&'static str),
}

/// A job in the queue: `123_4`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Line {
    pub job: String,
    /// `RUNNING`, `PENDING`, …
    pub state: String,
    /// Where it runs, or why it does not.
    pub place: String,
}

impl Line {
    /// The array, or the job itself where it is alone.
    pub fn array(&self) -> &str {
        self.job.split('_').next().unwrap_or(&self.job)
    }
}

/// The controller of this machine's cluster.
pub struct Queue;

impl Queue {
    /// The number of the job that a script became. `after`: when that one has ended, however.
    ///
    /// # Errors
    /// Slurm refuses it. How long it takes is up to Slurm: an answer that nobody waits for may be a job.
    pub fn submit(script: &Path, after: Option<&str>) -> Result<String, QueueError> {
        let mut command = Command::new("sbatch");
        command.arg("--parsable");
        if let Some(after) = after {
            command.arg(format!("--dependency=afterany:{after}"));
        }
        let said = ask("sbatch", command.arg(script), None)?;
        // `123`, or `123;cluster`; what a site's plugins say comes before.
        let job = said.lines().last().and_then(|line| line.split(';').next()).unwrap_or_default().trim();
        match !job.is_empty() && job.chars().all(|c| c.is_ascii_digit()) {
            true => Ok(job.to_owned()),
            false => {
                Err(QueueError::Refused { program: "sbatch", message: format!("it gave no job but `{}`", said.trim()) })
            }
        }
    }

    /// Which of these jobs, which may be arrays, are in the queue.
    ///
    /// # Errors
    /// The controller does not answer.
    pub fn list(jobs: &[String]) -> Result<Vec<Line>, QueueError> {
        let mut command = Command::new("squeue");
        command.args(["--noheader", "--array", "--format=%i|%T|%R", "--jobs", &jobs.join(",")]);
        match ask("squeue", &mut command, Some(PATIENCE)) {
            Ok(text) => Ok(text.lines().filter_map(line).collect()),
            // Of a single job that is gone.
            Err(QueueError::Refused { message, .. }) if message.contains("Invalid job id") => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Takes what waits out of the queue, and asks what runs to save and to end: `lines` are what [`Self::list`] said.
    ///
    /// # Errors
    /// The controller does not answer.
    pub fn end(lines: &[Line]) -> Result<(), QueueError> {
        // Not TERM: `srun` kills its step at that. The script and its children get it too, for sites without `srun`.
        for (state, options) in [("PENDING", &[][..]), ("RUNNING", &["--full", "--signal=USR1"])] {
            let jobs: BTreeSet<&str> = lines.iter().filter(|line| line.state == state).map(Line::array).collect();
            if jobs.is_empty() {
                continue;
            }
            let mut command = Command::new("scancel");
            command.args(options).arg(format!("--state={state}")).args(jobs);
            match ask("scancel", &mut command, Some(PATIENCE)) {
                // It has ended meanwhile.
                Err(QueueError::Refused { message, .. }) if message.contains("Invalid job id") => {}
                done => drop(done?),
            }
        }
        Ok(())
    }

    /// Whether any node has a GPU that can be asked for.
    pub fn has_gpus() -> bool {
        let mut command = Command::new("sinfo");
        ask("sinfo", command.args(["--noheader", "--format=%G"]), Some(PATIENCE)).is_ok_and(|text| text.contains("gpu"))
    }
}

fn line(text: &str) -> Option<Line> {
    let mut parts = text.trim().splitn(3, '|').map(str::to_owned);
    let (job, state, place) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Line { job, state, place })
}

/// What a program says, if it ends well and in time.
fn ask(program: &'static str, command: &mut Command, patience: Option<Duration>) -> Result<String, QueueError> {
    let refused = |error: io::Error| QueueError::Refused { program, message: error.to_string() };
    // Not pipes: nobody reads while it writes.
    let [mut out, mut err] = [tempfile::tempfile().map_err(refused)?, tempfile::tempfile().map_err(refused)?];
    let copies = [out.try_clone().map_err(refused)?, err.try_clone().map_err(refused)?];
    let [to_out, to_err] = copies.map(Stdio::from);
    let mut child =
        command.stdin(Stdio::null()).stdout(to_out).stderr(to_err).spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => QueueError::NotThere(program),
            _ => refused(error),
        })?;
    let since = Instant::now();
    let status = loop {
        match child.try_wait().map_err(refused)? {
            Some(status) => break status,
            None if patience.is_some_and(|patience| since.elapsed() >= patience) => {
                child.kill().and_then(|()| child.wait()).ok();
                return Err(QueueError::Silent(program));
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    if status.success() {
        return Ok(text(&mut out));
    }
    let message = text(&mut err);
    let message = message.trim().lines().last().unwrap_or("it failed without a word").to_owned();
    Err(QueueError::Refused { program, message })
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_that_is_silent_is_not_waited_for() {
        let sleeping = ask("sleep", Command::new("sleep").arg("600"), Some(Duration::from_millis(30)));
        assert!(matches!(sleeping, Err(QueueError::Silent("sleep"))));
        let refused = ask("sh", Command::new("sh").args(["-c", "echo a line >&2; echo the reason >&2; exit 1"]), None);
        assert_eq!(refused.unwrap_err().to_string(), "sh: the reason");
        let missing = ask("no-such-program", &mut Command::new("no-such-program"), None);
        assert!(matches!(missing, Err(QueueError::NotThere(_))));
    }

    #[test]
    fn lines_of_the_queue_are_read_as_they_are() {
        let read = line("123_4|PENDING|(Dependency|Resources)").unwrap();
        assert_eq!(
            (read.array(), read.state.as_str(), read.place.as_str()),
            ("123", "PENDING", "(Dependency|Resources)")
        );
        assert_eq!(line("slurm_load_jobs error"), None);
    }
}

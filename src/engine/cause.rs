//! Why a worker is gone, in words for a person.

use std::process::{Child, ExitStatus};
use std::time::Duration;

use super::protocol::Silence;
use crate::units::duration;

/// Waits for a worker that says nothing any more. `hung`: the driver ended it after so long without progress.
pub fn cause(worker: &mut Child, hung: Option<Duration>, silence: Silence) -> String {
    if silence == Silence::Unreadable {
        // It does not end by itself.
        worker.kill().ok();
    }
    let status = worker.wait();
    match (hung, silence) {
        (Some(timeout), _) => format!("no progress for {}", duration(timeout.as_secs_f64())),
        (None, Silence::Unreadable) => {
            "the worker said what this version does not understand: was the program replaced?".to_owned()
        }
        (None, Silence::Gone) => in_words(&status),
    }
}

fn in_words(status: &std::io::Result<ExitStatus>) -> String {
    match status {
        Err(error) => format!("the worker is gone ({error})"),
        Ok(status) => match signal(*status) {
            Some(9) => "the worker was killed (signal 9): often the machine ran out of memory".to_owned(),
            Some(signal @ (4 | 6 | 7 | 8 | 10 | 11)) => format!("the worker crashed (signal {signal})"),
            Some(signal) => format!("the worker was ended from outside (signal {signal})"),
            None => format!("the worker ended by itself ({status})"),
        },
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn the_end_of_a_worker_in_words() {
        for (script, hung, words) in [
            ("kill -9 $$", None, "the worker was killed (signal 9): often the machine ran out of memory"),
            ("kill -11 $$", None, "the worker crashed (signal 11)"),
            ("kill -15 $$", None, "the worker was ended from outside (signal 15)"),
            ("exit 3", None, "the worker ended by itself (exit status: 3)"),
            ("kill -9 $$", Some(Duration::from_secs(1800)), "no progress for 30 min 00 s"),
        ] {
            let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
            assert_eq!(cause(&mut child, hung, Silence::Gone), words);
        }
        // One that does not end: its input stays open.
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let _open = child.stdin.take();
        let words = "the worker said what this version does not understand: was the program replaced?";
        assert_eq!(cause(&mut child, None, Silence::Unreadable), words);
    }
}

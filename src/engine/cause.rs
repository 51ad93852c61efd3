//! Why a worker is gone, in words for a person.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use super::protocol::Silence;
use crate::units::duration;

/// How long a worker without a pipe may take to end: it may have much memory to give back.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Whether it ends by itself.
fn ends(worker: &mut Child, patience: Duration) -> bool {
    let since = Instant::now();
    loop {
        match worker.try_wait() {
            Ok(None) if since.elapsed() < patience => std::thread::sleep(Duration::from_millis(1)),
            Ok(None) => return false,
            Ok(Some(_)) | Err(_) => return true,
        }
    }
}

/// Waits for a worker that says nothing any more. `hung`: the driver ended it after so long without progress.
pub fn cause(worker: &mut Child, hung: Option<Duration>, silence: Silence, patience: Duration) -> String {
    let stays = silence == Silence::Unreadable || !ends(worker, patience);
    if stays {
        worker.kill().ok();
    }
    let status = worker.wait();
    match (hung, silence) {
        (None, Silence::Gone) if stays => "the worker closed its pipe, and did not end".to_owned(),
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
            assert_eq!(cause(&mut child, hung, Silence::Gone, PATIENCE), words);
        }
        // One that does not end: its input stays open.
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let _open = child.stdin.take();
        let words = "the worker said what this version does not understand: was the program replaced?";
        assert_eq!(cause(&mut child, None, Silence::Unreadable, PATIENCE), words);
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let _open = child.stdin.take();
        let words = "the worker closed its pipe, and did not end";
        assert_eq!(cause(&mut child, None, Silence::Gone, Duration::ZERO), words);
    }
}

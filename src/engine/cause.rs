//! Why a worker is gone, in words for a person.

use std::process::ExitStatus;
use std::time::Duration;

use crate::report::duration;

/// `hung`: the driver ended it after so long without progress.
pub fn cause(status: &std::io::Result<ExitStatus>, hung: Option<Duration>) -> String {
    if let Some(timeout) = hung {
        return format!("no progress for {}", duration(timeout.as_secs_f64()));
    }
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

//! Events of a run and who tells them: bars on a terminal, plain lines in a pipe, JSON lines for programs.

mod bars;
mod estimate;
mod json;
mod lines;

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::Path;

use crate::engine::{Plan, Progress};
use crate::graph::Graph;

/// What happens while an experiment runs.
pub enum Event<'a> {
    /// The first event.
    Planned {
        graph: &'a Graph,
        plan: &'a Plan,
        selected: &'a BTreeSet<usize>,
    },
    Device {
        description: &'a str,
    },
    Fresh {
        step: usize,
    },
    Started {
        graph: &'a Graph,
        step: usize,
    },
    Progress {
        step: usize,
        progress: &'a Progress,
    },
    Done {
        graph: &'a Graph,
        step: usize,
        seconds: f64,
        /// What the user should know about the result.
        note: Option<&'a str>,
    },
    Failed {
        graph: &'a Graph,
        step: usize,
        message: &'a str,
        help: Option<&'a str>,
        log: &'a Path,
        dropped: usize,
    },
    /// A step that is not fresh and not among those selected; what needs it cannot run.
    NotSelected {
        graph: &'a Graph,
        step: usize,
    },
    /// Time has passed.
    Tick,
    /// The user wants an end: running steps save what is half done.
    Stopping,
    /// A step was broken off on purpose, and can be gone on with.
    Stopped {
        graph: &'a Graph,
        step: usize,
    },
    /// A step that was started does not run any more, and has not ended.
    SetAside {
        step: usize,
    },
    /// Something that the user should know.
    Notice {
        text: &'a str,
    },
}

pub(crate) const STOPPING: &str = "stopping: saving what is half done; press Ctrl-C again to end at once";

pub trait Reporter {
    fn event(&mut self, event: &Event<'_>);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// Bars on a terminal, plain lines in a pipe.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// The reporter that fits the standard error stream.
pub fn reporter(format: LogFormat) -> Box<dyn Reporter> {
    match format {
        LogFormat::Json => Box::new(json::JsonLines),
        LogFormat::Human if std::io::stderr().is_terminal() => Box::new(bars::Bars::default()),
        LogFormat::Human => Box::new(lines::Lines::default()),
    }
}

/// `1 h 05 min`, `3 min 20 s`, `4.2 s`
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations() {
        let cases = [(0.04, "0.0 s"), (9.96, "10 s"), (42.4, "42 s"), (200.0, "3 min 20 s"), (3900.0, "1 h 05 min")];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
    }
}

//! What a run tells while it goes on, to whoever shows it.

use std::collections::BTreeSet;
use std::path::Path;

use super::graph::Graph;
use super::plan::Plan;
use super::protocol::Progress;
use crate::store::Finished;

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
    /// Somebody has finished it before.
    Fresh {
        graph: &'a Graph,
        step: usize,
        finished: &'a Finished,
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
        finished: &'a Finished,
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

pub trait Reporter {
    fn event(&mut self, event: &Event<'_>);
}

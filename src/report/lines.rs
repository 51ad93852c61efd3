//! Plain lines for pipes and log files: one for each step that ends, none for those that were fresh.

use std::io::Write;

use super::estimate::Estimate;
use crate::engine::{Event, Reporter};
use crate::units::duration;

/// When the user wants an end.
pub(super) const STOPPING: &str = "stopping: saving what is half done; press Ctrl-C again to end at once";

#[derive(Default)]
pub struct Lines {
    estimate: Estimate,
    workers: usize,
    running: usize,
}

impl Reporter for Lines {
    fn event(&mut self, event: &Event<'_>) {
        let mut out = std::io::stderr().lock();
        // A reader that went away must not stop the work.
        match event {
            Event::Planned { graph, plan, selected } => {
                self.estimate = Estimate::new(graph, plan, selected);
                let fresh = plan.states.iter().filter(|state| state.finished().is_some()).count();
                let open = self.estimate.open();
                if open > 0 {
                    writeln!(out, "{}: {open} steps to run, {fresh} fresh", graph.experiment).ok();
                }
            }
            Event::Device { description } => drop(writeln!(out, "device: {description}")),
            Event::Fresh { step } => self.estimate.dropped(*step),
            Event::Started { .. } => {
                self.running += 1;
                self.workers = self.workers.max(self.running);
            }
            Event::Progress { step, progress } => {
                self.estimate.progress(*step, progress.done as f64 / progress.total.max(1) as f64);
            }
            Event::Done { graph, step, seconds, note } => {
                self.running = self.running.saturating_sub(1);
                self.estimate.done(*step, *seconds);
                let left = self.estimate.left();
                let time = duration(left.seconds / self.workers.max(1) as f64);
                let rest = match (self.estimate.open(), left.complete) {
                    (0, _) => String::new(),
                    (open, true) => format!("; {open} left, {time}"),
                    // A stage that was never timed could take any time.
                    (open, false) => format!("; {open} left, at least {time}"),
                };
                writeln!(out, "done {} in {}{rest}", graph.steps[*step].name(), duration(*seconds)).ok();
                note.iter().for_each(|note| drop(writeln!(out, "  note: {note}")));
            }
            Event::Failed { graph, step, message, help, log, dropped } => {
                self.running = self.running.saturating_sub(1);
                self.estimate.dropped(*step);
                writeln!(out, "failed {}: {message}", graph.steps[*step].name()).ok();
                help.iter().for_each(|help| drop(writeln!(out, "  help: {help}")));
                writeln!(out, "  log: {}", log.display()).ok();
                if *dropped > 0 {
                    writeln!(out, "  {dropped} steps need it and cannot run").ok();
                }
            }
            Event::NotSelected { step, .. } => self.estimate.dropped(*step),
            Event::Stopping => drop(writeln!(out, "{}", STOPPING)),
            Event::Stopped { graph, step } => {
                self.running = self.running.saturating_sub(1);
                writeln!(out, "stopped {}", graph.steps[*step].name()).ok();
            }
            Event::Tick => {}
            Event::SetAside { .. } => self.running = self.running.saturating_sub(1),
            Event::Notice { text } => drop(writeln!(out, "{text}")),
        }
    }
}

//! What happens in a run, written into its journal and told to the reporter.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use super::events::{Event, Reporter};
use super::graph::Graph;
use super::journal::Journal;
use super::log;
use super::plan::Plan;
use super::protocol::Progress;
use crate::fingerprint::Key;
use crate::store::{Finished, Holder};

pub struct Teller<'a> {
    graph: &'a Graph,
    journal: Journal,
    reporter: &'a mut dyn Reporter,
    /// When each running step's progress was last kept.
    said: BTreeMap<usize, Instant>,
}

const KEPT_EVERY: Duration = Duration::from_secs(30);

impl<'a> Teller<'a> {
    pub fn new(graph: &'a Graph, journal: Journal, reporter: &'a mut dyn Reporter) -> Self {
        Self { graph, journal, reporter, said: BTreeMap::new() }
    }

    pub fn event(&mut self, event: &Event<'_>) {
        self.reporter.event(event);
    }

    /// Of the run.
    pub fn folder(&self) -> &Path {
        self.journal.folder()
    }

    pub fn log_of(&self, step: usize) -> PathBuf {
        self.journal.log_of(&self.name(step))
    }

    fn name(&self, step: usize) -> String {
        self.graph.steps[step].name()
    }

    pub fn notice(&mut self, text: &str) {
        self.reporter.event(&Event::Notice { text });
    }

    pub fn device(&mut self, description: &str) {
        self.journal.write("device", json!({"device": description}));
        self.reporter.event(&Event::Device { description });
    }

    /// What there is to do.
    pub fn planned(&mut self, plan: &Plan, selected: &BTreeSet<usize>) {
        let fresh = plan.states.iter().filter(|state| state.finished().is_some()).count();
        let to_run = selected.iter().filter(|step| plan.states[**step].finished().is_none()).count();
        self.journal.write("planned", json!({"steps": self.graph.steps.len(), "fresh": fresh, "to-run": to_run}));
        self.reporter.event(&Event::Planned { graph: self.graph, plan, selected });
    }

    /// Kept from time to time, for who asks from outside.
    pub fn progress(&mut self, step: usize, progress: &Progress) {
        if self.said.get(&step).is_none_or(|said| said.elapsed() >= KEPT_EVERY) {
            self.said.insert(step, Instant::now());
            let Progress { done, total, loss } = progress;
            let fields = json!({"step": self.name(step), "done": done, "total": total, "loss": loss});
            self.journal.write("progress", fields);
        }
        self.reporter.event(&Event::Progress { step, progress });
    }

    pub fn started(&mut self, step: usize, key: Key, threads: usize) {
        self.journal.write("start", json!({"step": self.name(step), "key": key, "threads": threads}));
        self.reporter.event(&Event::Started { graph: self.graph, step });
    }

    /// Something that the user should know of a running step.
    pub fn noticed(&mut self, step: usize, text: &str) {
        self.notice(&format!("{}: {text}", self.name(step)));
    }

    pub fn done(&mut self, step: usize, seconds: f64, note: Option<&str>, finished: &Finished) {
        self.said.remove(&step);
        self.journal.write("done", json!({"step": self.name(step), "key": finished.key, "seconds": seconds}));
        self.reporter.event(&Event::Done { graph: self.graph, step, seconds, note, finished });
    }

    pub fn failed(&mut self, step: usize, message: &str, help: Option<&str>, dropped: usize) {
        self.journal.write("failed", json!({"step": self.name(step), "message": message}));
        let log = self.log_of(step);
        // A worker that was killed left none.
        if !log.exists() {
            log::append(&log, &format!("{}\nfailed: {message}", self.name(step)));
        }
        self.reporter.event(&Event::Failed { graph: self.graph, step, message, help, log: &log, dropped });
    }

    pub fn retried(&mut self, step: usize, cause: &str, tries: usize) {
        let name = self.name(step);
        self.journal.write("retry", json!({"step": name, "cause": cause, "tries": tries}));
        self.reporter.event(&Event::SetAside { step });
        self.notice(&format!("{name}: {cause}; running it again"));
    }

    /// Another process runs it.
    pub fn set_aside(&mut self, step: usize) {
        self.journal.write("aside", json!({"step": self.name(step)}));
        self.reporter.event(&Event::SetAside { step });
    }

    pub fn stopping(&mut self, running: usize) {
        self.journal.write("stopping", json!({"running": running}));
        if running > 0 {
            self.reporter.event(&Event::Stopping);
        }
    }

    pub fn stopped(&mut self, step: usize, key: Key) {
        self.journal.write("stopped", json!({"step": self.name(step), "key": key}));
        self.reporter.event(&Event::Stopped { graph: self.graph, step });
    }

    pub fn damaged(&mut self, step: usize, what: &str) {
        let name = self.name(step);
        self.journal.write("damaged", json!({"step": name, "what": what}));
        self.notice(&format!("damaged: {name}: {what}; it runs again"));
    }

    pub fn waiting(&mut self, step: usize, holder: Option<&Holder>) {
        let (name, who) = (self.name(step), holder.map_or("another process".to_owned(), Holder::to_string));
        self.journal.write("waiting", json!({"step": name, "for": who}));
        self.notice(&format!("waiting for {name}, which {who} runs"));
    }

    /// Another process has finished a step.
    pub fn fresh(&mut self, step: usize, finished: &Finished) {
        self.journal.write("fresh", json!({"step": self.name(step), "key": finished.key}));
        self.reporter.event(&Event::Fresh { graph: self.graph, step, finished });
    }

    /// `own`: from a worker of this very run, whose end was said already.
    pub fn took_over(&mut self, step: usize, from: &Holder, own: bool) {
        let name = self.name(step);
        self.journal.write("took-over", json!({"step": name, "from": from}));
        if !own {
            self.notice(&format!("took over {name} from {from}, which is gone"));
        }
    }

    pub fn ended(&mut self, ran: usize, failed: usize) {
        self.journal.write("end", json!({"ran": ran, "failed": failed}));
    }
}

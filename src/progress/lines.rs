//! Plain lines for pipes and log files. Of a stage with many steps the first are told one by one, the others where they
//! are long; what takes long says from time to time how far it is, ever more seldom.

use std::collections::BTreeMap;
use std::io::Write;

use super::estimate::{Costs, Estimate};
use crate::engine::{Event, Graph, Reporter};
use crate::say;
use crate::units::duration;

/// When the user wants an end.
pub(super) const STOPPING: &str = "stopping: saving what is half done; press Ctrl-C again to end at once";

/// Steps of a stage that are told whatever they take.
const FIRST: usize = 20;
/// Seconds after which any other is.
const LONG: f64 = 600.0;
/// Seconds until it is first said how far a step is.
const BEAT: f64 = 60.0;
/// Between two times at most.
const SELDOM: f64 = 3600.0;

pub struct Lines {
    out: Box<dyn Write>,
    /// Seconds since the run began.
    clock: Box<dyn Fn() -> f64>,
    estimate: Estimate,
    workers: usize,
    running: BTreeMap<usize, Running>,
    /// Steps of each stage that were begun.
    begun: BTreeMap<String, usize>,
    steps: usize,
    done: usize,
    /// Since the last word about the whole run.
    untold: usize,
    next: f64,
}

struct Running {
    name: String,
    since: f64,
    /// When it is next said how far it is.
    next: f64,
    told: bool,
    /// Where the rate is counted from: the first progress, so that loading is not in it.
    first: Option<(f64, usize)>,
    last: Option<(usize, usize, Option<f64>)>,
}

impl Lines {
    pub fn new(out: Box<dyn Write>, clock: Box<dyn Fn() -> f64>, costs: Box<dyn Costs>) -> Self {
        Self {
            out,
            clock,
            estimate: Estimate::new(costs),
            workers: 0,
            running: BTreeMap::new(),
            begun: BTreeMap::new(),
            steps: 0,
            done: 0,
            untold: 0,
            next: BEAT,
        }
    }

    fn say(&mut self, line: std::fmt::Arguments<'_>) {
        // A reader that went away must not stop the work.
        writeln!(self.out, "{}", say::for_terminal(&line.to_string())).ok();
    }

    /// What is left after a step, after a semicolon.
    fn rest(&self) -> String {
        let left = self.estimate.left(self.workers);
        match left.steps {
            0 => String::new(),
            steps => format!("; {steps} to go, {left}"),
        }
    }

    fn end(&mut self, step: usize) -> Option<Running> {
        self.running.remove(&step)
    }

    /// Says how far things are, where it is time to.
    fn beat(&mut self) {
        let now = (self.clock)();
        let due: Vec<usize> =
            self.running.iter().filter(|(_, running)| running.next <= now).map(|(step, _)| *step).collect();
        for step in due {
            let left = self.estimate.left_of(step);
            let Some(running) = self.running.get_mut(&step) else { continue };
            let since = now - running.since;
            running.next = now + since.clamp(BEAT, SELDOM);
            running.told = true;
            let mut line = format!("{}: ", running.name);
            match running.last {
                // Of a download they are bytes.
                Some((done, total, _)) if running.name.starts_with("fetch.") => {
                    line.push_str(&format!("{:.1} of {:.1} MB", done as f64 / 1e6, total as f64 / 1e6));
                    left.iter().for_each(|left| line.push_str(&format!(", about {} left", duration(*left))));
                }
                Some((done, total, loss)) => {
                    line.push_str(&format!("{done} of {total}"));
                    loss.iter().for_each(|loss| line.push_str(&format!(", loss {loss:.4}")));
                    if let Some((from, first)) = running.first.filter(|(from, first)| now > *from && done > *first) {
                        line.push_str(&format!(", {:.1}/s", (done - first) as f64 / (now - from)));
                    }
                    left.iter().for_each(|left| line.push_str(&format!(", about {} left", duration(*left))));
                }
                None => line.push_str(&format!("running for {}", duration(since))),
            }
            self.say(format_args!("{line}"));
        }
        if self.next <= now {
            if self.untold > 0 {
                let (done, steps, rest) = (self.done, self.steps, self.estimate.left(self.workers));
                self.say(format_args!("{done} of {steps} steps done, {rest}"));
                self.untold = 0;
            }
            self.next = now + now.clamp(BEAT, SELDOM);
        }
    }

    fn start(&mut self, graph: &Graph, step: usize) {
        let now = (self.clock)();
        let begun = self.begun.entry(graph.steps[step].stage.to_string()).or_default();
        *begun += 1;
        let told = *begun <= FIRST;
        let name = graph.steps[step].name();
        if told {
            self.say(format_args!("start {name}"));
        }
        let next = now + if told { BEAT } else { LONG };
        self.running.insert(step, Running { name, since: now, next, told, first: None, last: None });
        self.workers = self.workers.max(self.running.len());
    }
}

impl Reporter for Lines {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Planned { graph, plan, selected } => {
                self.estimate.begin(graph, plan, selected);
                let fresh = plan.states.iter().filter(|state| state.finished().is_some()).count();
                self.steps = self.estimate.open();
                let (open, left) = (self.steps, self.estimate.left(1));
                if open > 0 {
                    let with = if left.unknown == 0 { " with one worker" } else { "" };
                    self.say(format_args!("{}: {open} steps to run, {fresh} fresh; {left}{with}", graph.experiment));
                }
            }
            Event::Device { description } => self.say(format_args!("device: {description}")),
            Event::Fresh { graph, step, finished } => {
                self.estimate.finished(graph, *step, finished);
                self.estimate.dropped(*step);
            }
            Event::Started { graph, step } => self.start(graph, *step),
            Event::Progress { step, progress } => {
                let now = (self.clock)();
                self.estimate.progress(*step, progress.done as f64 / progress.total.max(1) as f64, now);
                if let Some(running) = self.running.get_mut(step) {
                    running.first.get_or_insert((now, progress.done));
                    running.last = Some((progress.done, progress.total, progress.loss));
                }
            }
            Event::Done { graph, step, seconds, note, finished } => {
                let told = self.end(*step).is_none_or(|running| running.told);
                self.estimate.done(graph, *step, *seconds, finished);
                self.done += 1;
                let name = graph.steps[*step].name();
                if told || *seconds >= LONG {
                    let rest = self.rest();
                    self.say(format_args!("done {name} in {}{rest}", duration(*seconds)));
                } else {
                    self.untold += 1;
                    if note.is_some() {
                        self.say(format_args!("{name}:"));
                    }
                }
                note.iter().for_each(|note| self.say(format_args!("  note: {note}")));
            }
            Event::Failed { graph, step, message, help, log, dropped } => {
                self.end(*step);
                self.estimate.dropped(*step);
                self.say(format_args!("failed {}: {message}", graph.steps[*step].name()));
                help.iter().for_each(|help| self.say(format_args!("  help: {help}")));
                self.say(format_args!("  log: {}", log.display()));
                if *dropped > 0 {
                    self.say(format_args!("  {dropped} steps need it and cannot run"));
                }
            }
            Event::NotSelected { step, .. } => self.estimate.dropped(*step),
            Event::Stopping => self.say(format_args!("{STOPPING}")),
            Event::Stopped { graph, step } => {
                self.end(*step);
                self.estimate.paused(*step);
                self.say(format_args!("stopped {}", graph.steps[*step].name()));
            }
            Event::Tick => {}
            Event::SetAside { step } => {
                self.end(*step);
                self.estimate.paused(*step);
            }
            Event::Notice { text } => self.say(format_args!("{text}")),
        }
        self.beat();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeSet;
    use std::rc::Rc;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::engine::{Context, Kind, Outputs, Plan, Progress, StageEnd, StageId, Step, StepKind};
    use crate::progress::estimate::Sample;
    use crate::store::{Finished, Manifest};

    #[derive(Debug, Serialize, Deserialize)]
    struct Nothing;

    impl StepKind for Nothing {
        const KIND: &'static str = "nothing";
        const VERSION: u32 = 1;

        fn run(&self, _: &mut Context<'_>) -> Result<Outputs, StageEnd> {
            Ok(Outputs::default())
        }
    }

    struct Unknown;

    impl Costs for Unknown {
        fn operations(&self, _: &Graph, _: usize) -> Option<f64> {
            None
        }
        fn begin(&mut self, _: &Graph, _: &Plan) {}
        fn learn(&mut self, _: &Graph, _: usize, _: &Finished) -> bool {
            false
        }
        fn elsewhere(&self, _: &str) -> Option<Sample> {
            None
        }
    }

    #[derive(Clone, Default)]
    struct Said(Rc<RefCell<Vec<u8>>>);

    impl Write for Said {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Said {
        fn lines(&self) -> Vec<String> {
            let text = String::from_utf8(std::mem::take(&mut *self.0.borrow_mut())).unwrap();
            assert!(!text.contains('\r') && !text.contains('\u{1b}'));
            text.lines().map(str::to_owned).collect()
        }
    }

    fn graph(steps: usize) -> Graph {
        let stage = StageId { kind: Kind::new("finetune"), name: "x".to_owned() };
        let step = |number: usize| Step {
            stage: stage.clone(),
            instance: format!("seed={number}"),
            work: std::rc::Rc::new(Nothing),
            inputs: Vec::new(),
            location: None,
            subjects: Vec::new(),
            out_of: None,
        };
        Graph { experiment: "x".to_owned(), without: BTreeSet::new(), steps: (0..steps).map(step).collect() }
    }

    fn finished() -> Finished {
        let key = crate::fingerprint::Key(crate::fingerprint::Digest::of(b""));
        let (format, step, kind) = Default::default();
        let (parameters, inputs, outputs, provenance) = Default::default();
        Finished::of(&Manifest { format, key, step, kind, version: 1, parameters, inputs, outputs, provenance })
    }

    fn lines() -> (Lines, Rc<Cell<f64>>, Said) {
        let (clock, said) = (Rc::new(Cell::new(0.0)), Said::default());
        let now = clock.clone();
        (Lines::new(Box::new(said.clone()), Box::new(move || now.get()), Box::new(Unknown)), clock, said)
    }

    #[test]
    fn a_day_of_one_step_is_a_few_lines() {
        let (mut lines, clock, said) = lines();
        let graph = graph(1);
        lines.event(&Event::Started { graph: &graph, step: 0 });
        let mut spoke = Vec::new();
        assert_eq!(said.lines(), ["start finetune.x[seed=0]"]);
        for minute in 0..24 * 60 {
            clock.set(f64::from(minute) * 60.0);
            let progress = Progress { done: minute as usize, total: 1440, loss: Some(0.5) };
            lines.event(&Event::Progress { step: 0, progress: &progress });
            let said = said.lines();
            if !said.is_empty() {
                spoke.push((minute, said.concat()));
            }
        }
        let minutes: Vec<u32> = spoke.iter().map(|(minute, _)| *minute).collect();
        assert_eq!(minutes[..7], [1, 2, 4, 8, 16, 32, 64]);
        assert!(minutes.len() < 40 && minutes.windows(2).all(|two| two[1] - two[0] <= 60), "{minutes:?}");
        assert_eq!(spoke[2].1, "finetune.x[seed=0]: 4 of 1440, loss 0.5000, 0.0/s");
        assert_eq!(spoke[6].1, "finetune.x[seed=0]: 64 of 1440, loss 0.5000, 0.0/s, about 22 h 56 min left");
    }

    #[test]
    fn of_thousands_of_short_steps_the_first_are_told_and_then_the_sum() {
        let (mut lines, clock, said) = lines();
        let graph = graph(5000);
        let finished = finished();
        let mut all = Vec::new();
        for step in 0..5000 {
            lines.event(&Event::Started { graph: &graph, step });
            clock.set(clock.get() + 10.0);
            lines.event(&Event::Done { graph: &graph, step, seconds: 10.0, note: None, finished: &finished });
            all.extend(said.lines());
        }
        assert!(all.len() < 80, "{} lines", all.len());
        assert_eq!(all.iter().filter(|line| line.starts_with("done ")).count(), FIRST);
        // One that is long is told at its end.
        lines.event(&Event::Started { graph: &graph, step: 7 });
        lines.event(&Event::Done { graph: &graph, step: 7, seconds: 700.0, note: None, finished: &finished });
        assert_eq!(said.lines(), ["done finetune.x[seed=7] in 11 min 40 s"]);
    }
}

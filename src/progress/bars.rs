//! Progress bars: one for the run with the time that is left, one for each running step with its rate.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::estimate::{Costs, Estimate};
use super::lines::STOPPING;
use crate::engine::{Event, Reporter};
use crate::say;
use crate::units::duration;

pub struct Bars {
    bars: MultiProgress,
    run: Option<ProgressBar>,
    steps: BTreeMap<usize, Running>,
    estimate: Estimate,
    workers: usize,
    start: Instant,
}

struct Running {
    bar: ProgressBar,
    /// Where the rate is counted from: the first progress, so that loading is not in it.
    first: Option<(Instant, usize)>,
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─")
}

impl Bars {
    pub fn new(costs: Box<dyn Costs>) -> Self {
        let (bars, steps, estimate) = (MultiProgress::new(), BTreeMap::new(), Estimate::new(costs));
        Self { bars, run: None, steps, estimate, workers: 0, start: Instant::now() }
    }

    fn update_run(&self) {
        let Some(run) = &self.run else { return };
        run.set_message(self.estimate.left(self.workers).to_string());
    }

    fn end(&mut self, step: usize) {
        if let Some(running) = self.steps.remove(&step) {
            running.bar.finish_and_clear();
        }
    }

    fn say(&self, line: String) {
        self.bars.println(say::for_terminal(&line)).ok();
    }
}

impl Reporter for Bars {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Planned { graph, plan, selected } => {
                self.estimate.begin(graph, plan, selected);
                if self.estimate.open() > 0 {
                    let run = self.bars.add(ProgressBar::new(self.estimate.open() as u64));
                    run.set_style(style("{prefix:.bold} {wide_bar:.cyan/dim} {pos}/{len} steps  {elapsed}  {msg}"));
                    run.set_prefix(graph.experiment.clone());
                    run.enable_steady_tick(Duration::from_millis(500));
                    self.run = Some(run);
                    self.update_run();
                }
            }
            Event::Device { description } => self.say(format!("device: {description}")),
            Event::Fresh { graph, step, finished } => {
                self.estimate.finished(graph, *step, finished);
                self.estimate.dropped(*step);
            }
            Event::NotSelected { step, .. } => self.estimate.dropped(*step),
            Event::Started { graph, step } => {
                let bar = self.bars.add(ProgressBar::new(1));
                bar.set_style(style("  {prefix:32!} {elapsed}"));
                bar.set_prefix(say::name(&graph.steps[*step].name()));
                self.steps.insert(*step, Running { bar, first: None });
                self.workers = self.workers.max(self.steps.len());
            }
            Event::Progress { step, progress } => {
                let now = self.start.elapsed().as_secs_f64();
                self.estimate.progress(*step, progress.done as f64 / progress.total.max(1) as f64, now);
                if let Some(running) = self.steps.get_mut(step) {
                    if running.first.is_none() {
                        let far = if running.bar.prefix().starts_with("fetch.") {
                            "{bytes}/{total_bytes}"
                        } else {
                            "{pos}/{len}"
                        };
                        running.bar.set_style(style(&format!("  {{prefix:32!}} {{bar:24.green/dim}} {far}  {{msg}}")));
                    }
                    running.bar.set_length(progress.total as u64);
                    running.bar.set_position(progress.done as u64);
                    let (since, from) = *running.first.get_or_insert((Instant::now(), progress.done));
                    let rate = (progress.done.saturating_sub(from)) as f64 / since.elapsed().as_secs_f64().max(1e-3);
                    let loss = progress.loss.map_or(String::new(), |loss| format!("  loss {loss:.4}"));
                    let left = duration(progress.total.saturating_sub(progress.done) as f64 / rate.max(1e-9));
                    let pace =
                        if running.bar.prefix().starts_with("fetch.") { left } else { format!("{rate:.1}/s, {left}") };
                    running.bar.set_message(if rate > 0.0 { pace + &loss } else { loss });
                }
                self.update_run();
            }
            Event::Done { graph, step, seconds, note, finished } => {
                self.end(*step);
                note.iter().for_each(|note| self.say(format!("{}: {note}", graph.steps[*step].name())));
                self.estimate.done(graph, *step, *seconds, finished);
                self.run.iter().for_each(|run| run.inc(1));
                self.update_run();
            }
            Event::Failed { graph, step, message, help, log, dropped } => {
                self.end(*step);
                self.estimate.dropped(*step);
                self.say(format!("failed {}: {message}", graph.steps[*step].name()));
                help.iter().for_each(|help| self.say(format!("  help: {help}")));
                self.say(format!("  log: {}", log.display()));
                if *dropped > 0 {
                    self.say(format!("  {dropped} steps need it and cannot run"));
                }
            }
            Event::Tick => {}
            Event::Stopping => self.say(STOPPING.to_owned()),
            Event::Stopped { graph, step } => {
                self.end(*step);
                self.estimate.paused(*step);
                self.say(format!("stopped {}", graph.steps[*step].name()));
            }
            Event::SetAside { step } => {
                self.end(*step);
                self.estimate.paused(*step);
            }
            Event::Notice { text } => self.say((*text).to_owned()),
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.steps.values().for_each(|running| running.bar.finish_and_clear());
        self.run.iter().for_each(ProgressBar::finish_and_clear);
    }
}

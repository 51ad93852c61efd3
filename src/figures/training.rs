//! Loss over training, one thin line a run and one thick mean, above the learning rate.

use super::drawing::{Drawing, Point};
use super::frame::{Entry, Frame, Sample, extent, head};
use super::ink::Ink;
use super::look::Look;
use super::numbers::{Column, Numbers};
use super::style::{PAIR_LINE, QUIET, TEXT, WHITE, Width, dash};
use super::{PlotError, Rendered, drawable, expect_length, output};

/// One training run.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingRun {
    pub name: String,
    /// Training steps, ascending.
    pub steps: Vec<u64>,
    /// The loss at each of them, smoothed as it is to be drawn.
    pub losses: Vec<f64>,
    /// The learning rate at each of them.
    pub rates: Vec<f64>,
    /// Index into [`Training::groups`].
    pub group: usize,
}

/// Training curves of all runs of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// Those of a group at the same steps, so that they have a mean.
    pub runs: Vec<TrainingRun>,
    /// Names such as `learning_rate=2e-4`; empty where all runs are alike.
    pub groups: Vec<String>,
    pub x_label: String,
    /// With its unit and how it was smoothed.
    pub y_label: String,
    pub title: Option<String>,
    pub width: Width,
    pub look: Look,
}

/// So many runs get a colour each; more share one.
const COLOURED: usize = 5;
const RUN_LINE: f64 = 0.7;
const RATE_LINE: f64 = 1.0;
/// Of several runs, which it must not hide.
const MEAN: f64 = 1.3;

impl Training {
    /// # Errors
    /// No runs, a run of fewer than 2 points or with unequal lengths, runs at different steps, or a value that is not
    /// finite.
    pub fn render(&self, provenance: &str) -> Result<Rendered, PlotError> {
        output::render(&self.draw()?, provenance, self.look.svg_text)
    }

    /// One row a point of a curve.
    pub fn numbers(&self) -> Numbers {
        let points = || self.runs.iter().flat_map(|run| run.steps.iter().zip(&run.losses).map(move |at| (run, at)));
        let rates = self.runs.iter().flat_map(|run| run.rates.iter().copied());
        Numbers {
            columns: vec![
                ("run".to_owned(), Column::Models(points().map(|(run, _)| run.name.clone()).collect())),
                ("step".to_owned(), Column::Whole(points().map(|(_, (step, _))| *step as i64).collect())),
                ("loss".to_owned(), Column::Number(points().map(|(_, (_, loss))| *loss).collect())),
                ("learning_rate".to_owned(), Column::Number(rates.collect())),
            ],
        }
    }

    pub(super) fn draw(&self) -> Result<Drawing, PlotError> {
        self.check()?;
        let mut drawing = Drawing::new(self.width.points());
        let top = head(&mut drawing, self.title.as_deref(), &self.legend());
        let (first, last) = extent(self.runs.iter().flat_map(|run| &run.steps).map(|step| *step as f64));
        let first = if self.look.x.log { first.max(1.0) } else { 0.0 };
        let (y_low, y_high) = extent(self.runs.iter().flat_map(|run| run.losses.iter().copied()));
        let highest = self.runs.iter().flat_map(|run| run.rates.iter().copied()).fold(0.0, f64::max);
        let y = [(y_low, y_high, 0.04), (0.0, highest, 0.04)];
        let [frame, lower] = Frame::stacked(&mut drawing, (&self.look, self.width), top, (first, last, 0.0), y)?;
        for (number, run) in self.runs.iter().enumerate() {
            let (width, ink, dash) = self.drawn_with(number);
            frame.dashed(&mut drawing, &path(&frame, &run.steps, &run.losses), width, ink, dash);
        }
        for (group, members) in self.members().iter().enumerate().filter(|(_, members)| members.len() > 1) {
            let mean = path(&frame, &members[0].steps, &mean(members));
            frame.line(&mut drawing, &mean, MEAN + 1.0, WHITE.faded(0.85));
            let (ink, dash) = self.mean_with(group);
            frame.dashed(&mut drawing, &mean, MEAN, ink, dash);
        }
        frame.draw_upper_axes(&mut drawing, &self.y_label, 0.0);
        self.draw_rates(&mut drawing, &lower);
        lower.draw_axes(&mut drawing, (&self.x_label, "learning rate"));
        Ok(drawing)
    }

    /// One line where all runs, or all of a group, share a schedule, else one for each run.
    fn draw_rates(&self, drawing: &mut Drawing, frame: &Frame) {
        let alike = |one: &TrainingRun, other: &TrainingRun| one.rates == other.rates && one.steps == other.steps;
        let shared = self.runs.iter().all(|run| alike(run, &self.runs[0]));
        let members = self.members();
        for (number, run) in self.runs.iter().enumerate().take(if shared { 1 } else { usize::MAX }) {
            let of_group = &members[run.group];
            let group_shares = self.is_grouped() && of_group.iter().all(|other| alike(other, of_group[0]));
            if group_shares && !shared && !std::ptr::eq(run, of_group[0]) {
                continue;
            }
            let (width, ink, dash) = match (shared, group_shares) {
                (true, _) => (RATE_LINE, TEXT, &[][..]),
                (false, true) => (RATE_LINE, self.mean_with(run.group).0, self.mean_with(run.group).1),
                (false, false) => self.drawn_with(number),
            };
            frame.dashed(drawing, &path(frame, &run.steps, &run.rates), width, ink, dash);
        }
    }

    fn is_grouped(&self) -> bool {
        self.groups.len() > 1
    }

    /// The runs of each group.
    fn members(&self) -> Vec<Vec<&TrainingRun>> {
        let of = |group| self.runs.iter().filter(|run| run.group == group).collect();
        (0..self.groups.len().max(1)).map(of).collect()
    }

    fn mean_with(&self, group: usize) -> (Ink, &'static [f64]) {
        if self.is_grouped() { (self.look.colour(group), dash(group)) } else { (TEXT, &[]) }
    }

    fn drawn_with(&self, run: usize) -> (f64, Ink, &'static [f64]) {
        if self.is_grouped() {
            let group = self.runs[run].group;
            let few = self.runs.iter().filter(|other| other.group == group).count();
            let (ink, dash) = self.mean_with(group);
            return match few {
                1 => (RATE_LINE, ink, dash),
                few => (PAIR_LINE, ink.faded((4.0 / few as f64).sqrt().clamp(0.2, 0.6)), &[]),
            };
        }
        match self.runs.len() {
            1 => (RATE_LINE, self.look.colour(0), &[]),
            few if few <= COLOURED => (RUN_LINE, self.look.colour(run).faded(0.8), dash(run)),
            many => (PAIR_LINE, self.look.colour(0).faded((8.0 / many as f64).sqrt().clamp(0.2, 0.6)), &[]),
        }
    }

    fn legend(&self) -> Vec<Entry> {
        let line = |width, ink| Sample::Line { width, ink, dash: &[] };
        let runs = self.runs.len();
        let mut entries = Vec::new();
        if self.is_grouped() {
            let members = self.members();
            let mut shown: Vec<usize> = (0..members.len()).collect();
            self.look.sort(&mut shown, |group| self.groups[*group].clone());
            for group in shown {
                let (ink, dash) = self.mean_with(group);
                let tail = match members[group].len() {
                    1 => ", one run".to_owned(),
                    runs => format!(", mean of {runs} runs"),
                };
                let sample = Sample::Line { width: MEAN, ink, dash };
                entries.push(Entry::named(sample, &self.look.shared(&self.groups[group]), &tail, self.width));
            }
            if members.iter().any(|members| members.len() > 1) {
                entries.push(Entry { sample: line(PAIR_LINE, QUIET), text: "one run".to_owned() });
            }
            return entries;
        }
        if runs > 1 {
            entries.push(Entry { sample: line(MEAN, TEXT), text: format!("mean of {runs} runs") });
        }
        if runs <= COLOURED {
            let mut shown: Vec<usize> = (0..runs).collect();
            self.look.sort(&mut shown, |run| self.runs[*run].name.clone());
            for number in shown {
                let (width, ink, dash) = self.drawn_with(number);
                let name = &self.runs[number].name;
                // A number alone says nothing.
                let seed = if name.parse::<u64>().is_ok() { "seed " } else { "" };
                let text = format!("{seed}{}", self.look.named(name));
                entries.push(Entry { sample: Sample::Line { width, ink, dash }, text });
            }
        } else {
            entries.push(Entry { sample: line(PAIR_LINE, self.look.colour(0)), text: "one run".to_owned() });
        }
        entries
    }

    fn check(&self) -> Result<(), PlotError> {
        if self.runs.is_empty() {
            return Err(PlotError::Nothing { figure: "the figure of training", missing: "runs" });
        }
        for run in &self.runs {
            if run.group >= self.groups.len().max(1) {
                let (curve, groups) = (format!("run `{}`", run.name), self.groups.len());
                return Err(PlotError::UnknownGroup { curve, group: run.group, groups });
            }
            let first = self.runs.iter().find(|other| other.group == run.group).unwrap_or(run);
            let name = |part: &str| format!("{part} of run `{}`", run.name);
            expect_length(|| name("losses"), run.steps.len(), run.losses.len())?;
            if run.steps.len() < 2 {
                return Err(PlotError::Mismatch { place: name("steps"), expected: 2, got: run.steps.len() });
            }
            if run.steps != first.steps {
                let group = self.groups.get(run.group).map_or("runs", String::as_str);
                return Err(PlotError::UnequalPoints { group: group.to_owned() });
            }
            expect_length(|| name("learning rates"), run.steps.len(), run.rates.len())?;
            for (step, (loss, rate)) in run.steps.iter().zip(run.losses.iter().zip(&run.rates)) {
                drawable(*loss, || name(&format!("the loss at step {step}")))?;
                drawable(*rate, || name(&format!("the learning rate at step {step}")))?;
            }
        }
        Ok(())
    }
}

fn mean(runs: &[&TrainingRun]) -> Vec<f64> {
    let share = 1.0 / runs.len() as f64;
    let points = runs[0].losses.len();
    (0..points).map(|point| runs.iter().map(|run| run.losses[point] * share).sum()).collect()
}

fn path(frame: &Frame, steps: &[u64], losses: &[f64]) -> Vec<Point> {
    steps.iter().zip(losses).map(|(step, loss)| frame.point(*step as f64, *loss)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::output::tests::{check_page, texts};
    use super::*;

    fn figure(runs: usize, steps: u64) -> Training {
        let at: Vec<u64> = (0..300.min(steps)).map(|point| 1 + point * (steps - 1) / (300.min(steps) - 1)).collect();
        let run = |run: usize| {
            let loss = |step: &u64| {
                let share = *step as f64 / steps as f64;
                let wobble = ((run * 31 + *step as usize * 17) % 23) as f64 / 400.0;
                0.25 + 0.45 * (-6.0 * share).exp() + wobble * (1.2 - share) + (run % 7) as f64 * 0.004
            };
            let rates = at.iter().map(|step| 2e-5 * (1.0 - *step as f64 / steps as f64)).collect();
            let losses = at.iter().map(loss).collect();
            TrainingRun { name: format!("{run}"), losses, rates, steps: at.clone(), group: 0 }
        };
        Training {
            runs: (0..runs).map(run).collect(),
            groups: Vec::new(),
            x_label: "training step".to_owned(),
            y_label: "training loss (nats), mean of 50 steps".to_owned(),
            title: None,
            width: Width::Column,
            look: Look::default(),
        }
    }

    #[test]
    fn every_run_and_the_mean_are_drawn() {
        let figure = figure(25, 34_110);
        let svg = String::from_utf8(figure.render("x").unwrap().svg).unwrap();
        let thin = format!("stroke-width=\"{}\"", PAIR_LINE * 20.0);
        assert_eq!(svg.lines().filter(|line| line.contains("<polyline") && line.contains(&thin)).count(), 25 + 1);
        for text in ["mean of 25 runs", "one run", "training step", "30000", "learning rate", "2e−5"] {
            assert!(texts(&svg).contains(&text.to_owned()), "{text} in {:?}", texts(&svg));
        }
        let numbers = figure.numbers();
        let csv = numbers.csv("x");
        let row = format!("1,1,{},{}", figure.runs[1].losses[0], figure.runs[1].rates[0]);
        assert_eq!(csv.lines().nth(1), Some("run,step,loss,learning_rate"));
        assert_eq!((csv.lines().count(), csv.lines().nth(302)), (7502, Some(row.as_str())));
    }

    #[test]
    fn a_shared_schedule_is_one_line() {
        let lines = |figure: &Training| {
            let shapes = figure.draw().unwrap().shapes;
            let long = |shape: &&super::super::drawing::Shape| matches!(shape, super::super::drawing::Shape::Line { points, .. } if points.len() == 100);
            shapes.iter().filter(long).count()
        };
        let mut figure = figure(6, 100);
        // Six losses, their mean and its border.
        assert_eq!(lines(&figure), 6 + 2 + 1);
        figure.runs[2].rates.iter_mut().for_each(|rate| *rate *= 0.5);
        assert_eq!(lines(&figure), 6 + 2 + 6);
    }

    #[test]
    fn groups_have_a_mean_and_a_schedule_each_and_may_end_at_other_steps() {
        let mut both = figure(4, 100);
        both.runs.extend(figure(3, 200).runs.into_iter().map(|run| TrainingRun { group: 1, ..run }));
        both.groups = vec!["epochs=3".to_owned(), "epochs=6/learning_rate=2e-4".to_owned()];
        let drawing = both.draw().unwrap();
        check_page(&drawing);
        let long = |shape: &&super::super::drawing::Shape| matches!(shape, super::super::drawing::Shape::Line { points, .. } if points.len() >= 100);
        // Seven losses, of each group a mean with its border and a schedule. Dashes are lines of their own.
        assert!(drawing.shapes.iter().filter(long).count() > 7 + 2);
        let svg = String::from_utf8(both.render("x").unwrap().svg).unwrap();
        for text in ["epochs 3, mean of 4 runs", "epochs 6, learning rate 2e−4, mean of 3 runs", "one run"] {
            assert!(texts(&svg).contains(&text.to_owned()), "{text} in {:?}", texts(&svg));
        }
        assert!(matches!(Training { groups: Vec::new(), ..both.clone() }.draw(), Err(PlotError::UnknownGroup { .. })));
        both.runs[5].steps[0] = 0;
        assert!(
            matches!(both.draw(), Err(PlotError::UnequalPoints { group }) if group == "epochs=6/learning_rate=2e-4")
        );
    }

    #[test]
    fn any_number_of_runs_stays_on_the_page() {
        for runs in [1, 2, 3, 5, 6, 25, 100] {
            for steps in [2, 100, 36_813] {
                check_page(&figure(runs, steps).draw().unwrap());
            }
        }
        let mut flat = figure(3, 100);
        flat.runs.iter_mut().flat_map(|run| run.losses.iter_mut()).for_each(|loss| *loss = 0.5);
        flat.runs[0].name = "a name that is so long that it does not fit into one column of a page".to_owned();
        check_page(&flat.draw().unwrap());
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        assert!(matches!(figure(0, 100).draw(), Err(PlotError::Nothing { .. })));
        let mut broken = figure(3, 100);
        broken.runs[1].losses[4] = f64::NAN;
        assert!(broken.draw().unwrap_err().to_string().contains("the loss at step 5 of run `1` is NaN"));
        broken = figure(3, 100);
        broken.runs[2].rates.pop();
        assert!(matches!(broken.draw(), Err(PlotError::Mismatch { expected: 100, got: 99, .. })));
        let mut shifted = figure(3, 100);
        shifted.runs[2].steps[0] = 0;
        assert!(matches!(shifted.draw(), Err(PlotError::UnequalPoints { .. })));
    }
}

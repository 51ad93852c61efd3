//! Loss over training: one thin line a run, one thick mean.

use super::drawing::{Drawing, Point};
use super::frame::{Entry, Frame, Sample, extent, head};
use super::numbers::{Column, Numbers};
use super::style::{MEAN_LINE, PAIR_LINE, TEXT, WHITE, Width, colour};
use super::{PlotError, Rendered, drawable, expect_length, output};

/// One training run.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingRun {
    pub name: String,
    /// Training steps, ascending.
    pub steps: Vec<u64>,
    /// The loss at each of them, smoothed as it is to be drawn.
    pub losses: Vec<f64>,
}

/// Training curves of all runs of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// At the same steps, so that they have a mean.
    pub runs: Vec<TrainingRun>,
    pub x_label: String,
    /// With its unit and how it was smoothed.
    pub y_label: String,
    pub title: Option<String>,
    pub width: Width,
}

/// So many runs get a colour each; more share one.
const COLOURED: usize = 5;
const RUN_LINE: f64 = 0.7;

impl Training {
    /// # Errors
    /// No runs, a run of fewer than 2 points or with unequal lengths, runs at different steps, or a value that is not
    /// finite.
    pub fn render(&self, provenance: &str) -> Result<Rendered, PlotError> {
        output::render(&self.draw()?, provenance)
    }

    /// One row a point of a curve.
    pub fn numbers(&self) -> Numbers {
        let points = || self.runs.iter().flat_map(|run| run.steps.iter().zip(&run.losses).map(move |at| (run, at)));
        Numbers {
            columns: vec![
                ("run".to_owned(), Column::Text(points().map(|(run, _)| run.name.clone()).collect())),
                ("step".to_owned(), Column::Whole(points().map(|(_, (step, _))| *step as i64).collect())),
                ("loss".to_owned(), Column::Number(points().map(|(_, (_, loss))| *loss).collect())),
            ],
        }
    }

    fn draw(&self) -> Result<Drawing, PlotError> {
        self.check()?;
        let mut drawing = Drawing::new(self.width.points());
        let top = head(&mut drawing, self.title.as_deref(), &self.legend());
        let (_, last) = extent(self.runs[0].steps.iter().map(|step| *step as f64));
        let (y_low, y_high) = extent(self.runs.iter().flat_map(|run| run.losses.iter().copied()));
        let frame = Frame::new(&mut drawing, self.width, top, (0.0, last, 0.0), (y_low, y_high, 0.04));
        for (number, run) in self.runs.iter().enumerate() {
            let (width, ink) = self.look(number);
            drawing.line(&path(&frame, &run.steps, &run.losses), width, ink);
        }
        if self.runs.len() > 1 {
            let mean = path(&frame, &self.runs[0].steps, &self.mean());
            drawing.line(&mean, MEAN_LINE + 1.4, WHITE.faded(0.85));
            drawing.line(&mean, MEAN_LINE, TEXT);
        }
        frame.draw_axes(&mut drawing, (&self.x_label, &self.y_label));
        Ok(drawing)
    }

    fn look(&self, run: usize) -> (f64, super::drawing::Ink) {
        match self.runs.len() {
            1 => (MEAN_LINE, colour(0)),
            few if few <= COLOURED => (RUN_LINE, colour(run).faded(0.8)),
            many => (PAIR_LINE, colour(0).faded((8.0 / many as f64).sqrt().clamp(0.2, 0.6))),
        }
    }

    fn legend(&self) -> Vec<Entry> {
        let line = |width, ink| Sample::Line { width, ink, dash: &[] };
        let runs = self.runs.len();
        let mut entries = Vec::new();
        if runs > 1 {
            entries.push(Entry { sample: line(MEAN_LINE, TEXT), text: format!("mean of {runs} runs") });
        }
        if runs <= COLOURED {
            for (number, run) in self.runs.iter().enumerate() {
                let (width, ink) = self.look(number);
                entries.push(Entry { sample: line(width, ink), text: run.name.clone() });
            }
        } else {
            entries.push(Entry { sample: line(PAIR_LINE, colour(0)), text: "one run".to_owned() });
        }
        entries
    }

    fn mean(&self) -> Vec<f64> {
        let share = 1.0 / self.runs.len() as f64;
        let points = self.runs[0].losses.len();
        (0..points).map(|point| self.runs.iter().map(|run| run.losses[point] * share).sum()).collect()
    }

    fn check(&self) -> Result<(), PlotError> {
        let Some(first) = self.runs.first() else {
            return Err(PlotError::Nothing { figure: "the figure of training", missing: "runs" });
        };
        for run in &self.runs {
            let name = |part: &str| format!("{part} of run `{}`", run.name);
            expect_length(|| name("losses"), run.steps.len(), run.losses.len())?;
            if run.steps.len() < 2 {
                return Err(PlotError::Mismatch { place: name("steps"), expected: 2, got: run.steps.len() });
            }
            if run.steps != first.steps {
                return Err(PlotError::UnequalPoints { group: "runs".to_owned() });
            }
            for (step, loss) in run.steps.iter().zip(&run.losses) {
                drawable(*loss, || name(&format!("the loss at step {step}")))?;
            }
        }
        Ok(())
    }
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
            TrainingRun { name: format!("{run}"), losses: at.iter().map(loss).collect(), steps: at.clone() }
        };
        Training {
            runs: (0..runs).map(run).collect(),
            x_label: "training step".to_owned(),
            y_label: "training loss (nats), mean of 50 steps".to_owned(),
            title: None,
            width: Width::Column,
        }
    }

    /// Pictures to look at: `LOOK=folder cargo test --release --lib plot`.
    #[test]
    fn pictures_to_look_at() {
        let Some(folder) = std::env::var_os("LOOK") else { return };
        for (runs, steps) in [(1, 100), (3, 100), (5, 1602), (25, 34_110), (100, 36_813)] {
            let png = figure(runs, steps).render("x").unwrap().png;
            std::fs::write(std::path::Path::new(&folder).join(format!("training-{runs}.png")), png).unwrap();
        }
    }

    #[test]
    fn every_run_and_the_mean_are_drawn() {
        let figure = figure(25, 34_110);
        let svg = String::from_utf8(figure.render("x").unwrap().svg).unwrap();
        let thin = format!("stroke-width=\"{}\"", PAIR_LINE * 20.0);
        assert_eq!(svg.lines().filter(|line| line.contains("<polyline") && line.contains(&thin)).count(), 25 + 1);
        for text in ["mean of 25 runs", "one run", "training step", "30000"] {
            assert!(texts(&svg).contains(&text.to_owned()), "{text} in {:?}", texts(&svg));
        }
        let numbers = figure.numbers();
        let [(_, Column::Text(runs)), (_, Column::Whole(steps)), (_, Column::Number(losses))] = &numbers.columns[..]
        else {
            panic!("{:?}", numbers.columns)
        };
        assert_eq!((runs.len(), steps.len(), losses.len()), (7500, 7500, 7500));
        assert_eq!((runs[300].as_str(), steps[300], losses[300]), ("1", 1, figure.runs[1].losses[0]));
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
        let mut shifted = figure(3, 100);
        shifted.runs[2].steps[0] = 0;
        assert!(matches!(shifted.draw(), Err(PlotError::UnequalPoints { .. })));
    }
}

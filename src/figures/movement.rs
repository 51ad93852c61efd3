//! Where each model is at several points of training, with those that change cluster brought forward.

use super::drawing::{Align, Drawing, Point};
use super::fonts::{self, CAPITAL};
use super::frame::{Entry, Frame, Sample, extent, head};
use super::ink::Ink;
use super::look::Look;
use super::numbers::{Column, Numbers};
use super::style::{MARGIN, TEXT, TICK_TEXT, Width, marker};
use super::{PlotError, Rendered, drawable, expect_length, output};

/// Radius of a point and width of the white around it; the second pair is for crowds.
const POINT: (f64, f64) = (2.2, 0.5);
const CROWDED_POINT: (f64, f64) = (1.6, 0.3);
const CROWD: usize = 40;
/// Beyond this many models only those that change cluster get arrow heads.
const MOST_HEADS: usize = 30;
const STAY_LINE: f64 = 0.6;
/// Line and arrow head of a change of cluster; the second pair is for many of them.
const CHANGE: (f64, f64) = (1.3, 5.0);
const CROWDED_CHANGE: (f64, f64) = (0.7, 4.0);
const MANY_CHANGES: usize = 8;
/// Room between two checkpoint labels, in points.
const LABEL_GAP: f64 = 6.0;

#[derive(Debug, Clone, PartialEq)]
pub struct Movement {
    /// Of the models.
    pub names: Vec<String>,
    /// Checkpoints in the order of training, drawn at equal distances.
    pub times: Vec<String>,
    /// `[times][models]`
    pub positions: Vec<Vec<f64>>,
    /// `[times][models]`
    pub clusters: Vec<Vec<usize>>,
    pub x_label: String,
    pub y_label: String,
    pub title: Option<String>,
    pub width: Width,
    pub look: Look,
}

impl Movement {
    /// # Errors
    /// Fewer than two times, no models, lists of unequal lengths, or a position that is not finite.
    pub fn render(&self, provenance: &str) -> Result<Rendered, PlotError> {
        output::render(&self.draw()?, provenance, self.look.svg_text)
    }

    /// One row for each model at each checkpoint.
    pub fn numbers(&self) -> Numbers {
        let each = || (0..self.names.len()).flat_map(|model| (0..self.times.len()).map(move |time| (model, time)));
        let cluster = |(model, time): (usize, usize)| self.clusters[time][model] as i64;
        Numbers {
            columns: vec![
                ("model".to_owned(), Column::Models(each().map(|(model, _)| self.names[model].clone()).collect())),
                ("checkpoint".to_owned(), Column::Text(each().map(|(_, time)| self.times[time].clone()).collect())),
                ("cluster".to_owned(), Column::Whole(each().map(cluster).collect())),
                (
                    "position".to_owned(),
                    Column::Number(each().map(|(model, time)| self.positions[time][model]).collect()),
                ),
            ],
        }
    }

    pub(super) fn draw(&self) -> Result<Drawing, PlotError> {
        self.check()?;
        let mut drawing = Drawing::new(self.width.points());
        let changers: Vec<usize> = (0..self.names.len()).filter(|model| self.changes(*model)).collect();
        let top = head(&mut drawing, self.title.as_deref(), &self.legend(changers.len()));
        let (low, high) = extent(self.positions.iter().flatten().copied());
        let last = (self.times.len() - 1) as f64;
        let mut frame = Frame::new(&mut drawing, (&self.look, self.width), top, (0.0, last, 0.09), (low, high, 0.07))?;
        self.label_times(&mut frame);

        let stayers = self.names.len() - changers.len();
        let faint = (12.0 / stayers.max(1) as f64).sqrt().clamp(0.3, 0.8);
        let crowded = self.names.len() > CROWD;
        let (radius, halo) = if crowded { CROWDED_POINT } else { POINT };
        for model in 0..self.names.len() {
            for time in 1..self.times.len() {
                if self.clusters[time][model] == self.clusters[time - 1][model] {
                    let ink = self.look.colour(self.clusters[time][model]).faded(faint);
                    let ends = self.ends(&frame, model, time);
                    let heads = self.names.len() <= MOST_HEADS;
                    arrow(&mut drawing, &frame, ends, (STAY_LINE, if heads { 3.2 } else { 0.0 }), radius, ink);
                }
            }
        }
        let change = if changers.len() > MANY_CHANGES { CROWDED_CHANGE } else { CHANGE };
        for model in &changers {
            for time in 1..self.times.len() {
                if self.clusters[time][*model] != self.clusters[time - 1][*model] {
                    let ends = self.ends(&frame, *model, time);
                    arrow(&mut drawing, &frame, ends, change, radius, TEXT);
                }
            }
        }
        for model in 0..self.names.len() {
            for time in 0..self.times.len() {
                let cluster = self.clusters[time][model];
                let (x, y) = (time as f64, self.positions[time][model]);
                if frame.holds(x, y) {
                    let ink = self.look.colour(cluster).faded(0.9);
                    drawing.marker(marker(cluster), frame.point(x, y), radius, halo, ink);
                }
            }
        }
        self.draw_names(&mut drawing, &frame, &changers, radius);
        frame.draw_axes(&mut drawing, (&self.x_label, &self.y_label));
        Ok(drawing)
    }

    fn changes(&self, model: usize) -> bool {
        self.clusters.iter().any(|clusters| clusters[model] != self.clusters[0][model])
    }

    fn ends(&self, frame: &Frame, model: usize, time: usize) -> (Point, Point) {
        let place = |time: usize| frame.point(time as f64, self.positions[time][model]);
        (place(time - 1), place(time))
    }

    /// A tick with its label for each checkpoint, or for every so many where there is no room for all.
    fn label_times(&self, frame: &mut Frame) {
        let spacing = frame.point(1.0, 0.0).0 - frame.point(0.0, 0.0).0;
        let widest = fonts::widest(self.times.iter().map(String::as_str), TICK_TEXT) + LABEL_GAP;
        let every = (widest / spacing).ceil().max(1.0) as usize;
        // Counted from the end: the last checkpoint is the one that must have its label.
        let shown = |time: usize| (self.times.len() - 1 - time).is_multiple_of(every);
        // The first label may reach to the left edge of the page, the last one to the right.
        let last = frame.point((self.times.len() - 1) as f64, 0.0).0;
        let edge = (frame.point(0.0, 0.0).0 - MARGIN).min(frame.right + 8.0 - last);
        let room = (spacing * every as f64 - LABEL_GAP).min(2.0 * edge);
        let label = |(time, name): (usize, &String)| (time as f64, fonts::fit_end(name, TICK_TEXT, false, room));
        frame.x.ticks = self.times.iter().enumerate().filter(|(time, _)| shown(*time)).map(label).collect();
    }

    /// The models that change cluster, beside their last place as far as there is room.
    fn draw_names(&self, drawing: &mut Drawing, frame: &Frame, changers: &[usize], radius: f64) {
        let last = self.times.len() - 1;
        let mut places: Vec<(Point, usize)> =
            changers.iter().map(|model| (frame.point(last as f64, self.positions[last][*model]), *model)).collect();
        places.retain(|((_, y), _)| (frame.top..=frame.bottom).contains(y));
        places.sort_by(|(a, _), (b, _)| a.1.total_cmp(&b.1));
        let mut free_from = f64::NEG_INFINITY;
        for ((x, y), model) in places {
            let baseline = y + TICK_TEXT * CAPITAL / 2.0;
            if baseline - TICK_TEXT < free_from {
                continue;
            }
            let left = x + radius + 2.5;
            let name =
                fonts::fit_end(&self.look.named(&self.names[model]), TICK_TEXT, false, drawing.width - MARGIN - left);
            drawing.text(name, (left, baseline), TICK_TEXT, Align::Start, TEXT);
            free_from = baseline + 0.5;
        }
    }

    fn legend(&self, changers: usize) -> Vec<Entry> {
        let mut clusters: Vec<usize> = self.clusters.iter().flatten().copied().collect();
        clusters.sort_unstable();
        clusters.dedup();
        let entry = |cluster: usize| Entry {
            sample: Sample::Marker { marker: marker(cluster), ink: self.look.colour(cluster) },
            text: self.look.cluster(cluster),
        };
        self.look.sort(&mut clusters, |cluster| format!("cluster {cluster}"));
        let mut entries: Vec<Entry> = clusters.into_iter().map(entry).collect();
        if changers < self.names.len() {
            let stay = Sample::Line { width: STAY_LINE, ink: self.look.colour(0), dash: &[] };
            entries.push(Entry { sample: stay, text: "stays in its cluster".to_owned() });
        }
        let (change, n) = (Sample::Line { width: CHANGE.0, ink: TEXT, dash: &[] }, self.names.len());
        entries.push(match changers {
            0 => Entry { sample: Sample::None, text: format!("n = {n}, none changes cluster") },
            _ => Entry { sample: change, text: format!("change of cluster ({changers} of {n} models)") },
        });
        entries
    }

    fn check(&self) -> Result<(), PlotError> {
        if self.names.is_empty() {
            return Err(PlotError::Nothing { figure: "the figure of movement", missing: "models" });
        }
        if self.times.len() < 2 {
            return Err(PlotError::Nothing { figure: "the figure of movement", missing: "second checkpoint" });
        }
        expect_length(|| "positions over time".to_owned(), self.times.len(), self.positions.len())?;
        expect_length(|| "clusters over time".to_owned(), self.times.len(), self.clusters.len())?;
        for ((time, positions), clusters) in self.times.iter().zip(&self.positions).zip(&self.clusters) {
            expect_length(|| format!("positions at `{time}`"), self.names.len(), positions.len())?;
            expect_length(|| format!("clusters at `{time}`"), self.names.len(), clusters.len())?;
            for (name, position) in self.names.iter().zip(positions) {
                drawable(*position, || format!("the position of `{name}` at `{time}`"))?;
            }
        }
        Ok(())
    }
}

/// A line whose head ends at the rim of the point it leads to; without a head of some length, the line alone.
fn arrow(
    drawing: &mut Drawing,
    frame: &Frame,
    (from, to): (Point, Point),
    (width, head): (f64, f64),
    rim: f64,
    ink: Ink,
) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy);
    if head == 0.0 || length <= rim + head {
        frame.line(drawing, &[from, to], width, ink);
        return;
    }
    let (ux, uy) = (dx / length, dy / length);
    let along = |back: f64| (to.0 - ux * back, to.1 - uy * back);
    let (tip, base) = (along(rim + 0.6), along(rim + 0.6 + head));
    let half = head * 0.36;
    frame.line(drawing, &[from, base], width, ink);
    let points = vec![tip, (base.0 - uy * half, base.1 + ux * half), (base.0 + uy * half, base.1 - ux * half)];
    frame.polygon(drawing, &points, ink);
}

#[cfg(test)]
mod tests {
    use super::super::output::tests::{check_page, texts};
    use super::*;

    /// Models in two bands, of which every eighth starts in the other.
    fn figure(models: usize, times: usize) -> Movement {
        let spread = |model: usize| (model * 37 % 100) as f64 / 400.0;
        let late = |model: usize| model.is_multiple_of(8);
        let cluster = |model: usize, time: usize| {
            let home = usize::from(model % 5 == 4);
            if late(model) && time * 2 < times { 1 - home } else { home }
        };
        let position = |model: usize, time: usize| {
            let centre = if cluster(model, time) == 0 { 0.5 } else { -0.4 };
            centre * (0.6 + 0.4 * time as f64 / times as f64) + spread(model) - 0.12
        };
        let over = |time: usize| (0..models).map(move |model| (model, time));
        Movement {
            names: (0..models).map(|model| model.to_string()).collect(),
            times: (1..=times).map(|t| if t == times { "last".into() } else { (t * 5000).to_string() }).collect(),
            positions: (0..times).map(|time| over(time).map(|(m, t)| position(m, t)).collect()).collect(),
            clusters: (0..times).map(|time| over(time).map(|(m, t)| cluster(m, t)).collect()).collect(),
            x_label: "checkpoint (training step)".to_owned(),
            y_label: "centroid feature (positive: larger cluster)".to_owned(),
            title: Some("QQP".to_owned()),
            width: Width::Column,
            look: Look::default(),
        }
    }

    #[test]
    fn changes_are_drawn_and_named() {
        let figure = figure(25, 5);
        let svg = String::from_utf8(figure.render("x").unwrap().svg).unwrap();
        let texts = texts(&svg);
        for text in ["change of cluster (4 of 25 models)", "cluster 0", "cluster 1", "last", "5000", "24"] {
            assert!(texts.contains(&text.to_owned()), "{text} in {texts:?}");
        }
        let numbers = figure.numbers();
        assert!(matches!(&numbers.columns[3].1, Column::Number(values) if values.len() == 125));
        let still = Movement { clusters: vec![vec![0; 25]; 5], ..figure };
        let svg = String::from_utf8(still.render("x").unwrap().svg).unwrap();
        assert!(svg.contains("n = 25, none changes cluster"));
    }

    #[test]
    fn any_number_of_models_and_checkpoints_stays_on_the_page() {
        for models in [1, 3, 5, 25, 100] {
            for times in [2, 3, 5, 12, 40] {
                check_page(&figure(models, times).draw().unwrap());
                let mut wordy = Movement { width: Width::Page, ..figure(models, times) };
                wordy.times.iter_mut().for_each(|time| *time = format!("clusters in the domain at {time}"));
                wordy.names.iter_mut().for_each(|name| *name = format!("a model with a long name {name}"));
                check_page(&wordy.draw().unwrap());
            }
        }
        let mut flat = figure(9, 3);
        flat.positions = vec![vec![0.0; 9]; 3];
        check_page(&flat.draw().unwrap());
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        let mut broken = figure(4, 2);
        broken.positions[1][2] = f64::INFINITY;
        assert!(broken.draw().unwrap_err().to_string().contains("the position of `2` at `last` is inf"));
        broken.positions[1].pop();
        assert!(matches!(broken.draw(), Err(PlotError::Mismatch { .. })));
        assert!(matches!(figure(4, 1).draw(), Err(PlotError::Nothing { .. })));
        assert!(matches!(figure(0, 3).draw(), Err(PlotError::Nothing { .. })));
    }
}

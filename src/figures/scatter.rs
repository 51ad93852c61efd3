//! One point a model: two numbers against each other, coloured by cluster, with the least-squares line.

use super::drawing::{Align, Drawing, Point};
use super::fonts::{self, CAPITAL};
use super::frame::{Entry, Frame, Sample, doubt, extent, head};
use super::look::Look;
use super::names::short;
use super::style::{AXIS, QUIET, TICK_TEXT, Width, marker};
use super::{Column, Numbers, PlotError, Rendered, drawable, expect_length, output};

/// Radius of a point and width of the white around it; the second pair is for crowds.
const POINT: (f64, f64) = (2.4, 0.5);
const CROWDED_POINT: (f64, f64) = (1.8, 0.3);
const CROWD: usize = 40;
const FIT_LINE: f64 = 0.9;
/// Opacity of the band around the line.
const BAND: f64 = 0.16;
const FIT_DASH: &[f64] = &[4.0, 2.0];
/// Beyond this many models names would only hide the points.
const MOST_NAMES: usize = 20;

/// A least-squares line and the correlation it belongs to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fit {
    pub slope: f64,
    pub intercept: f64,
    /// Pearson's r.
    pub r: f64,
    /// 95 % confidence interval of r, where there are points enough for one.
    pub interval: Option<(f64, f64)>,
    /// x, ascending, with the lower and upper end of the line's 95 % confidence band there; empty for none.
    pub band: Vec<[f64; 3]>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    /// Cluster of each point.
    pub clusters: Option<Vec<usize>>,
    /// What stands in the place of clusters, such as `learning_rate=2e-4`; `clusters` are then places in it.
    pub groups: Vec<String>,
    /// Name of each point, shown where at most 20 points leave room for it.
    pub names: Option<Vec<String>>,
    /// Drawn across the range of x, and written above the plot together with n.
    pub fit: Option<Fit>,
    pub x_label: String,
    pub y_label: String,
    /// The same for a table, with the group of examples.
    pub y_column: String,
    pub title: Option<String>,
    pub width: Width,
    pub look: Look,
}

impl Scatter {
    /// # Errors
    /// No points, lists of unequal lengths, or a value that is not finite.
    pub fn render(&self, provenance: &str) -> Result<Rendered, PlotError> {
        output::render(&self.draw()?, provenance, self.look.svg_text)
    }

    pub(super) fn draw(&self) -> Result<Drawing, PlotError> {
        self.check()?;
        let mut drawing = Drawing::new(self.width.points());
        let top = head(&mut drawing, self.title.as_deref(), &self.legend());
        let (x, y) = (extent(self.x.iter().copied()), extent(self.y.iter().copied()));
        let frame = Frame::new(&mut drawing, (&self.look, self.width), top, (x.0, x.1, 0.05), (y.0, y.1, 0.07))?;
        if let Some(fit) = &self.fit
            && fit.band.len() > 1
        {
            frame.polygon(&mut drawing, &band(&frame, &fit.band), QUIET.faded(BAND));
        }
        let line = self.fit.as_ref().map_or(Vec::new(), |fit| line(&frame, fit, x));
        frame.dashed(&mut drawing, &line, FIT_LINE, AXIS, FIT_DASH);
        let held: Vec<usize> = (0..self.x.len()).filter(|point| frame.holds(self.x[*point], self.y[*point])).collect();
        let places: Vec<Point> = held.iter().map(|point| frame.point(self.x[*point], self.y[*point])).collect();
        let (radius, halo) = if self.x.len() > CROWD { CROWDED_POINT } else { POINT };
        // Of clusters that may mean nothing the colours do not shout.
        let opacity = if self.look.doubt.is_some() { 0.45 } else { 0.85 };
        for (point, place) in held.iter().zip(&places) {
            let cluster = self.cluster(*point);
            drawing.marker(marker(cluster), *place, radius, halo, self.look.colour(cluster).faded(opacity));
        }
        if held.len() < self.x.len() {
            drawing.notes.push(format!(
                "{} of {} points lie outside the limits",
                self.x.len() - held.len(),
                self.x.len()
            ));
        }
        if let Some(names) = &self.names
            && held.len() <= MOST_NAMES
        {
            let (all, _) = short(names, &self.look);
            let names: Vec<String> = held.iter().map(|point| all[*point].clone()).collect();
            draw_names(&mut drawing, &frame, &names, &places, &line);
        }
        frame.draw_axes(&mut drawing, (&self.x_label, &self.y_label));
        Ok(drawing)
    }

    /// A row a point, with the line's value there.
    pub fn numbers(&self) -> Numbers {
        let mut columns = Vec::new();
        if let Some(names) = &self.names {
            columns.push(("model".to_owned(), Column::Models(names.clone())));
        }
        if let Some(clusters) = &self.clusters {
            let whole = clusters.iter().map(|cluster| *cluster as i64).collect();
            columns.push(match self.groups.is_empty() {
                true => ("cluster".to_owned(), Column::Whole(whole)),
                false => {
                    let group = |group: &usize| self.groups.get(*group).cloned().unwrap_or_default();
                    ("group".to_owned(), Column::Text(clusters.iter().map(group).collect()))
                }
            });
        }
        columns.push((self.x_label.clone(), Column::Number(self.x.clone())));
        columns.push((self.y_column.clone(), Column::Number(self.y.clone())));
        if let Some(fit) = &self.fit {
            let fitted = self.x.iter().map(|x| fit.intercept + fit.slope * x).collect();
            columns.push(("least-squares line".to_owned(), Column::Number(fitted)));
        }
        Numbers { columns }
    }

    fn cluster(&self, point: usize) -> usize {
        self.clusters.as_ref().map_or(0, |clusters| clusters[point])
    }

    fn group(&self, number: usize) -> String {
        self.groups.get(number).cloned().unwrap_or_else(|| format!("cluster {number}"))
    }

    fn legend(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        if let Some(clusters) = &self.clusters {
            let mut numbers: Vec<usize> = (0..=clusters.iter().copied().max().unwrap_or(0)).collect();
            self.look.sort(&mut numbers, |cluster| self.group(*cluster));
            for cluster in numbers {
                let size = clusters.iter().filter(|other| **other == cluster).count();
                if size > 0 {
                    let sample = Sample::Marker { marker: marker(cluster), ink: self.look.colour(cluster) };
                    entries.push(Entry {
                        sample,
                        text: format!("{} (n = {size})", self.look.named(&self.group(cluster))),
                    });
                }
            }
        }
        let n = self.x.len();
        let named = self.names.as_ref().filter(|names| names.len() <= MOST_NAMES);
        if let Some(text) = named.and_then(|names| short(names, &self.look).1) {
            entries.push(Entry { sample: Sample::None, text });
        }
        match &self.fit {
            Some(fit) => {
                let sample = Sample::Line { width: FIT_LINE, ink: AXIS, dash: FIT_DASH };
                let interval = fit.interval.map_or(String::new(), |(low, high)| {
                    format!(" (95 % interval {} to {})", hundredths(low), hundredths(high))
                });
                entries.push(Entry { sample, text: format!("r = {}{interval}, n = {n}", hundredths(fit.r)) });
                if fit.band.len() > 1 {
                    let sample = Sample::Block { ink: QUIET.faded(2.0 * BAND) };
                    entries.push(Entry { sample, text: "95 % band of the line".to_owned() });
                }
            }
            None => entries.push(Entry { sample: Sample::None, text: format!("n = {n}") }),
        }
        entries.extend(doubt(&self.look));
        entries
    }

    fn check(&self) -> Result<(), PlotError> {
        let n = self.x.len();
        if n == 0 {
            return Err(PlotError::Nothing { figure: "the scatter plot", missing: "points" });
        }
        expect_length(|| "y of the scatter plot".to_owned(), n, self.y.len())?;
        if let Some(clusters) = &self.clusters {
            expect_length(|| "clusters of the scatter plot".to_owned(), n, clusters.len())?;
        }
        if let Some(names) = &self.names {
            expect_length(|| "names of the scatter plot".to_owned(), n, names.len())?;
        }
        for point in 0..n {
            let name = |axis: &str| match &self.names {
                Some(names) => format!("{axis} of `{}`", names[point]),
                None => format!("{axis} of point {point}"),
            };
            drawable(self.x[point], || name("x"))?;
            drawable(self.y[point], || name("y"))?;
        }
        if let Some(fit) = &self.fit {
            drawable(fit.slope, || "the slope of the line".to_owned())?;
            drawable(fit.intercept, || "the intercept of the line".to_owned())?;
            drawable(fit.r, || "the correlation".to_owned())?;
            if let Some((low, high)) = fit.interval {
                drawable(low, || "the lower end of the correlation's interval".to_owned())?;
                drawable(high, || "the upper end of the correlation's interval".to_owned())?;
            }
            for value in fit.band.iter().flatten() {
                drawable(*value, || "the line's confidence band".to_owned())?;
            }
        }
        Ok(())
    }
}

/// A correlation, or an end of its interval; one that rounds to 0 has no sign to show.
fn hundredths(value: f64) -> String {
    let text = format!("{value:.2}");
    if text == "-0.00" { "0.00".to_owned() } else { text.replace('-', "−") }
}

/// The outline of the band.
fn band(frame: &Frame, band: &[[f64; 3]]) -> Vec<Point> {
    let place = |x: f64, y: f64| frame.point(x, y.clamp(-1e12, 1e12));
    let lower = band.iter().map(|[x, low, _]| place(*x, *low));
    lower.chain(band.iter().rev().map(|[x, _, high]| place(*x, *high))).collect()
}

/// The line over the range of x, which bends where an axis is logarithmic.
fn line(frame: &Frame, fit: &Fit, (low, high): (f64, f64)) -> Vec<Point> {
    let pieces = if frame.x.is_log() || frame.y.is_log() { 200 } else { 1 };
    let (first, last) = (frame.x.share(low).max(-1.0), frame.x.share(high).min(2.0));
    let at = |piece: usize| frame.x.value(first + (last - first) * piece as f64 / pieces as f64);
    (0..=pieces).map(at).map(|x| frame.point(x, fit.intercept + fit.slope * x)).collect()
}

/// Names beside their points where they cover neither a point, nor the line, nor another name, nor leave the frame.
fn draw_names(drawing: &mut Drawing, frame: &Frame, names: &[String], places: &[Point], line: &[Point]) {
    let (reach, height) = (POINT.0 + 1.5, TICK_TEXT * CAPITAL);
    let mut taken: Vec<[f64; 4]> = places.iter().map(|(x, y)| [x - reach, y - reach, x + reach, y + reach]).collect();
    for pair in line.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let pieces = ((to.0 - from.0).hypot(to.1 - from.1)).clamp(1.0, 400.0) as usize;
        let along = |share: f64| (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
        let pieces = (0..=pieces).map(|piece| along(piece as f64 / pieces as f64));
        taken.extend(pieces.map(|(x, y)| [x - 0.8, y - 0.8, x + 0.8, y + 0.8]));
    }
    for (name, (x, y)) in names.iter().zip(places) {
        let width = fonts::width(name, TICK_TEXT, false);
        let middle = y + height / 2.0;
        let candidates = [
            (x + reach + 0.5, middle),
            (x - reach - 0.5 - width, middle),
            (x - width / 2.0, y - reach - 0.5),
            (x - width / 2.0, y + reach + 0.5 + height),
        ];
        let free = candidates.into_iter().map(|(left, base)| [left, base - height, left + width, base]).find(|new| {
            let inside = new[0] > frame.left && new[2] < drawing.width && new[1] > frame.top && new[3] < frame.bottom;
            inside && !taken.iter().any(|old| new[0] < old[2] && old[0] < new[2] && new[1] < old[3] && old[1] < new[3])
        });
        if let Some(new) = free {
            taken.push(new);
            drawing.text(name, (new[0], new[3]), TICK_TEXT, Align::Start, QUIET);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::output::tests::{check_page, texts};
    use super::*;

    fn figure(n: usize) -> Scatter {
        let x: Vec<f64> = (0..n).map(|i| (i * 37 % 101) as f64 / 101.0 - 0.4).collect();
        Scatter {
            y: x.iter().enumerate().map(|(i, x)| 0.2 + 0.5 * x + (i * 53 % 29) as f64 / 100.0).collect(),
            clusters: Some(x.iter().map(|x| usize::from(*x > 0.1)).collect()),
            x,
            groups: Vec::new(),
            names: Some((0..n).map(|seed| seed.to_string()).collect()),
            fit: Some(Fit {
                slope: 0.5,
                intercept: 0.34,
                r: -0.874,
                interval: Some((-0.951, 0.004)),
                band: (0..=20).map(|i| f64::from(i) / 20.0 - 0.4).map(|x| [x, 0.2 + 0.6 * x, 0.5 + 0.4 * x]).collect(),
            }),
            x_label: "centroid feature (positive towards the larger cluster)".to_owned(),
            y_label: "PAWS F1".to_owned(),
            y_column: "PAWS F1, group".to_owned(),
            title: None,
            width: Width::Column,
            look: Look::default(),
        }
    }

    #[test]
    fn every_point_is_drawn_and_the_correlation_written() {
        let rendered = figure(15).render("x").unwrap();
        let svg = String::from_utf8(rendered.svg).unwrap();
        let discs = figure(15).clusters.unwrap().iter().filter(|cluster| **cluster == 0).count();
        // A point is a halo and its fill; the legend has no halo.
        assert_eq!(svg.matches("<circle").count(), 2 * discs + 1);
        // And the band.
        assert_eq!(svg.matches("<polygon").count(), 2 * (15 - discs) + 1 + 1);
        assert!(
            texts(&svg).contains(&"r = −0.87 (95 % interval −0.95 to 0.00), n = 15".to_owned()),
            "{:?}",
            texts(&svg)
        );
        assert!(texts(&svg).contains(&"PAWS F1".to_owned()));
    }

    #[test]
    fn the_numbers_are_those_of_the_points() {
        let csv = figure(2).numbers().csv("x");
        let header = "model,cluster,centroid feature (positive towards the larger cluster),\"PAWS F1, group\",least-squares line";
        assert_eq!(csv.lines().nth(1), Some(header));
        let row: Vec<f64> = csv.lines().nth(2).unwrap().split(',').map(|cell| cell.parse().unwrap()).collect();
        assert_eq!(row, [0.0, 0.0, -0.4, figure(2).y[0], 0.34 + 0.5 * -0.4]);
    }

    #[test]
    fn any_number_of_points_stays_on_the_page() {
        for n in [1, 2, 3, 12, 30, 100] {
            check_page(&figure(n).draw().unwrap());
            let bare = Scatter { clusters: None, names: None, fit: None, width: Width::Page, ..figure(n) };
            check_page(&bare.draw().unwrap());
        }
        let mut flat = figure(9);
        flat.y = vec![0.5; 9];
        flat.fit = Some(Fit { slope: 1e9, band: vec![[0.0, -1e9, 1e9], [0.5, 0.5e9, 1e12]], ..Fit::default() });
        check_page(&flat.draw().unwrap());
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        let mut broken = figure(4);
        broken.y[2] = f64::NAN;
        assert!(broken.draw().unwrap_err().to_string().contains("y of `2` is NaN"));
        assert!(matches!(figure(0).draw(), Err(PlotError::Nothing { .. })));
        broken.y.pop();
        assert!(matches!(broken.draw(), Err(PlotError::Mismatch { expected: 4, got: 3, .. })));
    }
}

//! Loss (or another metric) along the lines between models: one thin line a pair, one thick mean a group.

use super::drawing::{Drawing, Point};
use super::frame::{Entry, Frame, Sample, doubt, extent, head};
use super::look::Look;
use super::style::{MEAN_LINE, PAIR_LINE, QUIET, WHITE, Width, dash};
use super::{Column, Numbers, PlotError, Rendered, drawable, expect_length, output};

/// Opacity of a band: where two lie over each other both are seen.
const BAND: f64 = 0.18;

/// One pair of models.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Names of the two models, at the first and the last coefficient.
    pub pair: [String; 2],
    /// Interpolation coefficients, usually 0..=1.
    pub x: Vec<f64>,
    /// The metric at each coefficient.
    pub y: Vec<f64>,
    /// Index into [`Curves::groups`].
    pub group: usize,
}

/// Interpolation curves by group.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    pub curves: Vec<Curve>,
    /// Names such as "within cluster 0" and "between clusters". A group without curves is left out of the legend.
    pub groups: Vec<String>,
    /// Draw every pair, thinly.
    pub lines: bool,
    /// Shade one standard deviation over the pairs of a group around its mean.
    pub band: bool,
    /// Such as "interpolation coefficient".
    pub x_label: String,
    /// Such as "loss (nats)".
    pub y_label: String,
    pub title: Option<String>,
    pub width: Width,
    pub look: Look,
}

impl Curves {
    /// # Errors
    /// No curves, a curve of fewer than 2 points or with unequal lengths, a value that is not finite, an unknown group,
    /// or curves of one group at different coefficients.
    pub fn render(&self, provenance: &str) -> Result<Rendered, PlotError> {
        output::render(&self.draw()?, provenance, self.look.svg_text)
    }

    pub(super) fn draw(&self) -> Result<Drawing, PlotError> {
        self.check()?;
        let mut drawing = Drawing::new(self.width.points());
        let mut members: Vec<Vec<&Curve>> = vec![Vec::new(); self.groups.len()];
        for curve in &self.curves {
            members[curve.group].push(curve);
        }
        let top = head(&mut drawing, self.title.as_deref(), &self.legend(&members));
        let (x_low, x_high) = extent(self.curves.iter().flat_map(|curve| curve.x.iter().copied()));
        let shown: Vec<Statistics> = members.iter().map(|members| Statistics::of(members)).collect();
        let (y_low, y_high) = extent(self.heights(&shown).into_iter());
        let (x, y) = ((x_low, x_high, 0.0), (y_low, y_high, 0.04));
        let frame = Frame::new(&mut drawing, (&self.look, self.width), top, x, y)?;

        // The largest group lies lowest: the few curves of a small cluster must not drown under thousands.
        let mut order: Vec<usize> = (0..members.len()).filter(|group| !members[*group].is_empty()).collect();
        order.sort_by_key(|group| std::cmp::Reverse(members[*group].len()));
        for group in order.iter().filter(|group| self.has_band(&shown[**group])) {
            let outline = band(&frame, &members[*group][0].x, &shown[*group]);
            frame.polygon(&mut drawing, &outline, self.look.colour(*group).faded(BAND));
        }
        for group in order.iter().filter(|_| self.lines) {
            let ink = self.look.colour(*group).faded((8.0 / members[*group].len() as f64).sqrt().clamp(0.04, 0.6));
            for curve in &members[*group] {
                frame.line(&mut drawing, &path(&frame, &curve.x, &curve.y), PAIR_LINE, ink);
            }
        }
        let mut means: Vec<(usize, Vec<Point>)> =
            order.iter().map(|group| (*group, path(&frame, &members[*group][0].x, &shown[*group].mean))).collect();
        // Borders first, then solid means, then dashed: where two coincide, one shows through the other's gaps.
        means.sort_by_key(|(group, _)| !dash(*group).is_empty());
        for (_, mean) in &means {
            frame.line(&mut drawing, mean, MEAN_LINE + 1.4, WHITE.faded(0.85));
        }
        for (group, mean) in &means {
            frame.dashed(&mut drawing, mean, self.mean_line(), self.look.colour(*group), dash(*group));
        }
        frame.draw_axes(&mut drawing, (&self.x_label, &self.y_label));
        Ok(drawing)
    }

    /// Of groups that may mean nothing the means do not stand out.
    fn mean_line(&self) -> f64 {
        if self.look.doubt.is_some() { 0.6 * MEAN_LINE } else { MEAN_LINE }
    }

    fn legend(&self, members: &[Vec<&Curve>]) -> Vec<Entry> {
        let mut shown: Vec<(usize, &Vec<&Curve>)> =
            members.iter().enumerate().filter(|(_, members)| !members.is_empty()).collect();
        self.look.sort(&mut shown, |(group, _)| self.groups[*group].clone());
        let mut entries: Vec<Entry> = shown
            .into_iter()
            .map(|(group, members)| {
                let sample = Sample::Line { width: self.mean_line(), ink: self.look.colour(group), dash: dash(group) };
                let tail = match members.len() {
                    1 => ", one pair".to_owned(),
                    pairs => format!(", mean of {pairs} pairs"),
                };
                Entry::named(sample, &self.look.named(&self.groups[group]), &tail, self.width)
            })
            .collect();
        if members.iter().any(|members| members.len() > 1) {
            if self.lines {
                let sample = Sample::Line { width: PAIR_LINE, ink: QUIET, dash: &[] };
                entries.push(Entry { sample, text: "one pair".to_owned() });
            }
            if self.band {
                let sample = Sample::Block { ink: QUIET.faded(2.0 * BAND) };
                entries.push(Entry { sample, text: "±1 standard deviation".to_owned() });
            }
        }
        entries.extend(doubt(&self.look));
        entries
    }

    fn has_band(&self, statistics: &Statistics) -> bool {
        self.band && statistics.deviation.is_some()
    }

    /// All values of y that the axis has to hold.
    fn heights(&self, shown: &[Statistics]) -> Vec<f64> {
        let mut heights: Vec<f64> = shown.iter().flat_map(|statistics| statistics.mean.iter().copied()).collect();
        if self.lines {
            heights.extend(self.curves.iter().flat_map(|curve| curve.y.iter().copied()));
        }
        for statistics in shown.iter().filter(|statistics| self.has_band(statistics)) {
            heights.extend(statistics.edge(-1.0).chain(statistics.edge(1.0)));
        }
        heights
    }

    /// A row for each point of each line that is drawn: `statistic` is "pair", "mean" or "standard deviation".
    pub fn numbers(&self) -> Numbers {
        let mut rows = Rows::default();
        for (group, name) in self.groups.iter().enumerate() {
            let members: Vec<&Curve> = self.curves.iter().filter(|curve| curve.group == group).collect();
            let Some(first) = members.first() else { continue };
            let statistics = Statistics::of(&members);
            let nobody = [String::new(), String::new()];
            rows.add(name, "mean", &nobody, &first.x, &statistics.mean);
            if let Some(deviation) = statistics.deviation.as_ref().filter(|_| self.band) {
                rows.add(name, "standard deviation", &nobody, &first.x, deviation);
            }
            for curve in members.iter().filter(|_| self.lines) {
                rows.add(name, "pair", &curve.pair, &curve.x, &curve.y);
            }
        }
        let Rows { texts: [group, statistic, first, second], coefficients, values } = rows;
        Numbers {
            columns: vec![
                ("group".to_owned(), Column::Text(group)),
                ("statistic".to_owned(), Column::Text(statistic)),
                ("first".to_owned(), Column::Models(first)),
                ("second".to_owned(), Column::Models(second)),
                ("coefficient".to_owned(), Column::Number(coefficients)),
                (self.y_label.clone(), Column::Number(values)),
            ],
        }
    }

    fn check(&self) -> Result<(), PlotError> {
        if self.curves.is_empty() {
            return Err(PlotError::Nothing { figure: "the figure of curves", missing: "curves" });
        }
        let mut points: Vec<Option<&[f64]>> = vec![None; self.groups.len()];
        for (number, curve) in self.curves.iter().enumerate() {
            if curve.group >= self.groups.len() {
                let (curve_name, groups) = (format!("curve {number}"), self.groups.len());
                return Err(PlotError::UnknownGroup { curve: curve_name, group: curve.group, groups });
            }
            let name = |part: &str| format!("{part} of curve {number} (`{}`)", self.groups[curve.group]);
            expect_length(|| name("y"), curve.x.len(), curve.y.len())?;
            if curve.x.len() < 2 {
                return Err(PlotError::Mismatch { place: name("x"), expected: 2, got: curve.x.len() });
            }
            for (i, (x, y)) in curve.x.iter().zip(&curve.y).enumerate() {
                drawable(*x, || name(&format!("x[{i}]")))?;
                drawable(*y, || name(&format!("y[{i}]")))?;
            }
            match points[curve.group] {
                None => points[curve.group] = Some(&curve.x),
                Some(first) if first == curve.x => {}
                Some(_) => return Err(PlotError::UnequalPoints { group: self.groups[curve.group].clone() }),
            }
        }
        Ok(())
    }
}

fn path(frame: &Frame, x: &[f64], y: &[f64]) -> Vec<Point> {
    x.iter().zip(y).map(|(x, y)| frame.point(*x, *y)).collect()
}

/// Of a group's curves, at each coefficient.
struct Statistics {
    mean: Vec<f64>,
    /// Sample standard deviation; one pair has none.
    deviation: Option<Vec<f64>>,
}

impl Statistics {
    fn of(members: &[&Curve]) -> Statistics {
        let points = members.first().map_or(0, |first| first.y.len());
        let over =
            |total: f64, value: &dyn Fn(&Curve) -> f64| members.iter().map(|curve| value(curve) / total).sum::<f64>();
        let count = members.len() as f64;
        let mean: Vec<f64> = (0..points).map(|i| over(count, &|curve| curve.y[i])).collect();
        let deviation = |i: usize| {
            // By the largest distance, whose square could overflow.
            let largest = members.iter().map(|curve| (curve.y[i] - mean[i]).abs()).fold(0.0, f64::max);
            let scale = if largest > 0.0 { largest } else { 1.0 };
            let squares: f64 = over(count - 1.0, &|curve| ((curve.y[i] - mean[i]) / scale).powi(2));
            squares.sqrt() * scale
        };
        let deviation = (members.len() > 1).then(|| (0..points).map(deviation).collect());
        Statistics { mean, deviation }
    }

    /// The mean and `side` times the deviation.
    fn edge(&self, side: f64) -> impl DoubleEndedIterator<Item = f64> + '_ {
        let deviation = self.deviation.as_deref().unwrap_or(&[]);
        self.mean.iter().zip(deviation).map(move |(mean, deviation)| mean + side * deviation)
    }
}

/// The outline of the band: its upper edge and its lower one back.
fn band(frame: &Frame, x: &[f64], statistics: &Statistics) -> Vec<Point> {
    let place = |(x, y): (&f64, f64)| frame.point(*x, y);
    let upper = x.iter().zip(statistics.edge(1.0)).map(place);
    let lower: Vec<Point> = x.iter().zip(statistics.edge(-1.0)).map(place).collect();
    upper.chain(lower.into_iter().rev()).collect()
}

#[derive(Default)]
struct Rows {
    texts: [Vec<String>; 4],
    coefficients: Vec<f64>,
    values: Vec<f64>,
}

impl Rows {
    fn add(&mut self, group: &str, statistic: &str, [first, second]: &[String; 2], x: &[f64], y: &[f64]) {
        for (x, y) in x.iter().zip(y) {
            for (column, text) in self.texts.iter_mut().zip([group, statistic, first, second]) {
                column.push(text.to_owned());
            }
            self.coefficients.push(*x);
            self.values.push(*y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::output::tests::{check_page, texts};
    use super::*;

    fn figure(pairs: usize) -> Curves {
        let x: Vec<f64> = (0..10).map(|i| f64::from(i) / 9.0).collect();
        let bump =
            |pair: usize, x: f64| 0.3 + (pair % 7) as f64 * 0.02 + if pair % 3 == 2 { x * (1.0 - x) } else { 0.0 };
        let curve = |pair: usize| Curve {
            pair: [pair.to_string(), (pair + 1).to_string()],
            y: x.iter().map(|x| bump(pair, *x)).collect(),
            x: x.clone(),
            group: pair % 3,
        };
        Curves {
            curves: (0..pairs).map(curve).collect(),
            groups: ["within cluster 0", "within cluster 1", "between clusters"].map(String::from).to_vec(),
            lines: true,
            band: false,
            x_label: "interpolation coefficient".to_owned(),
            y_label: "loss (nats)".to_owned(),
            title: Some("QQP, 100 models".to_owned()),
            width: Width::Column,
            look: Look::default(),
        }
    }

    #[test]
    fn every_pair_and_every_mean_is_drawn() {
        let figure = figure(30);
        let rendered = figure.render("pipeline plot.curves").unwrap();
        let svg = String::from_utf8(rendered.svg).unwrap();
        let thin = format!("stroke-width=\"{}\"", PAIR_LINE * 20.0);
        assert_eq!(svg.lines().filter(|line| line.contains("<polyline") && line.contains(&thin)).count(), 30 + 1);
        for text in ["within cluster 0, mean of 10 pairs", "one pair", "loss (nats)", "QQP, 100 models", "0.2"] {
            assert!(texts(&svg).contains(&text.to_owned()), "{text} in {:?}", texts(&svg));
        }
        check_page(&figure.draw().unwrap());
    }

    #[test]
    fn a_band_spans_one_standard_deviation_around_the_mean() {
        let mut banded = Curves { lines: false, band: true, ..figure(3) };
        for (curve, height) in banded.curves.iter_mut().zip([1.0, 3.0, 2.0]) {
            curve.group = 0;
            curve.y = vec![height; 10];
        }
        // Mean 2, deviation 1: the band fills the axis but for the padding, 4 % at each end.
        let drawing = banded.draw().unwrap();
        let shape = drawing.shapes.iter().find_map(|shape| match shape {
            super::super::drawing::Shape::Polygon { points, .. } => Some(points),
            _ => None,
        });
        let (low, high) = extent(shape.unwrap().iter().map(|point| point.1));
        assert!((high - low - 150.0 / 1.08).abs() < 1e-9, "{low} to {high}");
        check_page(&drawing);
        let csv = banded.numbers().csv("x");
        assert!(csv.contains("within cluster 0,standard deviation,,,0,1\n") && !csv.contains("pair"), "{csv}");
        let csv = figure(4).numbers().csv("x");
        assert_eq!(csv.lines().filter(|line| line.starts_with("within cluster 0,pair,3,4,")).count(), 10);
        assert!(csv.lines().nth(1).unwrap().ends_with("coefficient,loss (nats)"));
    }

    #[test]
    fn limits_cut_lines_and_what_is_outside_is_noted() {
        let mut cut = figure(6);
        cut.look.y.limits = [Some(0.0), Some(0.4)];
        let drawing = cut.draw().unwrap();
        check_page(&drawing);
        assert!(drawing.notes.is_empty(), "{:?}", drawing.notes);
        cut.look.y.limits = [Some(2.0), Some(3.0)];
        assert_eq!(cut.draw().unwrap().notes, ["lines lie outside the limits of the axes"]);
        let mut words = figure(6);
        words.look.labels = [("between clusters".to_owned(), "across".to_owned())].into();
        words.look.order = vec!["between clusters".to_owned()];
        words.look.y.log = true;
        let svg = String::from_utf8(words.render("x").unwrap().svg).unwrap();
        assert_eq!(texts(&svg)[1], "across, mean of 2 pairs");
        words.curves[0].y[3] = 0.0;
        assert!(matches!(words.draw(), Err(PlotError::NotLogarithmic { .. })));
    }

    #[test]
    fn odd_data_is_drawn_within_the_page() {
        for (scale, level) in [(1e-6, 0.7), (1e3, 0.0), (0.0, 0.4), (0.0, 0.0), (1e-300, 0.0), (1e200, -1e200)] {
            for pairs in [1, 2, 40] {
                let mut odd = Curves { band: pairs == 40, ..figure(pairs) };
                for y in odd.curves.iter_mut().flat_map(|curve| curve.y.iter_mut()) {
                    *y = level + scale * *y;
                }
                check_page(&odd.draw().unwrap());
            }
        }
        let mut wordy = figure(9);
        wordy.groups[0] =
            "a very long name for a group of pairs that does not fit into one column of a page".to_owned();
        wordy.title =
            Some("a title that is longer than one line of the column and therefore has to be broken".to_owned());
        wordy.y_label = wordy.groups[0].clone();
        wordy.x_label = wordy.groups[0].clone();
        check_page(&wordy.draw().unwrap());
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        let mut broken = figure(4);
        broken.curves[2].y[3] = f64::NAN;
        assert!(broken.draw().unwrap_err().to_string().contains("y[3] of curve 2 (`between clusters`) is NaN"));
        let mut shifted = figure(4);
        shifted.curves[3].x[1] += 0.01;
        assert_eq!(shifted.draw(), Err(PlotError::UnequalPoints { group: "within cluster 0".to_owned() }));
        assert!(matches!(figure(0).draw(), Err(PlotError::Nothing { .. })));
        let mut unknown = figure(1);
        unknown.curves[0].group = 3;
        assert!(matches!(unknown.draw(), Err(PlotError::UnknownGroup { group: 3, groups: 3, .. })));
    }
}

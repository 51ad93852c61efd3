//! A small study at one look: a square of models with the line between each two below the diagonal, and their
//! distance above it.

use super::clip;
use super::colormap::readable_on;
use super::drawing::{Align, Drawing, Label, Point};
use super::fonts::{self, CAPITAL};
use super::frame::{Entry, Sample, extent, head, upward_name};
use super::look::Look;
use super::names::short;
use super::numbers::{Column, Numbers};
use super::style::{AXIS, AXIS_LINE, LABEL_TEXT, MARGIN, QUIET, TEXT, TICK_LENGTH, TICK_TEXT, Width};
use super::ticks::Axis;
use super::{PlotError, Rendered, drawable, expect_length, output};

/// More would leave no room for a number in a cell.
pub const MATRIX_MODELS: usize = 12;

const GAP: f64 = 2.5;
/// Between two cells.
const CELL_GAP: f64 = 3.0;
const CURVE: f64 = 1.0;
const EDGE: f64 = 0.4;
const INSET: f64 = 2.0;

/// The line between two models.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixPair {
    /// Numbers of the models, `first < second`.
    pub first: usize,
    pub second: usize,
    /// Interpolation coefficients.
    pub x: Vec<f64>,
    /// The metric at each of them.
    pub y: Vec<f64>,
    /// At least 0.
    pub distance: f64,
}

/// Models in the order in which they are to stand, first at the upper left.
#[derive(Debug, Clone, PartialEq)]
pub struct PairMatrix {
    pub labels: Vec<String>,
    /// The metric of each model, on the diagonal.
    pub values: Vec<Option<f64>>,
    /// Each pair at most once; cells of pairs that are not there stay empty.
    pub pairs: Vec<MatrixPair>,
    /// Such as "interpolation coefficient".
    pub x_label: String,
    /// Such as "loss (nats)".
    pub metric_label: String,
    /// Such as "convexity gap (nats)".
    pub distance_label: String,
    pub title: Option<String>,
    pub width: Width,
    pub look: Look,
}

/// Where cells stand, in points, and what they show.
struct Layout {
    left: f64,
    top: f64,
    /// From the beginning of one cell to that of the next.
    pitch: f64,
    x: (f64, f64),
    y: Axis,
}

impl Layout {
    fn corner(&self, row: usize, column: usize) -> Point {
        (self.left + column as f64 * self.pitch, self.top + row as f64 * self.pitch)
    }

    fn side(&self) -> f64 {
        self.pitch - CELL_GAP
    }

    /// Whether a label at this height stays clear of those of the cells above and below.
    fn has_room(&self, value: f64) -> bool {
        let from_edge = self.y.share(value).min(1.0 - self.y.share(value)) * self.side();
        2.0 * from_edge + CELL_GAP > TICK_TEXT * (CAPITAL + 0.15)
    }

    fn point(&self, (row, column): (usize, usize), x: f64, y: f64) -> Point {
        let ((left, top), side) = (self.corner(row, column), self.side());
        let across = if self.x.1 > self.x.0 { (x - self.x.0) / (self.x.1 - self.x.0) } else { 0.5 };
        (left + side * across, top + side * (1.0 - self.y.share(y)))
    }
}

impl PairMatrix {
    /// # Errors
    /// No pairs, more than 12 models, lists of unequal lengths, a pair of models that are not there, a line of fewer
    /// than 2 points, or a value that is not finite.
    pub fn render(&self, provenance: &str) -> Result<Rendered, PlotError> {
        output::render(&self.draw()?, provenance, self.look.svg_text)
    }

    /// One row a point of a line.
    pub fn numbers(&self) -> Numbers {
        let points = || self.pairs.iter().flat_map(|pair| pair.x.iter().zip(&pair.y).map(move |at| (pair, at)));
        let name = |model: fn(&MatrixPair) -> usize| {
            Column::Models(points().map(|(pair, _)| self.labels[model(pair)].clone()).collect())
        };
        Numbers {
            columns: vec![
                ("first".to_owned(), name(|pair| pair.first)),
                ("second".to_owned(), name(|pair| pair.second)),
                ("coefficient".to_owned(), Column::Number(points().map(|(_, (x, _))| *x).collect())),
                ("value".to_owned(), Column::Number(points().map(|(_, (_, y))| *y).collect())),
                ("distance".to_owned(), Column::Number(points().map(|(pair, _)| pair.distance).collect())),
            ],
        }
    }

    pub(super) fn draw(&self) -> Result<Drawing, PlotError> {
        self.check()?;
        let mut drawing = Drawing::new(self.width.points());
        let numbers = Shown::of(self.pairs.iter().map(|pair| pair.distance));
        let values = Shown::of(self.values.iter().flatten().copied());
        let top = head(&mut drawing, self.title.as_deref(), &self.legend(&numbers, &values));
        let layout = self.layout(&drawing, top)?;
        let largest = self.pairs.iter().map(|pair| pair.distance).fold(0.0, f64::max);
        for pair in &self.pairs {
            self.draw_line(&mut drawing, &layout, pair);
            let share = if largest > 0.0 { pair.distance / largest } else { 0.0 };
            let ink = self.look.colours.at(share);
            let (from, side) = (layout.corner(pair.first, pair.second), layout.side());
            drawing.rectangle(from, (from.0 + side, from.1 + side), ink);
            let centre = (from.0 + side / 2.0, from.1 + side / 2.0 + TICK_TEXT * CAPITAL / 2.0);
            let text = fonts::fit(&numbers.text(pair.distance), TICK_TEXT, false, side);
            drawing.text(text, centre, TICK_TEXT, Align::Middle, readable_on(ink));
        }
        for (model, label) in short(&self.labels, &self.look).0.iter().enumerate() {
            self.draw_model(&mut drawing, &layout, (model, label), &values);
        }
        self.draw_axes(&mut drawing, &layout);
        Ok(drawing)
    }

    fn legend(&self, numbers: &Shown, values: &Shown) -> Vec<Entry> {
        let words = |text: String| Entry { sample: Sample::None, text };
        let line = Sample::Line { width: CURVE, ink: self.look.colour(0), dash: &[] };
        let mut entries = vec![
            Entry { sample: line, text: format!("below: {} along the line", self.metric_label) },
            words(format!("above{}: {}", numbers.note(), self.distance_label)),
            words(format!("diagonal{}: {} of the model", values.note(), self.metric_label)),
        ];
        entries.extend(short(&self.labels, &self.look).1.map(words));
        entries
    }

    fn layout(&self, drawing: &Drawing, top: f64) -> Result<Layout, PlotError> {
        let n = self.labels.len();
        let (low, high) = extent(self.pairs.iter().flat_map(|pair| pair.y.iter().copied()));
        let x = extent(self.pairs.iter().flat_map(|pair| pair.x.iter().copied()));
        // The labels decide the cells' side, and the side the labels: a first guess is near enough for their width.
        // Small cells still get two or three ticks, which stand close but apart.
        let axis = |side: f64| Axis::asked(&self.look.y, (low, high, 0.1), side.max(72.0), false);
        let guess = (drawing.width - 2.0 * MARGIN) / n as f64 - CELL_GAP;
        let left = MARGIN + LABEL_TEXT + 2.0 * GAP + axis(guess)?.widest_label() + TICK_LENGTH;
        let pitch = (drawing.width - MARGIN - left + CELL_GAP) / n as f64;
        Ok(Layout { left, top, pitch, x, y: axis(pitch - CELL_GAP)? })
    }

    fn draw_line(&self, drawing: &mut Drawing, layout: &Layout, pair: &MatrixPair) {
        let cell = (pair.second, pair.first);
        let ((left, top), side) = (layout.corner(cell.0, cell.1), layout.side());
        let (right, bottom) = (left + side, top + side);
        let outline = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
        drawing.line(&outline, EDGE, QUIET.faded(0.6));
        let points: Vec<Point> = pair.x.iter().zip(&pair.y).map(|(x, y)| layout.point(cell, *x, *y)).collect();
        for piece in clip::pieces(&points, (left, right), (top, bottom)) {
            drawing.line(&piece, CURVE, self.look.colour(0));
        }
    }

    fn draw_model(&self, drawing: &mut Drawing, layout: &Layout, (model, label): (usize, &str), values: &Shown) {
        let ((left, top), side) = (layout.corner(model, model), layout.side());
        let (x, middle) = (left + side / 2.0, top + side / 2.0);
        let text = fonts::fit_end(label, LABEL_TEXT, true, side);
        let value = self.values[model].map(|value| fonts::fit(&values.text(value), TICK_TEXT, false, side));
        let lift = if value.is_some() { -1.5 } else { LABEL_TEXT * CAPITAL / 2.0 };
        let at = (x, middle + lift);
        drawing.label(Label {
            text,
            at,
            size: LABEL_TEXT,
            bold: true,
            align: Align::Middle,
            upwards: false,
            ink: TEXT,
        });
        if let Some(value) = value {
            drawing.text(value, (x, middle + 1.5 + TICK_TEXT * CAPITAL), TICK_TEXT, Align::Middle, TEXT);
        }
    }

    /// One scale for all lines: ticks beside the first column and under the last row.
    fn draw_axes(&self, drawing: &mut Drawing, layout: &Layout) {
        let n = self.labels.len();
        let label_x = layout.left - TICK_LENGTH - GAP;
        for row in 1..n {
            for (value, label) in layout.y.ticks.iter().filter(|(value, _)| layout.has_room(*value)) {
                let (left, y) = layout.point((row, 0), layout.x.0, *value);
                drawing.line(&[(left - TICK_LENGTH, y), (left, y)], AXIS_LINE, AXIS);
                drawing.text(label, (label_x, y + TICK_TEXT * CAPITAL / 2.0), TICK_TEXT, Align::End, TEXT);
            }
        }
        let bottom = layout.top + layout.pitch * n as f64 - CELL_GAP;
        let label_y = bottom + TICK_LENGTH + GAP + TICK_TEXT * CAPITAL;
        for column in 0..n - 1 {
            let left = layout.corner(n - 1, column).0;
            let right = left + layout.side();
            // Labels stand a little inside: the 1 of one cell and the 0 of the next would read as 10.
            let ends = [(layout.x.0, left, left + INSET, Align::Start), (layout.x.1, right, right - INSET, Align::End)];
            for (value, x, label_x, align) in ends {
                drawing.line(&[(x, bottom), (x, bottom + TICK_LENGTH)], AXIS_LINE, AXIS);
                drawing.text(format!("{value}").replace('-', "−"), (label_x, label_y), TICK_TEXT, align, TEXT);
            }
        }
        let name_y = label_y + GAP + LABEL_TEXT;
        drawing.height = name_y + GAP + MARGIN;
        let x_name = self.look.x.name(&self.x_label);
        let name = fonts::fit(x_name, LABEL_TEXT, false, drawing.width - 2.0 * MARGIN);
        drawing.cut("the name of the x axis", x_name, &name);
        let half = fonts::width(&name, LABEL_TEXT, false) / 2.0;
        let centre = (layout.left + layout.pitch * (n - 1) as f64 / 2.0).max(MARGIN + half);
        drawing.text(name, (centre, name_y), LABEL_TEXT, Align::Middle, TEXT);
        upward_name(
            drawing,
            (self.look.y.name(&self.metric_label), &layout.y.note()),
            MARGIN + LABEL_TEXT * CAPITAL,
            layout.top + layout.pitch,
            bottom,
        );
    }

    fn check(&self) -> Result<(), PlotError> {
        let n = self.labels.len();
        if n < 2 || self.pairs.is_empty() {
            return Err(PlotError::Nothing { figure: "the overview", missing: "pairs of models" });
        }
        if n > MATRIX_MODELS {
            let place = "models of the overview, at most".to_owned();
            return Err(PlotError::Mismatch { place, expected: MATRIX_MODELS, got: n });
        }
        expect_length(|| "values of the overview".to_owned(), n, self.values.len())?;
        for (model, value) in self.values.iter().enumerate() {
            drawable(value.unwrap_or(0.0), || format!("the value of `{}`", self.labels[model]))?;
        }
        for pair in &self.pairs {
            if pair.first >= pair.second || pair.second >= n {
                let place = format!("a pair of the models {} and {}, of which there are", pair.first, pair.second);
                return Err(PlotError::Mismatch { place, expected: n, got: pair.second + 1 });
            }
            let (first, second) = (&self.labels[pair.first], &self.labels[pair.second]);
            let name = |part: &str| format!("{part} between `{first}` and `{second}`");
            expect_length(|| name("the values"), pair.x.len(), pair.y.len())?;
            if pair.x.len() < 2 {
                return Err(PlotError::Mismatch { place: name("the points"), expected: 2, got: pair.x.len() });
            }
            drawable(pair.distance, || name("the distance"))?;
            pair.x.iter().try_for_each(|x| drawable(*x, || name("a coefficient")).map(|_| ()))?;
            pair.y.iter().try_for_each(|y| drawable(*y, || name("a value")).map(|_| ()))?;
        }
        Ok(())
    }
}

/// Numbers in cells: all with as many decimals, which give the largest of them three digits.
struct Shown {
    exponent: i32,
    decimals: usize,
}

impl Shown {
    fn of(values: impl Iterator<Item = f64>) -> Shown {
        let largest = values.map(f64::abs).fold(0.0, f64::max);
        let magnitude = if largest > 0.0 { largest.log10().floor() as i32 } else { 0 };
        let exponent = if (-2..5).contains(&magnitude) { 0 } else { magnitude };
        Shown { exponent, decimals: (2 - (magnitude - exponent)).clamp(0, 4) as usize }
    }

    fn text(&self, value: f64) -> String {
        let decimals = self.decimals;
        let scaled = value * 10f64.powi(-self.exponent / 2) * 10f64.powi(-self.exponent - (-self.exponent / 2));
        let text = format!("{scaled:.decimals$}");
        let zero = text.chars().all(|sign| matches!(sign, '-' | '0' | '.'));
        if zero { text.replace('-', "") } else { text.replace('-', "−") }
    }

    /// What the numbers have to be multiplied by.
    fn note(&self) -> String {
        match self.exponent {
            0 => String::new(),
            exponent => format!(", in units of 1e{exponent}").replace('-', "−"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::output::tests::{check_page, texts};
    use super::*;

    fn figure(n: usize) -> PairMatrix {
        let x: Vec<f64> = (0..10).map(|i| f64::from(i) / 9.0).collect();
        let pair = |first: usize, second: usize| {
            let bump = if first % 2 == second % 2 { 0.02 } else { 0.9 + 0.1 * (first as f64) };
            let y = x.iter().map(|x| 0.3 + 0.01 * first as f64 * (1.0 - x) + bump * x * (1.0 - x)).collect();
            MatrixPair { first, second, x: x.clone(), y, distance: bump / 4.0 }
        };
        PairMatrix {
            labels: (0..n).map(|seed| seed.to_string()).collect(),
            values: (0..n).map(|seed| Some(0.3 + 0.01 * seed as f64)).collect(),
            pairs: (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).map(|(i, j)| pair(i, j)).collect(),
            x_label: "interpolation coefficient".to_owned(),
            metric_label: "loss (nats)".to_owned(),
            distance_label: "convexity gap (nats)".to_owned(),
            title: None,
            width: if n > 5 { Width::Page } else { Width::Column },
            look: Look::default(),
        }
    }

    #[test]
    fn every_pair_has_a_line_and_a_number() {
        let svg = String::from_utf8(figure(5).render("x").unwrap().svg).unwrap();
        let curve = format!("stroke-width=\"{}\"", CURVE * 20.0);
        assert_eq!(svg.lines().filter(|line| line.contains("<polyline") && line.contains(&curve)).count(), 10 + 1);
        let texts = texts(&svg);
        for text in ["above: convexity gap (nats)", "0.225", "0.005", "0.340", "interpolation coefficient"] {
            assert!(texts.contains(&text.to_owned()), "{text} in {texts:?}");
        }
        let numbers = figure(5).numbers();
        let (name, Column::Number(distances)) = &numbers.columns[4] else { panic!("{:?}", numbers.columns) };
        assert_eq!((name.as_str(), distances.len(), distances[10]), ("distance", 100, 0.005));
    }

    #[test]
    fn two_to_twelve_models_stay_on_the_page() {
        for n in 2..=MATRIX_MODELS {
            for width in [Width::Column, Width::Page] {
                if n <= 5 || width == Width::Page {
                    check_page(&PairMatrix { width, ..figure(n) }.draw().unwrap());
                }
            }
        }
        for scale in [0.0, 1e-6, 1e4, 1e-300] {
            let mut odd = figure(12);
            for pair in &mut odd.pairs {
                pair.distance *= scale;
                pair.y.iter_mut().for_each(|y| *y *= scale);
            }
            odd.values.iter_mut().for_each(|value| *value = value.map(|value| value * scale));
            check_page(&odd.draw().unwrap());
        }
        for level in 0..60 {
            let mut shifted = figure(3 + level % 10);
            for y in shifted.pairs.iter_mut().flat_map(|pair| pair.y.iter_mut()) {
                *y = *y * (1.0 + level as f64 * 0.07) + level as f64 * 0.013;
            }
            check_page(&shifted.draw().unwrap());
        }
        let mut sparse = figure(4);
        sparse.pairs.truncate(2);
        sparse.values[3] = None;
        sparse.labels[0] = "a/very/long/name/of/a/model".to_owned();
        check_page(&sparse.draw().unwrap());
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        assert!(matches!(figure(1).draw(), Err(PlotError::Nothing { .. })));
        assert!(matches!(figure(13).draw(), Err(PlotError::Mismatch { expected: 12, got: 13, .. })));
        let mut broken = figure(3);
        broken.pairs[1].y[2] = f64::INFINITY;
        assert!(broken.draw().unwrap_err().to_string().contains("a value between `0` and `2` is inf"));
        let mut turned = figure(3);
        (turned.pairs[0].first, turned.pairs[0].second) = (1, 0);
        assert!(turned.draw().is_err());
    }

    #[test]
    fn numbers_get_three_digits() {
        for (largest, small, texts, note) in [
            (0.734, 0.00012, ["0.734", "0.000"], ""),
            (12.3, 0.5, ["12.3", "0.5"], ""),
            (0.0, 0.0, ["0.00", "0.00"], ""),
            (3.2e-5, 1e-6, ["3.20", "0.10"], ", in units of 1e−5"),
            (0.02, -0.01, ["0.0200", "−0.0100"], ""),
        ] {
            let shown = Shown::of([largest, small].into_iter());
            assert_eq!([shown.text(largest), shown.text(small)], texts);
            assert_eq!(shown.note(), note);
        }
    }
}

//! Distances between all pairs of models as a square of colours.

use super::colormap::viridis;
use super::drawing::{Align, Drawing, Point};
use super::fonts::{self, CAPITAL};
use super::frame::{Entry, Gap, Sample, extent, head, strip, upward_name};
use super::style::{AXIS, AXIS_LINE, LABEL_TEXT, MARGIN, TEXT, TICK_LENGTH, TICK_TEXT, WHITE, Width, colour};
use super::ticks::Axis;
use super::{Column, Numbers, PlotError, Rendered, drawable, expect_length, output};

const GAP: f64 = 2.5;
const STRIP: f64 = 4.0;
const BAR: f64 = 8.0;
const BAR_GAP: f64 = 9.0;

/// A matrix of values between models, in the order in which they are to stand (first at the upper left).
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    /// `[n, n]`, flat and row-major, with n = `labels.len()`.
    pub values: Vec<f64>,
    /// Name of each model, for the table beside the figure.
    pub models: Vec<String>,
    /// A seed or a metric's value for each model; as many are shown as fit.
    pub labels: Vec<String>,
    /// What the labels are, such as "seed".
    pub axis_label: String,
    /// Name and unit of the values, such as "convexity gap (nats)".
    pub value_label: String,
    /// Cluster of each model, `[n]`, shown as strips of colour beside the axes.
    pub clusters: Option<Vec<usize>>,
    /// Draw lines where neighbours belong to different clusters; for models ordered by cluster.
    pub separators: bool,
    pub title: Option<String>,
    pub width: Width,
}

/// Where the parts of the figure stand, in points.
struct Layout {
    left: f64,
    top: f64,
    side: f64,
    strip: f64,
    /// Every how many models a label stands.
    stride: usize,
    /// Labels under the matrix read upwards.
    upright: bool,
    bar: Axis,
}

impl Heatmap {
    /// # Errors
    /// No models, a matrix or clusters of the wrong length, or a value that is not finite.
    pub fn render(&self, provenance: &str) -> Result<Rendered, PlotError> {
        output::render(&self.draw()?, provenance)
    }

    pub(super) fn draw(&self) -> Result<Drawing, PlotError> {
        self.check()?;
        let mut drawing = Drawing::new(self.width.points());
        let top = head(&mut drawing, self.title.as_deref(), &self.legend());
        let layout = self.layout(&drawing, top);
        self.draw_cells(&mut drawing, &layout);
        self.draw_clusters(&mut drawing, &layout);
        self.draw_labels(&mut drawing, &layout);
        self.draw_bar(&mut drawing, &layout);
        Ok(drawing)
    }

    /// The matrix, a row and a column a model, after the models' labels and clusters.
    pub fn numbers(&self) -> Numbers {
        let mut columns = vec![("model".to_owned(), Column::Text(self.models.clone()))];
        if self.labels != self.models {
            columns.push((self.axis_label.clone(), Column::Text(self.labels.clone())));
        }
        if let Some(clusters) = &self.clusters {
            let whole = clusters.iter().map(|cluster| *cluster as i64).collect();
            columns.push(("cluster".to_owned(), Column::Whole(whole)));
        }
        for (number, model) in self.models.iter().enumerate() {
            let values = self.values.iter().skip(number).step_by(self.models()).copied().collect();
            columns.push((model.clone(), Column::Number(values)));
        }
        Numbers { columns }
    }

    fn models(&self) -> usize {
        self.labels.len()
    }

    fn legend(&self) -> Vec<Entry> {
        let Some(clusters) = &self.clusters else { return Vec::new() };
        let last = clusters.iter().copied().max().unwrap_or(0);
        let sizes = (0..=last).map(|cluster| (cluster, clusters.iter().filter(|other| **other == cluster).count()));
        sizes
            .filter(|(_, size)| *size > 0)
            .map(|(cluster, size)| Entry {
                sample: Sample::Strip { ink: colour(cluster), gap: gap(cluster, Gap::Horizontal) },
                text: format!("cluster {cluster} (n = {size})"),
            })
            .collect()
    }

    fn layout(&self, drawing: &Drawing, top: f64) -> Layout {
        let labels = fonts::widest(self.labels.iter().map(String::as_str), TICK_TEXT).min(drawing.width / 5.0);
        let strip = if self.clusters.is_some() { STRIP + 1.5 } else { 0.0 };
        let left = MARGIN + LABEL_TEXT + GAP + labels + GAP + TICK_LENGTH + strip;
        let (low, high) = extent(self.values.iter().copied());
        // The bar's labels decide the side, and the side the bar's labels: a first guess is near enough for the width.
        let bar_of = |length: f64| Axis::over(low, high, 0.0, length, false);
        let right = MARGIN + LABEL_TEXT + 2.0 * GAP + bar_of(drawing.width / 2.0).widest_label() + GAP + TICK_LENGTH;
        let side = drawing.width - left - BAR_GAP - BAR - right;
        let pitch = side / self.models() as f64;
        let stride = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000]
            .into_iter()
            .find(|stride| *stride as f64 * pitch >= TICK_TEXT + 1.0)
            .unwrap_or(self.models());
        let upright = labels + 4.0 > stride as f64 * pitch;
        Layout { left, top: top + strip, side, strip, stride, upright, bar: bar_of(side) }
    }

    fn draw_cells(&self, drawing: &mut Drawing, layout: &Layout) {
        let n = self.models();
        for row in 0..n {
            let mut start = 0;
            for column in 0..n {
                let ink = self.ink(layout, row, column);
                if column + 1 < n && self.ink(layout, row, column + 1) == ink {
                    continue;
                }
                // Half a point over the neighbours that follow, which are drawn on top: no seams between cells.
                let to = layout.corner(n, row + 1, column + 1);
                let over = |at: f64, end: f64| (at + 0.5).min(end);
                let to = (over(to.0, layout.left + layout.side), over(to.1, layout.top + layout.side));
                drawing.rectangle(layout.corner(n, row, start), to, ink);
                start = column + 1;
            }
        }
    }

    fn ink(&self, layout: &Layout, row: usize, column: usize) -> super::ink::Ink {
        viridis(layout.bar.share(self.values[row * self.models() + column]))
    }

    fn draw_clusters(&self, drawing: &mut Drawing, layout: &Layout) {
        let Some(clusters) = &self.clusters else { return };
        let n = self.models();
        let mut start = 0;
        for end in 1..=n {
            if end < n && clusters[end] == clusters[start] {
                continue;
            }
            let ink = colour(clusters[start]);
            let ((from, _), (to, _)) = (layout.corner(n, 0, start), layout.corner(n, 0, end));
            let lengthwise = gap(clusters[start], Gap::Horizontal);
            strip(drawing, (from, layout.top - layout.strip), (to, layout.top - 1.5), ink, lengthwise);
            let ((_, from), (_, to)) = (layout.corner(n, start, 0), layout.corner(n, end, 0));
            let lengthwise = gap(clusters[start], Gap::Vertical);
            strip(drawing, (layout.left - layout.strip, from), (layout.left - 1.5, to), ink, lengthwise);
            if self.separators && end < n {
                let (across, down) = (layout.corner(n, 0, end).0, layout.corner(n, end, 0).1);
                for (width, ink) in [(1.6, WHITE), (0.5, TEXT)] {
                    drawing.line(&[(across, layout.top), (across, layout.top + layout.side)], width, ink);
                    drawing.line(&[(layout.left, down), (layout.left + layout.side, down)], width, ink);
                }
            }
            start = end;
        }
    }

    fn draw_labels(&self, drawing: &mut Drawing, layout: &Layout) {
        let n = self.models();
        let pitch = layout.side / n as f64;
        let bottom = layout.top + layout.side;
        let edge = layout.left - layout.strip;
        let room = drawing.width / 5.0;
        let mut deepest: f64 = 0.0;
        for model in (0..n).step_by(layout.stride) {
            let label = fonts::fit_end(&self.labels[model], TICK_TEXT, false, room);
            let centre = (model as f64 + 0.5) * pitch;
            let (x, y) = (layout.left + centre, layout.top + centre);
            drawing.line(&[(edge - TICK_LENGTH, y), (edge, y)], AXIS_LINE, AXIS);
            let beside = (edge - TICK_LENGTH - GAP, y + TICK_TEXT * CAPITAL / 2.0);
            drawing.text(&label, beside, TICK_TEXT, Align::End, TEXT);
            drawing.line(&[(x, bottom), (x, bottom + TICK_LENGTH)], AXIS_LINE, AXIS);
            let below = bottom + TICK_LENGTH + GAP;
            if layout.upright {
                deepest = deepest.max(fonts::width(&label, TICK_TEXT, false));
                drawing.text_upwards(label, (x + TICK_TEXT * CAPITAL / 2.0, below), TICK_TEXT, Align::End, TEXT);
            } else {
                deepest = TICK_TEXT * CAPITAL;
                drawing.text(label, (x, below + TICK_TEXT * CAPITAL), TICK_TEXT, Align::Middle, TEXT);
            }
        }
        let name_y = bottom + TICK_LENGTH + GAP + deepest + GAP + LABEL_TEXT;
        drawing.height = name_y + GAP + MARGIN;
        let name = fonts::fit(&self.axis_label, LABEL_TEXT, false, layout.side);
        drawing.text(name, (layout.left + layout.side / 2.0, name_y), LABEL_TEXT, Align::Middle, TEXT);
        upward_name(drawing, (&self.axis_label, ""), MARGIN + LABEL_TEXT * CAPITAL, layout.top, bottom);
    }

    fn draw_bar(&self, drawing: &mut Drawing, layout: &Layout) {
        const SLICES: usize = 64;
        let left = layout.left + layout.side + BAR_GAP;
        let bottom = layout.top + layout.side;
        for slice in 0..SLICES {
            let height = |slice: usize| bottom - layout.side * slice as f64 / SLICES as f64;
            let over = (height(slice + 1) - 0.5).max(layout.top);
            let ink = viridis((slice as f64 + 0.5) / SLICES as f64);
            drawing.rectangle((left, over), (left + BAR, height(slice)), ink);
        }
        let edge = left + BAR;
        for (value, label) in &layout.bar.ticks {
            let y = bottom - layout.bar.share(*value) * layout.side;
            drawing.line(&[(edge, y), (edge + TICK_LENGTH, y)], AXIS_LINE, AXIS);
            let at = (edge + TICK_LENGTH + GAP, y + TICK_TEXT * CAPITAL / 2.0);
            drawing.text(label, at, TICK_TEXT, Align::Start, TEXT);
        }
        let name_x = edge + TICK_LENGTH + GAP + layout.bar.widest_label() + 2.0 * GAP + LABEL_TEXT * CAPITAL;
        upward_name(drawing, (&self.value_label, &layout.bar.note()), name_x, layout.top, bottom);
    }

    fn check(&self) -> Result<(), PlotError> {
        let n = self.models();
        if n == 0 {
            return Err(PlotError::Nothing { figure: "the heatmap", missing: "models" });
        }
        expect_length(|| "models of the heatmap".to_owned(), n, self.models.len())?;
        expect_length(|| "values of the heatmap".to_owned(), n * n, self.values.len())?;
        if let Some(clusters) = &self.clusters {
            expect_length(|| "clusters of the heatmap".to_owned(), n, clusters.len())?;
        }
        for (place, value) in self.values.iter().enumerate() {
            let name = || format!("the value between `{}` and `{}`", self.labels[place / n], self.labels[place % n]);
            drawable(*value, name)?;
        }
        Ok(())
    }
}

/// Every other cluster has one, so that two are told apart in grey.
fn gap(cluster: usize, gap: Gap) -> Gap {
    if cluster % 2 == 1 { gap } else { Gap::None }
}

impl Layout {
    /// Upper left corner of a cell.
    fn corner(&self, n: usize, row: usize, column: usize) -> Point {
        let along = |cell: usize| self.side * cell as f64 / n as f64;
        (self.left + along(column), self.top + along(row))
    }
}

#[cfg(test)]
mod tests {
    use super::super::output::tests::{check_page, texts};
    use super::*;

    fn figure(n: usize, label: impl Fn(usize) -> String) -> Heatmap {
        let clusters: Vec<usize> = (0..n).map(|model| usize::from(model * 3 >= n)).collect();
        let value = |place: usize| {
            let (row, column) = (place / n, place % n);
            let wobble = ((row * 7919 + column * 7919) % 13) as f64 / 100.0;
            if row == column { 0.0 } else { wobble + if clusters[row] == clusters[column] { 0.05 } else { 0.4 } }
        };
        Heatmap {
            values: (0..n * n).map(value).collect(),
            models: (0..n).map(|model| model.to_string()).collect(),
            labels: (0..n).map(label).collect(),
            axis_label: "seed".to_owned(),
            value_label: "convexity gap (nats)".to_owned(),
            clusters: Some(clusters),
            separators: true,
            title: None,
            width: Width::Column,
        }
    }

    #[test]
    fn labels_never_overlap_from_three_to_a_hundred_models() {
        for n in [1, 2, 3, 7, 12, 30, 64, 100] {
            for width in [Width::Column, Width::Page] {
                for mut heatmap in [figure(n, |model| model.to_string()), figure(n, |model| format!("0.{model:04}"))] {
                    heatmap.width = width;
                    check_page(&heatmap.draw().unwrap());
                }
            }
        }
    }

    #[test]
    fn cells_labels_and_legend_are_there() {
        let mut heatmap = figure(12, |model| (model * 10).to_string());
        // No two neighbours alike, so that no two cells are drawn as one.
        for (place, value) in heatmap.values.iter_mut().enumerate() {
            *value = place as f64 / 143.0;
        }
        let rendered = heatmap.render("x").unwrap();
        let svg = String::from_utf8(rendered.svg).unwrap();
        // Page, cells, bar, and of each cluster two strips and a legend block: the second's are split.
        assert_eq!(svg.matches("<rect").count(), 1 + 144 + 64 + 3 + 2 * 3);
        let texts = texts(&svg);
        for text in ["110", "cluster 0 (n = 4)", "cluster 1 (n = 8)", "convexity gap (nats)", "seed"] {
            assert!(texts.contains(&text.to_owned()), "{text} in {texts:?}");
        }
    }

    #[test]
    fn the_numbers_are_the_matrix() {
        let mut heatmap = figure(3, |model| format!("0.{model}"));
        heatmap.values = (0..9).map(f64::from).collect();
        let csv = heatmap.numbers().csv("x");
        assert_eq!(csv, "# x\nmodel,seed,cluster,0,1,2\n0,0.0,0,0,1,2\n1,0.1,1,3,4,5\n2,0.2,1,6,7,8\n");
    }

    #[test]
    fn odd_values_are_drawn_or_named() {
        for scale in [0.0, 1e-6, 1e3, 1e-300, 1e250] {
            let mut odd = figure(5, |model| model.to_string());
            odd.values.iter_mut().for_each(|value| *value *= scale);
            check_page(&odd.draw().unwrap());
        }
        let mut broken = figure(3, |model| format!("s{model}"));
        broken.values[5] = f64::INFINITY;
        assert!(broken.draw().unwrap_err().to_string().contains("between `s1` and `s2` is inf"));
        assert!(matches!(figure(0, |_| String::new()).draw(), Err(PlotError::Nothing { .. })));
        broken.values.pop();
        assert!(matches!(broken.draw(), Err(PlotError::Mismatch { expected: 9, got: 8, .. })));
    }
}

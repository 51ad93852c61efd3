//! Distances between all pairs of models as a square of colours.

use super::drawing::{Align, Drawing, Point};
use super::fonts::{self, CAPITAL};
use super::frame::{Entry, Gap, Sample, doubt, extent, head, strip, upward_name};
use super::ink::Ink;
use super::look::Look;
use super::names::Names;
use super::style::{AXIS, AXIS_LINE, LABEL_TEXT, MARGIN, QUIET, TEXT, TICK_LENGTH, TICK_TEXT, WHITE, Width};
use super::ticks::Axis;
use super::{Column, Numbers, PlotError, Rendered, drawable, expect_length, output};

const GAP: f64 = 2.5;
const STRIP: f64 = 4.0;
const BAR: f64 = 8.0;
const BAR_GAP: f64 = 9.0;
/// Between the names of models and the values beside them.
const COLUMN_GAP: f64 = 6.0;
/// Height of the point of a bar beyond which there are values.
const OPEN_END: f64 = 7.0;
const WEAK_DASH: &[f64] = &[2.0, 2.0];

/// A matrix of values between models, in the order in which they are to stand (first at the upper left).
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    /// `[n, n]`, flat and row-major, with n = `models.len()`.
    pub values: Vec<f64>,
    /// Name of each model; as many are shown as fit.
    pub models: Vec<String>,
    /// What the models are ordered by, beside their names.
    pub beside: Option<Beside>,
    /// Name and unit of the values, such as "convexity gap (nats)".
    pub value_label: String,
    /// Cluster of each model, `[n]`, shown as strips of colour beside the axes.
    pub clusters: Option<Vec<usize>>,
    /// Draw lines where neighbours belong to different clusters; for models ordered by cluster.
    pub separators: bool,
    pub title: Option<String>,
    pub width: Width,
    pub look: Look,
}

/// A number of each model.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    /// Such as "accuracy on passives".
    pub name: String,
    /// The same with the group of examples, for the table.
    pub column: String,
    pub values: Vec<f64>,
}

/// Where the parts of the figure stand, in points.
struct Layout {
    names: Names,
    left: f64,
    top: f64,
    side: f64,
    strip: f64,
    /// The models that have a label.
    labelled: Vec<usize>,
    /// Labels under the matrix read upwards.
    upright: bool,
    /// Widths of the columns left of the matrix: names, values, groups.
    columns: [f64; 3],
    bar: Axis,
    /// Whether values lie beyond the lower and the upper end of the bar.
    open: [bool; 2],
}

impl Heatmap {
    /// # Errors
    /// No models, a matrix or clusters of the wrong length, or a value that is not finite.
    pub fn render(&self, provenance: &str) -> Result<Rendered, PlotError> {
        output::render(&self.draw()?, provenance, self.look.svg_text)
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
        let mut columns = vec![("model".to_owned(), Column::Models(self.models.clone()))];
        if let Some(beside) = &self.beside {
            columns.push((beside.column.clone(), Column::Number(beside.values.clone())));
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
        self.models.len()
    }

    fn legend(&self) -> Vec<Entry> {
        let Some(clusters) = &self.clusters else { return Vec::new() };
        let last = clusters.iter().copied().max().unwrap_or(0);
        let mut numbers: Vec<usize> = (0..=last).collect();
        self.look.sort(&mut numbers, |cluster| format!("cluster {cluster}"));
        let sizes =
            numbers.into_iter().map(|cluster| (cluster, clusters.iter().filter(|other| **other == cluster).count()));
        let mut entries: Vec<Entry> = sizes
            .filter(|(_, size)| *size > 0)
            .map(|(cluster, size)| Entry {
                sample: Sample::Strip { ink: self.cluster_ink(cluster), gap: gap(cluster, Gap::Horizontal) },
                text: format!("{} (n = {size})", self.look.cluster(cluster)),
            })
            .collect();
        entries.extend(doubt(&self.look));
        entries
    }

    /// Of clusters that may mean nothing the colours do not shout.
    fn cluster_ink(&self, cluster: usize) -> Ink {
        self.look.colour(cluster).faded(if self.look.doubt.is_some() { 0.45 } else { 1.0 })
    }

    fn layout(&self, drawing: &Drawing, top: f64) -> Layout {
        let names = Names::of(&self.models, &self.look);
        let room = drawing.width / 5.0;
        let labels = fonts::widest(names.labels.iter().map(String::as_str), TICK_TEXT).min(room);
        let values = self.beside.as_ref().map_or(0.0, |beside| {
            fonts::widest(
                beside.values.iter().map(|value| shown(*value)).collect::<Vec<_>>().iter().map(String::as_str),
                TICK_TEXT,
            ) + COLUMN_GAP
        });
        let groups = if names.groups.is_empty() { 0.0 } else { TICK_TEXT + 2.0 * GAP };
        let strip = if self.clusters.is_some() { STRIP + 1.5 } else { 0.0 };
        let left = MARGIN + LABEL_TEXT + GAP + groups + labels + values + GAP + TICK_LENGTH + strip;
        let (least, most) = extent(self.values.iter().copied());
        let [low, high] = self.look.clip;
        let (low, high) = (low.unwrap_or(least), high.unwrap_or(most));
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
        let bar = bar_of(side);
        let open = [least < bar.low, most > bar.high];
        let labelled = labelled(&names, self.models(), stride);
        let columns = [labels, values, groups];
        Layout { names, left, top: top + strip, side, strip, labelled, upright, columns, bar, open }
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

    fn ink(&self, layout: &Layout, row: usize, column: usize) -> Ink {
        self.look.colours.at(layout.bar.share(self.values[row * self.models() + column]))
    }

    fn draw_clusters(&self, drawing: &mut Drawing, layout: &Layout) {
        let Some(clusters) = &self.clusters else { return };
        let n = self.models();
        let mut start = 0;
        for end in 1..=n {
            if end < n && clusters[end] == clusters[start] {
                continue;
            }
            let ink = self.cluster_ink(clusters[start]);
            let ((from, _), (to, _)) = (layout.corner(n, 0, start), layout.corner(n, 0, end));
            let lengthwise = gap(clusters[start], Gap::Horizontal);
            strip(drawing, (from, layout.top - layout.strip), (to, layout.top - 1.5), ink, lengthwise);
            let ((_, from), (_, to)) = (layout.corner(n, start, 0), layout.corner(n, end, 0));
            let lengthwise = gap(clusters[start], Gap::Vertical);
            strip(drawing, (layout.left - layout.strip, from), (layout.left - 1.5, to), ink, lengthwise);
            if self.separators && end < n {
                let (across, down) = (layout.corner(n, 0, end).0, layout.corner(n, end, 0).1);
                self.separator(drawing, layout, (across, down), self.look.doubt.is_some());
            }
            start = end;
        }
    }

    /// Lines across the matrix and down; weak ones leave the cells to speak.
    fn separator(&self, drawing: &mut Drawing, layout: &Layout, (across, down): Point, weak: bool) {
        let vertical = [(across, layout.top), (across, layout.top + layout.side)];
        let horizontal = [(layout.left, down), (layout.left + layout.side, down)];
        let inks = if weak { &[(0.6, WHITE)][..] } else { &[(1.6, WHITE), (0.5, TEXT)] };
        for (width, ink) in inks {
            for line in [vertical, horizontal] {
                drawing.dashed(&line, *width, *ink, if weak { WEAK_DASH } else { &[] });
            }
        }
    }

    fn draw_labels(&self, drawing: &mut Drawing, layout: &Layout) {
        let pitch = layout.side / self.models() as f64;
        let bottom = layout.top + layout.side;
        let edge = layout.left - layout.strip;
        let [_, values, _] = layout.columns;
        let mut deepest: f64 = 0.0;
        for model in layout.labelled.iter().copied() {
            let label = fonts::fit_end(&layout.names.labels[model], TICK_TEXT, false, drawing.width / 5.0);
            let centre = (model as f64 + 0.5) * pitch;
            let (x, y) = (layout.left + centre, layout.top + centre);
            drawing.line(&[(edge - TICK_LENGTH, y), (edge, y)], AXIS_LINE, AXIS);
            let baseline = y + TICK_TEXT * CAPITAL / 2.0;
            let beside = edge - TICK_LENGTH - GAP;
            if let Some(of) = &self.beside {
                drawing.text(shown(of.values[model]), (beside, baseline), TICK_TEXT, Align::End, QUIET);
            }
            drawing.text(&label, (beside - values, baseline), TICK_TEXT, Align::End, TEXT);
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
        let mut name_y = bottom + TICK_LENGTH + GAP + deepest + GAP + LABEL_TEXT;
        if !layout.names.groups.is_empty() {
            self.draw_groups(drawing, layout, bottom + TICK_LENGTH + GAP + deepest);
            name_y += TICK_TEXT + 2.0 * GAP;
        }
        drawing.height = name_y + GAP + MARGIN;
        let own = &layout.names.axis;
        let x_name = self.look.x.name(own);
        let name = fonts::fit(x_name, LABEL_TEXT, false, layout.side);
        drawing.cut("the name of the x axis", x_name, &name);
        drawing.text(name, (layout.left + layout.side / 2.0, name_y), LABEL_TEXT, Align::Middle, TEXT);
        let both = self.beside.as_ref().map(|beside| format!("{own} and {}", beside.name));
        let y_name = self.look.y.name(both.as_ref().unwrap_or(own));
        upward_name(drawing, (y_name, ""), MARGIN + LABEL_TEXT * CAPITAL, layout.top, bottom);
    }

    /// What neighbours have in common, once for all of them, with lines between.
    fn draw_groups(&self, drawing: &mut Drawing, layout: &Layout, below: f64) {
        let pitch = layout.side / self.models() as f64;
        let [labels, values, groups] = layout.columns;
        let edge = layout.left - layout.strip;
        let outer = edge - TICK_LENGTH - GAP - values - labels - groups;
        let (name_x, name_y) = (outer + groups - 2.0 * GAP, below + GAP + TICK_TEXT);
        let (bottom, deep) = (layout.top + layout.side, name_y + GAP / 2.0);
        for (range, name) in &layout.names.groups {
            let (from, to) = (range.start as f64 * pitch, range.end as f64 * pitch);
            if range.end < self.models() {
                let (x, y) = (layout.left + to, layout.top + to);
                self.separator(drawing, layout, (x, y), !self.separators && self.look.doubt.is_some());
                drawing.line(&[(outer, y), (edge, y)], AXIS_LINE, QUIET);
                drawing.line(&[(x, bottom), (x, deep)], AXIS_LINE, QUIET);
            }
            let name = fonts::fit(name, TICK_TEXT, false, to - from - 2.0);
            // A group of a sliver has no room for a name.
            if name != "…" {
                let middle = (from + to) / 2.0;
                drawing.text_upwards(&name, (name_x, layout.top + middle), TICK_TEXT, Align::Middle, TEXT);
                drawing.text(name, (layout.left + middle, name_y), TICK_TEXT, Align::Middle, TEXT);
            }
        }
    }

    fn draw_bar(&self, drawing: &mut Drawing, layout: &Layout) {
        const SLICES: usize = 64;
        let left = layout.left + layout.side + BAR_GAP;
        let room = |open: bool| if open { OPEN_END } else { 0.0 };
        let (whole_top, whole_bottom) = (layout.top, layout.top + layout.side);
        let (top, bottom) = (whole_top + room(layout.open[1]), whole_bottom - room(layout.open[0]));
        let edge = left + BAR;
        for slice in 0..SLICES {
            let height = |slice: usize| bottom - (bottom - top) * slice as f64 / SLICES as f64;
            let over = (height(slice + 1) - 0.5).max(top);
            let ink = self.look.colours.at((slice as f64 + 0.5) / SLICES as f64);
            drawing.rectangle((left, over), (edge, height(slice)), ink);
        }
        // Values beyond an end have its colour.
        for (open, y, tip, share) in
            [(layout.open[0], bottom, whole_bottom, 0.0), (layout.open[1], top, whole_top, 1.0)]
        {
            if open {
                drawing.polygon(&[(left, y), (edge, y), ((left + edge) / 2.0, tip)], self.look.colours.at(share));
            }
        }
        for (value, label) in &layout.bar.ticks {
            let y = bottom - layout.bar.share(*value) * (bottom - top);
            drawing.line(&[(edge, y), (edge + TICK_LENGTH, y)], AXIS_LINE, AXIS);
            let at = (edge + TICK_LENGTH + GAP, y + TICK_TEXT * CAPITAL / 2.0);
            drawing.text(label, at, TICK_TEXT, Align::Start, TEXT);
        }
        let name_x = edge + TICK_LENGTH + GAP + layout.bar.widest_label() + 2.0 * GAP + LABEL_TEXT * CAPITAL;
        upward_name(drawing, (&self.value_label, &layout.bar.note()), name_x, whole_top, whole_bottom);
    }

    fn check(&self) -> Result<(), PlotError> {
        let n = self.models();
        if n == 0 {
            return Err(PlotError::Nothing { figure: "the heatmap", missing: "models" });
        }
        if let Some(beside) = &self.beside {
            expect_length(|| format!("{} of the heatmap", beside.name), n, beside.values.len())?;
            beside.values.iter().try_for_each(|value| drawable(*value, || beside.name.clone()).map(drop))?;
        }
        expect_length(|| "values of the heatmap".to_owned(), n * n, self.values.len())?;
        if let Some(clusters) = &self.clusters {
            expect_length(|| "clusters of the heatmap".to_owned(), n, clusters.len())?;
        }
        for (place, value) in self.values.iter().enumerate() {
            let name = || format!("the value between `{}` and `{}`", self.models[place / n], self.models[place % n]);
            drawable(*value, name)?;
        }
        Ok(())
    }
}

/// The models that have a label: every so many of each group.
fn labelled(names: &Names, models: usize, stride: usize) -> Vec<usize> {
    let whole = [(0..models, String::new())];
    let groups = if names.groups.is_empty() { &whole[..] } else { &names.groups };
    let last = |range: &std::ops::Range<usize>| if range.end == models { range.end } else { range.end + 1 };
    // One that stands too near to the first of the next group is left out.
    let kept = |range: &std::ops::Range<usize>| {
        let end = last(range);
        (range.start..range.end).step_by(stride).filter(move |model| end == models || model + stride < end)
    };
    groups.iter().flat_map(|(range, _)| kept(range)).collect()
}

/// Three digits that matter at most.
fn shown(value: f64) -> String {
    let text = match value.abs() {
        size if size == 0.0 || (0.001..1000.0).contains(&size) => format!("{value:.2}"),
        _ => format!("{value:.1e}"),
    };
    text.replace('-', "−")
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
    use super::super::drawing::Shape;
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
            models: (0..n).map(label).collect(),
            beside: None,
            value_label: "convexity gap (nats)".to_owned(),
            clusters: Some(clusters),
            separators: true,
            title: None,
            width: Width::Column,
            look: Look::default(),
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
        let mut heatmap = figure(3, |model| format!("s{model}"));
        heatmap.values = (0..9).map(f64::from).collect();
        heatmap.beside = Some(beside(&[0.25, 1.0 / 3.0, 1e-9]));
        let csv = heatmap.numbers().csv("x");
        let rows = "s0,0.25,0,0,1,2\ns1,0.3333333333333333,1,3,4,5\ns2,0.000000001,1,6,7,8\n";
        assert_eq!(csv, format!("# x\nmodel,\"F1 on paws, group\",cluster,s0,s1,s2\n{rows}"));
    }

    fn beside(values: &[f64]) -> Beside {
        let (name, column) = ("F1 on paws".to_owned(), "F1 on paws, group".to_owned());
        Beside { name, column, values: values.to_vec() }
    }

    fn all_texts(heatmap: &Heatmap) -> Vec<String> {
        texts(&String::from_utf8(heatmap.render("x").unwrap().svg).unwrap())
    }

    #[test]
    fn models_ordered_by_a_metric_keep_their_names_and_show_it() {
        for n in [3, 10, 100] {
            let ordered = Heatmap {
                beside: Some(beside(&(0..n).map(|model| model as f64 / n as f64).collect::<Vec<_>>())),
                ..figure(n, |model| (model * 7 % n).to_string())
            };
            check_page(&ordered.draw().unwrap());
            let texts = all_texts(&ordered);
            for text in ["seed", "seed and F1 on paws", "0", "0.00"] {
                assert!(texts.contains(&text.to_owned()), "{text} in {texts:?}");
            }
        }
    }

    #[test]
    fn models_of_several_stages_are_grouped_with_lines_between() {
        for n in [4, 12, 40, 100] {
            for separators in [false, true] {
                let name =
                    |model: usize| if model < n / 2 { format!("low/{model}") } else { format!("high/{model}@125") };
                let heatmap = Heatmap { separators, ..figure(n, name) };
                check_page(&heatmap.draw().unwrap());
                let texts = all_texts(&heatmap);
                for text in ["low@last", "high@125"] {
                    assert_eq!(texts.iter().filter(|other| *other == text).count(), 2, "{texts:?}");
                }
                assert!(texts.contains(&"0".to_owned()) && !texts.contains(&"low/0".to_owned()), "{texts:?}");
            }
        }
        let even = labelled(
            &Names::of(&(0..100).map(|model| model.to_string()).collect::<Vec<_>>(), &Look::default()),
            100,
            5,
        );
        assert!(even.windows(2).all(|pair| pair[1] - pair[0] == 5) && even.len() == 20);
    }

    #[test]
    fn colours_beyond_the_clip_are_those_of_open_ends() {
        let mut heatmap = figure(5, |model| model.to_string());
        let points = |heatmap: &Heatmap| {
            let shapes = heatmap.draw().unwrap().shapes;
            shapes.iter().filter(|shape| matches!(shape, Shape::Polygon { .. })).count()
        };
        assert_eq!(points(&heatmap), 0);
        heatmap.look.clip = [None, Some(0.2)];
        assert_eq!(points(&heatmap), 1);
        heatmap.look.clip = [Some(0.01), Some(0.2)];
        assert_eq!(points(&heatmap), 2);
        check_page(&heatmap.draw().unwrap());
    }

    #[test]
    fn weak_clusters_are_said_to_be_and_part_nothing_boldly() {
        let mut heatmap = figure(9, |model| model.to_string());
        let bold = |heatmap: &Heatmap| {
            let shapes = heatmap.draw().unwrap().shapes;
            shapes.iter().filter(|shape| matches!(shape, Shape::Line { width, .. } if *width == 1.6)).count()
        };
        assert_eq!(bold(&heatmap), 2);
        heatmap.look.doubt = Some("silhouette 0.12".to_owned());
        assert_eq!(bold(&heatmap), 0);
        assert!(all_texts(&heatmap).contains(&"weak clusters: silhouette 0.12".to_owned()));
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

//! How many models have which value, by group, with a smooth density: groups over each other, or two mirrored.

use super::drawing::{Drawing, Point};
use super::frame::{Entry, Frame, Sample, doubt, extent, head};
use super::ink::Ink;
use super::look::Look;
use super::numbers::{Column, Numbers};
use super::style::{AXIS, AXIS_LINE, WHITE, Width};
use super::ticks::nice_step;
use super::{PlotError, Rendered, drawable, expect_length, output};
use crate::analysis::density::Density;

const DENSITY_LINE: f64 = 1.1;
const OUTLINE: f64 = 0.5;
const MEAN_TICK: f64 = 1.0;
const MEAN_DASH: &[f64] = &[1.6, 1.6];
/// A curve through fewer values would show the kernels, not the sample.
const FEWEST_FOR_DENSITY: usize = 4;
/// Points of a density curve.
const CURVE_POINTS: usize = 160;
const MOST_PARTS: f64 = 1000.0;
/// A curve that is higher than this share of its peak at the last bin's edge breaks off.
const BREAK: f64 = 0.05;
/// Two groups have a panel each, and bins of their own, where one's would be so many times as wide as the other's.
const NARROW: f64 = 2.5;

#[derive(Debug, Clone, PartialEq)]
pub struct HistogramGroup {
    pub name: String,
    /// Name of the model that each value belongs to.
    pub models: Vec<String>,
    pub values: Vec<f64>,
}

/// Counts of values in bins of one width, with each group's density (Gaussian kernels, Scott's rule) as
/// the count of a bin around each place.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    pub groups: Vec<HistogramGroup>,
    /// The first group upwards and the second downwards, each with its mean; two panels, each on its own scale, where
    /// one of them would be a spike on the other's.
    pub mirrored: bool,
    pub x_label: String,
    pub y_label: String,
    /// What the values are, with the group of examples: one for all groups, or one for each.
    pub columns: Vec<String>,
    pub title: Option<String>,
    pub width: Width,
    pub look: Look,
}

impl Histogram {
    /// # Errors
    /// No values, lists of unequal lengths, a value that is not finite, or a mirrored figure of other than two groups.
    pub fn render(&self, provenance: &str) -> Result<Rendered, PlotError> {
        output::render(&self.draw()?, provenance, self.look.svg_text)
    }

    /// One row a value.
    pub fn numbers(&self) -> Numbers {
        let each =
            || self.groups.iter().flat_map(|group| group.models.iter().zip(&group.values).map(move |v| (group, v)));
        Numbers {
            columns: vec![
                ("group".to_owned(), Column::Text(each().map(|(group, _)| group.name.clone()).collect())),
                ("model".to_owned(), Column::Models(each().map(|(_, (model, _))| model.clone()).collect())),
                ("metric".to_owned(), Column::Text(self.metrics())),
                ("value".to_owned(), Column::Number(each().map(|(_, (_, value))| *value).collect())),
            ],
        }
    }

    /// Of each value.
    fn metrics(&self) -> Vec<String> {
        let of = |group: usize| self.columns.get(group).or(self.columns.first()).cloned().unwrap_or_default();
        let groups = self.groups.iter().enumerate();
        groups.flat_map(|(group, one)| std::iter::repeat_n(of(group), one.values.len())).collect()
    }

    pub(super) fn draw(&self) -> Result<Drawing, PlotError> {
        self.check()?;
        let (shown, ranges, panels) = self.shown();
        let mut drawing = Drawing::new(self.width.points());
        let top = head(&mut drawing, self.title.as_deref(), &self.legend(&shown));
        let height = |group: usize| {
            let highest = shown.counts[group].iter().copied().max().unwrap_or(0) as f64;
            1.06 * shown.curves[group].as_ref().map_or(highest, |curve| curve.highest().max(highest))
        };
        // Half a model is less than any, where 0 has no place.
        let base = if self.look.y.log { 0.5 } else { 0.0 };
        let x = |group: usize| (ranges[group].0, ranges[group].1, 0.03);
        let look = (&self.look, self.width);
        if panels {
            let y = [0, 1].map(|group| (base, height(group), 0.0));
            let mut frames = Frame::two(&mut drawing, look, top, [x(0), x(1)], y)?;
            for (group, frame) in frames.iter_mut().enumerate() {
                whole_numbers(frame);
                self.draw_groups(&mut drawing, frame, &shown, &[group], |_| 1.0);
            }
            let [upper, lower] = frames;
            upper.draw_upper_axes(&mut drawing, &self.y_label, 0.0);
            upper.draw_x_labels(&mut drawing);
            lower.draw_axes(&mut drawing, (&self.x_label, &self.y_label));
            return Ok(drawing);
        }
        let highest = |groups: std::ops::Range<usize>| groups.map(height).fold(0.0, f64::max);
        let (low, high) =
            if self.mirrored { (-highest(1..2), highest(0..1)) } else { (base, highest(0..self.groups.len())) };
        let mut frame = Frame::new(&mut drawing, look, top, x(0), (low, high, 0.0))?;
        whole_numbers(&mut frame);
        // The largest group lies lowest, so that a small one is seen before it.
        let mut order: Vec<usize> =
            (0..self.groups.len()).filter(|group| !self.groups[*group].values.is_empty()).collect();
        order.sort_by_key(|group| std::cmp::Reverse(self.groups[*group].values.len()));
        self.draw_groups(&mut drawing, &frame, &shown, &order, |group| self.side(group));
        if self.mirrored {
            let zero = [frame.point(frame.x.low, 0.0), frame.point(frame.x.high, 0.0)];
            frame.line(&mut drawing, &zero, AXIS_LINE, AXIS);
        }
        frame.draw_axes(&mut drawing, (&self.x_label, &self.y_label));
        Ok(drawing)
    }

    /// What is drawn of each group, over which range, and whether each has a panel of its own.
    fn shown(&self) -> (Shown, Vec<(f64, f64)>, bool) {
        let own = self.own_bins();
        let panels = own.is_some();
        let bins = own.unwrap_or_else(|| vec![over(&self.groups); self.groups.len()]);
        let each = || self.groups.iter().map(|group| group.values.as_slice()).zip(&bins);
        let smooth: Vec<Option<Smooth>> = each().map(|(values, bins)| Smooth::of(values, bins)).collect();
        let ranges: Vec<(f64, f64)> = match panels {
            true => (0..2).map(|group| axis(&bins[group..=group], &smooth[group..=group])).collect(),
            false => vec![axis(&bins, &smooth); self.groups.len()],
        };
        let curve =
            |(smooth, (first, last)): (&Option<Smooth>, &(f64, f64))| Some(smooth.as_ref()?.curve(*first, *last));
        let shown = Shown {
            counts: each().map(|(values, bins)| bins.counts(values)).collect(),
            curves: smooth.iter().zip(&ranges).map(curve).collect(),
            bins,
        };
        (shown, ranges, panels)
    }

    fn draw_groups(
        &self,
        drawing: &mut Drawing,
        frame: &Frame,
        shown: &Shown,
        groups: &[usize],
        side: impl Fn(usize) -> f64,
    ) {
        for group in groups {
            self.draw_bars(drawing, frame, (&shown.bins[*group], &shown.counts[*group]), *group, side(*group));
        }
        for group in groups {
            if let Some(curve) = &shown.curves[*group] {
                let path = curve.path(frame, side(*group));
                frame.line(drawing, &path, DENSITY_LINE + 1.0, WHITE.faded(0.7));
                frame.line(drawing, &path, DENSITY_LINE, self.look.colour(*group));
            }
        }
        for group in groups.iter().filter(|_| self.mirrored) {
            let mean = mean(&self.groups[*group].values);
            let end = if side(*group) > 0.0 { frame.y.high } else { frame.y.low };
            let ends = [frame.point(mean, frame.y.low.max(0.0)), frame.point(mean, end)];
            frame.dashed(drawing, &ends, MEAN_TICK, AXIS, MEAN_DASH);
        }
    }

    /// Of each of two mirrored groups, where one is so narrow that it would be a spike among the other's bins.
    fn own_bins(&self) -> Option<Vec<Bins>> {
        let filled = self.groups.iter().all(|group| group.values.iter().any(|value| *value != group.values[0]));
        if !self.mirrored || !filled {
            return None;
        }
        let own: Vec<Bins> = self.groups.chunks(1).map(over).collect();
        let (narrow, wide) = extent(own.iter().map(|bins| bins.width));
        (wide > NARROW * narrow).then_some(own)
    }

    /// 1 upwards, −1 downwards.
    fn side(&self, group: usize) -> f64 {
        if self.mirrored && group == 1 { -1.0 } else { 1.0 }
    }

    /// Where groups lie over each other the large one is paler, so that they differ in grey too.
    fn opacity(&self, group: usize) -> f64 {
        let sizes = || self.groups.iter().map(|group| group.values.len());
        let largest = sizes().max().and_then(|most| sizes().position(|size| size == most));
        if self.mirrored || largest == Some(group) { 0.32 } else { 0.65 }
    }

    fn draw_bars(
        &self,
        drawing: &mut Drawing,
        frame: &Frame,
        (bins, counts): (&Bins, &[usize]),
        group: usize,
        side: f64,
    ) {
        let ink: Ink = self.look.colour(group);
        for (bin, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let (left, base) = frame.point(bins.edge(bin), 0.0);
            let (right, end) = frame.point(bins.edge(bin + 1), side * *count as f64);
            let corners = [(left, base), (left, end), (right, end), (right, base)];
            frame.polygon(drawing, &corners, ink.faded(self.opacity(group)));
            frame.line(drawing, &corners, OUTLINE, ink.faded(0.9));
        }
    }

    /// A block a group, and one line for each kind of line.
    fn legend(&self, shown: &Shown) -> Vec<Entry> {
        let mut order: Vec<usize> = (0..self.groups.len()).collect();
        self.look.sort(&mut order, |group| self.groups[*group].name.clone());
        let mut entries: Vec<Entry> = order.into_iter().map(|group| self.entry(group)).collect();
        let line =
            |width, dash, text: &str| Entry { sample: Sample::Line { width, ink: AXIS, dash }, text: text.to_owned() };
        if shown.curves.iter().any(Option::is_some) {
            entries.push(line(DENSITY_LINE, &[], "density"));
        }
        if self.mirrored {
            entries.push(line(MEAN_TICK, MEAN_DASH, "mean"));
        }
        if self.own_bins().is_some() {
            entries.push(Entry { sample: Sample::None, text: "each panel has its own scale".to_owned() });
        }
        entries.extend(doubt(&self.look));
        entries
    }

    fn entry(&self, group: usize) -> Entry {
        let HistogramGroup { name, values, .. } = &self.groups[group];
        let sample = Sample::Block { ink: self.look.colour(group).faded(self.opacity(group)) };
        let tail = match values.is_empty() {
            true => " (n = 0)".to_owned(),
            false => format!(" (n = {}, mean {})", values.len(), short(mean(values))),
        };
        // Of two metrics the names may be values of the data.
        let name = if self.mirrored { self.look.words(name) } else { self.look.named(name) };
        Entry::named(sample, &name, &tail, self.width)
    }

    fn check(&self) -> Result<(), PlotError> {
        if self.mirrored {
            expect_length(|| "groups of the mirrored histogram".to_owned(), 2, self.groups.len())?;
        }
        if self.groups.iter().all(|group| group.values.is_empty()) {
            return Err(PlotError::Nothing { figure: "the histogram", missing: "values" });
        }
        for group in &self.groups {
            expect_length(|| format!("models of `{}`", group.name), group.values.len(), group.models.len())?;
            for (model, value) in group.models.iter().zip(&group.values) {
                drawable(*value, || format!("the value of `{model}` in `{}`", group.name))?;
            }
        }
        Ok(())
    }
}

/// What is drawn of each group.
struct Shown {
    bins: Vec<Bins>,
    counts: Vec<Vec<usize>>,
    curves: Vec<Option<Curve>>,
}

fn over(groups: &[HistogramGroup]) -> Bins {
    let values = || groups.iter().flat_map(|group| group.values.iter().copied());
    Bins::over(extent(values()), values().count())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Three digits that matter, with a typographic minus.
fn short(value: f64) -> String {
    let text = match value.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-3..1e4).contains(&size) => format!("{value:.2e}"),
        size => format!("{value:.*}", (2 - size.log10().floor() as i32).clamp(0, 3) as usize),
    };
    text.replace('-', "−")
}

/// Bins of one width whose edges are round numbers.
#[derive(Debug, Clone)]
struct Bins {
    first: f64,
    width: f64,
    count: usize,
}

impl Bins {
    /// About 3∛n bins, half as many again as Rice's rule, because rounding the width up takes some away.
    fn over((low, high): (f64, f64), n: usize) -> Bins {
        let wanted = (3.0 * (n as f64).cbrt()).round().clamp(6.0, 24.0);
        let largest = low.abs().max(high.abs());
        if high - low <= largest * 1e-9 {
            // One value, in the middle of its bin.
            let (width, ..) = nice_step((largest * 0.1).max(1e-3) / wanted);
            return Bins { first: low - width / 2.0, width, count: 1 };
        }
        let (width, ..) = nice_step((high - low) / wanted);
        let first = (low / width + 1e-9).floor() * width;
        let count = ((high - first) / width - 1e-9).ceil().max(1.0) as usize;
        Bins { first, width, count }
    }

    fn edge(&self, bin: usize) -> f64 {
        self.first + bin as f64 * self.width
    }

    /// A value on an edge belongs to the bin on its right, the last edge to the last bin.
    fn counts(&self, values: &[f64]) -> Vec<usize> {
        let mut counts = vec![0; self.count];
        for value in values {
            let bin = ((value - self.first) / self.width + 1e-9).floor().max(0.0) as usize;
            counts[bin.min(self.count - 1)] += 1;
        }
        counts
    }
}

/// The range of x: all bins, and one more where a curve would break off, but not beyond 0 or 1, where most metrics end.
fn axis(bins: &[Bins], smooth: &[Option<Smooth>]) -> (f64, f64) {
    let (mut first, _) = extent(bins.iter().map(|bins| bins.first));
    let (_, mut last) = extent(bins.iter().map(|bins| bins.edge(bins.count)));
    for (bins, smooth) in bins.iter().zip(smooth) {
        let Some(smooth) = smooth else { continue };
        let (low, high) = (bins.first, bins.edge(bins.count));
        let breaks_off = |edge: f64| {
            let a_bound = [0.0, 1.0].iter().any(|bound| (edge - bound).abs() < bins.width * 1e-6);
            !a_bound && smooth.at(edge) > BREAK * smooth.curve(low, high).highest()
        };
        if breaks_off(low) {
            first = first.min(low - bins.width);
        }
        if breaks_off(high) {
            last = last.max(high + bins.width);
        }
    }
    if let [Bins { width, count: 1, .. }, ..] = bins
        && smooth.iter().all(Option::is_none)
    {
        // A bar alone does not fill the figure.
        (first, last) = (first - 3.0 * width, last + 3.0 * width);
    }
    (first, last)
}

/// How many values a bin around each place would hold by the group's density. So the curve has the area of the bars
/// and is not higher than they are, however narrow the group.
struct Smooth {
    density: Density,
    width: f64,
    values: f64,
    /// Places in a bin at which the density is asked for: two a kernel.
    parts: usize,
}

impl Smooth {
    fn of(values: &[f64], bins: &Bins) -> Option<Smooth> {
        if values.len() < FEWEST_FOR_DENSITY {
            return None;
        }
        let density = Density::of(values).ok()?;
        let parts = (2.0 * bins.width / density.bandwidth).ceil().max(8.0);
        // Values that differ by so little are one value on this axis.
        (parts <= MOST_PARTS).then_some(Smooth {
            density,
            width: bins.width,
            values: values.len() as f64,
            parts: parts as usize,
        })
    }

    fn at(&self, x: f64) -> f64 {
        let place = |part: usize| x + self.width * ((part as f64 + 0.5) / self.parts as f64 - 0.5);
        let sum: f64 = (0..self.parts).map(|part| self.density.at(place(part))).sum();
        self.values * self.width * sum / self.parts as f64
    }

    fn curve(&self, low: f64, high: f64) -> Curve {
        let at = |place: usize| low + (high - low) * place as f64 / (CURVE_POINTS - 1) as f64;
        Curve { points: (0..CURVE_POINTS).map(at).map(|x| (x, self.at(x))).collect() }
    }
}

struct Curve {
    points: Vec<Point>,
}

impl Curve {
    fn highest(&self) -> f64 {
        self.points.iter().map(|(_, y)| *y).fold(0.0, f64::max)
    }

    fn path(&self, frame: &Frame, side: f64) -> Vec<Point> {
        self.points.iter().map(|(x, y)| frame.point(*x, side * y)).collect()
    }
}

/// Counts are whole, and as many downwards as upwards.
fn whole_numbers(frame: &mut Frame) {
    frame.y.ticks.retain(|(value, _)| (value - value.round()).abs() < 1e-6);
    for (value, label) in &mut frame.y.ticks {
        *label = format!("{}", value.round().abs());
    }
}

#[cfg(test)]
mod tests {
    use super::super::drawing::Shape;
    use super::super::output::tests::{check_page, texts};
    use super::*;

    /// Two groups, the second an eighth of the models and lower.
    fn figure(n: usize, mirrored: bool) -> Histogram {
        let mut numbers = crate::rng::stream("made up", 7, 0);
        let mut share = || {
            use rand::RngExt;
            (0..4).map(|_| numbers.random::<f64>()).sum::<f64>() / 4.0
        };
        let small = (n / 8).max(1);
        let mut group = |name: &str, count: usize, low: f64| HistogramGroup {
            name: name.to_owned(),
            models: (0..count).map(|model| model.to_string()).collect(),
            values: (0..count).map(|_| low + 0.4 * share()).collect(),
        };
        Histogram {
            groups: match mirrored {
                false => vec![group("cluster 0", n - small, 0.15), group("cluster 1", small, 0.0)],
                true => vec![group("mnli", n, 0.6), group("hans", n, 0.3)],
            },
            mirrored,
            x_label: "accuracy on hans".to_owned(),
            y_label: "models".to_owned(),
            columns: vec!["accuracy on hans, lexical overlap".to_owned()],
            title: Some("lexical overlap, non-entailment".to_owned()),
            width: Width::Column,
            look: Look::default(),
        }
    }

    #[test]
    fn bins_have_round_edges_and_hold_everything() {
        let bins = Bins::over((0.0, 1.0), 100);
        assert_eq!((bins.first, bins.width, bins.count), (0.0, 0.1, 10));
        assert_eq!(bins.counts(&[0.0, 0.09, 0.1, 0.3, 0.7, 1.0]), [2, 1, 0, 1, 0, 0, 0, 1, 0, 1]);
        for (low, high) in [(0.3, 0.3), (0.0, 0.0), (-1e-9, 1e9), (-3.0, -2.9), (0.1, 0.7)] {
            let bins = Bins::over((low, high), 30);
            assert!(bins.count <= 60 && bins.edge(0) <= low + bins.width * 1e-6, "{low} {high}");
            assert!(bins.edge(bins.count) >= high - bins.width * 1e-6, "{low} {high}");
            assert_eq!(bins.counts(&[low, high]).iter().sum::<usize>(), 2);
        }
    }

    #[test]
    fn the_curve_has_the_area_of_the_bars() {
        let values: Vec<f64> = (0..200).map(|i| (f64::from(i) / 200.0 - 0.5).powi(3)).collect();
        let bins = Bins { first: -2.0, width: 0.1, count: 40 };
        let curve = Smooth::of(&values, &bins).unwrap().curve(-2.0, 2.0);
        let area: f64 = curve.points.windows(2).map(|p| (p[1].0 - p[0].0) * (p[0].1 + p[1].1) / 2.0).sum();
        assert!((area - 200.0 * 0.1).abs() < 0.02, "{area}");
        assert!(Smooth::of(&[0.1, 0.2, 0.3], &bins).is_none() && Smooth::of(&[0.1; 9], &bins).is_none());
        // Much narrower than a bin: the bin would hold them all, and no more.
        let narrow: Vec<f64> = values.iter().map(|value| 0.05 + value * 0.02).collect();
        let highest = Smooth::of(&narrow, &bins).unwrap().curve(-2.0, 2.0).highest();
        assert!((highest - 200.0).abs() < 1.0, "{highest}");
    }

    #[test]
    fn the_axis_has_room_for_the_ends_of_curves_within_0_and_1() {
        let values = [0.32, 0.36, 0.41, 0.44, 0.49];
        let bins = vec![Bins { first: 0.3, width: 0.1, count: 2 }];
        let (first, last) = axis(&bins, &[Smooth::of(&values, &bins[0])]);
        assert!((first - 0.2).abs() < 1e-9 && (last - 0.6).abs() < 1e-9, "{first} {last}");
        let values = values.map(|value| value + 0.5);
        let bins = vec![Bins { first: 0.8, width: 0.1, count: 2 }];
        let (first, last) = axis(&bins, &[Smooth::of(&values, &bins[0])]);
        assert!((first - 0.7).abs() < 1e-9 && (last - 1.0).abs() < 1e-9, "{first} {last}");
    }

    #[test]
    fn a_narrow_group_has_a_panel_and_bins_of_its_own() {
        let mut two = figure(100, true);
        assert!(two.own_bins().is_none());
        two.groups[0].values.iter_mut().for_each(|value| *value = 0.8 + *value * 0.05);
        let bins = two.own_bins().unwrap();
        assert!(bins[0].width < 0.2 * bins[1].width);
        // The bars of each reach over most of the page, so that neither is a spike.
        for group in 0..2 {
            let ink = two.look.colour(group).faded(two.opacity(group));
            let corners = two.draw().unwrap().shapes.into_iter().filter_map(|shape| match shape {
                Shape::Polygon { points, ink: other } if other == ink => Some(points),
                _ => None,
            });
            let (left, right) = extent(corners.flatten().map(|point| point.0));
            assert!(right - left > 0.5 * Width::Column.points(), "{left} to {right}");
        }
        let svg = String::from_utf8(two.render("x").unwrap().svg).unwrap();
        assert!(svg.contains("each panel has its own scale"));
        two.mirrored = false;
        assert!(two.own_bins().is_none());
    }

    #[test]
    fn groups_are_blocks_and_every_kind_of_line_is_in_the_legend() {
        let few =
            HistogramGroup { models: vec!["9".to_owned()], values: vec![0.4], ..figure(9, false).groups[0].clone() };
        for (mut figure, lines) in [(figure(60, false), &["density"][..]), (figure(60, true), &["density", "mean"])] {
            figure.groups[1] = few.clone();
            let shown = figure.shown();
            let legend = figure.legend(&shown.0);
            assert!(legend[..2].iter().all(|entry| matches!(entry.sample, Sample::Block { .. })));
            let texts: Vec<&str> = legend[2..].iter().map(|entry| entry.text.as_str()).collect();
            assert_eq!(texts, lines);
        }
    }

    #[test]
    fn any_number_of_models_stays_on_the_page() {
        for mirrored in [false, true] {
            for n in [2, 3, 5, 25, 100] {
                let figure = figure(n, mirrored);
                check_page(&figure.draw().unwrap());
                check_page(&Histogram { width: Width::Page, title: None, ..figure.clone() }.draw().unwrap());
                let same = HistogramGroup { values: vec![0.5; n], ..figure.groups[1].clone() };
                let same = HistogramGroup { models: vec!["m".to_owned(); n], ..same };
                check_page(&Histogram { groups: vec![same.clone(), same], ..figure }.draw().unwrap());
            }
        }
    }

    #[test]
    fn both_directions_count_from_zero() {
        let svg = String::from_utf8(figure(60, true).render("x").unwrap().svg).unwrap();
        let texts = texts(&svg);
        assert!(texts.contains(&"0".to_owned()) && !texts.iter().any(|text| text.starts_with('−')), "{texts:?}");
        assert!(texts.iter().any(|text| text.starts_with("mnli (n = 60, mean 0.")), "{texts:?}");
        let numbers = figure(60, true).numbers();
        assert!(matches!(&numbers.columns[3].1, Column::Number(values) if values.len() == 120));
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        let mut broken = figure(9, false);
        broken.groups[0].values[2] = f64::NAN;
        assert!(broken.draw().unwrap_err().to_string().contains("the value of `2` in `cluster 0` is NaN"));
        broken.groups[0].values.pop();
        assert!(matches!(broken.draw(), Err(PlotError::Mismatch { .. })));
        broken.groups.clear();
        assert!(matches!(broken.draw(), Err(PlotError::Nothing { .. })));
        let one = Histogram { groups: vec![figure(9, true).groups.remove(0)], ..figure(9, true) };
        assert!(matches!(one.draw(), Err(PlotError::Mismatch { expected: 2, got: 1, .. })));
    }
}

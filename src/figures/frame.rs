//! What figures share: the head with title and legend, and the frame with its two axes.

use super::PlotError;
use super::clip;
use super::drawing::{Align, Drawing, Label, Point};
use super::fonts::{self, CAPITAL};
use super::ink::Ink;
use super::look::Look;
use super::style::{
    AXIS, AXIS_LINE, LABEL_TEXT, LEGEND_TEXT, MARGIN, Marker, TEXT, TICK_LENGTH, TICK_TEXT, TITLE_TEXT, Width,
};
use super::ticks::Axis;

/// Gap between a tick and its label, and between rows of text.
const GAP: f64 = 2.5;
const SAMPLE_GAP: f64 = 3.5;
const ENTRY_GAP: f64 = 10.0;
/// Between two frames, one above the other.
const PANEL_GAP: f64 = 10.0;

/// One line of a legend.
pub(super) struct Entry {
    pub sample: Sample,
    pub text: String,
}

impl Entry {
    /// A legend's line in which a long name gives way to what is told of it.
    pub fn named(sample: Sample, name: &str, tail: &str, width: Width) -> Entry {
        let room = width.points() - 2.0 * MARGIN - sample.width();
        Entry { text: fonts::fit_with(name, tail, LEGEND_TEXT, room), sample }
    }
}

pub(super) enum Sample {
    Line {
        width: f64,
        ink: Ink,
        dash: &'static [f64],
    },
    Marker {
        marker: Marker,
        ink: Ink,
    },
    Block {
        ink: Ink,
    },
    /// A block with a gap in it, or none, to be told from others in grey.
    Strip {
        ink: Ink,
        gap: Gap,
    },
    /// Words only.
    None,
}

impl Sample {
    fn width(&self) -> f64 {
        match self {
            Sample::Line { .. } => 22.0 + SAMPLE_GAP,
            Sample::Marker { .. } | Sample::Block { .. } | Sample::Strip { .. } => 6.0 + SAMPLE_GAP,
            Sample::None => 0.0,
        }
    }

    fn draw(&self, drawing: &mut Drawing, (x, y): Point) {
        match self {
            Sample::Line { width, ink, dash } => drawing.dashed(&[(x, y), (x + 22.0, y)], *width, *ink, dash),
            Sample::Marker { marker, ink } => drawing.marker(*marker, (x + 3.0, y), 2.4, 0.0, *ink),
            Sample::Block { ink } => drawing.rectangle((x, y - 3.0), (x + 6.0, y + 3.0), *ink),
            Sample::Strip { ink, gap } => strip(drawing, (x, y - 3.0), (x + 6.0, y + 3.0), *ink, *gap),
            Sample::None => {}
        }
    }
}

/// What speaks against the clusters of a figure, below its legend.
pub(super) fn doubt(look: &Look) -> Option<Entry> {
    look.doubt.as_ref().map(|doubt| Entry { sample: Sample::None, text: format!("weak clusters: {doubt}") })
}

/// A bar from corner to corner, with a gap along its middle where one is asked for.
pub(super) fn strip(drawing: &mut Drawing, from: Point, to: Point, ink: Ink, gap: Gap) {
    let (third_across, third_down) = ((to.0 - from.0) / 3.0, (to.1 - from.1) / 3.0);
    match gap {
        Gap::None => drawing.rectangle(from, to, ink),
        Gap::Horizontal => {
            drawing.rectangle(from, (to.0, from.1 + third_down), ink);
            drawing.rectangle((from.0, to.1 - third_down), to, ink);
        }
        Gap::Vertical => {
            drawing.rectangle(from, (from.0 + third_across, to.1), ink);
            drawing.rectangle((to.0 - third_across, from.1), to, ink);
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Gap {
    None,
    Horizontal,
    Vertical,
}

/// Draws the title and the legend across the top of the page, in as many rows as they need, and returns the height at
/// which the rest of the figure may begin.
pub(super) fn head(drawing: &mut Drawing, title: Option<&str>, entries: &[Entry]) -> f64 {
    let room = drawing.width - 2.0 * MARGIN;
    let mut y = MARGIN;
    let lines = title.map_or(Vec::new(), |title| fonts::wrap(title, TITLE_TEXT, true, room, 3));
    let whole: Vec<&str> = title.unwrap_or_default().split_whitespace().collect();
    drawing.cut("the title", &whole.join(" "), &lines.join(" "));
    for text in lines {
        y += TITLE_TEXT;
        let at = (MARGIN, y - 1.0);
        drawing.label(Label { text, at, size: TITLE_TEXT, bold: true, align: Align::Start, upwards: false, ink: TEXT });
        y += GAP;
    }
    let mut x = MARGIN;
    for (number, entry) in entries.iter().enumerate() {
        let text = fonts::fit(&entry.text, LEGEND_TEXT, false, room - entry.sample.width());
        let width = entry.sample.width() + fonts::width(&text, LEGEND_TEXT, false);
        if x > MARGIN && x + width > MARGIN + room {
            x = MARGIN;
            y += LEGEND_TEXT + GAP;
        }
        let baseline = y + LEGEND_TEXT;
        entry.sample.draw(drawing, (x, baseline - LEGEND_TEXT * CAPITAL / 2.0));
        drawing.text(text, (x + entry.sample.width(), baseline), LEGEND_TEXT, Align::Start, TEXT);
        x += width + ENTRY_GAP;
        if number + 1 == entries.len() {
            y += LEGEND_TEXT + GAP;
        }
    }
    y + GAP
}

/// The plotting area of a figure with two axes, in points, and what it shows.
pub(super) struct Frame {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
    pub x: Axis,
    pub y: Axis,
    /// Of the axes, where the figure's own are not wanted.
    names: [Option<String>; 2],
}

impl Frame {
    /// Fits axes over the two ranges (`(low, high, padding as a share)`) into the page below `top` and sets the
    /// drawing's height.
    ///
    /// # Errors
    /// The look asks for an axis that these values do not have.
    pub fn new(
        drawing: &mut Drawing,
        (look, width): (&Look, Width),
        top: f64,
        x: (f64, f64, f64),
        y: (f64, f64, f64),
    ) -> Result<Frame, PlotError> {
        let bottom = top + width.plot_height();
        let y_axis = Axis::asked(&look.y, y, bottom - top, false)?;
        Frame::around(drawing, look, (top, bottom), x, y_axis, 0.0)
    }

    /// Two frames over one x axis, the second a third as high and below the first.
    ///
    /// # Errors
    /// As [`Frame::new`].
    pub fn stacked(
        drawing: &mut Drawing,
        (look, width): (&Look, Width),
        top: f64,
        x: (f64, f64, f64),
        [upper, lower]: [(f64, f64, f64); 2],
    ) -> Result<[Frame; 2], PlotError> {
        let middle = top + width.plot_height();
        let (second, bottom) = (middle + PANEL_GAP, middle + PANEL_GAP + width.plot_height() / 3.0);
        let upper = Axis::asked(&look.y, upper, middle - top, false)?;
        // Three ticks, which stand close but apart.
        let lower = Axis::over(lower.0, lower.1, lower.2, (bottom - second).max(72.0), false);
        let widest = upper.widest_label().max(lower.widest_label());
        let upper = Frame::around(drawing, look, (top, middle), x, upper, widest)?;
        Ok([upper, Frame::around(drawing, look, (second, bottom), x, lower, widest)?])
    }

    /// Two frames of one height, the second below the first, each with its own axes.
    ///
    /// # Errors
    /// As [`Frame::new`].
    pub fn two(
        drawing: &mut Drawing,
        (look, width): (&Look, Width),
        top: f64,
        x: [(f64, f64, f64); 2],
        y: [(f64, f64, f64); 2],
    ) -> Result<[Frame; 2], PlotError> {
        let height = 0.62 * width.plot_height();
        let below = TICK_LENGTH + GAP + TICK_TEXT + PANEL_GAP;
        let tops = [top, top + height + below];
        let axis = |panel: usize| Axis::asked(&look.y, y[panel], height, false);
        let (upper, lower) = (axis(0)?, axis(1)?);
        let widest = upper.widest_label().max(lower.widest_label());
        let upper = Frame::around(drawing, look, (tops[0], tops[0] + height), x[0], upper, widest)?;
        Ok([upper, Frame::around(drawing, look, (tops[1], tops[1] + height), x[1], lower, widest)?])
    }

    /// A frame between two heights whose labels may be `widest` wide.
    fn around(
        drawing: &mut Drawing,
        look: &Look,
        (top, bottom): (f64, f64),
        x: (f64, f64, f64),
        y_axis: Axis,
        widest: f64,
    ) -> Result<Frame, PlotError> {
        let left = MARGIN + LABEL_TEXT + GAP + y_axis.widest_label().max(widest) + GAP + TICK_LENGTH;
        // Half of the last label may stick out to the right.
        let right = drawing.width - MARGIN - 8.0;
        let x_axis = Axis::asked(&look.x, x, right - left, true)?;
        drawing.height = bottom + TICK_LENGTH + GAP + TICK_TEXT * CAPITAL + GAP + LABEL_TEXT + GAP + MARGIN;
        let names = [look.x.name.clone(), look.y.name.clone()];
        Ok(Frame { left, right, top, bottom, x: x_axis, y: y_axis, names })
    }

    /// Whether a point is shown.
    pub fn holds(&self, x: f64, y: f64) -> bool {
        self.x.holds(x) && self.y.holds(y)
    }

    fn sides(&self) -> ((f64, f64), (f64, f64)) {
        ((self.left, self.right), (self.top, self.bottom))
    }

    /// What the frame holds of a line.
    pub fn line(&self, drawing: &mut Drawing, points: &[Point], width: f64, ink: Ink) {
        self.dashed(drawing, points, width, ink, &[]);
    }

    pub fn dashed(&self, drawing: &mut Drawing, points: &[Point], width: f64, ink: Ink, dash: &[f64]) {
        let (across, down) = self.sides();
        let pieces = clip::pieces(points, across, down);
        let note = "lines lie outside the limits of the axes";
        if pieces.is_empty() && !drawing.notes.iter().any(|other| other == note) {
            drawing.notes.push(note.to_owned());
        }
        for piece in pieces {
            drawing.dashed(&piece, width, ink, dash);
        }
    }

    pub fn polygon(&self, drawing: &mut Drawing, points: &[Point], ink: Ink) {
        let (across, down) = self.sides();
        let inside = clip::polygon(points, across, down);
        if inside.len() > 2 {
            drawing.polygon(&inside, ink);
        }
    }

    /// Place of a value on the page.
    pub fn point(&self, x: f64, y: f64) -> Point {
        let across = self.left + self.x.share(x) * (self.right - self.left);
        (across, self.bottom - self.y.share(y) * (self.bottom - self.top))
    }

    /// Draws the axes with their names: last, so that no border of the data cuts into them.
    pub fn draw_axes(&self, drawing: &mut Drawing, (x_name, y_name): (&str, &str)) {
        self.draw_upper_axes(drawing, y_name, TICK_LENGTH + GAP + TICK_TEXT);
        let name_y = self.draw_x_labels(drawing) + GAP + LABEL_TEXT;
        let own = self.names[0].as_deref().unwrap_or(x_name);
        let x_name = fonts::fit_with(own, &self.x.note(), LABEL_TEXT, drawing.width - 2.0 * MARGIN);
        drawing.cut("the name of the x axis", &(own.to_owned() + &self.x.note()), &x_name);
        // Centred under the axis, unless that would push a long name over the edge of the page.
        let half = fonts::width(&x_name, LABEL_TEXT, false) / 2.0;
        let centre = ((self.left + self.right) / 2.0).clamp(MARGIN + half, drawing.width - MARGIN - half);
        drawing.text(x_name, (centre, name_y), LABEL_TEXT, Align::Middle, TEXT);
    }

    /// The labels of the x axis; says on which line they stand.
    pub fn draw_x_labels(&self, drawing: &mut Drawing) -> f64 {
        let label_y = self.bottom + TICK_LENGTH + GAP + TICK_TEXT * CAPITAL;
        for (value, label) in &self.x.ticks {
            let (x, _) = self.point(*value, self.y.low);
            drawing.text(label, (x, label_y), TICK_TEXT, Align::Middle, TEXT);
        }
        label_y
    }

    /// The axes of a frame above another one, which has the labels of both x axes. The y axis's name may reach so far
    /// below the frame.
    pub fn draw_upper_axes(&self, drawing: &mut Drawing, y_name: &str, below: f64) {
        drawing.line(&[(self.left, self.top), (self.left, self.bottom), (self.right, self.bottom)], AXIS_LINE, AXIS);
        for (value, _) in &self.x.ticks {
            let (x, _) = self.point(*value, self.y.low);
            drawing.line(&[(x, self.bottom), (x, self.bottom + TICK_LENGTH)], AXIS_LINE, AXIS);
        }
        let label_x = self.left - TICK_LENGTH - GAP;
        for (value, label) in &self.y.ticks {
            let (_, y) = self.point(self.x.low, *value);
            drawing.line(&[(self.left - TICK_LENGTH, y), (self.left, y)], AXIS_LINE, AXIS);
            drawing.text(label, (label_x, y + TICK_TEXT * CAPITAL / 2.0), TICK_TEXT, Align::End, TEXT);
        }
        let y_name = self.names[1].as_deref().unwrap_or(y_name);
        upward_text(drawing, (y_name, &self.y.note()), MARGIN + LABEL_TEXT * CAPITAL, (self.top, self.bottom), below);
    }
}

/// A name beside a vertical axis, its baseline at `x`, centred between `top` and `bottom`; a long one may reach a
/// little below, beside the tick labels of the other axis, and is cut before its note.
pub(super) fn upward_name(drawing: &mut Drawing, name: (&str, &str), x: f64, top: f64, bottom: f64) {
    upward_text(drawing, name, x, (top, bottom), TICK_LENGTH + GAP + TICK_TEXT);
}

fn upward_text(drawing: &mut Drawing, (name, note): (&str, &str), x: f64, (top, bottom): (f64, f64), below: f64) {
    let whole = format!("{name}{note}");
    let name = fonts::fit_with(name, note, LABEL_TEXT, bottom - top + below);
    drawing.cut("the name beside an axis", &whole, &name);
    let half = fonts::width(&name, LABEL_TEXT, false) / 2.0;
    let centre = ((top + bottom) / 2.0).max(top + half);
    drawing.text_upwards(name, (x, centre), LABEL_TEXT, Align::Middle, TEXT);
}

/// Smallest and largest value; infinities for none.
pub(super) fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

//! Where the planes and the colour bar stand. One scale for all: a unit is as long in every plane and direction.

use super::super::contour::Field;
use super::super::drawing::Point;
use super::super::fonts::CAPITAL;
use super::super::style::{LABEL_TEXT, LEGEND_TEXT, MARGIN, TICK_LENGTH, TICK_TEXT, Width};
use super::super::ticks::Axis;
use super::planes::Surfaces;

pub(super) const GAP: f64 = 2.5;
pub(super) const BAR: f64 = 8.0;
const BAR_GAP: f64 = 9.0;
const PANEL_GAP: f64 = 9.0;
/// A plane is at most so many times as high as its column is wide.
const TALLEST: f64 = 1.25;
/// The name of the values needs some height.
const SHORTEST_BAR: f64 = 90.0;

pub(super) struct Layout {
    pub panels: Vec<Panel>,
    pub bar: Bar,
    pub height: f64,
}

/// One plane on the page.
pub(super) struct Panel {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
    pub x: Axis,
    pub y: Axis,
    /// For the names of the plane and its x axis.
    pub room: f64,
    /// Where the name of the y axis stands, in the first column.
    pub name_x: Option<f64>,
}

pub(super) struct Bar {
    pub left: f64,
    pub top: f64,
    pub bottom: f64,
    pub axis: Axis,
}

impl Panel {
    pub fn point(&self, (x, y): Point) -> Point {
        let across = self.left + self.x.share(x) * (self.right - self.left);
        (across, self.bottom - self.y.share(y) * (self.bottom - self.top))
    }
}

/// With as many ticks as the y axis would have on this length, if their labels fit side by side.
fn x_axis(low: f64, high: f64, length: f64) -> Axis {
    let dense = Axis::over(low, high, 0.0, length, false);
    let fits = dense.widest_label() + 5.0 <= length / dense.ticks.len().max(1) as f64;
    if fits { dense } else { Axis::over(low, high, 0.0, length, true) }
}

impl Surfaces {
    pub(super) fn layout(&self, fields: &[Field], top: f64, (low, high): (f64, f64)) -> Layout {
        // How wide the labels are follows from how high the planes are, and the other way round.
        let (mut gutter, mut bar_labels) = (0.0, 0.0);
        loop {
            let layout = self.layout_with(fields, top, (low, high), gutter, bar_labels);
            let widest = layout.panels.iter().map(|panel| panel.y.widest_label()).fold(0.0, f64::max);
            let bar_widest = layout.bar.axis.widest_label();
            if widest <= gutter && bar_widest <= bar_labels {
                return layout;
            }
            (gutter, bar_labels) = (widest.max(gutter), bar_widest.max(bar_labels));
        }
    }

    fn layout_with(&self, fields: &[Field], top: f64, (low, high): (f64, f64), gutter: f64, bar_labels: f64) -> Layout {
        let page = self.width.points();
        let columns = match self.width {
            Width::Column => 1,
            Width::Page => fields.len().min(3),
        };
        let before = gutter + GAP + TICK_LENGTH;
        let bar_room = BAR_GAP + BAR + TICK_LENGTH + GAP + bar_labels + 2.0 * GAP + LABEL_TEXT;
        let name_room = LABEL_TEXT + GAP;
        let gaps = (columns - 1) as f64 * PANEL_GAP + columns as f64 * before;
        let cell = ((page - 2.0 * MARGIN - name_room - bar_room - gaps) / columns as f64).max(20.0);
        let extents = |field: &Field| {
            let span = |axis: &[f64]| axis[axis.len() - 1] - axis[0];
            (span(&field.x), span(&field.y))
        };
        let fits = |(width, height): (f64, f64)| (cell / width).min(TALLEST * cell / height);
        let unit = fields.iter().map(|field| fits(extents(field))).fold(f64::INFINITY, f64::min);

        let above = if self.surfaces.iter().any(|surface| surface.name.is_some()) { LEGEND_TEXT + GAP } else { 0.0 };
        let below = TICK_LENGTH + GAP + TICK_TEXT * CAPITAL + GAP + LABEL_TEXT + GAP;
        let mut panels: Vec<Panel> = Vec::new();
        let mut bar = (top, top);
        let mut y = top;
        for (row, fields) in fields.chunks(columns).enumerate() {
            let tallest = fields.iter().map(|field| extents(field).1 * unit).fold(0.0, f64::max);
            let start = y + above;
            for (column, field) in fields.iter().enumerate() {
                let (width, height) = extents(field);
                let (width, height) = (width * unit, height * unit);
                let first = MARGIN + name_room + before + column as f64 * (cell + before + PANEL_GAP);
                let left = first + (cell - width) / 2.0;
                let ends = |axis: &[f64]| (axis[0], axis[axis.len() - 1]);
                let ((x_low, x_high), (y_low, y_high)) = (ends(&field.x), ends(&field.y));
                panels.push(Panel {
                    left,
                    right: left + width,
                    top: start,
                    bottom: start + height,
                    x: x_axis(x_low, x_high, width),
                    y: Axis::over(y_low, y_high, 0.0, height, false),
                    room: cell + before,
                    name_x: (column == 0).then_some(left - before - GAP - LABEL_TEXT * (1.0 - CAPITAL)),
                });
            }
            if row == 0 {
                bar = (start, start + tallest.max(SHORTEST_BAR));
            }
            y = start + tallest + below + PANEL_GAP;
        }
        let (top, bottom) = bar;
        let rightmost = panels.iter().take(columns).map(|panel| panel.right).fold(0.0, f64::max);
        let bar = Bar { left: rightmost + BAR_GAP, top, bottom, axis: Axis::over(low, high, 0.0, bottom - top, false) };
        let height = (y - PANEL_GAP).max(bottom + TICK_TEXT) + MARGIN;
        Layout { panels, bar, height }
    }
}

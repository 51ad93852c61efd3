//! The surface as a landscape, seen from above and aside: far cells are painted first.

use super::super::contour::Field;
use super::super::drawing::{Align, Drawing, Label, Point};
use super::super::fonts::{self, CAPITAL};
use super::super::look::Look;
use super::super::style::{
    AXIS, AXIS_LINE, LABEL_TEXT, LEGEND_TEXT, MARGIN, Marker, QUIET, TEXT, TICK_LENGTH, TICK_TEXT, WHITE, Width,
};
use super::super::ticks::Axis;
use super::layout::{BAR, Bar, GAP};
use super::paint;
use super::planes::{SurfacePlane, Surfaces};
use super::scale::Scale;

/// Where the eye is, in degrees; matplotlib's.
const AZIMUTH: f64 = -60.0;
const ELEVATION: f64 = 30.0;
/// Of the landscape, over the longer of its sides.
const HEIGHT: f64 = 0.6;
/// Cells along a side: more could not be told apart at print size.
const CELLS: usize = 48;
const MESH: f64 = 0.15;
const BAR_GAP: f64 = 9.0;
const PANEL_GAP: f64 = 9.0;
/// Points along a straight line between two models.
const STEPS: usize = 40;
const MARKER: f64 = 2.6;

/// Three numbers as a place on the page, for one panel.
struct Eye {
    /// In the plane.
    centre: Point,
    /// Of values: the lower end, and the height of one unit in units of the plane.
    ground: f64,
    rise: f64,
    /// Points to a unit of the plane.
    unit: f64,
    /// Where the centre of the ground stands.
    origin: Point,
}

impl Eye {
    /// From the eye's own centre, rightwards and downwards, and how near it is.
    fn turned(x: f64, y: f64, z: f64) -> (f64, f64, f64) {
        let ((sin, cos), (sin_up, cos_up)) = (AZIMUTH.to_radians().sin_cos(), ELEVATION.to_radians().sin_cos());
        let across = -sin * x + cos * y;
        let up = -cos * sin_up * x - sin * sin_up * y + cos_up * z;
        (across, -up, cos * cos_up * x + sin * cos_up * y + sin_up * z)
    }

    fn at(&self, x: f64, y: f64, value: f64) -> (Point, f64) {
        let z = (value - self.ground) * self.rise;
        let (across, down, near) = Self::turned(x - self.centre.0, y - self.centre.1, z);
        ((self.origin.0 + across * self.unit, self.origin.1 + down * self.unit), near)
    }

    fn point(&self, x: f64, y: f64, value: f64) -> Point {
        self.at(x, y, value).0
    }
}

struct Side {
    x: (f64, f64),
    y: (f64, f64),
    z: (f64, f64),
}

impl Side {
    fn of(field: &Field, z: (f64, f64)) -> Side {
        let ends = |axis: &[f64]| (axis[0], axis[axis.len() - 1]);
        Side { x: ends(&field.x), y: ends(&field.y), z }
    }

    fn longer(&self) -> f64 {
        (self.x.1 - self.x.0).max(self.y.1 - self.y.0)
    }

    /// Left, right, top and bottom of the box around the landscape, in units of the plane from its centre.
    fn bounds(&self) -> [f64; 4] {
        let (half_x, half_y) = ((self.x.1 - self.x.0) / 2.0, (self.y.1 - self.y.0) / 2.0);
        let mut bounds = [f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY];
        for (x, y) in [(-half_x, -half_y), (-half_x, half_y), (half_x, -half_y), (half_x, half_y)] {
            for z in [0.0, HEIGHT * self.longer()] {
                let (across, down, _) = Eye::turned(x, y, z);
                bounds = [bounds[0].min(across), bounds[1].max(across), bounds[2].min(down), bounds[3].max(down)];
            }
        }
        bounds
    }
}

/// Draws all planes below `top`, on one scale of colours.
pub(super) fn draw(
    figure: &Surfaces,
    fields: &[Field],
    drawing: &mut Drawing,
    top: f64,
    values: (f64, f64),
    range: (f64, f64),
) {
    let page = figure.width.points();
    let columns = if figure.width == Width::Column { 1 } else { fields.len().min(3) };
    // A first guess of the bar's length is near enough for the width of its labels.
    let bar_labels = Axis::over(range.0, range.1, 0.0, page / (2 * columns) as f64, false).widest_label();
    let gutter = bar_labels + 2.0 * GAP + TICK_LENGTH;
    let bar_room = BAR_GAP + BAR + TICK_LENGTH + GAP + bar_labels + 2.0 * GAP + LABEL_TEXT;
    let gaps = (columns - 1) as f64 * PANEL_GAP;
    let cell = ((page - 2.0 * MARGIN - bar_room - gaps) / columns as f64 - gutter).max(20.0);
    let sides: Vec<Side> = fields.iter().map(|field| Side::of(field, range)).collect();
    // Labels of the y axis stick out to the right.
    let inner = (cell - 14.0).max(10.0);
    let units = sides.iter().map(|side| {
        let [left, right, ..] = side.bounds();
        inner / (right - left)
    });
    let unit = units.fold(f64::INFINITY, f64::min);
    let above = if figure.surfaces.iter().any(|surface| surface.name.is_some()) { LEGEND_TEXT + GAP } else { 0.0 };
    let below = TICK_LENGTH + GAP + TICK_TEXT + GAP + LABEL_TEXT + GAP;
    let height = |side: &Side| (side.bounds()[3] - side.bounds()[2]) * unit;
    let first = sides.iter().take(columns).map(height).fold(0.0, f64::max);
    let bar_axis = Axis::over(range.0, range.1, 0.0, first, false);
    let scale = Scale::new(&bar_axis, values, figure.look.colours);

    let mut y = top;
    for (row, sides) in sides.chunks(columns).enumerate() {
        let tallest = sides.iter().map(height).fold(0.0, f64::max);
        for (column, side) in sides.iter().enumerate() {
            let number = row * columns + column;
            let left = MARGIN + column as f64 * (cell + gutter + PANEL_GAP) + gutter;
            let [from, to, highest, lowest] = side.bounds();
            let start = y + above + (tallest - (lowest - highest) * unit);
            let eye = Eye {
                centre: ((side.x.0 + side.x.1) / 2.0, (side.y.0 + side.y.1) / 2.0),
                ground: range.0,
                rise: HEIGHT * side.longer() / (range.1 - range.0).max(f64::MIN_POSITIVE),
                unit,
                origin: (left + (inner - (to - from) * unit) / 2.0 - from * unit, start - highest * unit),
            };
            let surface = &figure.surfaces[number];
            panel(drawing, &eye, side, &fields[number], &scale);
            models(drawing, &eye, &fields[number], surface, &figure.look);
            let names_y = y + above + tallest + below - GAP;
            axes(drawing, &eye, side, &bar_axis);
            names(drawing, surface, (left - gutter + GAP, left + cell), names_y, &figure.look);
            if let Some(name) = &surface.name {
                let text = fonts::fit(name, LEGEND_TEXT, true, cell);
                let at = (left + inner / 2.0, y + LEGEND_TEXT - 1.0);
                drawing.label(Label {
                    text,
                    at,
                    size: LEGEND_TEXT,
                    bold: true,
                    align: Align::Middle,
                    upwards: false,
                    ink: TEXT,
                });
            }
        }
        y += above + tallest + below + PANEL_GAP;
    }
    let rightmost = MARGIN + columns as f64 * (cell + gutter) + gaps;
    let bar = Bar { left: rightmost + BAR_GAP, top: top + above, bottom: top + above + first, axis: bar_axis };
    paint::bar(drawing, &bar, &scale, &figure.value_label);
    drawing.height = y - PANEL_GAP + MARGIN;
}

/// Every so many of a grid's lines, the last among them.
fn thinned(points: usize) -> Vec<usize> {
    let stride = (points - 1).div_ceil(CELLS).max(1);
    let mut kept: Vec<usize> = (0..points).step_by(stride).collect();
    if kept.last() != Some(&(points - 1)) {
        kept.push(points - 1);
    }
    kept
}

fn panel(drawing: &mut Drawing, eye: &Eye, side: &Side, field: &Field, scale: &Scale) {
    // The floor and the two walls behind, so that the eye has something to go by.
    let (x, y, z) = (side.x, side.y, side.z);
    let corners = [
        [(x.0, y.0, z.0), (x.1, y.0, z.0), (x.1, y.1, z.0), (x.0, y.1, z.0)],
        [(x.0, y.0, z.0), (x.0, y.1, z.0), (x.0, y.1, z.1), (x.0, y.0, z.1)],
        [(x.0, y.1, z.0), (x.1, y.1, z.0), (x.1, y.1, z.1), (x.0, y.1, z.1)],
    ];
    for wall in corners {
        let mut outline: Vec<Point> = wall.iter().map(|(x, y, z)| eye.point(*x, *y, *z)).collect();
        outline.push(outline[0]);
        drawing.line(&outline, 0.3, QUIET.faded(0.5));
    }
    let (columns, rows) = (thinned(field.x.len()), thinned(field.y.len()));
    let value = |row: usize, column: usize| field.values[row * field.x.len() + column].clamp(scale.low, scale.high);
    let mut cells: Vec<(f64, Vec<Point>, f64)> = Vec::new();
    for two in rows.windows(2) {
        for pair in columns.windows(2) {
            let around = [(two[0], pair[0]), (two[0], pair[1]), (two[1], pair[1]), (two[1], pair[0])];
            let at = |(row, column): (usize, usize)| eye.at(field.x[column], field.y[row], value(row, column));
            let seen = around.map(at);
            let near = seen.iter().map(|(_, near)| near).sum::<f64>();
            let raw = |(row, column): (usize, usize)| field.values[row * field.x.len() + column] / 4.0;
            cells.push((near, seen.iter().map(|(point, _)| *point).collect(), around.into_iter().map(raw).sum()));
        }
    }
    cells.sort_by(|(a, ..), (b, ..)| a.total_cmp(b));
    for (_, mut corners, value) in cells {
        drawing.polygon(&corners, scale.blend(value));
        corners.push(corners[0]);
        drawing.line(&corners, MESH, TEXT.faded(0.25));
    }
}

/// The value at a place, between those of the cell around it; `None` outside.
fn height(field: &Field, (x, y): Point) -> Option<f64> {
    let cell = |axis: &[f64], value: f64| {
        let inside = axis[0] <= value && value <= axis[axis.len() - 1];
        let at = axis.partition_point(|other| *other <= value).clamp(1, axis.len() - 1) - 1;
        inside.then(|| (at, (value - axis[at]) / (axis[at + 1] - axis[at])))
    };
    let ((column, across), (row, down)) = (cell(&field.x, x)?, cell(&field.y, y)?);
    let at = |row: usize, column: usize| field.values[row * field.x.len() + column];
    let mix = |from: f64, to: f64, share: f64| from + share * (to - from);
    Some(mix(
        mix(at(row, column), at(row, column + 1), across),
        mix(at(row + 1, column), at(row + 1, column + 1), across),
        down,
    ))
}

/// The three models on the surface, joined along it; drawn last, so that no hill hides them.
fn models(drawing: &mut Drawing, eye: &Eye, field: &Field, surface: &SurfacePlane, look: &Look) {
    let places = surface.places;
    let on = |place: Point| Some(eye.point(place.0, place.1, height(field, place)?));
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
        let at = |step: usize| {
            let share = step as f64 / STEPS as f64;
            let along = |a: f64, b: f64| a + share * (b - a);
            on((along(places[from].0, places[to].0), along(places[from].1, places[to].1)))
        };
        let path: Vec<Point> = (0..=STEPS).filter_map(at).collect();
        if path.len() > 1 {
            drawing.line(&path, 2.0, WHITE.faded(0.85));
            drawing.line(&path, 0.9, TEXT);
        }
    }
    let mut taken: Vec<[f64; 4]> = Vec::new();
    for (place, name) in places.iter().zip(&surface.names) {
        let Some((x, y)) = on(*place) else { continue };
        drawing.marker(Marker::Disc, (x, y), MARKER, 0.9, TEXT);
        let text = fonts::fit_end(&look.named(name), LEGEND_TEXT, true, 60.0);
        let width = fonts::width(&text, LEGEND_TEXT, true);
        let rise = LEGEND_TEXT * CAPITAL;
        let candidates = [
            (x - width / 2.0, y - 6.5),
            (x + 5.0, y + rise / 2.0),
            (x - 5.0 - width, y + rise / 2.0),
            (x - width / 2.0, y + 6.5 + rise),
        ];
        let free = candidates.into_iter().find(|(left, base)| {
            let new = [left - 1.5, base - rise - 1.5, left + width + 1.5, base + 1.5];
            let clear = |old: &[f64; 4]| new[0] >= old[2] || old[0] >= new[2] || new[1] >= old[3] || old[1] >= new[3];
            new[0] > MARGIN && new[2] < drawing.width - MARGIN && taken.iter().all(clear)
        });
        if let Some((left, base)) = free {
            let place = [left - 1.5, base - rise - 1.5, left + width + 1.5, base + 1.5];
            drawing.rectangle((place[0], place[1]), (place[2], place[3]), WHITE.faded(0.8));
            drawing.label(Label {
                text,
                at: (left, base),
                size: LEGEND_TEXT,
                bold: true,
                align: Align::Start,
                upwards: false,
                ink: TEXT,
            });
            taken.push(place);
        }
    }
}

/// The edges in front with their ticks.
fn axes(drawing: &mut Drawing, eye: &Eye, side: &Side, values: &Axis) {
    let (x, y, z) = (side.x, side.y, side.z);
    let corner = |x: f64, y: f64, z: f64| eye.point(x, y, z);
    let (left, front, right) = (corner(x.0, y.0, z.0), corner(x.1, y.0, z.0), corner(x.1, y.1, z.0));
    drawing.line(&[corner(x.0, y.0, z.1), left, front, right], AXIS_LINE, AXIS);
    let x_axis = edge_axis(x, left, front);
    let y_axis = edge_axis(y, front, right);
    let half = TICK_TEXT * CAPITAL / 2.0;
    for (value, label) in &x_axis.ticks {
        let (px, py) = corner(*value, y.0, z.0);
        drawing.line(&[(px, py), (px - 1.5, py + TICK_LENGTH)], AXIS_LINE, AXIS);
        drawing.text(label, (px - 2.0, py + TICK_LENGTH + GAP + 2.0 * half), TICK_TEXT, Align::End, TEXT);
    }
    for (value, label) in &y_axis.ticks {
        let (px, py) = corner(x.1, *value, z.0);
        drawing.line(&[(px, py), (px + 1.5, py + TICK_LENGTH)], AXIS_LINE, AXIS);
        drawing.text(label, (px + 2.0, py + TICK_LENGTH + GAP + 2.0 * half), TICK_TEXT, Align::Start, TEXT);
    }
    for (value, label) in values.ticks.iter().filter(|(value, _)| *value > z.0 + 0.03 * (z.1 - z.0)) {
        let (px, py) = corner(x.0, y.0, *value);
        drawing.line(&[(px - TICK_LENGTH, py), (px, py)], AXIS_LINE, AXIS);
        drawing.text(label, (px - TICK_LENGTH - GAP, py + half), TICK_TEXT, Align::End, TEXT);
    }
}

/// As many ticks as an upright axis of this length has, if their labels fit side by side.
fn edge_axis((low, high): (f64, f64), from: Point, to: Point) -> Axis {
    let (across, down) = ((to.0 - from.0).abs(), (to.1 - from.1).abs());
    let dense = Axis::over(low, high, 0.0, across.hypot(down), false);
    let fits = dense.widest_label() + 4.0 <= across / dense.ticks.len().max(1) as f64;
    if fits { dense } else { Axis::over(low, high, 0.0, across, true) }
}

/// Of the x axis to the left, of the y axis to the right; what stands upwards is what the colours say.
fn names(drawing: &mut Drawing, surface: &SurfacePlane, (left, right): (f64, f64), baseline: f64, look: &Look) {
    let y_name = fonts::fit(look.y.name("distance"), LABEL_TEXT, false, (right - left) / 2.0 - 4.0);
    drawing.cut("the name of the y axis", look.y.name("distance"), &y_name);
    let room = right - left - fonts::width(&y_name, LABEL_TEXT, false) - 8.0;
    let own = paint::x_name(surface, look, room);
    let x_name = fonts::fit(look.x.name(&own), LABEL_TEXT, false, room);
    drawing.cut("the name of the x axis", look.x.name(&own), &x_name);
    drawing.text(x_name, (left, baseline), LABEL_TEXT, Align::Start, TEXT);
    drawing.text(y_name, (right, baseline), LABEL_TEXT, Align::End, TEXT);
}

//! The parts of the figure, each at its place.

use super::super::clip::clipped;
use super::super::contour::{Field, Outline, thinned};
use super::super::drawing::{Align, Drawing, Label, Point};
use super::super::fonts::{self, CAPITAL};
use super::super::frame::upward_name;
use super::super::look::Look;
use super::super::style::{AXIS, AXIS_LINE, LABEL_TEXT, LEGEND_TEXT, Marker, TEXT, TICK_LENGTH, TICK_TEXT, WHITE};
use super::isolines::{self, Isoline, Level};
use super::layout::{BAR, Bar, GAP, Panel};
use super::planes::SurfacePlane;
use super::scale::Scale;

const ISOLINE: f64 = 0.3;
/// How far a drawn outline may be from the exact one, in points.
const TOLERANCE: f64 = 0.04;
const MARKER: f64 = 2.6;
const HALO: f64 = 0.9;
const OPEN_END: f64 = 7.0;

/// The lines of a panel in the order in which to fill them.
pub(super) fn isolines(panel: &Panel, field: &Field, scale: &Scale) -> Vec<Isoline> {
    let line = |outline: Outline| {
        let exact: Vec<Point> = outline.points.into_iter().map(|point| panel.point(point)).collect();
        let mut points = thinned(&exact, TOLERANCE);
        let [first, _, _, ..] = *points.as_slice() else { return None };
        points.push(first);
        Some(Isoline { points, band: outline.band, level: outline.level })
    };
    field.outlines(&scale.levels).into_iter().filter_map(line).collect()
}

/// The colours, with a thin line where they change, and the lines' levels in their gaps.
pub(super) fn surface(
    drawing: &mut Drawing,
    panel: &Panel,
    (lines, levels): (&[Isoline], &[Option<Level>]),
    scale: &Scale,
) {
    drawing.rectangle((panel.left, panel.top), (panel.right, panel.bottom), scale.ink(0));
    for line in lines {
        let (_, open) = line.points.split_last().unwrap_or((&(0.0, 0.0), &[]));
        drawing.polygon(open, scale.ink(line.band));
        for piece in isolines::pieces(line, levels) {
            drawing.line(&piece, ISOLINE, TEXT.faded(0.45));
        }
    }
    levels.iter().flatten().for_each(|level| isolines::draw(drawing, level));
}

/// Three markers joined by lines, each with its name beside it.
pub(super) struct Models {
    markers: Vec<Point>,
    /// With left, top, right and bottom.
    names: Vec<(String, [f64; 4])>,
    pub joined: Vec<[Point; 2]>,
}

impl Models {
    pub fn of(panel: &Panel, surface: &SurfacePlane, look: &Look) -> Models {
        let places = surface.places;
        let (across, up) = ((panel.x.low, panel.x.high), (panel.y.low, panel.y.high));
        let side = |(a, b): (usize, usize)| {
            let (from, to) = clipped((places[a], places[b]), across, up)?;
            Some([panel.point(from), panel.point(to)])
        };
        let inside = |(x, y): Point| across.0 <= x && x <= across.1 && up.0 <= y && y <= up.1;
        let shown: Vec<(Point, &str)> = places
            .iter()
            .zip(&surface.names)
            .filter(|(place, _)| inside(**place))
            .map(|(place, name)| (panel.point(*place), name.as_str()))
            .collect();
        let middle = places
            .map(|place| panel.point(place))
            .into_iter()
            .fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x / 3.0, sum.1 + y / 3.0));
        let markers: Vec<Point> = shown.iter().map(|(place, _)| *place).collect();
        let mut models = Models {
            markers,
            names: Vec::new(),
            joined: [(0, 1), (1, 2), (2, 0)].into_iter().filter_map(side).collect(),
        };
        for (place, name) in &shown {
            let name = fonts::fit_end(&look.named(name), LEGEND_TEXT, true, (panel.right - panel.left) * 0.4);
            let half = (fonts::width(&name, LEGEND_TEXT, true) / 2.0 + 1.5, LEGEND_TEXT * CAPITAL / 2.0 + 1.5);
            if let Some(box_) = beside(panel, *place, middle, half, &models.taken()) {
                models.names.push((name, box_));
            }
        }
        models
    }

    /// What nothing else may cover.
    pub fn taken(&self) -> Vec<[f64; 4]> {
        let markers = self.markers.iter().map(|place| around(*place, MARKER, MARKER));
        markers.chain(self.names.iter().map(|(_, box_)| *box_)).collect()
    }

    pub fn draw(&self, drawing: &mut Drawing) {
        for (width, ink) in [(2.0, WHITE), (0.9, TEXT)] {
            self.joined.iter().for_each(|side| drawing.line(side, width, ink));
        }
        for (name, [left, top, right, bottom]) in &self.names {
            drawing.rectangle((*left, *top), (*right, *bottom), WHITE.faded(0.8));
            drawing.label(Label {
                text: name.clone(),
                at: ((left + right) / 2.0, bottom - 1.5),
                size: LEGEND_TEXT,
                bold: true,
                align: Align::Middle,
                upwards: false,
                ink: TEXT,
            });
        }
        for place in &self.markers {
            drawing.marker(Marker::Disc, *place, MARKER, HALO, TEXT);
        }
    }
}

fn around((x, y): Point, half_width: f64, half_height: f64) -> [f64; 4] {
    [x - half_width, y - half_height, x + half_width, y + half_height]
}

/// A free place for a name beside its marker: away from the triangle if there is one. `None` rather than a name over
/// another.
fn beside(panel: &Panel, place: Point, middle: Point, half: (f64, f64), taken: &[[f64; 4]]) -> Option<[f64; 4]> {
    let away = (place.1 - middle.1).atan2(place.0 - middle.0);
    let reach = MARKER + HALO + 0.8;
    // A quarter, an eighth, … of a turn to either side.
    let turns = [0.0, 0.125, -0.125, 0.25, -0.25, 0.375, -0.375, 0.5];
    turns.into_iter().find_map(|turn| {
        let angle = away + turn * std::f64::consts::TAU;
        let (dx, dy) = (angle.cos(), angle.sin());
        // Just far enough that the box clears the marker in this direction.
        let far = |d: f64, half: f64| if d.abs() < 1e-9 { f64::INFINITY } else { (half + reach) / d.abs() };
        let distance = far(dx, half.0).min(far(dy, half.1));
        let box_ = around((place.0 + distance * dx, place.1 + distance * dy), half.0, half.1);
        let [left, top, right, bottom] = box_;
        let inside = left >= panel.left && right <= panel.right && top >= panel.top && bottom <= panel.bottom;
        let free = |[l, t, r, b]: &[f64; 4]| left >= *r || right <= *l || top >= *b || bottom <= *t;
        (inside && taken.iter().all(free)).then_some(box_)
    })
}

/// The frame, its ticks and names.
pub(super) fn axes(drawing: &mut Drawing, panel: &Panel, surface: &SurfacePlane, look: &Look) {
    let Panel { left, right, top, bottom, .. } = *panel;
    drawing.line(&[(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], AXIS_LINE, AXIS);
    let label_y = bottom + TICK_LENGTH + GAP + TICK_TEXT * CAPITAL;
    for (value, label) in &panel.x.ticks {
        let (x, _) = panel.point((*value, panel.y.low));
        drawing.line(&[(x, bottom), (x, bottom + TICK_LENGTH)], AXIS_LINE, AXIS);
        drawing.text(label, (x, label_y), TICK_TEXT, Align::Middle, TEXT);
    }
    for (value, label) in &panel.y.ticks {
        let (_, y) = panel.point((panel.x.low, *value));
        drawing.line(&[(left - TICK_LENGTH, y), (left, y)], AXIS_LINE, AXIS);
        let at = (left - TICK_LENGTH - GAP, y + TICK_TEXT * CAPITAL / 2.0);
        drawing.text(label, at, TICK_TEXT, Align::End, TEXT);
    }
    let centre = (left + right) / 2.0;
    let room = panel.room - fonts::width(&panel.x.note(), LABEL_TEXT, false);
    let own = x_name(surface, look, room);
    let asked = look.x.name(&own);
    let name = fonts::fit_with(asked, &panel.x.note(), LABEL_TEXT, panel.room);
    drawing.cut("the name of the x axis", &(asked.to_owned() + &panel.x.note()), &name);
    drawing.text(name, (centre, label_y + GAP + LABEL_TEXT), LABEL_TEXT, Align::Middle, TEXT);
    if let Some(x) = panel.name_x {
        upward_name(drawing, (look.y.name("distance"), &panel.y.note()), x, top, bottom);
    }
    if let Some(name) = &surface.name {
        let name = fonts::fit(name, LEGEND_TEXT, true, panel.room);
        drawing.label(Label {
            text: name,
            at: (centre, top - GAP - 1.0),
            size: LEGEND_TEXT,
            bold: true,
            align: Align::Middle,
            upwards: false,
            ink: TEXT,
        });
    }
}

/// What the unit of the x axis is, in as many words as there is room for.
pub(super) fn x_name(surface: &SurfacePlane, look: &Look, room: f64) -> String {
    // The model on the x axis is the one that the unit leads to.
    let end = if surface.places[1].1.abs() <= surface.places[2].1.abs() { 1 } else { 2 };
    let [from, to] = [0, end].map(|model| look.named(&surface.names[model]));
    let own = [format!("distance ({from} and {to} are 1 apart)"), format!("distance ({from} to {to}: 1)")];
    let fitting = own.into_iter().find(|name| fonts::width(name, LABEL_TEXT, false) <= room);
    fitting.unwrap_or_else(|| "distance".to_owned())
}

/// The colours with their values; an end beyond which there are values is a point.
pub(super) fn bar(drawing: &mut Drawing, bar: &Bar, scale: &Scale, name: &str) {
    let (left, right) = (bar.left, bar.left + BAR);
    let room = |open: bool| if open { OPEN_END } else { 0.0 };
    let (top, bottom) = (bar.top + room(scale.open[1]), bar.bottom - room(scale.open[0]));
    let height = |value: f64| bottom - (value - scale.low) / (scale.high - scale.low) * (bottom - top);
    if scale.open[0] {
        drawing.polygon(&[(left, bottom), (right, bottom), ((left + right) / 2.0, bar.bottom)], scale.ink(0));
    }
    if scale.open[1] {
        drawing.polygon(&[(left, top), (right, top), ((left + right) / 2.0, bar.top)], scale.ink(scale.levels.len()));
    }
    let inner = scale.levels.iter().copied().filter(|level| *level > scale.low && *level < scale.high);
    let bounds: Vec<f64> = std::iter::once(scale.low).chain(inner).chain([scale.high]).collect();
    if scale.run {
        const SLICES: usize = 64;
        let at = |slice: usize| scale.low + (scale.high - scale.low) * slice as f64 / SLICES as f64;
        for slice in 0..SLICES {
            let over = (height(at(slice + 1)) - 0.5).max(top);
            drawing.rectangle((left, over), (right, height(at(slice))), scale.blend(at(slice)));
        }
    }
    for (number, pair) in bounds.windows(2).enumerate().filter(|_| !scale.run) {
        let ink = scale.ink(number + usize::from(scale.open[0]));
        drawing.rectangle((left, height(pair[1])), (right, height(pair[0])), ink);
    }
    for level in &bounds[1..bounds.len() - 1] {
        drawing.line(&[(left, height(*level)), (right, height(*level))], ISOLINE, TEXT.faded(0.45));
    }
    for (value, label) in &bar.axis.ticks {
        let y = height(*value);
        drawing.line(&[(right, y), (right + TICK_LENGTH, y)], AXIS_LINE, AXIS);
        let at = (right + TICK_LENGTH + GAP, y + TICK_TEXT * CAPITAL / 2.0);
        drawing.text(label, at, TICK_TEXT, Align::Start, TEXT);
    }
    let x = right + TICK_LENGTH + GAP + bar.axis.widest_label() + 2.0 * GAP + LABEL_TEXT * CAPITAL;
    upward_name(drawing, (name, &bar.axis.note()), x, bar.top, bar.bottom);
}

//! Surfaces in planes through three models: filled contours, side by side on one colour scale.

use super::contour::Field;
use super::drawing::{Drawing, Point};
use super::frame::{extent, head};
use super::numbers::{Column, Numbers};
use super::style::Width;
use super::ticks::Axis;
use super::{PlotError, Rendered, drawable, expect_length, output};

mod isolines;
mod layout;
mod paint;

/// Cells along each axis, at the least, between which the outlines bend.
const FINE: usize = 64;

/// Planes whose colours mean the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Surfaces {
    pub surfaces: Vec<Surface>,
    /// Name and unit of the values, such as "loss (nats)".
    pub value_label: String,
    /// The part of every plane that is shown.
    pub clip_x: Option<[f64; 2]>,
    pub clip_y: Option<[f64; 2]>,
    /// The range of the colours; what lies beyond gets the colour of an open end.
    pub clip_z: Option<[f64; 2]>,
    pub title: Option<String>,
    pub width: Width,
}

/// Values on a grid in the plane through three models. The unit of both axes is the distance from the anchor to the
/// model at (1, 0), so distances are Euclidean.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    /// Rising, at least two.
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    /// `[y, x]`, flat and row-major.
    pub values: Vec<f64>,
    /// Where the models stand, the anchor first.
    pub places: [(f64, f64); 3],
    pub names: [String; 3],
    /// Stands above the plane where there are several to tell apart.
    pub name: Option<String>,
}

/// What the colours mean: the ends of the scale, and the values at which they change.
struct Scale {
    low: f64,
    high: f64,
    /// Rising; one colour more than levels.
    levels: Vec<f64>,
    /// Whether values lie beyond the lower and the upper end.
    open: [bool; 2],
}

impl Surfaces {
    /// # Errors
    /// No planes, a grid of fewer than two points along an axis or of the wrong length, a value that is not finite, or
    /// clips that leave nothing.
    pub fn render(&self, provenance: &str) -> Result<Rendered, PlotError> {
        output::render(&self.draw()?, provenance)
    }

    /// The points of the grids that are shown, with their values as they were measured.
    pub fn numbers(&self) -> Numbers {
        let (mut names, mut planes, mut x, mut y, mut values) = (vec![], vec![], vec![], vec![], vec![]);
        let shown = |value: f64, clip: Option<[f64; 2]>| clip.is_none_or(|[low, high]| low <= value && value <= high);
        for surface in &self.surfaces {
            let points = surface.y.iter().flat_map(|y| surface.x.iter().map(move |x| (*x, *y)));
            for ((at_x, at_y), value) in points.zip(&surface.values) {
                if shown(at_x, self.clip_x) && shown(at_y, self.clip_y) {
                    names.push(surface.name.clone().unwrap_or_default());
                    planes.push(surface.names.join(","));
                    x.push(at_x);
                    y.push(at_y);
                    values.push(*value);
                }
            }
        }
        let mut columns = vec![
            ("plane".to_owned(), Column::Text(planes)),
            ("x".to_owned(), Column::Number(x)),
            ("y".to_owned(), Column::Number(y)),
            (self.value_label.clone(), Column::Number(values)),
        ];
        if self.surfaces.iter().any(|surface| surface.name.is_some()) {
            columns.insert(0, ("surface".to_owned(), Column::Text(names)));
        }
        Numbers { columns }
    }

    pub(super) fn draw(&self) -> Result<Drawing, PlotError> {
        let fields = self.fields()?;
        let values = extent(fields.iter().flat_map(|field| field.values.iter().copied()));
        let mut drawing = Drawing::new(self.width.points());
        let top = head(&mut drawing, self.title.as_deref(), &[]);
        let layout = self.layout(&fields, top, self.clip_z.map_or(values, |[low, high]| (low, high)));
        let scale = Scale::new(&layout.bar.axis, values);
        drawing.height = layout.height;
        for ((surface, field), panel) in self.surfaces.iter().zip(&fields).zip(&layout.panels) {
            let models = paint::Models::of(panel, surface);
            let lines = paint::isolines(panel, field, &scale);
            let text = |level: usize| Some((scale.text(level, &layout.bar.axis)?, scale.ink(level)));
            let levels = isolines::levels(panel, &lines, text, &models.taken(), &models.joined);
            paint::surface(&mut drawing, panel, (&lines, &levels), &scale);
            models.draw(&mut drawing);
            paint::axes(&mut drawing, panel, surface);
        }
        paint::bar(&mut drawing, &layout.bar, &scale, &self.value_label);
        Ok(drawing)
    }

    /// What is shown of each plane.
    fn fields(&self) -> Result<Vec<Field>, PlotError> {
        if self.surfaces.is_empty() {
            return Err(PlotError::Nothing { figure: "the surface", missing: "planes" });
        }
        self.surfaces.iter().map(|surface| self.field(surface)).collect()
    }

    fn field(&self, surface: &Surface) -> Result<Field, PlotError> {
        let (columns, rows) = (surface.x.len(), surface.y.len());
        if columns < 2 || rows < 2 {
            return Err(PlotError::Nothing { figure: "the surface", missing: "grid of at least 2 × 2 points" });
        }
        expect_length(|| "values of the surface".to_owned(), columns * rows, surface.values.len())?;
        for (place, value) in surface.values.iter().enumerate() {
            let (x, y) = (surface.x[place % columns], surface.y[place / columns]);
            drawable(*value, || format!("the value at x = {x:.3}, y = {y:.3}"))?;
        }
        for (name, axis) in [("x", &surface.x), ("y", &surface.y)] {
            axis.iter().try_for_each(|value| drawable(*value, || format!("a {name} of the grid")).map(drop))?;
            if let Some(pair) = axis.windows(2).find(|pair| pair[0] >= pair[1]) {
                return Err(PlotError::NotDrawable { place: format!("the {name} after {}", pair[0]), value: pair[1] });
            }
        }
        for (model, (x, y)) in surface.names.iter().zip(surface.places) {
            [x, y].into_iter().try_for_each(|value| drawable(value, || format!("the place of `{model}`")).map(drop))?;
        }
        let field = Field { x: surface.x.clone(), y: surface.y.clone(), values: surface.values.clone() };
        let cropped = field.smoothed(FINE).cropped(self.clip_x, self.clip_y);
        cropped.ok_or(PlotError::Nothing { figure: "the surface", missing: "part within the clips of x and y" })
    }
}

impl Scale {
    /// Two colours from each tick of the bar to the next, or four where ticks are few.
    fn new(axis: &Axis, (least, most): (f64, f64)) -> Scale {
        let (low, high) = (axis.low, axis.high);
        let step = match axis.ticks.as_slice() {
            [first, second, ..] => {
                let step = second.0 - first.0;
                if axis.ticks.len() < 5 { step / 4.0 } else { step / 2.0 }
            }
            _ => (high - low) / 8.0,
        };
        let first = axis.ticks.first().map_or(low, |(value, _)| *value);
        let slack = step * 1e-6;
        let start = ((low - first) / step).floor() as i64;
        let inner = (start..start + 64).map(|number| first + number as f64 * step);
        let inner = inner.filter(|level| *level > low + slack && *level < high - slack);
        let open = [least < low, most > high];
        let ends = |open: bool, end: f64| open.then_some(end);
        let levels = ends(open[0], low).into_iter().chain(inner).chain(ends(open[1], high)).collect();
        Scale { low, high, levels, open }
    }

    /// What the bar calls a level; `None` for those between its ticks.
    fn text(&self, level: usize, axis: &Axis) -> Option<String> {
        let slack = (self.high - self.low) * 1e-6;
        let tick = axis.ticks.iter().find(|(value, _)| (value - self.levels[level]).abs() < slack);
        tick.map(|(_, label)| label.clone())
    }

    fn ink(&self, band: usize) -> super::drawing::Ink {
        super::colormap::viridis((band as f64 + 0.5) / (self.levels.len() + 1) as f64)
    }
}

/// The part of a line within a rectangle (Liang and Barsky); `None` where it has none.
fn clipped((a, b): (Point, Point), (left, right): (f64, f64), (low, high): (f64, f64)) -> Option<(Point, Point)> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (mut enter, mut leave) = (0f64, 1f64);
    for (toward, room) in [(-dx, a.0 - left), (dx, right - a.0), (-dy, a.1 - low), (dy, high - a.1)] {
        if toward == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if toward < 0.0 {
            enter = enter.max(room / toward);
        } else {
            leave = leave.min(room / toward);
        }
    }
    let at = |share: f64| (a.0 + share * dx, a.1 + share * dy);
    (enter <= leave).then(|| (at(enter), at(leave)))
}

#[cfg(test)]
mod tests;

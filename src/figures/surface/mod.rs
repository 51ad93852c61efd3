//! Surfaces in planes through three models: filled contours, side by side on one colour scale.

use super::contour::Field;
use super::drawing::Drawing;
use super::frame::{Entry, Sample, extent, head};
use super::numbers::{Column, Numbers};
use super::style::{Marker, TEXT};
use super::{PlotError, Rendered, drawable, expect_length, output};

mod aslant;
mod isolines;
mod layout;
mod paint;
mod planes;
mod scale;

pub use planes::{SurfacePlane, Surfaces};

use scale::Scale;

/// Cells along each axis, at the least, between which the outlines bend.
const FINE: usize = 64;

impl Surfaces {
    /// # Errors
    /// No planes, a grid of fewer than two points along an axis or of the wrong length, a value that is not finite, or
    /// clips that leave nothing.
    pub fn render(&self, provenance: &str) -> Result<Rendered, PlotError> {
        output::render(&self.draw()?, provenance, self.look.svg_text)
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
            ("plane".to_owned(), Column::Models(planes)),
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
        let sample = Sample::Marker { marker: Marker::Disc, ink: TEXT };
        let models = Entry { sample, text: "the models of the plane, joined by straight lines".to_owned() };
        let top = head(&mut drawing, self.title.as_deref(), &[models]);
        let least = if self.from_zero { values.0.min(0.0) } else { values.0 };
        let range = self.clip_z.map_or((least, values.1), |[low, high]| (low, high));
        if self.aslant {
            // A range without extent has no height.
            let flat = range.1 - range.0 <= range.1.abs().max(range.0.abs()) * 1e-12;
            let range = if flat { (range.0, range.0 + range.0.abs().max(1.0)) } else { range };
            aslant::draw(self, &fields, &mut drawing, top, values, range);
            return Ok(drawing);
        }
        let layout = self.layout(&fields, top, range);
        let scale = Scale::new(&layout.bar.axis, values, self.look.colours);
        drawing.height = layout.height;
        for ((surface, field), panel) in self.surfaces.iter().zip(&fields).zip(&layout.panels) {
            let models = paint::Models::of(panel, surface, &self.look);
            let lines = paint::isolines(panel, field, &scale);
            let text = |level: usize| Some((scale.text(level)?, scale.ink(level)));
            let levels = isolines::levels(panel, &lines, text, &models.taken(), &models.joined);
            paint::surface(&mut drawing, panel, (&lines, &levels), &scale);
            models.draw(&mut drawing);
            paint::axes(&mut drawing, panel, surface, &self.look);
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

    fn field(&self, surface: &SurfacePlane) -> Result<Field, PlotError> {
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

#[cfg(test)]
mod tests;

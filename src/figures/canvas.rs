//! Plays a drawing to a backend of plotters.

use super::PlotError;
use super::drawing::{Drawing, Label, Point, Shape};
use super::ink::Ink;
use plotters::prelude::{Color, DrawingBackend, RGBAColor, ShapeStyle};

/// A plotters backend with text whose baseline goes exactly through the given point.
pub(super) trait Canvas: DrawingBackend {
    fn label(&mut self, label: &Label, scale: f64) -> Result<(), PlotError>;
}

pub(super) fn play<C: Canvas>(
    drawing: &Drawing,
    canvas: &mut C,
    scale: f64,
    format: &'static str,
) -> Result<(), PlotError> {
    let stroke = |ink: Ink, width: f64| ShapeStyle {
        color: colour(ink),
        filled: false,
        stroke_width: ((width * scale).round() as u32).max(1),
    };
    let corners = |points: &[Point]| points.iter().map(|point| units(*point, scale)).collect::<Vec<_>>();
    for shape in &drawing.shapes {
        match shape {
            Shape::Line { points, width, ink } => canvas.draw_path(corners(points), &stroke(*ink, *width)),
            Shape::Polygon { points, ink } => canvas.fill_polygon(corners(points), &colour(*ink).filled()),
            Shape::Rectangle { from, to, ink } => {
                canvas.draw_rect(units(*from, scale), units(*to, scale), &colour(*ink).filled(), true)
            }
            Shape::Disc { centre, radius, ink } => {
                let radius = (radius * scale).round() as u32;
                canvas.draw_circle(units(*centre, scale), radius, &colour(*ink).filled(), true)
            }
            Shape::Label(label) => {
                canvas.label(label, scale)?;
                Ok(())
            }
        }
        .map_err(|error| failed(format, error))?;
    }
    Ok(())
}

pub(super) fn units(point: Point, scale: f64) -> (i32, i32) {
    ((point.0 * scale).round() as i32, (point.1 * scale).round() as i32)
}

pub(super) fn colour(ink: Ink) -> RGBAColor {
    RGBAColor(ink.rgb.0, ink.rgb.1, ink.rgb.2, ink.alpha)
}

pub(super) fn failed(format: &'static str, reason: impl ToString) -> PlotError {
    PlotError::Backend { format, reason: reason.to_string() }
}

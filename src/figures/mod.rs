//! Figures: data in, SVG, PNG and PDF bytes out. No tensors, no disk.
//!
//! A figure ([`Curves`], [`Heatmap`], [`Scatter`]) is a struct of plain data. Its `render` lays itself out once, in
//! points at print size, as a display list; the list is then played to all backends, so the pictures agree. Text is
//! measured with the embedded font, whose outlines are in the SVG and whose letters are in the PDF. Equal data gives
//! equal bytes. Its `numbers` are what it shows, for a table beside it.

mod canvas;
mod clip;
mod colormap;
mod contour;
mod curves;
mod drawing;
mod fonts;
mod frame;
mod heatmap;
mod histogram;
mod ink;
mod look;
mod matrix;
mod movement;
mod names;
mod numbers;
mod output;
mod pdf;
mod png;
mod scatter;
mod style;
mod subset;
mod surface;
mod svg;
#[cfg(test)]
mod tests;
mod ticks;
mod training;

pub use colormap::Colours;
pub use curves::{Curve, Curves};
pub use fonts::OwnFont;
pub use heatmap::{Beside, Heatmap};
pub use histogram::{Histogram, HistogramGroup};
pub use look::{AxisLook, Look};
pub use matrix::{MATRIX_MODELS, MatrixPair, PairMatrix};
pub use movement::Movement;
pub use numbers::{Column, Numbers};
pub use scatter::{Fit, Scatter};
pub use style::Width;
pub use surface::{SurfacePlane, Surfaces};
pub use training::{Training, TrainingRun};

use thiserror::Error;

/// One figure in all formats, each with the provenance text inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Provenance in `<metadata>`.
    pub svg: Vec<u8>,
    /// 288 dots per inch; provenance in the text chunk "Source".
    pub png: Vec<u8>,
    /// One page; text that can be searched, in an embedded font; provenance as the document's subject.
    pub pdf: Vec<u8>,
    /// What the picture does not show as it was asked to: cut texts, letters that the font lacks.
    pub notes: Vec<String>,
}

/// Why a figure cannot be drawn.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PlotError {
    #[error("there is nothing to draw: {figure} has no {missing}")]
    Nothing { figure: &'static str, missing: &'static str },
    #[error("{place} is {value}, which has no place on an axis")]
    NotDrawable { place: String, value: f64 },
    #[error("{place}: expected {expected}, got {got}")]
    Mismatch { place: String, expected: usize, got: usize },
    #[error("{curve} belongs to group {group}, but there are {groups} groups")]
    UnknownGroup { curve: String, group: usize, groups: usize },
    #[error("the curves of group `{group}` are sampled at different points, so they have no mean: draw them apart")]
    UnequalPoints { group: String },
    #[error(
        "an axis is to be logarithmic and to show {value}, which has no logarithm: leave out `log`, or set its `limits`"
    )]
    NotLogarithmic { value: f64 },
    #[error("nothing lies within the `limits` of an axis, {low} to {high}")]
    OutsideLimits { low: f64, high: f64 },
    #[error("the {format} backend failed: {reason}")]
    Backend { format: &'static str, reason: String },
}

/// Magnitudes beyond this are refused with the non-finite ones: their differences would overflow.
const LARGEST: f64 = 1e300;

fn drawable(value: f64, place: impl FnOnce() -> String) -> Result<f64, PlotError> {
    if value.is_finite() && value.abs() <= LARGEST {
        return Ok(value);
    }
    Err(PlotError::NotDrawable { place: place(), value })
}

fn expect_length(place: impl FnOnce() -> String, expected: usize, got: usize) -> Result<(), PlotError> {
    if expected == got { Ok(()) } else { Err(PlotError::Mismatch { place: place(), expected, got }) }
}

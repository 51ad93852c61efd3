//! What a figure of surfaces shows.

use super::super::look::Look;
use super::super::style::Width;

/// Planes whose colours mean the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Surfaces {
    pub surfaces: Vec<SurfacePlane>,
    /// Name and unit of the values, such as "loss (nats)".
    pub value_label: String,
    /// The colours begin at 0, unless they are clipped: of a loss, where nothing is below.
    pub from_zero: bool,
    /// A landscape seen from aside instead of a map.
    pub aslant: bool,
    /// The part of every plane that is shown.
    pub clip_x: Option<[f64; 2]>,
    pub clip_y: Option<[f64; 2]>,
    /// The range of the colours; what lies beyond gets the colour of an open end.
    pub clip_z: Option<[f64; 2]>,
    pub title: Option<String>,
    pub width: Width,
    pub look: Look,
}

/// Values on a grid in the plane through three models. The unit of both axes is the distance from the anchor to the
/// model at (1, 0), so distances are Euclidean.
#[derive(Debug, Clone, PartialEq)]
pub struct SurfacePlane {
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

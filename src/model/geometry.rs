//! How three models stand to each other in the plane through them.

use super::ModelError;

/// The plane's directions are `v₁`, from the anchor to one of the other two models, and `v₂`, from the anchor to the
/// other one with its part along `v₁` removed. If the second model's projection on `v₁` lies at or beyond the first
/// model, the two are swapped, as in the published study.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    /// Whether `v₁` leads to the model given last.
    pub swapped: bool,
    /// How many `v₁` were taken from the second direction: that model stands at `(removed, 1)`.
    pub removed: f64,
    /// `‖v₂‖/‖v₁‖`: axes drawn with `y·scale` have the unit `‖v₁‖` in both directions, so distances are Euclidean.
    pub scale: f64,
    /// `‖v₁‖`, over all parameters.
    pub length: f64,
    /// Euclidean, over all parameters, between the models as they were given: anchor and first, anchor and second,
    /// first and second.
    pub distances: [f64; 3],
}

/// The same piece of the anchor, the first and the second model; all three have one length.
pub(super) type Piece<'a> = [&'a [f32]; 3];

impl Geometry {
    /// `visit` shows every parameter once, piece by piece; it is called twice. All sums are f64.
    ///
    /// # Errors
    /// The models stand on one line, or `visit` fails.
    pub(super) fn new(visit: impl Fn(&mut dyn FnMut(Piece<'_>)) -> Result<(), ModelError>) -> Result<Self, ModelError> {
        let (mut squares, mut along) = ([0.0; 3], 0.0);
        visit(&mut |piece| {
            squares[0] += sum(piece, |v1, _| v1 * v1);
            squares[1] += sum(piece, |_, v2| v2 * v2);
            squares[2] += sum(piece, |v1, v2| (v1 - v2).powi(2));
            along += sum(piece, |v1, v2| v1 * v2);
        })?;
        let distances = squares.map(f64::sqrt);
        let swapped = distances[0] > 0.0 && along / distances[0] >= distances[0];
        let length = distances[usize::from(swapped)];
        let removed = along / (length * length);
        let mut across = 0.0;
        visit(&mut |piece| {
            across += match swapped {
                true => sum(piece, |v1, v2| (v1 - removed * v2).powi(2)),
                false => sum(piece, |v1, v2| (v2 - removed * v1).powi(2)),
            };
        })?;
        let scale = across.sqrt() / length;
        // Models on one line leave rounding noise across it, some 1e-8 of their distance.
        if !(scale > 1e-6 && scale.is_finite()) {
            let text = "they stand on one line, and a plane needs three that do not: choose three different models";
            return Err(ModelError::Mismatch(text.into()));
        }
        Ok(Self { swapped, removed, scale, length, distances })
    }

    /// Where the three models stand on axes drawn with `y·scale`, in the order they were given.
    pub fn places(&self) -> [(f64, f64); 3] {
        let (first, second) = ((1.0, 0.0), (self.removed, self.scale));
        if self.swapped { [(0.0, 0.0), second, first] } else { [(0.0, 0.0), first, second] }
    }
}

/// The sum over a piece of `f(first − anchor, second − anchor)`.
fn sum([anchor, first, second]: Piece<'_>, f: impl Fn(f64, f64) -> f64) -> f64 {
    let values = anchor.iter().zip(first.iter().zip(second));
    values.map(|(a, (b1, b2))| f(f64::from(*b1) - f64::from(*a), f64::from(*b2) - f64::from(*a))).sum()
}

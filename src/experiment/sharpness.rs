//! `[sharpness.x]`: how far each model's loss rises inside a small box around it.

use toml::Spanned;

use super::raw::{RawMeasure, RawSharpness};
use super::validate::Checker;
use super::{Diagnostic, Sharpness};
use crate::train::BoxShape;

/// What the published study uses.
const EPSILON: f64 = 1e-5;
const LEARNING_RATE: f64 = 8e-5;
const BATCH_SIZE: usize = 128;

pub(super) fn check(measure: RawMeasure, raw: RawSharpness, checker: &mut Checker) -> Option<Sharpness> {
    if let Some(epsilon) = &raw.epsilon
        && !(epsilon.get_ref().is_finite() && *epsilon.get_ref() > 0.0)
    {
        checker.fail::<()>(Diagnostic::new("`epsilon` must be greater than 0", epsilon.span()));
    }
    raw.learning_rate.iter().for_each(|rate| checker.above_zero(rate, "learning_rate"));
    raw.dropout.iter().for_each(|rate| checker.fraction(rate, "dropout"));
    for (value, name) in [(&raw.batch_size, "batch_size"), (&raw.directions, "directions")] {
        value.iter().for_each(|value| checker.positive(value, name));
    }
    let shape = match raw.shape {
        None => BoxShape::Published,
        Some(name) => checker.one_of(&name, "box", BoxShape::ALL.map(|shape| (shape.name(), shape)))?,
    };
    Some(Sharpness {
        measure: measure.check(checker)?,
        epsilon: raw.epsilon.map_or(EPSILON, Spanned::into_inner),
        shape,
        directions: raw.directions.map(Spanned::into_inner),
        learning_rate: raw.learning_rate.map_or(LEARNING_RATE, Spanned::into_inner),
        batch_size: raw.batch_size.map_or(BATCH_SIZE, Spanned::into_inner),
        dropout: raw.dropout.map(Spanned::into_inner),
        seed: raw.seed.unwrap_or(checker.seed),
    })
}

//! Its table.

use toml::Spanned;
use toml::de::DeValue;

use crate::kinds::measure::{Measurement, RawMeasure};
use crate::kinds::written::Written;
use crate::study::shape::table;
use crate::study::{Checker, OneOf};
use crate::train::{BoxShape, MOST_ROWS};

/// What the published study uses.
const EPSILON: f64 = 1e-5;
const LEARNING_RATE: f64 = 8e-5;
const BATCH_SIZE: usize = 128;
/// No model has so many parameters.
const MOST_DIRECTIONS: usize = 1 << 40;

table! {
    struct RawSharpness {
        /// The size of the box in which the loss may climb.
        epsilon: Option<Spanned<f64>>,
        /// How far each parameter w may move.
        #[serde(rename = "box")]
        shape: Option<OneOf<BoxShape>>,
        /// So many parameters move, drawn at random by `seed` [default: all of them].
        directions: Option<Spanned<usize>>,
        /// Of the ascent.
        learning_rate: Option<Spanned<f64>>,
        /// Rows of each step of the ascent.
        batch_size: Option<Spanned<usize>>,
        /// During the ascent, everywhere [default: the model's configuration].
        dropout: Option<Spanned<f64>>,
        /// Of what is drawn [default: the experiment's].
        seed: Option<u64>,
    }
}

#[derive(Debug)]
pub struct SharpnessSpec {
    /// Its `metrics` and `combine` mean nothing here.
    pub measure: Measurement,
    pub epsilon: f64,
    pub shape: BoxShape,
    /// How many parameters move, drawn at random; all of them without.
    pub directions: Option<usize>,
    pub learning_rate: f64,
    pub batch_size: usize,
    /// Everywhere; as the model's configuration says without.
    pub dropout: Option<f64>,
    pub seed: u64,
}

pub fn written() -> Written {
    Written::new::<RawSharpness>(
        "sharpness",
        "How far the loss of each model climbs in a small box around its weights.",
        "[sharpness.sharp]\nmodels = \"qqp\"\ndata = \"qqp.validation\"\n",
    )
    .after::<RawMeasure>()
    .without(&RawMeasure::KEYS_NOT_OF_LOSS)
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<SharpnessSpec> {
    let (measure, raw): (RawMeasure, RawSharpness) = checker.split_table(value, RawMeasure::KEYS_OF_LOSS)?;
    for (value, name) in [(&raw.epsilon, "epsilon"), (&raw.learning_rate, "learning_rate")] {
        value.iter().for_each(|value| checker.above_zero(value, name));
    }
    raw.dropout.iter().for_each(|rate| checker.share(rate, "dropout"));
    for (value, name, most) in
        [(&raw.batch_size, "batch_size", MOST_ROWS), (&raw.directions, "directions", MOST_DIRECTIONS)]
    {
        value.iter().for_each(|value| checker.positive(value, name, most));
    }
    let shape = checker.one_of(raw.shape.as_deref(), BoxShape::Published, "unknown box {}");
    Some(SharpnessSpec {
        measure: measure.check(None, checker)?,
        epsilon: raw.epsilon.map_or(EPSILON, Spanned::into_inner),
        shape: shape?,
        directions: raw.directions.map(Spanned::into_inner),
        learning_rate: raw.learning_rate.map_or(LEARNING_RATE, Spanned::into_inner),
        batch_size: raw.batch_size.map_or(BATCH_SIZE, Spanned::into_inner),
        dropout: raw.dropout.map(Spanned::into_inner),
        seed: raw.seed.unwrap_or(checker.seed),
    })
}

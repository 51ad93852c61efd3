//! Its table.

use serde::Deserialize;
use toml::Spanned;
use toml::de::DeValue;

use crate::engine::Kind;
use crate::study::words::DataRef;
use crate::study::{Checker, Diagnostic, Text};

pub const KIND: Kind = Kind::new("pretrain");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPretrain {
    data: Text,
    vocabulary: Option<Spanned<usize>>,
    layers: Spanned<usize>,
    hidden: Spanned<usize>,
    heads: Spanned<usize>,
    intermediate: Option<Spanned<usize>>,
    max_length: Option<Spanned<usize>>,
    initializer_range: Option<Spanned<f64>>,
    dropout: Option<Spanned<f64>>,
    mask: Option<Spanned<f64>>,
    steps: Spanned<usize>,
    batch_size: Option<Spanned<usize>>,
    learning_rate: Spanned<f64>,
    warmup: Option<Spanned<f64>>,
    weight_decay: Option<Spanned<f64>>,
    seed: Option<u64>,
}

#[derive(Debug)]
pub struct Pretrain {
    pub data: Spanned<DataRef>,
    pub vocabulary: usize,
    pub layers: usize,
    pub hidden: usize,
    pub heads: usize,
    pub intermediate: usize,
    pub max_length: usize,
    pub initializer_range: f64,
    pub dropout: f64,
    pub mask: f64,
    pub steps: usize,
    pub batch_size: usize,
    pub learning_rate: f64,
    pub warmup: f64,
    pub weight_decay: f64,
    pub seed: u64,
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<Pretrain> {
    let raw: RawPretrain = checker.table(value)?;
    let data = checker.parse_text(raw.data, DataRef::parse);
    for (value, name) in [
        (Some(&raw.layers), "layers"),
        (Some(&raw.hidden), "hidden"),
        (Some(&raw.heads), "heads"),
        (Some(&raw.steps), "steps"),
        (raw.vocabulary.as_ref(), "vocabulary"),
        (raw.intermediate.as_ref(), "intermediate"),
        (raw.max_length.as_ref(), "max_length"),
        (raw.batch_size.as_ref(), "batch_size"),
    ] {
        value.into_iter().for_each(|value| checker.positive(value, name));
    }
    for (value, name) in [(&raw.dropout, "dropout"), (&raw.mask, "mask"), (&raw.warmup, "warmup")] {
        value.iter().for_each(|value| checker.fraction(value, name));
    }
    checker.above_zero(&raw.learning_rate, "learning_rate");
    raw.initializer_range.iter().for_each(|range| checker.above_zero(range, "initializer_range"));
    raw.weight_decay.iter().for_each(|decay| checker.not_negative(decay, "weight_decay"));
    let (hidden, heads) = (*raw.hidden.get_ref(), *raw.heads.get_ref());
    if heads > 0 && hidden % heads != 0 {
        let message = format!("`hidden` ({hidden}) must be a multiple of `heads` ({heads})");
        checker.fail::<()>(Diagnostic::new(message, raw.hidden.span()));
    }
    let or = |value: Option<Spanned<usize>>, default: usize| value.map_or(default, Spanned::into_inner);
    let or_number = |value: Option<Spanned<f64>>, default: f64| value.map_or(default, Spanned::into_inner);
    Some(Pretrain {
        data: data?,
        vocabulary: or(raw.vocabulary, 30_000),
        layers: raw.layers.into_inner(),
        hidden,
        heads,
        intermediate: or(raw.intermediate, 4 * hidden),
        max_length: or(raw.max_length, 128),
        initializer_range: or_number(raw.initializer_range, 0.02),
        dropout: or_number(raw.dropout, 0.1),
        mask: or_number(raw.mask, 0.15),
        steps: raw.steps.into_inner(),
        batch_size: or(raw.batch_size, 32),
        learning_rate: raw.learning_rate.into_inner(),
        warmup: or_number(raw.warmup, 0.1),
        weight_decay: or_number(raw.weight_decay, 0.01),
        seed: raw.seed.unwrap_or(checker.seed),
    })
}

//! Its table.

use serde::Deserialize;
use toml::Spanned;
use toml::de::DeValue;

use crate::kinds::measure::{Measurement, RawMeasure};
use crate::study::Checker;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEval {
    by: Option<Vec<String>>,
}

#[derive(Debug)]
pub struct Eval {
    pub measure: Measurement,
    /// Columns whose values part the examples into groups.
    pub by: Vec<String>,
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<Eval> {
    let (measure, raw): (RawMeasure, RawEval) = checker.split_table(value, &RawMeasure::KEYS)?;
    Some(Eval { measure: measure.check(None, checker)?, by: raw.by.unwrap_or_default() })
}

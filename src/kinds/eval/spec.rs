//! Its table.

use toml::Spanned;
use toml::de::DeValue;

use crate::kinds::measure::{Measurement, RawMeasure};
use crate::kinds::written::Written;
use crate::study::Checker;
use crate::study::shape::{Keyed, table};

table! {
    struct RawEval {
        /// Columns of the data, kept by its `keep`, or `label`: the metrics of each combination of their values are told too.
        by: Option<Vec<String>>,
    }
}

#[derive(Debug)]
pub struct Eval {
    pub measure: Measurement,
    /// Columns whose values part the examples into groups.
    pub by: Vec<String>,
}

pub fn written() -> Written {
    Written::new::<RawEval>(
        "an evaluation",
        "Metrics of every model on a split, and its predictions.",
        "[eval.paws]\nmodels = \"qqp\"\ndata = \"paws.validation\"\n",
    )
    .after::<RawMeasure>()
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<Eval> {
    let (measure, raw): (RawMeasure, RawEval) = checker.split_table(value, RawMeasure::KEYS)?;
    Some(Eval { measure: measure.check(None, checker)?, by: raw.by.unwrap_or_default() })
}

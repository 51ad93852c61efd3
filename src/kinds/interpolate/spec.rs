//! Its table.

use toml::Spanned;
use toml::de::DeValue;

use crate::kinds::measure::{LINE_EXAMPLES, Measurement, RawMeasure};
use crate::kinds::pairs::{RawPairs, check_pairs};
use crate::kinds::written::Written;
use crate::study::shape::{Keyed, table};
use crate::study::{Checker, Diagnostic};

const POINTS: usize = 10;
/// Of one line: more could not be told apart, and take years.
const MOST_POINTS: usize = 10_000;

table! {
    struct RawInterpolate {
        /// Along each line, both ends counted, evenly spaced.
        points: Option<Spanned<usize>>,
        /// Which lines there are: `"all"`, or those between models by their seeds, `[[7, 22], [7, 31]]`.
        pairs: Option<Spanned<RawPairs>>,
    }
}

#[derive(Debug)]
pub struct Interpolate {
    pub measure: Measurement,
    pub points: usize,
    /// Pairs of model labels; all pairs without.
    pub pairs: Option<Spanned<Vec<[String; 2]>>>,
}

pub fn written() -> Written {
    Written::new::<RawInterpolate>(
        "lines",
        "Metrics along the straight line in weight space between two models, for every pair.",
        "[interpolate.lines]\nmodels = \"qqp\"\ndata = \"qqp.validation\"\n",
    )
    .after::<RawMeasure>()
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<Interpolate> {
    let (measure, raw): (RawMeasure, RawInterpolate) = checker.split_table(value, RawMeasure::KEYS)?;
    if let Some(points) = &raw.points {
        if *points.get_ref() < 3 {
            let message = "`points` counts both end points and must be at least 3 for a barrier to show";
            checker.fail::<()>(Diagnostic::new(message, points.span()));
        }
        checker.between(points, "points", 0..=MOST_POINTS);
    }
    let pairs = check_pairs(raw.pairs, checker)?;
    let measure = measure.check(Some(LINE_EXAMPLES), checker)?;
    Some(Interpolate { measure, points: raw.points.map_or(POINTS, Spanned::into_inner), pairs })
}

//! Its table.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use crate::kinds::measure::{LINE_EXAMPLES, Measurement, RawMeasure};
use crate::kinds::pairs::RawPlanes;
use crate::kinds::written::Written;
use crate::study::shape::{Keyed, table};
use crate::study::{Checker, Diagnostic};

/// The published study's defaults.
const RANGE: f64 = 4.0;
const POINTS_PER_UNIT: f64 = 20.0;
/// Along an axis; more would not fit into a picture, and take years.
const MOST_POINTS: f64 = 2000.0;

table! {
    struct RawSurface {
        /// Planes through three models each, by their seeds, the anchor first: `[[7, 22, 31], [7, 22, 40]]` [default: the one
        /// plane through the three `models`].
        planes: Option<Spanned<RawPlanes>>,
        /// Of both coefficients, to either side of the anchor.
        range: Option<Spanned<f64>>,
        /// Along both axes, for each unit of a coefficient.
        points_per_unit: Option<Spanned<f64>>,
    }
}

/// Grids in planes through three models.
#[derive(Debug)]
pub struct SurfaceSpec {
    pub measure: Measurement,
    /// Model labels, the anchor first; one plane through all models without.
    pub planes: Option<Spanned<Vec<[String; 3]>>>,
    /// Coefficients run from `-range` to `range`.
    pub range: f64,
    /// Along each axis.
    pub points: usize,
}

pub fn written() -> Written {
    Written::new::<RawSurface>(
        "planes",
        "Metrics on a grid in the plane through three models.",
        "[surface.plane]\nmodels = [\"qqp[7]\", \"qqp[22]\", \"qqp[31]\"]\ndata = \"qqp.validation\"\n",
    )
    .after::<RawMeasure>()
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<SurfaceSpec> {
    let (measure, raw): (RawMeasure, RawSurface) = checker.split_table(value, RawMeasure::KEYS)?;
    let points = check_points(raw.range.as_ref(), raw.points_per_unit.as_ref(), measure.span_of_data(), checker);
    let planes = raw.planes.map(|planes| {
        let span = planes.span();
        let list = match planes.into_inner() {
            RawPlanes::Seeds(list) => list.iter().map(|plane| plane.map(|seed| seed.to_string())).collect(),
            RawPlanes::Labels(list) => list,
        };
        Spanned::new(span, list)
    });
    if let Some(planes) = &planes
        && planes.get_ref().is_empty()
    {
        checker.fail::<()>(Diagnostic::new("`planes` is empty: leave it out, or name three models", planes.span()));
    }
    let measure = measure.check(Some(LINE_EXAMPLES), checker)?;
    Some(SurfaceSpec { measure, planes, range: raw.range.map_or(RANGE, Spanned::into_inner), points: points? })
}

/// Points along each axis: `2 · range · points_per_unit`.
fn check_points(
    range: Option<&Spanned<f64>>,
    per_unit: Option<&Spanned<f64>>,
    of_data: Range<usize>,
    checker: &mut Checker,
) -> Option<usize> {
    let mut right = true;
    for (value, name) in [(range, "range"), (per_unit, "points_per_unit")] {
        if let Some(value) = value
            && !(value.get_ref().is_finite() && *value.get_ref() > 0.0)
        {
            checker.fail::<()>(Diagnostic::new(format!("`{name}` must be greater than 0"), value.span()));
            right = false;
        }
    }
    let value = |value: Option<&Spanned<f64>>, default: f64| value.map_or(default, |value| *value.get_ref());
    let points = 2.0 * value(range, RANGE) * value(per_unit, POINTS_PER_UNIT);
    if !right {
        return None;
    }
    let span = per_unit.or(range).map_or(of_data, Spanned::span);
    let whole = points.round();
    if (points - whole).abs() > 1e-6 || whole < 2.0 {
        let message = format!("2 · range · points_per_unit is {points}, and must be a whole number of at least 2");
        return checker.fail(Diagnostic::new(message, span).help("it is the number of points along each axis"));
    }
    if whole > MOST_POINTS {
        let message = format!("a grid of {whole} × {whole} points is too large");
        return checker.fail(Diagnostic::new(message, span).help(format!("at most {MOST_POINTS} along each axis")));
    }
    Some(whole as usize)
}

//! `[surface.x]`: planes through three models; and the figure of them.

use toml::Spanned;

use super::measurements::LINE_EXAMPLES;
use super::raw::{RawMeasure, RawPlanes, RawSurface};
use super::validate::Checker;
use super::{Clips, Diagnostic, PlotKind, Surface};

/// The published study's defaults.
const RANGE: f64 = 4.0;
const POINTS_PER_UNIT: f64 = 20.0;
/// Along an axis; more would not fit into a picture, and take years.
const MOST_POINTS: f64 = 2000.0;

pub(super) fn check(measure: RawMeasure, raw: RawSurface, checker: &mut Checker) -> Option<Surface> {
    let points = check_points(raw.range.as_ref(), raw.points_per_unit.as_ref(), &measure.data, checker);
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
    let mut measure = measure.check(checker)?;
    measure.examples.get_or_insert(LINE_EXAMPLES);
    Some(Surface { measure, planes, range: raw.range.map_or(RANGE, Spanned::into_inner), points: points? })
}

/// Points along each axis: `2 · range · points_per_unit`.
fn check_points(
    range: Option<&Spanned<f64>>,
    per_unit: Option<&Spanned<f64>>,
    data: &Spanned<String>,
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
    let span = per_unit.or(range).map_or(data.span(), Spanned::span);
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

type RawClip = Option<Spanned<[f64; 2]>>;

/// Of a figure of `kind = "surface"`.
pub(super) fn check_plot(
    of: Spanned<Vec<String>>,
    metric: Option<Spanned<String>>,
    clips: [RawClip; 3],
    checker: &mut Checker,
) -> Option<PlotKind> {
    let span = of.span();
    let of: Vec<_> = of.into_inner().into_iter().map(|name| Spanned::new(span.clone(), name)).collect();
    if of.is_empty() {
        checker.fail::<()>(Diagnostic::new("`of` is empty: name a surface stage", span));
    }
    let mut ranges = [None; 3];
    for ((range, clip), name) in ranges.iter_mut().zip(clips).zip(["clip_x", "clip_y", "clip_z"]) {
        let Some(clip) = clip else { continue };
        let [low, high] = *clip.get_ref();
        if !(low.is_finite() && high.is_finite() && low < high) {
            let message = format!("`{name}` must be two numbers, the lower one first");
            checker.fail::<()>(Diagnostic::new(message, clip.span()));
        }
        *range = Some([low, high]);
    }
    let [x, y, z] = ranges;
    let metric = metric.map_or("loss".to_owned(), Spanned::into_inner);
    Some(PlotKind::Surface { of, metric, clips: Clips { x, y, z } })
}

//! Figures of lines: curves, and the overview of a small study.

use toml::Spanned;

use super::super::raw::RawPlot;
use super::super::validate::Checker;
use super::super::{Choice, Curves, Diagnostic, MetricRef, PlotKind};
use crate::stages::cluster::Distance;

/// Models of which curves show the best and the worst where the file gives no number, as in the paper.
const CHOSEN: usize = 5;

pub(super) fn curves(raw: &RawPlot, of: Spanned<String>, checker: &mut Checker) -> Option<PlotKind> {
    let metric = raw.metric.as_ref().map_or("loss".to_owned(), |metric| metric.get_ref().clone());
    let set = |switch: &Option<Spanned<bool>>, default: bool| switch.as_ref().map_or(default, |it| *it.get_ref());
    Some(PlotKind::Curves(Curves {
        of,
        metric,
        clusters: raw.clusters.clone(),
        choice: choice(raw, checker)?,
        band: set(&raw.band, false),
        lines: set(&raw.lines, true),
    }))
}

fn choice(raw: &RawPlot, checker: &mut Checker) -> Option<Option<Choice>> {
    let Some(by) = &raw.by else {
        return match raw.best.as_ref().or(raw.worst.as_ref()) {
            None => Some(None),
            Some(number) => checker.fail(
                Diagnostic::new("best and worst `by` which metric?", number.span())
                    .help("for example by = \"eval.paws:f1\""),
            ),
        };
    };
    if let Some(clusters) = &raw.clusters {
        let message = "lines are grouped by `clusters` or by best and worst, not both: leave one out";
        return checker.fail(Diagnostic::new(message, clusters.span()));
    }
    let number = |number: &Option<Spanned<usize>>| number.as_ref().map_or(CHOSEN, |number| *number.get_ref());
    let (best, worst) = (number(&raw.best), number(&raw.worst));
    if best.saturating_add(worst) < 2 {
        return checker.fail(Diagnostic::new("a line needs two models: raise `best` or `worst`", by.span()));
    }
    Some(Some(Choice { best, worst, by: checker.parse_text(by.clone(), MetricRef::parse)? }))
}

pub(super) fn matrix(raw: &RawPlot, of: Spanned<String>, checker: &mut Checker) -> Option<PlotKind> {
    let distance = match &raw.distance {
        None => Distance::ConvexityGap,
        Some(name) => checker.one_of(name, "distance", Distance::ALL.map(|distance| (distance.name(), distance)))?,
    };
    let metric = raw.metric.as_ref().map_or("loss".to_owned(), |metric| metric.get_ref().clone());
    Some(PlotKind::Matrix { of, metric, distance: distance.name().to_owned() })
}

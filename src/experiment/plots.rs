//! `[plot.x]`: figures.

use toml::Spanned;

use super::raw::{RawPlot, RawTitle};
use super::validate::Checker;
use super::{Choice, Curves, Diagnostic, MetricRef, OrderBy, Plot, PlotKind};
use crate::plot::Width;
use crate::stages::plot::Title;

pub(super) fn check(raw: RawPlot, checker: &mut Checker) -> Option<Plot> {
    let misplaced = |checker: &mut Checker, value: &Option<Spanned<String>>, key: &str| {
        if let Some(value) = value {
            let message = format!("a {} has no `{key}`", raw.kind.get_ref());
            checker.fail::<()>(Diagnostic::new(message, value.span()));
        }
    };
    if raw.kind.get_ref() != "curves" {
        curves_only(&raw, checker);
    }
    let (title, width) = (title(raw.title.as_ref(), checker), width(raw.width.as_ref(), checker));
    let kind = match raw.kind.get_ref().as_str() {
        "curves" => {
            misplaced(checker, &raw.order_by, "order_by");
            PlotKind::Curves(curves(&raw, checker)?)
        }
        "heatmap" => {
            misplaced(checker, &raw.metric, "metric");
            misplaced(checker, &raw.clusters, "clusters");
            let order_by = match raw.order_by {
                None => OrderBy::Cluster,
                Some(order) => match order.get_ref().as_str() {
                    "seed" => OrderBy::Seed,
                    "cluster" => OrderBy::Cluster,
                    _ => OrderBy::Metric(checker.parse_text(order, |text| {
                        MetricRef::parse(text).map_err(|error| format!("{error}; or order by \"seed\" or \"cluster\""))
                    })?),
                },
            };
            PlotKind::Heatmap { of: raw.of, order_by }
        }
        "scatter" => {
            misplaced(checker, &raw.order_by, "order_by");
            misplaced(checker, &raw.clusters, "clusters");
            let Some(metric) = raw.metric else {
                return checker.fail(
                    Diagnostic::new("a scatter needs the `metric` on its y axis", raw.kind.span())
                        .help("for example metric = \"eval.paws:f1\""),
                );
            };
            PlotKind::Scatter { of: raw.of, metric: checker.parse_text(metric, MetricRef::parse)? }
        }
        other => {
            return checker.fail(
                Diagnostic::new(format!("unknown kind of plot `{other}`"), raw.kind.span())
                    .suggest(other, ["curves", "heatmap", "scatter"]),
            );
        }
    };
    Some(Plot { kind, title, width })
}

/// `title = true` is what a figure does anyway.
fn title(title: Option<&Spanned<RawTitle>>, checker: &mut Checker) -> Option<Title> {
    match title?.get_ref() {
        RawTitle::Shown(true) => None,
        RawTitle::Shown(false) => Some(Title::Shown(false)),
        RawTitle::Text(text) if text.trim().is_empty() => {
            let message = "an empty title: leave the title out with `title = false`";
            checker.fail(Diagnostic::new(message, title?.span()))
        }
        RawTitle::Text(text) => Some(Title::Text(text.clone())),
    }
}

fn width(width: Option<&Spanned<String>>, checker: &mut Checker) -> Option<Width> {
    let width = width?;
    match width.get_ref().as_str() {
        "column" => Some(Width::Column),
        "page" => Some(Width::Page),
        other => {
            let message = format!("unknown width `{other}`: \"column\" (3.25 inches) or \"page\" (6.75 inches)");
            checker.fail(Diagnostic::new(message, width.span()).suggest(other, ["column", "page"]))
        }
    }
}

/// Models of which curves show the best and the worst where the file gives no number, as in the paper.
const CHOSEN: usize = 5;

fn curves(raw: &RawPlot, checker: &mut Checker) -> Option<Curves> {
    let metric = raw.metric.as_ref().map_or("loss".to_owned(), |metric| metric.get_ref().clone());
    let set = |switch: &Option<Spanned<bool>>, default: bool| switch.as_ref().map_or(default, |it| *it.get_ref());
    Some(Curves {
        of: raw.of.clone(),
        metric,
        clusters: raw.clusters.clone(),
        choice: choice(raw, checker)?,
        band: set(&raw.band, false),
        lines: set(&raw.lines, true),
    })
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

/// Complains about keys that other kinds do not have.
fn curves_only(raw: &RawPlot, checker: &mut Checker) {
    let spans = [
        ("best", raw.best.as_ref().map(Spanned::span)),
        ("worst", raw.worst.as_ref().map(Spanned::span)),
        ("by", raw.by.as_ref().map(Spanned::span)),
        ("band", raw.band.as_ref().map(Spanned::span)),
        ("lines", raw.lines.as_ref().map(Spanned::span)),
    ];
    for (key, span) in spans {
        if let Some(span) = span {
            checker.fail::<()>(Diagnostic::new(format!("a {} has no `{key}`", raw.kind.get_ref()), span));
        }
    }
}

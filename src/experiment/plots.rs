//! `[plot.x]`: figures.

use toml::Spanned;

use super::raw::{OneOrMany, RawPlot, RawTitle};
use super::validate::Checker;
use super::{Choice, Curves, Diagnostic, MetricRef, OrderBy, Plot, PlotKind, model_plots, surfaces};
use crate::plot::Width;
use crate::stages::plot::Title;

const KINDS: [&str; 10] = [
    "curves",
    "heatmap",
    "scatter",
    "histogram",
    "distributions",
    "movement",
    "sharpness",
    "training",
    "matrix",
    "surface",
];

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
    let clips = [raw.clip_x.clone(), raw.clip_y.clone(), raw.clip_z.clone()];
    if raw.kind.get_ref() != "surface" {
        for (clip, key) in clips.iter().zip(["clip_x", "clip_y", "clip_z"]) {
            if let Some(clip) = clip {
                let message = format!("a {} has no `{key}`", raw.kind.get_ref());
                checker.fail::<()>(Diagnostic::new(message, clip.span()));
            }
        }
    }
    model_plots::check_keys(&raw, checker);
    if raw.kind.get_ref() == "distributions" {
        return distributions(raw, title, width, checker);
    }
    if raw.kind.get_ref() == "surface" {
        for (value, key) in [(&raw.order_by, "order_by"), (&raw.clusters, "clusters")] {
            misplaced(checker, value, key);
        }
        let of = Spanned::new(raw.of.span(), raw.of.clone().into_inner().into_vec());
        let kind = surfaces::check_plot(of, raw.metric.clone(), clips, checker)?;
        return Some(Plot { kind, title, width });
    }
    let of = one_stage(raw.of.clone(), raw.kind.get_ref(), checker)?;
    let kind = match raw.kind.get_ref().as_str() {
        "curves" => {
            misplaced(checker, &raw.order_by, "order_by");
            PlotKind::Curves(curves(&raw, of, checker)?)
        }
        "heatmap" if raw.value.is_some() => model_plots::agreement(&raw, of, checker)?,
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
            PlotKind::Heatmap { of, order_by }
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
            PlotKind::Scatter { of, metric: checker.parse_text(metric, MetricRef::parse)? }
        }
        "histogram" => {
            misplaced(checker, &raw.order_by, "order_by");
            misplaced(checker, &raw.clusters, "clusters");
            let Some(metric) = raw.metric else {
                return checker.fail(
                    Diagnostic::new("a histogram needs the `metric` that it counts", raw.kind.span())
                        .help("for example metric = \"eval.hans:accuracy\""),
                );
            };
            PlotKind::Histogram { of, metric: checker.parse_text(metric, MetricRef::parse)? }
        }
        "movement" => {
            misplaced(checker, &raw.metric, "metric");
            misplaced(checker, &raw.order_by, "order_by");
            misplaced(checker, &raw.clusters, "clusters");
            PlotKind::Movement { of }
        }
        "sharpness" => model_plots::sharpness(&raw, of, checker)?,
        "training" => model_plots::training(&raw, of, checker)?,
        "matrix" => model_plots::matrix(&raw, of, checker)?,
        other => {
            return checker.fail(
                Diagnostic::new(format!("unknown kind of plot `{other}`"), raw.kind.span()).suggest(other, KINDS),
            );
        }
    };
    Some(Plot { kind, title, width })
}

/// The stage of a figure that is of one stage.
fn one_stage(of: Spanned<OneOrMany<String>>, kind: &str, checker: &mut Checker) -> Option<Spanned<String>> {
    let at = of.span();
    match of.into_inner() {
        OneOrMany::One(name) => Some(Spanned::new(at, name)),
        OneOrMany::Many(_) => checker
            .fail(Diagnostic::new(format!("a plot of kind `{kind}` is of one stage"), at).help("write of = \"NAME\"")),
    }
}

fn distributions(raw: RawPlot, title: Option<Title>, width: Option<Width>, checker: &mut Checker) -> Option<Plot> {
    for (value, key) in [(&raw.metric, "metric"), (&raw.order_by, "order_by"), (&raw.clusters, "clusters")] {
        if let Some(value) = value {
            checker.fail::<()>(Diagnostic::new(format!("a plot of distributions has no `{key}`"), value.span()));
        }
    }
    let at = raw.of.span();
    let metrics: Vec<Spanned<MetricRef>> = raw
        .of
        .into_inner()
        .into_vec()
        .into_iter()
        .map(|metric| checker.parse_text(Spanned::new(at.clone(), metric), MetricRef::parse))
        .collect::<Option<_>>()?;
    let Ok(of) = metrics.try_into() else {
        return checker.fail(
            Diagnostic::new("distributions are of two metrics", at)
                .help("for example of = [\"eval.mnli:accuracy\", \"eval.hans:accuracy\"]"),
        );
    };
    Some(Plot { kind: PlotKind::Distributions { of }, title, width })
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

fn curves(raw: &RawPlot, of: Spanned<String>, checker: &mut Checker) -> Option<Curves> {
    let metric = raw.metric.as_ref().map_or("loss".to_owned(), |metric| metric.get_ref().clone());
    let set = |switch: &Option<Spanned<bool>>, default: bool| switch.as_ref().map_or(default, |it| *it.get_ref());
    Some(Curves {
        of,
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

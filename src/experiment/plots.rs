//! `[plot.x]`: figures.

use toml::Spanned;

use super::raw::{OneOrMany, RawPlot};
use super::validate::Checker;
use super::{Diagnostic, MetricRef, OrderBy, Plot, PlotKind, model_plots, surfaces};

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
        return distributions(raw, checker);
    }
    if raw.kind.get_ref() == "surface" {
        for (value, key) in [(&raw.order_by, "order_by"), (&raw.clusters, "clusters")] {
            misplaced(checker, value, key);
        }
        let of = Spanned::new(raw.of.span(), raw.of.clone().into_inner().into_vec());
        let kind = surfaces::check_plot(of, raw.metric.clone(), clips, checker)?;
        return Some(Plot { kind, title: raw.title });
    }
    let of = one_stage(raw.of.clone(), raw.kind.get_ref(), checker)?;
    let kind = match raw.kind.get_ref().as_str() {
        "curves" => {
            misplaced(checker, &raw.order_by, "order_by");
            PlotKind::Curves {
                of,
                metric: raw.metric.map_or("loss".to_owned(), Spanned::into_inner),
                clusters: raw.clusters,
            }
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
    Some(Plot { kind, title: raw.title })
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

fn distributions(raw: RawPlot, checker: &mut Checker) -> Option<Plot> {
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
    Some(Plot { kind: PlotKind::Distributions { of }, title: raw.title })
}

//! `[plot.x]`: figures.

use toml::Spanned;

use super::raw::RawPlot;
use super::validate::Checker;
use super::{Diagnostic, MetricRef, OrderBy, Plot, PlotKind, model_plots};

pub(super) fn check(raw: RawPlot, checker: &mut Checker) -> Option<Plot> {
    let misplaced = |checker: &mut Checker, value: &Option<Spanned<String>>, key: &str| {
        if let Some(value) = value {
            let message = format!("a {} has no `{key}`", raw.kind.get_ref());
            checker.fail::<()>(Diagnostic::new(message, value.span()));
        }
    };
    model_plots::check_keys(&raw, checker);
    let kind = match raw.kind.get_ref().as_str() {
        "curves" => {
            misplaced(checker, &raw.order_by, "order_by");
            PlotKind::Curves {
                of: raw.of,
                metric: raw.metric.map_or("loss".to_owned(), Spanned::into_inner),
                clusters: raw.clusters,
            }
        }
        "heatmap" if raw.value.is_some() => model_plots::agreement(&raw, checker)?,
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
        "sharpness" => model_plots::sharpness(&raw, checker)?,
        "training" => model_plots::training(&raw, checker)?,
        "matrix" => model_plots::matrix(&raw, checker)?,
        other => {
            return checker.fail(
                Diagnostic::new(format!("unknown kind of plot `{other}`"), raw.kind.span())
                    .suggest(other, ["curves", "heatmap", "scatter", "sharpness", "training", "matrix"]),
            );
        }
    };
    Some(Plot { kind, title: raw.title })
}

//! Figures of clusterings: their distances, and a metric by cluster.

use toml::Spanned;

use super::super::raw::RawPlot;
use super::super::validate::Checker;
use super::super::{MetricRef, OrderBy, PlotKind};
use super::metric;

pub(super) fn heatmap(raw: &RawPlot, of: Spanned<String>, checker: &mut Checker) -> Option<PlotKind> {
    let order_by = match raw.order_by.clone() {
        None => OrderBy::Cluster,
        Some(order) => match order.get_ref().as_str() {
            "seed" => OrderBy::Seed,
            "cluster" => OrderBy::Cluster,
            _ => OrderBy::Metric(checker.parse_text(order, |text| {
                MetricRef::parse(text).map_err(|error| format!("{error}; or order by \"seed\" or \"cluster\""))
            })?),
        },
    };
    Some(PlotKind::Heatmap { of, order_by })
}

pub(super) fn scatter(raw: &RawPlot, of: Spanned<String>, checker: &mut Checker) -> Option<PlotKind> {
    let metric = metric(raw, "a scatter needs the `metric` on its y axis", "eval.paws:f1", checker)?;
    Some(PlotKind::Scatter { of, metric })
}

pub(super) fn histogram(raw: &RawPlot, of: Spanned<String>, checker: &mut Checker) -> Option<PlotKind> {
    let metric = metric(raw, "a histogram needs the `metric` that it counts", "eval.hans:accuracy", checker)?;
    Some(PlotKind::Histogram { of, metric })
}

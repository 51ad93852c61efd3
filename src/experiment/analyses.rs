//! `[cluster.x]` and `[plot.x]`: what is made of the measurements.

use toml::Spanned;

use super::raw::{RawCluster, RawPlot};
use super::validate::Checker;
use super::{Cluster, Diagnostic, MetricRef, OrderBy, Plot, PlotKind};
use crate::stages::cluster::Distance;

pub(super) fn check_cluster(raw: RawCluster, checker: &mut Checker) -> Option<Cluster> {
    if let Some(distance) = &raw.distance
        && Distance::named(distance.get_ref()).is_none()
    {
        let message = format!("unknown distance `{}`", distance.get_ref());
        checker.fail::<()>(
            Diagnostic::new(message, distance.span())
                .suggest(distance.get_ref(), Distance::ALL.iter().map(|distance| distance.name())),
        );
    }
    if let Some(clusters) = &raw.clusters
        && *clusters.get_ref() < 2
    {
        checker.fail::<()>(Diagnostic::new("`clusters` must be at least 2", clusters.span()));
    }
    if let Some(delta) = &raw.delta
        && !(delta.get_ref().is_finite() && *delta.get_ref() > 0.0)
    {
        checker.fail::<()>(Diagnostic::new("`delta` must be greater than 0", delta.span()));
    }
    Some(Cluster {
        of: raw.of,
        distance: raw.distance.map_or("convexity-gap".to_owned(), Spanned::into_inner),
        metric: raw.metric.map_or("loss".to_owned(), Spanned::into_inner),
        clusters: raw.clusters.map_or(2, Spanned::into_inner),
        delta: raw.delta.map_or(1.0, Spanned::into_inner),
    })
}

pub(super) fn check_plot(raw: RawPlot, checker: &mut Checker) -> Option<Plot> {
    let misplaced = |checker: &mut Checker, value: &Option<Spanned<String>>, key: &str| {
        if let Some(value) = value {
            let message = format!("a {} has no `{key}`", raw.kind.get_ref());
            checker.fail::<()>(Diagnostic::new(message, value.span()));
        }
    };
    let kind = match raw.kind.get_ref().as_str() {
        "curves" => {
            misplaced(checker, &raw.order_by, "order_by");
            PlotKind::Curves {
                of: raw.of,
                metric: raw.metric.map_or("loss".to_owned(), Spanned::into_inner),
                clusters: raw.clusters,
            }
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
    Some(Plot { kind, title: raw.title })
}

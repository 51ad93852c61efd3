//! `[plot.x]` of models one by one and pair by pair: sharpness, agreement, training, and the overview of a small study.

use toml::Spanned;

use super::raw::RawPlot;
use super::validate::Checker;
use super::{Diagnostic, MetricRef, OrderBy, PlotKind};
use crate::stages::agreement::Value;
use crate::stages::cluster::Distance;

/// Steps over which a training curve is averaged.
const SMOOTH: usize = 50;

/// Keys that belong to one kind of plot.
pub(super) fn check_keys(raw: &RawPlot, checker: &mut Checker) {
    let placed = [
        ("value", raw.value.as_ref().map(Spanned::span), "heatmap"),
        ("smooth", raw.smooth.as_ref().map(Spanned::span), "training"),
        ("distance", raw.distance.as_ref().map(Spanned::span), "matrix"),
    ];
    for (key, span, kind) in placed {
        if let Some(span) = span
            && raw.kind.get_ref() != kind
        {
            let message = format!("`{key}` belongs to a plot of kind \"{kind}\", and this is a {}", raw.kind.get_ref());
            checker.fail::<()>(Diagnostic::new(message, span));
        }
    }
}

fn misplaced(raw: &RawPlot, keys: &[&str], checker: &mut Checker) {
    for (key, value) in [("metric", &raw.metric), ("order_by", &raw.order_by), ("clusters", &raw.clusters)] {
        if let Some(value) = value
            && keys.contains(&key)
        {
            let message = format!("a {} has no `{key}`", raw.kind.get_ref());
            checker.fail::<()>(Diagnostic::new(message, value.span()));
        }
    }
}

pub(super) fn sharpness(raw: &RawPlot, of: Spanned<String>, checker: &mut Checker) -> Option<PlotKind> {
    misplaced(raw, &["order_by"], checker);
    let Some(metric) = raw.metric.clone() else {
        return checker.fail(
            Diagnostic::new("a plot of sharpness needs the `metric` on its y axis", raw.kind.span())
                .help("for example metric = \"eval.paws:f1\""),
        );
    };
    let metric = checker.parse_text(metric, MetricRef::parse)?;
    Some(PlotKind::Sharpness { of, metric, clusters: raw.clusters.clone() })
}

/// A heatmap with a `value` shows an agreement stage.
pub(super) fn agreement(raw: &RawPlot, of: Spanned<String>, checker: &mut Checker) -> Option<PlotKind> {
    misplaced(raw, &["metric"], checker);
    let named = raw.value.as_ref()?;
    let Some(value) = Value::named(named.get_ref()) else {
        return checker.fail(
            Diagnostic::new(format!("an agreement stage has no value `{}`", named.get_ref()), named.span())
                .suggest(named.get_ref(), Value::ALL.iter().map(|value| value.name())),
        );
    };
    let order_by = match (raw.order_by.clone(), &raw.clusters) {
        (None, None) => OrderBy::Seed,
        (None, Some(_)) => OrderBy::Cluster,
        (Some(order), clusters) => match (order.get_ref().as_str(), clusters) {
            ("seed", _) => OrderBy::Seed,
            ("cluster", Some(_)) => OrderBy::Cluster,
            ("cluster", None) => {
                return checker.fail(
                    Diagnostic::new("nothing says which clusters these models are ordered by", order.span())
                        .help("add clusters = \"NAME\" of a [cluster.NAME] stage"),
                );
            }
            _ => OrderBy::Metric(checker.parse_text(order, |text| {
                MetricRef::parse(text).map_err(|error| format!("{error}; or order by \"seed\" or \"cluster\""))
            })?),
        },
    };
    Some(PlotKind::Agreement { of, value, order_by, clusters: raw.clusters.clone() })
}

pub(super) fn training(raw: &RawPlot, of: Spanned<String>, checker: &mut Checker) -> Option<PlotKind> {
    misplaced(raw, &["metric", "order_by", "clusters"], checker);
    raw.smooth.iter().for_each(|smooth| checker.positive(smooth, "smooth"));
    Some(PlotKind::Training { of, smooth: raw.smooth.as_ref().map_or(SMOOTH, |one| *one.get_ref()) })
}

pub(super) fn matrix(raw: &RawPlot, of: Spanned<String>, checker: &mut Checker) -> Option<PlotKind> {
    misplaced(raw, &["order_by", "clusters"], checker);
    let distance = match &raw.distance {
        None => Distance::ConvexityGap,
        Some(name) => match Distance::named(name.get_ref()) {
            Some(distance) => distance,
            None => {
                return checker.fail(
                    Diagnostic::new(format!("unknown distance `{}`", name.get_ref()), name.span())
                        .suggest(name.get_ref(), Distance::ALL.iter().map(|distance| distance.name())),
                );
            }
        },
    };
    let metric = raw.metric.as_ref().map_or("loss".to_owned(), |metric| metric.get_ref().clone());
    Some(PlotKind::Matrix { of, metric, distance: distance.name().to_owned() })
}

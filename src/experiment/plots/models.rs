//! Figures of models: sharpness, agreement, training, and metrics of two groups.

use toml::Spanned;

use super::super::raw::RawPlot;
use super::super::validate::Checker;
use super::super::{Diagnostic, MetricRef, OrderBy, PlotKind};
use super::metric;
use crate::stages::agreement::Value;

/// Steps over which a training curve is averaged.
const SMOOTH: usize = 50;

pub(super) fn sharpness(raw: &RawPlot, of: Spanned<String>, checker: &mut Checker) -> Option<PlotKind> {
    let metric = metric(raw, "a plot of sharpness needs the `metric` on its y axis", "eval.paws:f1", checker)?;
    Some(PlotKind::Sharpness { of, metric, clusters: raw.clusters.clone() })
}

/// A heatmap with a `value` shows an agreement stage.
pub(super) fn agreement(raw: &RawPlot, of: Spanned<String>, checker: &mut Checker) -> Option<PlotKind> {
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
    raw.smooth.iter().for_each(|smooth| checker.positive(smooth, "smooth"));
    Some(PlotKind::Training { of, smooth: raw.smooth.as_ref().map_or(SMOOTH, |one| *one.get_ref()) })
}

pub(super) fn distributions(raw: &RawPlot, checker: &mut Checker) -> Option<PlotKind> {
    let at = raw.of.span();
    let metrics: Vec<Spanned<MetricRef>> = raw
        .of
        .get_ref()
        .clone()
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
    Some(PlotKind::Distributions { of })
}

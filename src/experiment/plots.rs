//! `[plot.x]`: figures.

use toml::Spanned;

use super::raw::RawPlot;
use super::validate::Checker;
use super::{Diagnostic, MetricRef, OrderBy, Plot, PlotKind, surfaces};

pub(super) fn check(raw: RawPlot, checker: &mut Checker) -> Option<Plot> {
    let misplaced = |checker: &mut Checker, value: &Option<Spanned<String>>, key: &str| {
        if let Some(value) = value {
            let message = format!("a {} has no `{key}`", raw.kind.get_ref());
            checker.fail::<()>(Diagnostic::new(message, value.span()));
        }
    };
    let clips = [raw.clip_x, raw.clip_y, raw.clip_z];
    if raw.kind.get_ref() != "surface" {
        for (clip, key) in clips.iter().zip(["clip_x", "clip_y", "clip_z"]) {
            if let Some(clip) = clip {
                let message = format!("a {} has no `{key}`", raw.kind.get_ref());
                checker.fail::<()>(Diagnostic::new(message, clip.span()));
            }
        }
    }
    let (at, several) = (raw.of.span(), raw.of.into_inner().into_vec());
    let one = |checker: &mut Checker| match several.as_slice() {
        [one] => Some(Spanned::new(at.clone(), one.clone())),
        _ => {
            let message = format!("a {} is `of` one stage", raw.kind.get_ref());
            checker.fail(Diagnostic::new(message, at.clone()))
        }
    };
    let kind = match raw.kind.get_ref().as_str() {
        "curves" => {
            misplaced(checker, &raw.order_by, "order_by");
            PlotKind::Curves {
                of: one(checker)?,
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
            PlotKind::Heatmap { of: one(checker)?, order_by }
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
            PlotKind::Scatter { of: one(checker)?, metric: checker.parse_text(metric, MetricRef::parse)? }
        }
        "surface" => {
            misplaced(checker, &raw.order_by, "order_by");
            misplaced(checker, &raw.clusters, "clusters");
            surfaces::check_plot(Spanned::new(at.clone(), several), raw.metric, clips, checker)?
        }
        other => {
            return checker.fail(
                Diagnostic::new(format!("unknown kind of plot `{other}`"), raw.kind.span())
                    .suggest(other, ["curves", "heatmap", "scatter", "surface"]),
            );
        }
    };
    Some(Plot { kind, title: raw.title })
}

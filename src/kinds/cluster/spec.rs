//! Its table.

use serde::Deserialize;
use toml::Spanned;
use toml::de::DeValue;

use crate::study::words::{Distance, Metric};
use crate::study::{Checker, Diagnostic, Text};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCluster {
    of: Text,
    distance: Option<Text>,
    metric: Option<Text>,
    clusters: Option<Spanned<usize>>,
    delta: Option<Spanned<f64>>,
}

#[derive(Debug)]
pub struct Cluster {
    pub of: Spanned<String>,
    pub distance: Distance,
    pub metric: Metric,
    pub clusters: usize,
    pub delta: f64,
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<Cluster> {
    let raw: RawCluster = checker.table(value)?;
    let distance = checker.one_of(raw.distance.as_ref(), Distance::ConvexityGap, "unknown distance {}");
    let metric = checker.metric(raw.metric.as_ref(), Metric::Loss);
    if let Some(clusters) = &raw.clusters
        && *clusters.get_ref() < 2
    {
        checker.fail::<()>(Diagnostic::new("`clusters` must be at least 2", clusters.span()));
    }
    raw.delta.iter().for_each(|delta| checker.above_zero(delta, "delta"));
    Some(Cluster {
        of: raw.of,
        distance: distance?,
        metric: metric?,
        clusters: raw.clusters.map_or(2, Spanned::into_inner),
        delta: raw.delta.map_or(1.0, Spanned::into_inner),
    })
}

//! `[cluster.x]`: distances and clusters made of lines.

use toml::Spanned;

use super::raw::RawCluster;
use super::validate::Checker;
use super::{Cluster, Diagnostic};
use crate::stages::cluster::Distance;

pub(super) fn check(raw: RawCluster, checker: &mut Checker) -> Option<Cluster> {
    if let Some(distance) = &raw.distance {
        checker.one_of(distance, "distance", Distance::ALL.map(|distance| (distance.name(), ())));
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

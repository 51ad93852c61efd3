//! Its table.

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::DeValue;

use crate::kinds::interpolate;
use crate::kinds::references::stage;
use crate::kinds::written::Written;
use crate::study::shape::table;
use crate::study::words::{Distance, Metric};
use crate::study::{Checker, Diagnostic, OneOf, Shape, Shaped, Text};
use crate::words::words;

table! {
    struct RawCluster {
        /// An interpolate stage.
        of: Text,
        /// Made of each line between two models.
        distance: Option<OneOf<Distance>>,
        /// Along the line.
        metric: Option<OneOf<Metric>>,
        /// How many.
        clusters: Option<Spanned<usize>>,
        /// δ, the width of the similarities exp(−D²/2δ²), in the unit of the distances; or `"median"`, the median of the
        /// distances.
        delta: Option<Spanned<Width>>,
    }
}

/// The width of similarities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a number above 0, or \"median\", the median of the distances")]
pub enum Width {
    Number(f64),
    Of(OfDistances),
}

impl Shaped for Width {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Number, OneOf::<OfDistances>::shape()])
    }
}

words! {
    /// A width that the distances decide.
    pub enum OfDistances {
        Median = "median",
    }
}

#[derive(Debug)]
pub struct Cluster {
    pub of: Spanned<String>,
    pub distance: Distance,
    pub metric: Metric,
    pub clusters: usize,
    pub delta: Width,
}

pub fn written() -> Written {
    Written::new::<RawCluster>(
        "clusters",
        "Spectral clustering of the models by a distance that is made of the lines between them.",
        "[cluster.basins]\nof = \"lines\"\n",
    )
    .by("distance")
}

pub fn read(value: Spanned<DeValue<'_>>, checker: &mut Checker) -> Option<Cluster> {
    let raw: RawCluster = checker.table(value)?;
    let distance = checker.one_of(raw.distance.as_deref(), Distance::ConvexityGap, "unknown distance {}");
    let metric = checker.metric(raw.metric.as_deref(), Metric::Loss);
    if let Some(clusters) = &raw.clusters
        && *clusters.get_ref() < 2
    {
        checker.fail::<()>(Diagnostic::new("`clusters` must be at least 2", clusters.span()));
    }
    if let Some(Width::Number(delta)) = raw.delta.as_ref().map(Spanned::get_ref) {
        let at = raw.delta.as_ref().map_or(0..0, Spanned::span);
        checker.above_zero(&Spanned::new(at, *delta), "delta");
    }
    // 1 is for gaps in nats; distances between weights are some tens, and depend on the model's size.
    let default = match distance {
        Some(Distance::Euclidean) => Width::Of(OfDistances::Median),
        _ => Width::Number(1.0),
    };
    Some(Cluster {
        of: stage(raw.of, &[interpolate::KIND]),
        distance: distance?,
        metric: metric?,
        clusters: raw.clusters.map_or(2, Spanned::into_inner),
        delta: raw.delta.map_or(default, Spanned::into_inner),
    })
}

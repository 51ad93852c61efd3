//! Distances between all models of an interpolate stage, and the clusters that they form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::interpolate::Line;
use crate::analysis::barriers::{area_under_curve, barrier_height, bump_height, convexity_gap};
use crate::analysis::cluster::spectral_clustering;
use crate::analysis::partition::silhouettes;
use crate::analysis::stability::{self, stability};
use crate::engine::{Context, Outputs, StageError};

/// 2: eigengap, silhouettes and stability beside the clusters.
pub const VERSION: u32 = 2;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub distance: String,
    pub metric: String,
    pub clusters: usize,
    pub delta: f64,
    /// Labels of the models; the input `pair:I,J` is the line between numbers I < J of this list.
    pub models: Vec<String>,
}

/// The output `clusters`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Clusters {
    pub models: Vec<String>,
    pub distance: String,
    pub metric: String,
    /// Symmetric, [models, models].
    pub matrix: Vec<Vec<f64>>,
    /// Cluster of each model; clusters are numbered by their first member.
    pub clusters: Vec<usize>,
    /// [models, clusters]
    pub embedding: Vec<Vec<f64>>,
    pub eigenvalues: Vec<f64>,
    /// Positive towards the larger cluster; only where there are two clusters.
    pub centroid_feature: Option<Vec<f64>>,
    /// Between the last of the clusters' eigenvalues and the next; none where every model is a cluster.
    pub eigengap: Option<f64>,
    /// Of each model, in −1..=1.
    pub silhouettes: Vec<f64>,
    /// The partition at narrower and wider similarities compared with this one, `delta` itself in the middle.
    pub stability: Vec<Stability>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stability {
    pub delta: f64,
    pub adjusted_rand: Option<f64>,
    /// Why there are no clusters at this width.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A distance between two models, made of the line between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distance {
    ConvexityGap,
    BarrierHeight,
    BumpHeight,
    AreaUnderCurve,
    Euclidean,
}

impl Distance {
    pub const ALL: [Self; 5] =
        [Self::ConvexityGap, Self::BarrierHeight, Self::BumpHeight, Self::AreaUnderCurve, Self::Euclidean];

    pub fn name(self) -> &'static str {
        match self {
            Self::ConvexityGap => "convexity-gap",
            Self::BarrierHeight => "barrier-height",
            Self::BumpHeight => "bump-height",
            Self::AreaUnderCurve => "area-under-curve",
            Self::Euclidean => "euclidean",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|distance| distance.name() == name)
    }

    /// Of a line of `values`, whose end points are `distance` apart. Models that are equal are at distance 0.
    pub fn of(self, values: &[f64], distance: f64) -> f64 {
        if distance == 0.0 {
            return 0.0;
        }
        match self {
            Self::ConvexityGap => convexity_gap(values),
            Self::BarrierHeight => barrier_height(values),
            Self::BumpHeight => bump_height(values),
            Self::AreaUnderCurve => area_under_curve(values, distance),
            Self::Euclidean => distance,
        }
    }
}

impl Line {
    /// A distance by its name, of one metric of the line.
    pub fn distance_by(&self, distance: Distance, metric: &str) -> Result<f64, StageError> {
        let values = self.metrics.get(metric);
        let values = values.ok_or_else(|| StageError::new(format!("the line does not measure `{metric}`")))?;
        Ok(distance.of(values, self.distance))
    }
}

pub fn run(params: &Params, context: &mut Context) -> Result<Outputs, StageError> {
    let distance = Distance::named(&params.distance)
        .ok_or_else(|| StageError::new(format!("unknown distance `{}`", params.distance)))?;
    let n = params.models.len();
    let mut flat = vec![0.0; n * n];
    for i in 0..n {
        for j in i + 1..n {
            let line: Line = context.json(&format!("pair:{i},{j}"))?;
            let value = line.distance_by(distance, &params.metric)?;
            flat[i * n + j] = value;
            flat[j * n + i] = value;
        }
        context.progress(i + 1, n);
    }
    let found = spectral_clustering(&flat, n, params.clusters, params.delta)?;
    let stability = stability(&flat, &found.labels, params.clusters, params.delta);
    let mut outputs = Outputs::default();
    outputs.json(
        "clusters",
        &Clusters {
            models: params.models.clone(),
            distance: params.distance.clone(),
            metric: params.metric.clone(),
            matrix: flat.chunks_exact(n).map(<[f64]>::to_vec).collect(),
            eigengap: found.eigengap(),
            silhouettes: silhouettes(&flat, &found.labels)?,
            stability: stability.into_iter().map(Stability::from).collect(),
            clusters: found.labels,
            embedding: found.embedding,
            eigenvalues: found.eigenvalues,
            centroid_feature: found.centroid_feature,
        },
    )?;
    Ok(outputs)
}

impl From<stability::Stability> for Stability {
    fn from(at: stability::Stability) -> Self {
        let (adjusted_rand, problem) = match at.agreement {
            Ok(agreement) => (Some(agreement), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self { delta: at.delta, adjusted_rand, problem }
    }
}

impl Clusters {
    /// Models by number of their cluster, in order.
    pub fn members(&self) -> BTreeMap<usize, Vec<usize>> {
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (model, cluster) in self.clusters.iter().enumerate() {
            members.entry(*cluster).or_default().push(model);
        }
        members
    }
}

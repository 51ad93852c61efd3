//! Clusters of models, wherever they come from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::engine::{Artifact, Input, Kind, Role};
use crate::kinds::models::{Member, labels};
use crate::study::Diagnostic;

pub const KIND: Kind = Kind::new("cluster");

pub const CLUSTERS: Artifact<Clusters> = Artifact::new("clusters");
pub const CLUSTERS_ROLE: Role<Clusters> = Role::new("clusters");

/// Below it, "no substantial structure has been found" (Kaufman and Rousseeuw, Finding Groups in Data, 1990).
pub const SILHOUETTE: f64 = 0.25;
/// Eigenvalues of the normalised Laplacian lie in 0..=2: a gap this small singles out no number of clusters.
pub const EIGENGAP: f64 = 0.05;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Clusters {
    pub models: Vec<String>,
    /// Empty where the clusters were given, as is all that is made of distances.
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

impl Clusters {
    /// The mean over the models; none where the clusters were given.
    pub fn silhouette(&self) -> Option<f64> {
        let n = self.silhouettes.len();
        (n > 0).then(|| self.silhouettes.iter().sum::<f64>() / n as f64)
    }

    /// How far the clusters stay what they are where similarities are half or twice as wide, at worst.
    pub fn steadiness(&self) -> Option<f64> {
        let own = self.stability.get(self.stability.len() / 2)?.delta;
        let near = self.stability.iter().filter(|at| at.delta >= own / 2.01 && at.delta <= own * 2.01);
        Some(near.map(|at| at.adjusted_rand.unwrap_or(0.0)).fold(1.0, f64::min))
    }

    /// What speaks against them, with its number; nothing for clusters that were given.
    pub fn doubt(&self) -> Option<String> {
        if self.matrix.is_empty() {
            return None;
        }
        let low = self.silhouette().filter(|silhouette| *silhouette < SILHOUETTE);
        let narrow = self.eigengap.filter(|gap| *gap < EIGENGAP);
        let said =
            [low.map(|value| format!("silhouette {value:.2}")), narrow.map(|value| format!("eigengap {value:.2}"))];
        let said: Vec<String> = said.into_iter().flatten().map(|text| text.replace('-', "−")).collect();
        (!said.is_empty()).then(|| said.join(", "))
    }

    /// Models by number of their cluster, in order.
    pub fn members(&self) -> BTreeMap<usize, Vec<usize>> {
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (model, cluster) in self.clusters.iter().enumerate() {
            members.entry(*cluster).or_default().push(model);
        }
        members
    }
}

/// What a cluster stage became.
pub struct Clustered {
    pub step: usize,
    pub models: Vec<Member>,
    /// Not where its members were given.
    pub has_distances: bool,
}

impl Clustered {
    pub fn input(&self, role: &Role<Clusters>) -> Input {
        Input::new(role, self.step, &CLUSTERS)
    }

    pub fn labels(&self) -> Vec<String> {
        labels(&self.models)
    }

    /// What is drawn from distances needs a clustering that has them.
    ///
    /// # Errors
    /// It has none. `of` is what named it.
    pub fn with_distances(&self, of: &Spanned<String>) -> Result<(), Diagnostic> {
        if self.has_distances {
            return Ok(());
        }
        let message = format!("[cluster.{}] is given by its members, so it has no distances", of.get_ref());
        Err(Diagnostic::new(message, of.span()).help("name a clustering of lines"))
    }
}

//! What the finished steps of an experiment say, as plain rows.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::analysis::statistics::{Summary, summary};
use crate::engine::Plan;
use crate::fingerprint::Key;
use crate::graph::Graph;
use crate::stages::Params;
use crate::stages::agreement::Agreement;
use crate::stages::cluster::{Clusters, Distance};
use crate::stages::dynamics::Dynamics;
use crate::stages::eval::Measured;
use crate::stages::interpolate::Line;
use crate::stages::sharpness::Sharpness;
use crate::stages::surface::Plane;
use crate::store::{Manifest, Store};

use super::ResultsError;
use super::clusterings::{Clustering, Difference};
use super::dynamics::Dynamic;

#[derive(Debug, Default)]
pub struct Rows {
    pub metrics: Vec<Metric>,
    pub pairs: Vec<Pair>,
    pub members: Vec<Member>,
    pub clusters: Vec<ClusterSummary>,
    pub clusterings: Vec<Clustering>,
    pub differences: Vec<Difference>,
    pub dynamics: Vec<Dynamic>,
    pub sharpness: Vec<Sharp>,
    pub agreement: Vec<Agreed>,
    pub places: Vec<Place>,
}

/// One metric of one model on one group of examples.
#[derive(Debug)]
pub struct Metric {
    pub stage: String,
    pub model: String,
    /// The values that part the group, joined by commas; empty for all examples.
    pub group: String,
    /// Not of results that were published without it.
    pub examples: Option<usize>,
    pub metric: String,
    pub value: f64,
    pub key: Key,
}

#[derive(Debug)]
pub struct Pair {
    pub stage: String,
    pub first: String,
    pub second: String,
    pub line: Line,
    pub key: Key,
}

impl Pair {
    /// Of one metric, by every distance that is made of a line's values. A line that does not measure it has none: 0
    /// would claim that the models are connected.
    pub fn distances(&self, metric: &str) -> [Option<f64>; 4] {
        [Distance::ConvexityGap, Distance::BarrierHeight, Distance::BumpHeight, Distance::AreaUnderCurve].map(
            |distance| {
                let values = self.line.metrics.get(metric)?;
                Some(distance.of(values, self.line.distance)).filter(|distance| distance.is_finite())
            },
        )
    }

    /// The largest value of one metric.
    pub fn highest(&self, metric: &str) -> Option<f64> {
        self.line.metrics.get(metric)?.iter().copied().max_by(f64::total_cmp).filter(|highest| highest.is_finite())
    }
}

#[derive(Debug)]
pub struct Member {
    pub stage: String,
    pub model: String,
    pub cluster: usize,
    pub centroid_feature: Option<f64>,
    /// Not of clusters that were given: they have no distances.
    pub silhouette: Option<f64>,
    pub key: Key,
}

/// One metric over the models of one cluster.
#[derive(Debug)]
pub struct ClusterSummary {
    pub stage: String,
    pub cluster: usize,
    pub metric: String,
    pub summary: Summary,
    pub key: Key,
}

/// One model of a sharpness stage.
#[derive(Debug)]
pub struct Sharp {
    pub stage: String,
    pub model: String,
    pub measured: Sharpness,
    pub key: Key,
}

/// Two models of an agreement stage.
#[derive(Debug)]
pub struct Agreed {
    pub stage: String,
    pub first: String,
    pub second: String,
    pub examples: usize,
    pub agreement: f64,
    pub divergence: f64,
    pub key: Key,
}

/// One of the three models of a plane.
#[derive(Debug)]
pub struct Place {
    pub stage: String,
    /// The labels of all three, the anchor first.
    pub plane: String,
    pub model: String,
    /// In units of `length`, on axes where distances are Euclidean.
    pub x: f64,
    pub y: f64,
    /// Unknown of a plane that was published.
    pub length: Option<f64>,
    pub key: Key,
}

pub fn collect(graph: &Graph, plan: &Plan, store: &Store) -> Result<Rows, ResultsError> {
    let mut rows = Rows::default();
    let mut clustered = Vec::new();
    for (step, state) in graph.steps.iter().zip(&plan.states) {
        let Some(manifest) = state.manifest() else { continue };
        let stage = step.stage.name.clone();
        match &step.params {
            Params::Eval(_) => {
                let measured: Measured = output(store, manifest, "metrics")?;
                rows.add_metrics(&stage, &step.instance, &measured, manifest.key);
            }
            Params::Pair(_) => {
                let (first, second) = step.instance.split_once(',').unwrap_or((&step.instance, ""));
                rows.pairs.push(Pair {
                    stage,
                    first: first.to_owned(),
                    second: second.to_owned(),
                    line: output(store, manifest, "line")?,
                    key: manifest.key,
                });
            }
            Params::ImportLines(_)
            | Params::ImportEvaluations(_)
            | Params::ImportRuns(_)
            | Params::ImportSurfaces(_)
            | Params::ImportSharpness(_) => rows.add_imported(&stage, store, manifest)?,
            Params::Cluster(_) | Params::Members(_) => {
                let clusters: Clusters = output(store, manifest, "clusters")?;
                for (model, label) in clusters.models.iter().enumerate() {
                    rows.members.push(Member {
                        stage: stage.clone(),
                        model: label.clone(),
                        cluster: clusters.clusters[model],
                        centroid_feature: clusters.centroid_feature.as_ref().map(|feature| feature[model]),
                        silhouette: clusters.silhouettes.get(model).copied(),
                        key: manifest.key,
                    });
                }
                clustered.push((stage, clusters, manifest.key));
            }
            Params::Dynamics(_) => {
                let dynamics: Dynamics = output(store, manifest, "dynamics")?;
                rows.dynamics.push(Dynamic { stage, dynamics, key: manifest.key });
            }
            Params::Sharpness(_) => rows.sharpness.push(Sharp {
                stage,
                model: step.instance.clone(),
                measured: output(store, manifest, "sharpness")?,
                key: manifest.key,
            }),
            Params::Agreement(_) => {
                rows.add_agreement(&stage, &output(store, manifest, "agreement")?, manifest.key);
            }
            Params::Surface(_) => {
                rows.add_plane(&stage, &step.instance, &output(store, manifest, "plane")?, manifest.key);
            }
            _ => {}
        }
    }
    for (stage, clusters, key) in &clustered {
        rows.add_cluster_table(stage, clusters, *key)?;
    }
    // Clusters that were given have no distances to say anything of.
    for (stage, clusters, key) in clustered.into_iter().filter(|(_, clusters, _)| !clusters.matrix.is_empty()) {
        rows.clusterings.push(Clustering::of(stage, clusters, key)?);
    }
    Ok(rows)
}

impl Rows {
    pub(super) fn add_metrics(&mut self, stage: &str, model: &str, measured: &Measured, key: Key) {
        let all = std::iter::once((String::new(), measured.examples, &measured.metrics));
        let groups = measured.groups.iter().map(|group| (group.values.join(","), group.examples, &group.metrics));
        for (group, examples, metrics) in all.chain(groups) {
            for (metric, value) in metrics {
                self.metrics.push(Metric {
                    stage: stage.to_owned(),
                    model: model.to_owned(),
                    group: group.clone(),
                    examples: known(examples),
                    metric: metric.clone(),
                    value: *value,
                    key,
                });
            }
        }
    }

    /// `name`: the labels of its three models, joined by commas.
    pub(super) fn add_plane(&mut self, stage: &str, name: &str, plane: &Plane, key: Key) {
        self.places.extend(name.split(',').zip(plane.places).map(|(model, [x, y])| Place {
            stage: stage.to_owned(),
            plane: name.to_owned(),
            model: model.to_owned(),
            x,
            y,
            length: plane.length,
            key,
        }));
    }

    fn add_agreement(&mut self, stage: &str, agreement: &Agreement, key: Key) {
        for (i, first) in agreement.models.iter().enumerate() {
            for (j, second) in agreement.models.iter().enumerate().skip(i + 1) {
                self.agreement.push(Agreed {
                    stage: stage.to_owned(),
                    first: first.clone(),
                    second: second.clone(),
                    examples: agreement.examples,
                    agreement: agreement.agreement[i][j],
                    divergence: agreement.divergence[i][j],
                    key,
                });
            }
        }
    }

    fn add_cluster_table(&mut self, stage: &str, clusters: &Clusters, key: Key) -> Result<(), ResultsError> {
        // Every metric of which all clustered models have a value.
        let mut values: BTreeMap<String, BTreeMap<&str, f64>> = BTreeMap::new();
        for row in &self.metrics {
            values.entry(row.full_name()).or_default().insert(&row.model, row.value);
        }
        let mut summaries = Vec::new();
        for (metric, by_model) in &values {
            self.differences.extend(Difference::all(stage, clusters, metric, by_model, key)?);
            for (cluster, members) in clusters.members() {
                let found: Option<Vec<f64>> =
                    members.iter().map(|model| by_model.get(clusters.models[*model].as_str()).copied()).collect();
                if let Some(found) = found {
                    let metric = metric.clone();
                    summaries.push(ClusterSummary {
                        stage: stage.to_owned(),
                        cluster,
                        metric,
                        summary: summary(&found)?,
                        key,
                    });
                }
            }
        }
        self.clusters.extend(summaries);
        Ok(())
    }
}

impl Metric {
    /// `hans:accuracy[lexical_overlap,entailment]`
    pub fn full_name(&self) -> String {
        match self.group.as_str() {
            "" => format!("{}:{}", self.stage, self.metric),
            group => format!("{}:{}[{group}]", self.stage, self.metric),
        }
    }
}

/// A number of examples; what was published without one says 0, and nothing that we measure has none.
pub fn known(examples: usize) -> Option<usize> {
    (examples > 0).then_some(examples)
}

pub fn output<T: DeserializeOwned>(store: &Store, manifest: &Manifest, name: &str) -> Result<T, ResultsError> {
    Ok(serde_json::from_slice(&store.output(manifest, name)?)?)
}

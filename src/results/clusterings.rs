//! Tables about clusterings as a whole: how clear and how stable the clusters are, how they differ in a metric, and
//! whether their distances are transitive.

use std::collections::BTreeMap;

use super::ResultsError;
use super::rows::Rows;
use super::tables::{Table, column, counts, known_numbers, numbers, table, texts};
use crate::analysis::permutation::{self, PERMUTATIONS, mean_difference};
use crate::analysis::transitivity::{Transitivity, transitivity};
use crate::fingerprint::Key;
use crate::stages::cluster::{Clusters, Stability};

#[derive(Debug)]
pub struct Clustering {
    pub stage: String,
    pub distance: String,
    pub metric: String,
    pub models: usize,
    pub clusters: usize,
    pub eigengap: Option<f64>,
    /// Mean over the models.
    pub silhouette: f64,
    pub stability: Vec<Stability>,
    pub transitivity: Transitivity,
    pub key: Key,
}

impl Clustering {
    pub fn of(stage: String, clusters: Clusters, key: Key) -> Result<Self, ResultsError> {
        let models = clusters.models.len();
        Ok(Self {
            stage,
            models,
            clusters: clusters.members().len(),
            eigengap: clusters.eigengap,
            silhouette: clusters.silhouettes.iter().sum::<f64>() / models.max(1) as f64,
            transitivity: transitivity(&clusters.matrix)?,
            distance: clusters.distance,
            metric: clusters.metric,
            stability: clusters.stability,
            key,
        })
    }
}

/// A metric's mean in one cluster against its mean in another.
#[derive(Debug)]
pub struct Difference {
    pub stage: String,
    pub first: usize,
    pub second: usize,
    pub metric: String,
    pub test: permutation::Difference,
    pub key: Key,
}

impl Difference {
    /// Every two clusters, where all their models have a value.
    pub fn all(
        stage: &str,
        clusters: &Clusters,
        metric: &str,
        values: &BTreeMap<&str, f64>,
        key: Key,
    ) -> Result<Vec<Self>, ResultsError> {
        let value = |model: &usize| values.get(clusters.models[*model].as_str()).copied();
        let groups: Vec<(usize, Option<Vec<f64>>)> = clusters
            .members()
            .into_iter()
            .map(|(cluster, members)| (cluster, members.iter().map(value).collect()))
            .collect();
        let mut differences = Vec::new();
        for (place, (first, one)) in groups.iter().enumerate() {
            for (second, other) in &groups[place + 1..] {
                if let (Some(one), Some(other)) = (one, other) {
                    differences.push(Self {
                        stage: stage.to_owned(),
                        first: *first,
                        second: *second,
                        metric: metric.to_owned(),
                        test: mean_difference(one, other, PERMUTATIONS)?,
                        key,
                    });
                }
            }
        }
        Ok(differences)
    }
}

pub fn tables(rows: &Rows) -> Result<Vec<Table>, ResultsError> {
    let mut tables = Vec::new();
    if !rows.clusterings.is_empty() {
        tables.push(clusterings(&rows.clusterings)?);
        tables.push(stability(&rows.clusterings)?);
        tables.push(triangles(&rows.clusterings)?);
    }
    if !rows.differences.is_empty() {
        tables.push(differences(&rows.differences)?);
    }
    Ok(tables)
}

fn clusterings(rows: &[Clustering]) -> Result<Table, ResultsError> {
    table(
        "clusterings",
        vec![
            texts("clustering", rows, |row| row.stage.clone()),
            texts("distance", rows, |row| row.distance.clone()),
            texts("metric", rows, |row| row.metric.clone()),
            counts("models", rows, |row| row.models),
            counts("clusters", rows, |row| row.clusters),
            known_numbers("eigengap", rows, |row| row.eigengap),
            numbers("silhouette", rows, |row| row.silhouette),
            texts("key", rows, |row| row.key.to_string()),
        ],
    )
}

fn stability(rows: &[Clustering]) -> Result<Table, ResultsError> {
    let each: Vec<(&Clustering, &Stability)> =
        rows.iter().flat_map(|row| row.stability.iter().map(move |at| (row, at))).collect();
    table(
        "stability",
        vec![
            texts("clustering", &each, |(row, _)| row.stage.clone()),
            numbers("delta", &each, |(_, at)| at.delta),
            known_numbers("adjusted_rand", &each, |(_, at)| at.adjusted_rand),
            texts("problem", &each, |(_, at)| at.problem.clone().unwrap_or_default()),
            texts("key", &each, |(row, _)| row.key.to_string()),
        ],
    )
}

fn triangles(rows: &[Clustering]) -> Result<Table, ResultsError> {
    let numbers =
        |name: &str, of: &dyn Fn(&Transitivity) -> Option<f64>| known_numbers(name, rows, |row| of(&row.transitivity));
    table(
        "transitivity",
        vec![
            texts("clustering", rows, |row| row.stage.clone()),
            texts("distance", rows, |row| row.distance.clone()),
            numbers("clustering_coefficient", &|found| found.coefficient),
            counts("triangles", rows, |row| row.transitivity.triangles),
            counts("violations", rows, |row| row.transitivity.violations),
            numbers("share_of_violations", &Transitivity::share),
            numbers("mean_excess", &|found| found.mean_excess),
            numbers("max_excess", &|found| found.max_excess),
            texts("key", rows, |row| row.key.to_string()),
        ],
    )
}

fn differences(rows: &[Difference]) -> Result<Table, ResultsError> {
    table(
        "cluster_differences",
        vec![
            texts("clustering", rows, |row| row.stage.clone()),
            counts("first", rows, |row| row.first),
            counts("second", rows, |row| row.second),
            texts("metric", rows, |row| row.metric.clone()),
            numbers("difference", rows, |row| row.test.difference),
            numbers("p_value", rows, |row| row.test.p),
            counts("permutations", rows, |row| row.test.divisions),
            column("exact", rows.iter().map(|row| row.test.exact).collect::<Vec<bool>>()),
            texts("key", rows, |row| row.key.to_string()),
        ],
    )
}

//! Which models are in which cluster, how metrics differ between clusters, and what is to be said of clusterings as a
//! whole: how clear and how stable they are, and whether their distances are transitive.

use std::collections::BTreeMap;

use super::clusters::{CLUSTERS, Clusters, Stability};
use super::{members, run};
use crate::analysis::permutation::{self, PERMUTATIONS, mean_difference};
use crate::analysis::statistics::{Summary, summary};
use crate::analysis::transitivity::{Transitivity, transitivity};
use crate::fingerprint::Key;
use crate::kinds::correlations::{Correlation, by_metric, correlations};
use crate::kinds::eval::{MetricRow, metric_rows};
use crate::kinds::finished::{Done, Finished};
use crate::tables::{Table, TableError, brief, column, counts, known_numbers, numbers, table, texts};

#[derive(Debug)]
struct Clustering {
    stage: String,
    distance: String,
    metric: String,
    models: usize,
    /// How many they would be, were none left out.
    of: usize,
    clusters: usize,
    eigengap: Option<f64>,
    /// Mean over the models.
    silhouette: f64,
    stability: Vec<Stability>,
    transitivity: Transitivity,
    key: Key,
}

impl Clustering {
    fn of(finding: &Finding) -> Result<Self, TableError> {
        let Finding { stage, names, clusters, key, .. } = finding;
        let models = names.len();
        Ok(Self {
            stage: stage.clone(),
            models,
            of: finding.out_of.unwrap_or(models),
            clusters: clusters.members().len(),
            eigengap: clusters.eigengap,
            silhouette: finding.silhouette().unwrap_or_default(),
            transitivity: transitivity(&clusters.matrix)?,
            distance: clusters.distance.clone(),
            metric: clusters.metric.clone(),
            stability: clusters.stability.clone(),
            key: *key,
        })
    }
}

/// A metric's mean in one cluster against its mean in another.
#[derive(Debug)]
struct Difference {
    stage: String,
    first: usize,
    second: usize,
    metric: String,
    test: permutation::Difference,
    key: Key,
}

impl Difference {
    /// Every two clusters, where all their models have a value.
    fn all(of: &Finding, metric: &str, values: &BTreeMap<&str, f64>) -> Result<Vec<Self>, TableError> {
        let Finding { stage, names, clusters, key, .. } = of;
        let value = |model: &usize| values.get(names[*model].as_str()).copied();
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
                        stage: stage.clone(),
                        first: *first,
                        second: *second,
                        metric: metric.to_owned(),
                        test: mean_difference(one, other, PERMUTATIONS)?,
                        key: *key,
                    });
                }
            }
        }
        Ok(differences)
    }
}

/// A finished cluster stage.
pub struct Finding {
    pub stage: String,
    /// Of the models, as all tables call them.
    pub names: Vec<String>,
    /// How many models they would be, were none left out.
    pub out_of: Option<usize>,
    pub clusters: Clusters,
    pub key: Key,
}

impl Finding {
    /// Mean over the models; nothing where the clusters were given.
    pub fn silhouette(&self) -> Option<f64> {
        self.clusters.silhouette()
    }

    /// How far the clusters stay what they are where similarities are half or twice as wide, at worst.
    pub fn steadiness(&self) -> Option<f64> {
        self.clusters.steadiness()
    }
}

/// In the order of the graph.
pub fn findings(finished: &Finished<'_>) -> Result<Vec<Finding>, TableError> {
    let is_ours = |done: &Done<'_>| done.of::<run::Params>().is_some() || done.of::<members::Params>().is_some();
    let finding = |done: Done<'_>| {
        let (stage, names) = (done.stage().to_owned(), done.subjects().to_vec());
        Ok(Finding { stage, names, out_of: done.step.out_of, clusters: done.json(&CLUSTERS)?, key: done.key() })
    };
    finished.all().filter(is_ours).map(finding).collect()
}

pub fn tables(finished: &Finished<'_>) -> Result<Vec<Table>, TableError> {
    let found = findings(finished)?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    tables_of(&found, &of_metrics(&found, &metric_rows(finished)?)?)
}

fn tables_of(
    found: &[Finding],
    OfMetrics { summaries, differences, correlated }: &OfMetrics,
) -> Result<Vec<Table>, TableError> {
    let mut tables = vec![members_table(found)?];
    if !summaries.is_empty() {
        tables.push(summaries_table(summaries)?);
    }
    // Clusters that were given have no distances to say anything of.
    let with_distances = found.iter().filter(|one| !one.clusters.matrix.is_empty());
    let rows = with_distances.map(Clustering::of).collect::<Result<Vec<_>, _>>()?;
    if !rows.is_empty() {
        tables.extend([clusterings(&rows)?, stability(&rows)?, triangles(&rows)?]);
    }
    if !differences.is_empty() {
        tables.push(differences_table(differences)?);
    }
    tables.extend(correlations("correlations", "clustering", correlated)?);
    Ok(tables)
}

fn members_table(found: &[Finding]) -> Result<Table, TableError> {
    let each: Vec<(&Finding, usize)> =
        found.iter().flat_map(|one| (0..one.names.len()).map(move |model| (one, model))).collect();
    let feature = |(one, model): &(&Finding, usize)| Some(one.clusters.centroid_feature.as_ref()?[*model]);
    table(
        "clusters",
        vec![
            texts("clustering", &each, |(one, _)| one.stage.clone()),
            texts("model", &each, |(one, model)| one.names[*model].clone()),
            counts("cluster", &each, |(one, model)| one.clusters.clusters[*model]),
            known_numbers("centroid_feature", &each, feature),
            known_numbers("silhouette", &each, |(one, model)| one.clusters.silhouettes.get(*model).copied()),
            texts("key", &each, |(one, _)| one.key.to_string()),
        ],
    )
}

/// One metric over the models of one cluster.
struct ClusterSummary {
    stage: String,
    cluster: usize,
    metric: String,
    summary: Summary,
    key: Key,
}

/// What clusters have to do with metrics.
#[derive(Default)]
struct OfMetrics {
    summaries: Vec<ClusterSummary>,
    differences: Vec<Difference>,
    /// Of the centroid feature.
    correlated: Vec<Correlation>,
}

/// Every metric of which all models of a cluster have a value.
fn of_metrics(found: &[Finding], metrics: &[MetricRow]) -> Result<OfMetrics, TableError> {
    let values = by_metric(metrics);
    let OfMetrics { mut summaries, mut differences, mut correlated } = OfMetrics::default();
    for finding in found {
        let Finding { stage, names, clusters, key, .. } = finding;
        if let Some(feature) = &clusters.centroid_feature {
            let models: Vec<&str> = names.iter().map(String::as_str).collect();
            correlated.extend(Correlation::all(stage, &models, feature, &values, *key));
        }
        for (metric, by_model) in &values {
            differences.extend(Difference::all(finding, metric, by_model)?);
            for (cluster, members) in clusters.members() {
                let value = |model: &usize| by_model.get(names[*model].as_str()).copied();
                let Some(found) = members.iter().map(value).collect::<Option<Vec<f64>>>() else { continue };
                let (stage, metric, summary) = (stage.clone(), metric.clone(), summary(&found)?);
                summaries.push(ClusterSummary { stage, cluster, metric, summary, key: *key });
            }
        }
    }
    Ok(OfMetrics { summaries, differences, correlated })
}

fn summaries_table(rows: &[ClusterSummary]) -> Result<Table, TableError> {
    table(
        "cluster_metrics",
        vec![
            texts("clustering", rows, |row| row.stage.clone()),
            counts("cluster", rows, |row| row.cluster),
            texts("metric", rows, |row| row.metric.clone()),
            counts("size", rows, |row| row.summary.n),
            numbers("min", rows, |row| row.summary.min),
            numbers("mean", rows, |row| row.summary.mean),
            known_numbers("standard_deviation", rows, |row| row.summary.standard_deviation),
            numbers("max", rows, |row| row.summary.max),
            texts("key", rows, |row| row.key.to_string()),
        ],
    )
}

fn clusterings(rows: &[Clustering]) -> Result<Table, TableError> {
    table(
        "clusterings",
        vec![
            texts("clustering", rows, |row| row.stage.clone()),
            texts("distance", rows, |row| row.distance.clone()),
            texts("metric", rows, |row| row.metric.clone()),
            counts("models", rows, |row| row.models),
            counts("of_models", rows, |row| row.of),
            counts("clusters", rows, |row| row.clusters),
            known_numbers("eigengap", rows, |row| row.eigengap),
            numbers("silhouette", rows, |row| row.silhouette),
            texts("key", rows, |row| row.key.to_string()),
        ],
    )
}

fn stability(rows: &[Clustering]) -> Result<Table, TableError> {
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

fn triangles(rows: &[Clustering]) -> Result<Table, TableError> {
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

fn differences_table(rows: &[Difference]) -> Result<Table, TableError> {
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

pub fn show(finished: &Finished<'_>) -> Result<String, TableError> {
    let mut text = String::new();
    let found = findings(finished)?;
    let mut members: BTreeMap<(&str, usize), Vec<&str>> = BTreeMap::new();
    for one in &found {
        for (model, cluster) in one.names.iter().zip(&one.clusters.clusters) {
            members.entry((&one.stage, *cluster)).or_default().push(model);
        }
    }
    if members.is_empty() {
        return Ok(text);
    }
    let mut cells = vec![["clustering", "cluster", "size", "models"].map(str::to_owned).to_vec()];
    for ((stage, cluster), models) in &members {
        cells.push(vec![(*stage).to_owned(), cluster.to_string(), models.len().to_string(), models.join(" ")]);
    }
    brief::write("clusters", &cells, "clusters", "clusters", &mut text);
    let of_metrics = of_metrics(&found, &metric_rows(finished)?)?;
    show_metrics(&of_metrics.summaries, &mut text);
    // These have a form of their own.
    let shown = ["clusters", "cluster_metrics"];
    for table in tables_of(&found, &of_metrics)?.iter().filter(|table| !shown.contains(&table.name)) {
        brief::plain(table, &mut text)?;
    }
    Ok(text)
}

fn show_metrics(rows: &[ClusterSummary], text: &mut String) {
    if rows.is_empty() {
        return;
    }
    let header = ["clustering", "cluster", "metric", "size", "min", "mean", "sd", "max"];
    let mut cells = vec![header.map(str::to_owned).to_vec()];
    let number = |value: f64| format!("{value:.4}");
    for row in rows {
        cells.push(vec![
            row.stage.clone(),
            row.cluster.to_string(),
            row.metric.clone(),
            row.summary.n.to_string(),
            number(row.summary.min),
            number(row.summary.mean),
            row.summary.standard_deviation.map_or(brief::NOTHING.to_owned(), number),
            number(row.summary.max),
        ]);
    }
    brief::write("metrics by cluster", &cells, "rows", "cluster_metrics", text);
}

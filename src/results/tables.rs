//! Tables as CSV and Parquet. The column `key` names the step that a row comes from.

use std::path::Path;

use polars::prelude::{Column, CsvWriter, DataFrame, NamedFrom, PlSmallStr, SerWriter, Series};

use super::rows::{Rows, known};
use super::{ResultsError, clusterings, dynamics, put};
use crate::data::{read_parquet, write_parquet};
use crate::engine::Plan;
use crate::graph::Graph;
use crate::stages::Params;
use crate::stages::import::plane_name;
use crate::store::Store;

/// The names of all of them: a figure that is called like one writes its numbers elsewhere.
pub const TABLES: [&str; 14] = [
    "metrics",
    "distances",
    "lines",
    "clusters",
    "cluster_metrics",
    "clusterings",
    "stability",
    "transitivity",
    "cluster_differences",
    "dynamics",
    "dynamics_transitions",
    "sharpness",
    "agreement",
    "planes",
];

pub struct Table {
    pub(super) name: &'static str,
    pub(super) frame: DataFrame,
}

impl Table {
    pub fn write(&self, folder: &Path, experiment: &str) -> Result<(), ResultsError> {
        let mut frame = self.frame.clone();
        let mut csv = format!(
            "# pipeline {} experiment {experiment}: `key` is the step that a row comes from, see its manifest in the cache\n",
            env!("CARGO_PKG_VERSION")
        )
        .into_bytes();
        CsvWriter::new(&mut csv).include_header(true).finish(&mut frame)?;
        put(&folder.join(format!("{}.csv", self.name)), &csv)?;
        put(&folder.join(format!("{}.parquet", self.name)), &write_parquet(&mut frame)?)
    }
}

pub(super) fn table(name: &'static str, columns: Vec<Column>) -> Result<Table, ResultsError> {
    Ok(Table { name, frame: DataFrame::new_infer_height(columns)? })
}

pub(super) fn column<T, Values: AsRef<[T]>>(name: &str, values: Values) -> Column
where
    Series: NamedFrom<Values, [T]>,
{
    Series::new(PlSmallStr::from(name), values).into()
}

/// The tables that have rows.
pub fn all(rows: &Rows) -> Result<Vec<Table>, ResultsError> {
    let mut tables = Vec::new();
    if !rows.metrics.is_empty() {
        tables.push(metrics(rows)?);
    }
    if !rows.pairs.is_empty() {
        tables.push(distances(rows)?);
        tables.push(lines(rows)?);
    }
    if !rows.members.is_empty() {
        tables.push(members(rows)?);
    }
    if !rows.clusters.is_empty() {
        tables.push(cluster_table(rows)?);
    }
    tables.extend(clusterings::tables(rows)?);
    tables.extend(dynamics::tables(rows)?);
    if !rows.sharpness.is_empty() {
        tables.push(sharpness(rows)?);
    }
    if !rows.agreement.is_empty() {
        tables.push(agreement(rows)?);
    }
    if !rows.places.is_empty() {
        tables.push(planes(rows)?);
    }
    Ok(tables)
}

pub(super) fn texts<R>(name: &str, rows: &[R], text: impl Fn(&R) -> String) -> Column {
    column(name, rows.iter().map(text).collect::<Vec<String>>())
}

pub(super) fn numbers<R>(name: &str, rows: &[R], number: impl Fn(&R) -> f64) -> Column {
    column(name, rows.iter().map(number).collect::<Vec<f64>>())
}

/// Numbers of which some may not be known: they are empty, never 0.
pub(super) fn known_numbers<R>(name: &str, rows: &[R], number: impl Fn(&R) -> Option<f64>) -> Column {
    column(name, rows.iter().map(number).collect::<Vec<Option<f64>>>())
}

pub(super) fn known_counts<R>(name: &str, rows: &[R], count: impl Fn(&R) -> Option<usize>) -> Column {
    column(name, rows.iter().map(|row| count(row).map(|count| count as u64)).collect::<Vec<Option<u64>>>())
}

pub(super) fn counts<R>(name: &str, rows: &[R], count: impl Fn(&R) -> usize) -> Column {
    column(name, rows.iter().map(|row| count(row) as u64).collect::<Vec<u64>>())
}

fn metrics(rows: &Rows) -> Result<Table, ResultsError> {
    let rows = &rows.metrics;
    table(
        "metrics",
        vec![
            texts("eval", rows, |row| row.stage.clone()),
            texts("model", rows, |row| row.model.clone()),
            texts("group", rows, |row| row.group.clone()),
            known_counts("examples", rows, |row| row.examples),
            texts("metric", rows, |row| row.metric.clone()),
            numbers("value", rows, |row| row.value),
            texts("key", rows, |row| row.key.to_string()),
        ],
    )
}

fn distances(rows: &Rows) -> Result<Table, ResultsError> {
    let each: Vec<_> = rows
        .pairs
        .iter()
        .flat_map(|pair| pair.line.metrics.keys().map(move |metric| (pair, metric.clone(), pair.distances(metric))))
        .collect();
    table(
        "distances",
        vec![
            texts("interpolate", &each, |(pair, ..)| pair.stage.clone()),
            texts("first", &each, |(pair, ..)| pair.first.clone()),
            texts("second", &each, |(pair, ..)| pair.second.clone()),
            texts("metric", &each, |(_, metric, _)| metric.clone()),
            numbers("euclidean", &each, |(pair, ..)| pair.line.distance),
            known_numbers("convexity_gap", &each, |(.., distances)| distances[0]),
            known_numbers("barrier_height", &each, |(.., distances)| distances[1]),
            known_numbers("bump_height", &each, |(.., distances)| distances[2]),
            known_numbers("area_under_curve", &each, |(.., distances)| distances[3]),
            texts("key", &each, |(pair, ..)| pair.key.to_string()),
        ],
    )
}

fn lines(rows: &Rows) -> Result<Table, ResultsError> {
    let mut each = Vec::new();
    for pair in &rows.pairs {
        for (metric, values) in &pair.line.metrics {
            for (point, value) in values.iter().enumerate() {
                each.push((pair, metric.clone(), point, *value));
            }
        }
    }
    table(
        "lines",
        vec![
            texts("interpolate", &each, |(pair, ..)| pair.stage.clone()),
            texts("first", &each, |(pair, ..)| pair.first.clone()),
            texts("second", &each, |(pair, ..)| pair.second.clone()),
            texts("metric", &each, |(_, metric, ..)| metric.clone()),
            counts("point", &each, |(.., point, _)| *point),
            numbers("coefficient", &each, |(pair, _, point, _)| pair.line.coefficients[*point]),
            numbers("value", &each, |(.., value)| *value),
            texts("key", &each, |(pair, ..)| pair.key.to_string()),
        ],
    )
}

fn members(rows: &Rows) -> Result<Table, ResultsError> {
    let rows = &rows.members;
    table(
        "clusters",
        vec![
            texts("clustering", rows, |row| row.stage.clone()),
            texts("model", rows, |row| row.model.clone()),
            counts("cluster", rows, |row| row.cluster),
            known_numbers("centroid_feature", rows, |row| row.centroid_feature),
            known_numbers("silhouette", rows, |row| row.silhouette),
            texts("key", rows, |row| row.key.to_string()),
        ],
    )
}

fn cluster_table(rows: &Rows) -> Result<Table, ResultsError> {
    let rows = &rows.clusters;
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

fn sharpness(rows: &Rows) -> Result<Table, ResultsError> {
    let rows = &rows.sharpness;
    table(
        "sharpness",
        vec![
            texts("stage", rows, |row| row.stage.clone()),
            texts("model", rows, |row| row.model.clone()),
            known_counts("examples", rows, |row| known(row.measured.examples)),
            known_numbers("before", rows, |row| row.measured.before),
            known_numbers("after", rows, |row| row.measured.after),
            numbers("sharpness", rows, |row| row.measured.sharpness),
            texts("key", rows, |row| row.key.to_string()),
        ],
    )
}

/// Where the three models of every plane stand.
fn planes(rows: &Rows) -> Result<Table, ResultsError> {
    let rows = &rows.places;
    table(
        "planes",
        vec![
            texts("surface", rows, |row| row.stage.clone()),
            texts("plane", rows, |row| row.plane.clone()),
            texts("model", rows, |row| row.model.clone()),
            numbers("x", rows, |row| row.x),
            numbers("y", rows, |row| row.y),
            known_numbers("length", rows, |row| row.length),
            texts("key", rows, |row| row.key.to_string()),
        ],
    )
}

fn agreement(rows: &Rows) -> Result<Table, ResultsError> {
    let rows = &rows.agreement;
    table(
        "agreement",
        vec![
            texts("stage", rows, |row| row.stage.clone()),
            texts("first", rows, |row| row.first.clone()),
            texts("second", rows, |row| row.second.clone()),
            counts("examples", rows, |row| row.examples),
            numbers("agreement", rows, |row| row.agreement),
            numbers("divergence", rows, |row| row.divergence),
            texts("key", rows, |row| row.key.to_string()),
        ],
    )
}

/// The grids of each stage's planes in one Parquet file, `surfaces/<stage>.parquet`: as CSV they would be tens of
/// megabytes.
pub fn surfaces(graph: &Graph, plan: &Plan, store: &Store, folder: &Path) -> Result<(), ResultsError> {
    for stage in graph.stages() {
        let mut whole: Option<DataFrame> = None;
        let steps = graph.steps.iter().zip(&plan.states).filter(|(step, _)| step.stage == *stage);
        for (step, manifest) in steps.filter_map(|(step, state)| Some((step, state.manifest()?))) {
            let planes = match &step.params {
                Params::Surface(_) => vec![(step.instance.clone(), "surface".to_owned())],
                Params::ImportSurfaces(params) => {
                    let names = params.planes.iter().map(plane_name);
                    names.map(|name| (name.clone(), format!("surface:{name}"))).collect()
                }
                _ => continue,
            };
            for (plane, output) in planes {
                let mut grid = read_parquet(&store.output(manifest, &output)?)?;
                let rows = grid.height();
                grid.with_column(column("plane", vec![plane; rows]))?;
                grid.with_column(column("key", vec![manifest.key.to_string(); rows]))?;
                match &mut whole {
                    Some(whole) => drop(whole.vstack_mut(&grid)?),
                    None => whole = Some(grid),
                }
            }
        }
        if let Some(mut whole) = whole {
            whole.rechunk_mut();
            put(&folder.join("surfaces").join(format!("{}.parquet", stage.name)), &write_parquet(&mut whole)?)?;
        }
    }
    Ok(())
}

/// The training logs of each stage in one Parquet file, `training/<stage>.parquet`; a CSV of a real study would be
/// hundreds of megabytes.
pub fn training(graph: &Graph, plan: &Plan, store: &Store, folder: &Path) -> Result<(), ResultsError> {
    for stage in graph.stages() {
        let mut whole: Option<DataFrame> = None;
        let steps = graph.steps.iter().zip(&plan.states).filter(|(step, _)| step.stage == *stage);
        for (step, manifest) in steps.filter_map(|(step, state)| Some((step, state.manifest()?))) {
            if !matches!(step.params, Params::Finetune(_) | Params::Pretrain(_)) {
                continue;
            }
            let mut log = read_parquet(&store.output(manifest, "training-log")?)?;
            let rows = log.height();
            log.with_column(column("model", vec![step.instance.clone(); rows]))?;
            log.with_column(column("key", vec![manifest.key.to_string(); rows]))?;
            match &mut whole {
                Some(whole) => drop(whole.vstack_mut(&log)?),
                None => whole = Some(log),
            }
        }
        if let Some(mut whole) = whole {
            whole.rechunk_mut();
            put(&folder.join("training").join(format!("{}.parquet", stage.name)), &write_parquet(&mut whole)?)?;
        }
    }
    Ok(())
}

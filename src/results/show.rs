//! The tables as text for a terminal.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::rows::{Rows, collect};
use crate::engine::{Plan, StageError};
use crate::graph::Graph;
use crate::store::Store;

pub fn render(graph: &Graph, plan: &Plan, store: &Store) -> Result<String, StageError> {
    let rows = collect(graph, plan, store)?;
    let finished = plan.states.iter().filter(|state| state.manifest().is_some()).count();
    let mut text = format!("{}: {finished} of {} steps finished\n", graph.experiment, graph.steps.len());
    models(&rows, &mut text);
    distances(&rows, &mut text);
    clusters(&rows, &mut text);
    Ok(text)
}

/// One row a model, one column for each metric of each evaluation.
fn models(rows: &Rows, text: &mut String) {
    let mut columns: Vec<String> = Vec::new();
    let mut models: Vec<&str> = Vec::new();
    let mut values: BTreeMap<(&str, String), f64> = BTreeMap::new();
    for row in &rows.metrics {
        let name = row.full_name();
        if !columns.contains(&name) {
            columns.push(name.clone());
        }
        if !models.contains(&row.model.as_str()) {
            models.push(&row.model);
        }
        values.insert((&row.model, name), row.value);
    }
    if columns.is_empty() {
        return;
    }
    // Grouped metrics are many: each gets a row instead of a column.
    let wide = columns.len() <= 6;
    let number = |model: &str, column: &String| {
        values.get(&(model, column.clone())).map_or("-".to_owned(), |value| format!("{value:.4}"))
    };
    let cells: Vec<Vec<String>> = if wide {
        let header = std::iter::once("model".to_owned()).chain(columns.iter().cloned()).collect();
        let body = models.iter().map(|model| {
            std::iter::once((*model).to_owned()).chain(columns.iter().map(|column| number(model, column))).collect()
        });
        std::iter::once(header).chain(body).collect()
    } else {
        let shown: Vec<&str> = models.iter().take(10).copied().collect();
        let header =
            std::iter::once("metric".to_owned()).chain(shown.iter().map(|model| (*model).to_owned())).collect();
        let body = columns.iter().map(|column| {
            std::iter::once(column.clone()).chain(shown.iter().map(|model| number(model, column))).collect()
        });
        std::iter::once(header).chain(body).collect()
    };
    table("metrics", &cells, text);
    if !wide && models.len() > 10 {
        writeln!(text, "… and {} more models, see metrics.csv", models.len() - 10).ok();
    }
}

fn distances(rows: &Rows, text: &mut String) {
    const SHOWN: usize = 20;
    if rows.pairs.is_empty() {
        return;
    }
    let header = ["interpolate", "pair", "euclidean", "convexity gap", "barrier height", "highest loss"];
    let mut cells = vec![header.map(str::to_owned).to_vec()];
    let mut pairs: Vec<_> = rows.pairs.iter().map(|pair| (pair.distances("loss"), pair)).collect();
    pairs.sort_by(|(a, _), (b, _)| b[0].total_cmp(&a[0]));
    for (distances, pair) in pairs.iter().take(SHOWN) {
        let highest = pair.line.metrics.get("loss").into_iter().flatten().copied().fold(f64::NAN, f64::max);
        cells.push(vec![
            pair.stage.clone(),
            format!("{},{}", pair.first, pair.second),
            format!("{:.4}", pair.line.distance),
            format!("{:.4}", distances[0]),
            format!("{:.4}", distances[1]),
            format!("{highest:.4}"),
        ]);
    }
    table("pairs, largest gap first", &cells, text);
    if pairs.len() > SHOWN {
        writeln!(text, "… and {} more pairs, see distances.csv", pairs.len() - SHOWN).ok();
    }
}

fn clusters(rows: &Rows, text: &mut String) {
    let mut members: BTreeMap<(&str, usize), Vec<&str>> = BTreeMap::new();
    for row in &rows.members {
        members.entry((&row.stage, row.cluster)).or_default().push(&row.model);
    }
    if members.is_empty() {
        return;
    }
    let mut cells = vec![["clustering", "cluster", "size", "models"].map(str::to_owned).to_vec()];
    for ((stage, cluster), models) in &members {
        cells.push(vec![(*stage).to_owned(), cluster.to_string(), models.len().to_string(), models.join(" ")]);
    }
    table("clusters", &cells, text);
    if rows.clusters.is_empty() {
        return;
    }
    let header = ["clustering", "cluster", "metric", "size", "min", "mean", "sd", "max"];
    let mut cells = vec![header.map(str::to_owned).to_vec()];
    for row in &rows.clusters {
        let number = |value: f64| format!("{value:.4}");
        cells.push(vec![
            row.stage.clone(),
            row.cluster.to_string(),
            row.metric.clone(),
            row.summary.n.to_string(),
            number(row.summary.min),
            number(row.summary.mean),
            row.summary.standard_deviation.map_or("-".to_owned(), number),
            number(row.summary.max),
        ]);
    }
    table("metrics by cluster", &cells, text);
}

/// Columns as wide as their widest cell; the first row is the header.
fn table(title: &str, cells: &[Vec<String>], text: &mut String) {
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..cells[0].len()).map(width).collect();
    writeln!(text, "\n{title}").ok();
    for row in cells {
        let line: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(text, "  {}", line.join("  ").trim_end()).ok();
    }
}

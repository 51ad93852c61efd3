//! The tables as text for a terminal.

use std::collections::BTreeMap;
use std::fmt::Write;

use polars::prelude::SortMultipleOptions;

use super::rows::{Rows, collect};
use super::{ResultsError, brief, tables};
use crate::engine::Plan;
use crate::experiment::{Experiment, Kind};
use crate::graph::Graph;
use crate::store::Store;

/// Tables follow one another as the first stages of their kinds do in the file.
pub fn render(experiment: &Experiment, graph: &Graph, plan: &Plan, store: &Store) -> Result<String, ResultsError> {
    let rows = collect(graph, plan, store)?;
    let finished = plan.states.iter().filter(|state| state.manifest().is_some()).count();
    let mut text = format!("{}: {finished} of {} steps finished\n", graph.experiment, graph.steps.len());
    let mut parts: Vec<(Kind, String)> = Vec::new();
    for (kind, write) in [(Kind::Eval, models as fn(&Rows, &mut String)), (Kind::Interpolate, distances)] {
        parts.push((kind, written(|text| write(&rows, text))));
    }
    parts.push((Kind::Cluster, written(|text| clusters(&rows, text))));
    parts.push((Kind::Dynamics, written(|text| dynamics(&rows, text))));
    for table in tables::all(&rows)? {
        let kind = match table.name {
            // These have a form of their own.
            "metrics" | "distances" | "lines" | "clusters" | "cluster_metrics" | "dynamics" => continue,
            "clusterings" | "stability" | "transitivity" | "cluster_differences" => Kind::Cluster,
            "dynamics_transitions" => Kind::Dynamics,
            "sharpness" => Kind::Sharpness,
            "agreement" => Kind::Agreement,
            "planes" => Kind::Surface,
            _ => Kind::Plot,
        };
        let (frame, title) = match table.name {
            "agreement" => (
                table.frame.sort(["agreement"], SortMultipleOptions::default().with_maintain_order(true))?,
                "agreement, least first".to_owned(),
            ),
            name => (table.frame, name.replace('_', " ")),
        };
        let cells = brief::cells(&frame)?;
        parts.push((kind, written(|text| brief::write(&title, &cells, "rows", table.name, text))));
    }
    let place = |kind: Kind| experiment.stages.iter().position(|stage| stage.id.kind == kind);
    parts.sort_by_key(|(kind, _)| place(*kind).unwrap_or(usize::MAX));
    parts.iter().for_each(|(_, part)| text.push_str(part));
    Ok(text)
}

fn written(write: impl FnOnce(&mut String)) -> String {
    let mut text = String::new();
    write(&mut text);
    text
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
        values.get(&(model, column.clone())).map_or(brief::NOTHING.to_owned(), |value| format!("{value:.4}"))
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
    brief::write("metrics", &cells, if wide { "models" } else { "metrics" }, "metrics", text);
    if !wide && models.len() > 10 {
        writeln!(text, "  … and {} more models, see metrics.csv", models.len() - 10).ok();
    }
}

fn distances(rows: &Rows, text: &mut String) {
    if rows.pairs.is_empty() {
        return;
    }
    let header = ["interpolate", "pair", "euclidean", "convexity gap", "barrier height", "highest loss"];
    let mut cells = vec![header.map(str::to_owned).to_vec()];
    let mut pairs: Vec<_> = rows.pairs.iter().map(|pair| (pair.distances("loss"), pair)).collect();
    // Lines without a gap come last.
    pairs.sort_by(|(a, _), (b, _)| b[0].unwrap_or(-1.0).total_cmp(&a[0].unwrap_or(-1.0)));
    let number = |value: Option<f64>| value.map_or(brief::NOTHING.to_owned(), |value| format!("{value:.4}"));
    for (distances, pair) in &pairs {
        cells.push(vec![
            pair.stage.clone(),
            format!("{},{}", pair.first, pair.second),
            format!("{:.4}", pair.line.distance),
            number(distances[0]),
            number(distances[1]),
            number(pair.highest("loss")),
        ]);
    }
    brief::leave_out_empty_columns(&mut cells);
    brief::write("pairs, largest gap first", &cells, "pairs", "distances", text);
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
    brief::write("clusters", &cells, "clusters", "clusters", text);
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
            row.summary.standard_deviation.map_or(brief::NOTHING.to_owned(), number),
            number(row.summary.max),
        ]);
    }
    brief::write("metrics by cluster", &cells, "rows", "cluster_metrics", text);
}

/// One row a model, with its cluster at each checkpoint.
fn dynamics(rows: &Rows, text: &mut String) {
    for row in &rows.dynamics {
        let found = &row.dynamics;
        let header = std::iter::once("model".to_owned()).chain(found.times.iter().cloned()).collect();
        let body = found.models.iter().enumerate().map(|(model, label)| {
            let clusters = found.clusters.iter().map(|clusters| clusters[model].to_string());
            std::iter::once(label.clone()).chain(clusters).collect()
        });
        let cells: Vec<Vec<String>> = std::iter::once(header).chain(body).collect();
        brief::write(&format!("dynamics {}: clusters", row.stage), &cells, "models", "dynamics", text);
    }
}

//! A row for every metric of every model, of all examples and of each group.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use polars::prelude::{CsvWriter, SerWriter};

use super::measured::{EXAMPLES, METRICS, Measured};
use super::{logs, run, table};
use crate::data::{read_parquet, write_parquet};
use crate::fingerprint::Key;
use crate::kinds::finished::{Finished, by_stage, known, stacked};
use crate::kinds::room::Write;
use crate::study::words::Metric;
use crate::tables::{self, Table, TableError, brief, column, known_counts, numbers, texts};

/// One metric of one model on one group of examples.
#[derive(Debug)]
pub struct MetricRow {
    pub stage: String,
    pub model: String,
    /// The values that part the group, joined by commas; empty for all examples.
    pub group: String,
    /// Not of results that were published without it.
    pub examples: Option<usize>,
    pub metric: Metric,
    pub value: f64,
    pub key: Key,
}

impl MetricRow {
    /// `hans:accuracy[lexical_overlap,entailment]`
    pub fn full_name(&self) -> String {
        match self.group.as_str() {
            "" => format!("{}:{}", self.stage, self.metric),
            group => format!("{}:{}[{group}]", self.stage, self.metric),
        }
    }
}

/// In the order of the graph.
pub fn metric_rows(finished: &Finished<'_>) -> Result<Vec<MetricRow>, TableError> {
    let mut all = Vec::new();
    for done in finished.all() {
        if done.of::<run::Params>().is_some() {
            let measured = done.json(&METRICS)?;
            all.extend(done.subjects().iter().flat_map(|name| rows(done.stage(), name, &measured, done.key())));
            continue;
        }
        let published = done.of::<logs::Params>().map(|logs| &logs.params.models);
        let published = published.or(done.of::<table::Params>().map(|table| &table.params.models));
        // By number: 2 before 10.
        let mut models: Vec<_> = published.into_iter().flatten().zip(done.subjects()).collect();
        models.sort_unstable();
        for (model, name) in models {
            all.extend(rows(done.stage(), name, &done.json(&METRICS.of(model))?, done.key()));
        }
    }
    Ok(all)
}

fn rows(stage: &str, model: &str, measured: &Measured, key: Key) -> Vec<MetricRow> {
    let all = std::iter::once((String::new(), measured.examples, &measured.metrics));
    let groups = measured.groups.iter().map(|group| (group.values.join(","), group.examples, &group.metrics));
    let row = |(group, examples, metrics): (String, usize, &BTreeMap<Metric, f64>)| {
        let row = |(metric, value): (&Metric, &f64)| MetricRow {
            stage: stage.to_owned(),
            model: model.to_owned(),
            group: group.clone(),
            examples: known(examples),
            metric: *metric,
            value: *value,
            key,
        };
        metrics.iter().map(row).collect::<Vec<_>>()
    };
    all.chain(groups).flat_map(row).collect()
}

pub fn tables(finished: &Finished<'_>) -> Result<Vec<Table>, TableError> {
    let rows = &metric_rows(finished)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let columns = vec![
        texts("eval", rows, |row| row.stage.clone()),
        texts("model", rows, |row| row.model.clone()),
        texts("group", rows, |row| row.group.clone()),
        known_counts("examples", rows, |row| row.examples),
        texts("metric", rows, |row| row.metric.to_string()),
        numbers("value", rows, |row| row.value),
        texts("key", rows, |row| row.key.to_string()),
    ];
    Ok(vec![tables::table("metrics", columns)?])
}

/// `predictions/<stage>.csv` and `.parquet`, of evaluations without metrics: a row an example of each model.
pub fn files(finished: &Finished<'_>, write: Write<'_>) -> Result<(), TableError> {
    let wanted = finished.steps::<run::Params>().filter(|done| done.params.metrics.is_empty());
    for (stage, steps) in by_stage(wanted) {
        let tables = steps.iter().map(|done| {
            let mut table = read_parquet(&done.bytes(&EXAMPLES)?)?;
            let rows: Vec<u64> = (0..table.height() as u64).collect();
            table.insert_column(0, column("row", rows))?;
            Ok((done.subjects().concat(), write_parquet(&mut table)?, done.key()))
        });
        let Some((file, keys)) = stacked("model", tables)? else { continue };
        let mut csv = Vec::new();
        CsvWriter::new(&mut csv).finish(&mut read_parquet(&file)?)?;
        let path = Path::new("predictions").join(stage);
        write(path.with_extension("csv"), csv, keys.clone())?;
        write(path.with_extension("parquet"), file, keys)?;
    }
    Ok(())
}

/// One row a model, one column for each metric of each evaluation.
pub fn show(finished: &Finished<'_>) -> Result<String, TableError> {
    let rows = metric_rows(finished)?;
    let mut text = String::new();
    let mut columns: Vec<String> = Vec::new();
    let mut models: Vec<&str> = Vec::new();
    let mut values: BTreeMap<(&str, String), f64> = BTreeMap::new();
    for row in &rows {
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
        return Ok(text);
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
    brief::write("metrics", &cells, if wide { "models" } else { "metrics" }, "metrics", &mut text);
    if !wide && models.len() > 10 {
        writeln!(text, "  … and {} more models, see metrics.csv", models.len() - 10).ok();
    }
    Ok(text)
}

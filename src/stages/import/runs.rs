//! A table with a row a run → metrics of every run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::RunsParams;
use crate::data::download;
use crate::data::published::read_runs;
use crate::data::secrets::shown;
use crate::engine::{Context, Outputs, StageError};
use crate::stages::eval::{Group, Measured};

pub fn runs(params: &RunsParams, context: &mut Context) -> Result<Outputs, StageError> {
    let location = context.location().unwrap_or_default().to_owned();
    let file = if location.starts_with("https://") {
        let address = location.split(['?', '#']).next().unwrap_or(&location);
        let name = Path::new(address).file_name().map_or("table".into(), |name| name.to_string_lossy());
        let file = context.scratch().folder()?.join(format!("download-{name}"));
        download(&location, params.source.strip_prefix("blake3:"), &file)?;
        context.fact("url", shown(&location));
        file
    } else {
        context.fact("path", &location);
        PathBuf::from(location)
    };
    let (metrics, columns): (Vec<&String>, Vec<String>) =
        params.columns.iter().map(|(metric, column)| (metric, column.clone())).unzip();
    let runs = read_runs(&file, params.format, &params.model, &columns)?;
    if runs.skipped > 0 {
        context.note(&format!("skipped {} rows without a run's number", runs.skipped));
    }
    let missing: Vec<String> =
        params.models.iter().filter(|model| !runs.rows.contains_key(model)).map(u64::to_string).collect();
    if !missing.is_empty() {
        let (count, shown) = (missing.len(), missing.iter().take(10).cloned().collect::<Vec<_>>().join(", "));
        let more = if count > 10 { ", …" } else { "" };
        return Err(StageError::new(format!("{count} of {} runs are missing: {shown}{more}", params.models.len()))
            .help("leave them out of `seeds`"));
    }
    let mut outputs = Outputs::default();
    for model in &params.models {
        outputs.json(&format!("metrics:{model}"), &measured(&metrics, &runs.rows[model]))?;
    }
    Ok(outputs)
}

/// How many examples there were is not in such a table: 0.
fn measured(metrics: &[&String], values: &[f64]) -> Measured {
    let mut all = BTreeMap::new();
    let mut groups: BTreeMap<Vec<String>, BTreeMap<String, f64>> = BTreeMap::new();
    for (metric, value) in metrics.iter().zip(values) {
        match metric.split_once('[') {
            None => drop(all.insert((*metric).clone(), *value)),
            Some((name, group)) => {
                let group = group.trim_end_matches(']').split(',').map(|part| part.trim().to_owned()).collect();
                groups.entry(group).or_default().insert(name.to_owned(), *value);
            }
        }
    }
    let group = |(values, metrics)| Group { values, examples: 0, metrics };
    Measured { examples: 0, metrics: all, groups: groups.into_iter().map(group).collect() }
}

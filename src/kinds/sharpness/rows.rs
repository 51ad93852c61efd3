//! A row a model.

use super::sharpened::{SHARPNESS, Sharpness};
use super::{logs, run};
use crate::fingerprint::Key;
use crate::kinds::correlations::{Correlation, by_metric, correlations};
use crate::kinds::eval::metric_rows;
use crate::kinds::finished::{Finished, known};
use crate::tables::{Table, TableError, brief, known_counts, known_numbers, numbers, table, texts};

struct Sharp {
    stage: String,
    model: String,
    measured: Sharpness,
    key: Key,
}

/// In the order of the graph.
fn rows(finished: &Finished<'_>) -> Result<Vec<Sharp>, TableError> {
    let mut rows = Vec::new();
    for done in finished.all() {
        let sharp = |model: String, measured: Sharpness| Sharp {
            stage: done.stage().to_owned(),
            model,
            measured,
            key: done.key(),
        };
        if done.of::<run::Params>().is_some() {
            rows.push(sharp(done.subjects().concat(), done.json(&SHARPNESS)?));
        } else if let Some(logs) = done.of::<logs::Params>() {
            // By number, whatever the order of `seeds`.
            let mut models: Vec<_> = logs.params.models.iter().zip(done.subjects()).collect();
            models.sort_unstable();
            for (model, name) in models {
                rows.push(sharp(name.clone(), done.json(&SHARPNESS.of(model))?));
            }
        }
    }
    Ok(rows)
}

pub fn tables(finished: &Finished<'_>) -> Result<Vec<Table>, TableError> {
    let rows = &rows(finished)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let columns = vec![
        texts("stage", rows, |row| row.stage.clone()),
        texts("model", rows, |row| row.model.clone()),
        known_counts("examples", rows, |row| known(row.measured.examples)),
        known_numbers("before", rows, |row| row.measured.before),
        known_numbers("after", rows, |row| row.measured.after),
        numbers("sharpness", rows, |row| row.measured.sharpness),
        texts("key", rows, |row| row.key.to_string()),
    ];
    let mut tables = vec![table("sharpness", columns)?];
    let metrics = metric_rows(finished)?;
    let (metrics, mut correlated) = (by_metric(&metrics), Vec::new());
    for of_stage in rows.chunk_by(|one, next| one.stage == next.stage) {
        let models: Vec<&str> = of_stage.iter().map(|row| row.model.as_str()).collect();
        let sharpness: Vec<f64> = of_stage.iter().map(|row| row.measured.sharpness).collect();
        // A row is made of several steps; the first stands for them.
        correlated.extend(Correlation::all(&of_stage[0].stage, &models, &sharpness, &metrics, of_stage[0].key));
    }
    tables.extend(correlations("sharpness_correlations", "stage", &correlated)?);
    Ok(tables)
}

pub fn show(finished: &Finished<'_>) -> Result<String, TableError> {
    let mut text = String::new();
    tables(finished)?.iter().try_for_each(|table| brief::plain(table, &mut text))?;
    Ok(text)
}

//! A row a model.

use super::sharpened::{SHARPNESS, Sharpness};
use super::{logs, run};
use crate::fingerprint::Key;
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
    let mut steps: Vec<(usize, Vec<Sharp>)> = Vec::new();
    for done in finished.steps::<run::Params>() {
        let (stage, model) = (done.stage().to_owned(), done.instance().to_owned());
        let sharp = Sharp { stage, model, measured: done.json(&SHARPNESS)?, key: done.key() };
        steps.push((finished.place(&done), vec![sharp]));
    }
    for done in finished.steps::<logs::Params>() {
        // By number, whatever the order of `seeds`.
        let mut models = done.params.models.clone();
        models.sort_unstable();
        let sharp = |model: u64| {
            let (stage, measured) = (done.stage().to_owned(), done.json(&SHARPNESS.of(model))?);
            Ok(Sharp { stage, model: model.to_string(), measured, key: done.key() })
        };
        let all = models.into_iter().map(sharp).collect::<Result<_, TableError>>()?;
        steps.push((finished.place(&done), all));
    }
    steps.sort_by_key(|(place, _)| *place);
    Ok(steps.into_iter().flat_map(|(_, rows)| rows).collect())
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
    Ok(vec![table("sharpness", columns)?])
}

pub fn show(finished: &Finished<'_>) -> Result<String, TableError> {
    let mut text = String::new();
    tables(finished)?.iter().try_for_each(|table| brief::plain(table, &mut text))?;
    Ok(text)
}

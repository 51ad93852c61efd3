//! Tables of clusters over training.

use super::ResultsError;
use super::rows::Rows;
use super::tables::{Table, column, counts, numbers, table, texts};
use crate::fingerprint::Key;
use crate::stages::dynamics::Dynamics;

#[derive(Debug)]
pub struct Dynamic {
    pub stage: String,
    pub dynamics: Dynamics,
    pub key: Key,
}

pub fn tables(rows: &Rows) -> Result<Vec<Table>, ResultsError> {
    if rows.dynamics.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![memberships(&rows.dynamics)?, transitions(&rows.dynamics)?])
}

/// One row for each model at each checkpoint.
fn memberships(rows: &[Dynamic]) -> Result<Table, ResultsError> {
    let mut each = Vec::new();
    for row in rows {
        let (times, models) = (row.dynamics.times.len(), row.dynamics.models.len());
        each.extend((0..models).flat_map(|model| (0..times).map(move |time| (row, model, time))));
    }
    let cluster = |row: &Dynamic, model: usize, time: usize| row.dynamics.clusters[time][model];
    let changed = |(row, model, time): &(&Dynamic, usize, usize)| {
        time.checked_sub(1).map(|before| cluster(row, *model, before) != cluster(row, *model, *time))
    };
    table(
        "dynamics",
        vec![
            texts("dynamics", &each, |(row, ..)| row.stage.clone()),
            texts("model", &each, |(row, model, _)| row.dynamics.models[*model].clone()),
            texts("checkpoint", &each, |(row, _, time)| row.dynamics.times[*time].clone()),
            counts("cluster", &each, |(row, model, time)| cluster(row, *model, *time)),
            column("changed", each.iter().map(changed).collect::<Vec<Option<bool>>>()),
            texts("coordinate", &each, |(row, ..)| row.dynamics.coordinate.name().to_owned()),
            numbers("position", &each, |(row, model, time)| row.dynamics.positions[*time][*model]),
            texts("key", &each, |(row, ..)| row.key.to_string()),
        ],
    )
}

fn transitions(rows: &[Dynamic]) -> Result<Table, ResultsError> {
    let each: Vec<_> = rows
        .iter()
        .flat_map(|row| row.dynamics.transitions.iter().enumerate().map(move |(time, step)| (row, time, step)))
        .collect();
    table(
        "dynamics_transitions",
        vec![
            texts("dynamics", &each, |(row, ..)| row.stage.clone()),
            texts("from", &each, |(row, time, _)| row.dynamics.times[*time].clone()),
            texts("to", &each, |(row, time, _)| row.dynamics.times[time + 1].clone()),
            counts("changed", &each, |(.., step)| step.changed.len()),
            numbers("adjusted_rand", &each, |(.., step)| step.adjusted_rand),
            texts("models", &each, |(.., step)| step.changed.join(" ")),
            texts("key", &each, |(row, ..)| row.key.to_string()),
        ],
    )
}

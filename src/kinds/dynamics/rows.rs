//! A row for each model at each checkpoint, and one for each change from one to the next.

use super::run::{DYNAMICS, Dynamics, Params};
use crate::fingerprint::Key;
use crate::kinds::finished::{Done, Finished};
use crate::tables::{Table, TableError, brief, column, counts, numbers, table, texts};
use crate::words::Word;

struct Dynamic {
    stage: String,
    dynamics: Dynamics,
    /// [times, models]
    names: Vec<Vec<String>>,
    key: Key,
}

impl Dynamic {
    /// A model over its training: its name without a checkpoint.
    fn run(&self, model: usize) -> &str {
        let name = self.names.first().map_or("", |names| &names[model]);
        name.split('@').next().unwrap_or_default()
    }

    /// The same of those that go by these labels.
    fn changed(&self, labels: &[String]) -> Vec<&str> {
        let models = self.dynamics.models.iter().enumerate();
        models.filter(|(_, label)| labels.contains(label)).map(|(model, _)| self.run(model)).collect()
    }
}

fn rows(finished: &Finished<'_>) -> Result<Vec<Dynamic>, TableError> {
    let row = |done: Done<'_, Params>| {
        let dynamics: Dynamics = done.json(&DYNAMICS)?;
        let names = done.subjects().chunks(dynamics.models.len().max(1)).map(<[String]>::to_vec).collect();
        Ok(Dynamic { stage: done.stage().to_owned(), dynamics, names, key: done.key() })
    };
    finished.steps().map(row).collect()
}

pub fn tables(finished: &Finished<'_>) -> Result<Vec<Table>, TableError> {
    let rows = rows(finished)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![memberships(&rows)?, transitions(&rows)?])
}

/// One row for each model at each checkpoint.
fn memberships(rows: &[Dynamic]) -> Result<Table, TableError> {
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
            texts("model", &each, |(row, model, time)| row.names[*time][*model].clone()),
            texts("run", &each, |(row, model, _)| row.run(*model).to_owned()),
            texts("checkpoint", &each, |(row, _, time)| row.dynamics.times[*time].clone()),
            counts("cluster", &each, |(row, model, time)| cluster(row, *model, *time)),
            column("changed", each.iter().map(changed).collect::<Vec<Option<bool>>>()),
            texts("coordinate", &each, |(row, ..)| row.dynamics.coordinate.name().to_owned()),
            numbers("position", &each, |(row, model, time)| row.dynamics.positions[*time][*model]),
            texts("key", &each, |(row, ..)| row.key.to_string()),
        ],
    )
}

fn transitions(rows: &[Dynamic]) -> Result<Table, TableError> {
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
            texts("runs", &each, |(row, _, step)| row.changed(&step.changed).join(" ")),
            texts("key", &each, |(row, ..)| row.key.to_string()),
        ],
    )
}

/// One row a model, with its cluster at each checkpoint.
pub fn show(finished: &Finished<'_>) -> Result<String, TableError> {
    let mut text = String::new();
    let rows = rows(finished)?;
    for row in &rows {
        let found = &row.dynamics;
        let header = std::iter::once("model".to_owned()).chain(found.times.iter().cloned()).collect();
        let body = (0..found.models.len()).map(|model| {
            let clusters = found.clusters.iter().map(|clusters| clusters[model].to_string());
            std::iter::once(row.run(model).to_owned()).chain(clusters).collect()
        });
        let cells: Vec<Vec<String>> = std::iter::once(header).chain(body).collect();
        brief::write(&format!("dynamics {}: clusters", row.stage), &cells, "models", "dynamics", &mut text);
    }
    if !rows.is_empty() {
        brief::plain(&transitions(&rows)?, &mut text)?;
    }
    Ok(text)
}

//! Where the three models of every plane stand; and the grids.

use std::path::Path;

use super::logs::plane_name;
use super::plane::{PLANE, Plane, SURFACE};
use super::{logs, run};
use crate::fingerprint::Key;
use crate::kinds::finished::{Finished, Part, by_stage, stacked};
use crate::kinds::room::Write;
use crate::tables::{Table, TableError, brief, known_numbers, numbers, table, texts};

/// One of the three models of a plane.
struct Place {
    stage: String,
    /// All three, the anchor first.
    plane: String,
    model: String,
    /// In units of `length`, on axes where distances are Euclidean.
    x: f64,
    y: f64,
    /// Unknown of a plane that was published.
    length: Option<f64>,
    key: Key,
}

/// In the order of the graph.
fn places(finished: &Finished<'_>) -> Result<Vec<Place>, TableError> {
    let mut places = Vec::new();
    for done in finished.all() {
        if done.of::<run::Params>().is_some() {
            places.extend(of_plane(done.stage(), done.subjects(), &done.json(&PLANE)?, done.key()));
        } else if let Some(logs) = done.of::<logs::Params>() {
            // By number, whatever the order of `planes`.
            let mut planes: Vec<_> = logs.params.planes.iter().zip(done.subjects().chunks(3)).collect();
            planes.sort_unstable();
            for (plane, names) in planes {
                places.extend(of_plane(done.stage(), names, &done.json(&PLANE.of(plane_name(plane)))?, done.key()));
            }
        }
    }
    Ok(places)
}

/// `models`: the anchor first.
fn of_plane(stage: &str, models: &[String], plane: &Plane, key: Key) -> Vec<Place> {
    let place = |(model, [x, y]): (&String, [f64; 2])| Place {
        stage: stage.to_owned(),
        plane: models.join(","),
        model: model.clone(),
        x,
        y,
        length: plane.length,
        key,
    };
    models.iter().zip(plane.places).map(place).collect()
}

pub fn tables(finished: &Finished<'_>) -> Result<Vec<Table>, TableError> {
    let rows = &places(finished)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let columns = vec![
        texts("surface", rows, |row| row.stage.clone()),
        texts("plane", rows, |row| row.plane.clone()),
        texts("model", rows, |row| row.model.clone()),
        numbers("x", rows, |row| row.x),
        numbers("y", rows, |row| row.y),
        known_numbers("length", rows, |row| row.length),
        texts("key", rows, |row| row.key.to_string()),
    ];
    Ok(vec![table("planes", columns)?])
}

pub fn show(finished: &Finished<'_>) -> Result<String, TableError> {
    let mut text = String::new();
    tables(finished)?.iter().try_for_each(|table| brief::plain(table, &mut text))?;
    Ok(text)
}

/// The grids of each stage's planes in one Parquet file, `surfaces/<stage>.parquet`: as CSV they would be tens of
/// megabytes.
pub fn files(finished: &Finished<'_>, write: Write<'_>) -> Result<(), TableError> {
    for (stage, steps) in by_stage(finished.steps::<run::Params>()) {
        let grids = steps.iter().map(|done| Ok((done.subjects().join(","), done.bytes(&SURFACE)?, done.key())));
        write_grids(stage, grids, write)?;
    }
    for (stage, steps) in by_stage(finished.steps::<logs::Params>()) {
        let grids = steps.iter().flat_map(|done| {
            let planes = done.params.planes.iter().zip(done.subjects().chunks(3));
            planes.map(|(plane, names)| Ok((names.join(","), done.bytes(&SURFACE.of(plane_name(plane)))?, done.key())))
        });
        write_grids(stage, grids, write)?;
    }
    Ok(())
}

fn write_grids(stage: &str, grids: impl Iterator<Item = Part>, write: Write<'_>) -> Result<(), TableError> {
    match stacked("plane", grids)? {
        Some((file, keys)) => write(Path::new("surfaces").join(format!("{stage}.parquet")), file, keys),
        None => Ok(()),
    }
}

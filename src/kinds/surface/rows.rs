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
    /// The labels of all three, the anchor first.
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
            places.extend(of_plane(done.stage(), done.instance(), &done.json(&PLANE)?, done.key()));
        } else if let Some(logs) = done.of::<logs::Params>() {
            // By number, whatever the order of `planes`.
            let mut planes = logs.params.planes.clone();
            planes.sort_unstable();
            for plane in planes {
                let name = plane_name(&plane);
                places.extend(of_plane(done.stage(), &name, &done.json(&PLANE.of(&name))?, done.key()));
            }
        }
    }
    Ok(places)
}

/// `name`: the labels of its three models, joined by commas.
fn of_plane(stage: &str, name: &str, plane: &Plane, key: Key) -> Vec<Place> {
    let place = |(model, [x, y]): (&str, [f64; 2])| Place {
        stage: stage.to_owned(),
        plane: name.to_owned(),
        model: model.to_owned(),
        x,
        y,
        length: plane.length,
        key,
    };
    name.split(',').zip(plane.places).map(place).collect()
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
        let grids = steps.iter().map(|done| Ok((done.instance().to_owned(), done.bytes(&SURFACE)?, done.key())));
        write_grids(stage, grids, write)?;
    }
    for (stage, steps) in by_stage(finished.steps::<logs::Params>()) {
        let grids = steps.iter().flat_map(|done| {
            let planes = done.params.planes.iter().map(plane_name);
            planes.map(|plane| Ok((plane.clone(), done.bytes(&SURFACE.of(&plane))?, done.key())))
        });
        write_grids(stage, grids, write)?;
    }
    Ok(())
}

fn write_grids(stage: &str, grids: impl Iterator<Item = Part>, write: Write<'_>) -> Result<(), TableError> {
    match stacked("plane", grids)? {
        Some(file) => write(Path::new("surfaces").join(format!("{stage}.parquet")), &file),
        None => Ok(()),
    }
}

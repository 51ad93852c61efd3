//! Where the three models of every plane stand; and the grids.

use std::path::Path;

use polars::prelude::DataFrame;

use super::logs::plane_name;
use super::plane::{PLANE, Plane, SURFACE};
use super::{logs, run};
use crate::data::{read_parquet, write_parquet};
use crate::fingerprint::Key;
use crate::kinds::finished::{Finished, by_stage};
use crate::kinds::room::Write;
use crate::tables::{Table, TableError, brief, column, known_numbers, numbers, table, texts};

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
    let mut steps: Vec<(usize, Vec<Place>)> = Vec::new();
    for done in finished.steps::<run::Params>() {
        let places = of_plane(done.stage(), done.instance(), &done.json(&PLANE)?, done.key());
        steps.push((finished.place(&done), places));
    }
    for done in finished.steps::<logs::Params>() {
        // By number, whatever the order of `planes`.
        let mut planes = done.params.planes.clone();
        planes.sort_unstable();
        let mut all = Vec::new();
        for plane in planes {
            let name = plane_name(&plane);
            all.extend(of_plane(done.stage(), &name, &done.json(&PLANE.of(&name))?, done.key()));
        }
        steps.push((finished.place(&done), all));
    }
    steps.sort_by_key(|(place, _)| *place);
    Ok(steps.into_iter().flat_map(|(_, places)| places).collect())
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

fn write_grids(
    stage: &str,
    grids: impl Iterator<Item = Result<(String, Vec<u8>, Key), TableError>>,
    write: Write<'_>,
) -> Result<(), TableError> {
    let mut whole: Option<DataFrame> = None;
    for grid in grids {
        let (plane, bytes, key) = grid?;
        let mut grid = read_parquet(&bytes)?;
        let rows = grid.height();
        grid.with_column(column("plane", vec![plane; rows]))?;
        grid.with_column(column("key", vec![key.to_string(); rows]))?;
        match &mut whole {
            Some(whole) => drop(whole.vstack_mut(&grid)?),
            None => whole = Some(grid),
        }
    }
    let Some(mut whole) = whole else { return Ok(()) };
    whole.rechunk_mut();
    write(Path::new("surfaces").join(format!("{stage}.parquet")), &write_parquet(&mut whole)?)
}

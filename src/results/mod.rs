//! Tables and figures where a person looks: `results/<experiment>/`, made from the cache whenever it is asked.

mod figures;
mod put;

use std::path::{Path, PathBuf};

use put::put;

use crate::engine::{Graph, Plan, StageError};
use crate::kinds::finished::Finished;
use crate::kinds::stages::Experiment;
use crate::kinds::{ROOMS, place};
use crate::store::{Store, remove_leftovers};
use crate::tables::TableError;

/// Makes the folder that [`write()`] writes to: what stands in its way shows before the work and not after it.
///
/// # Errors
/// It cannot be made.
pub fn make_folder(experiment: &str, results: &Path) -> Result<(), StageError> {
    let folder = results.join(experiment);
    std::fs::create_dir_all(&folder).map_err(|error| {
        StageError::new(format!("cannot write results to `{}`: {error}", folder.display()))
            .help("choose another folder with --results-dir")
    })
}

/// Writes everything that is finished and returns the folder.
///
/// # Errors
/// Something in the cache is damaged, or a file cannot be written.
pub fn write(graph: &Graph, plan: &Plan, store: &Store, results: &Path) -> Result<PathBuf, TableError> {
    let folder = results.join(&graph.experiment);
    let finished = Finished::new(graph, plan, store);
    for room in ROOMS {
        for table in (room.rows)(&finished)? {
            put(&folder.join(format!("{}.csv", table.name)), &table.csv(&graph.experiment)?)?;
            put(&folder.join(format!("{}.parquet", table.name)), &table.parquet()?)?;
        }
        (room.files)(&finished, &mut |path, bytes| put(&folder.join(path), bytes))?;
    }
    figures::write(&finished, &folder)?;
    remove_leftovers(&folder, 1);
    Ok(folder)
}

/// The tables as text for a terminal. They follow one another as the first stages of their kinds do in the file.
///
/// # Errors
/// Something in the cache is damaged.
pub fn render(experiment: &Experiment, graph: &Graph, plan: &Plan, store: &Store) -> Result<String, TableError> {
    let finished = Finished::new(graph, plan, store);
    let count = plan.states.iter().filter(|state| state.finished().is_some()).count();
    let mut text = format!("{}: {count} of {} steps finished\n", graph.experiment, graph.steps.len());
    let mut rooms = ROOMS;
    let first = |kind| experiment.stages.iter().position(|stage| stage.id.kind == kind);
    rooms.sort_by_key(|room| (first(room.kind).unwrap_or(usize::MAX), place(room.kind)));
    for room in rooms {
        text.push_str(&(room.show)(&finished)?);
    }
    Ok(text)
}

//! Tables and figures where a person looks: `results/<experiment>/`, made from the cache whenever it is asked.

mod brief;
mod clusterings;
mod dynamics;
mod figures;
mod imports;
mod rows;
mod show;
mod tables;

use std::path::{Path, PathBuf};

use crate::engine::{Plan, StageError};
use crate::graph::Graph;
use crate::store::{Store, publish, remove_leftovers};

pub use show::render;

/// Makes the folder that [`write`] writes to: what stands in its way shows before the work and not after it.
pub fn make_folder(experiment: &str, results: &Path) -> Result<(), StageError> {
    let folder = results.join(experiment);
    std::fs::create_dir_all(&folder).map_err(|error| {
        StageError::new(format!("cannot write results to `{}`: {error}", folder.display()))
            .help("choose another folder with --results-dir")
    })
}

/// Writes everything that is finished and returns the folder.
pub fn write(graph: &Graph, plan: &Plan, store: &Store, results: &Path) -> Result<PathBuf, StageError> {
    let folder = results.join(&graph.experiment);
    let rows = rows::collect(graph, plan, store)?;
    for table in tables::all(&rows)? {
        table.write(&folder, &graph.experiment)?;
    }
    tables::training(graph, plan, store, &folder)?;
    tables::surfaces(graph, plan, store, &folder)?;
    figures::write(graph, plan, store, &folder)?;
    remove_leftovers(&folder, 1);
    Ok(folder)
}

/// Writes a file unless it holds these bytes already, so that a fresh run leaves files and their times alone.
fn put(path: &Path, bytes: &[u8]) -> Result<(), StageError> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    Ok(publish(path, bytes, false)?)
}

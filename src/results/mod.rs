//! Tables and figures where a person looks: `results/<experiment>/`, made from the cache whenever it is asked.

mod brief;
mod clusterings;
mod dynamics;
mod error;
mod figures;
mod imports;
mod rows;
mod show;
mod tables;

use std::path::{Path, PathBuf};

use crate::engine::Plan;
use crate::graph::Graph;
use crate::store::{Store, publish, remove_leftovers};

pub use error::ResultsError;
pub use show::render;

/// Writes everything that is finished and returns the folder.
pub fn write(graph: &Graph, plan: &Plan, store: &Store, results: &Path) -> Result<PathBuf, ResultsError> {
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
fn put(path: &Path, bytes: &[u8]) -> Result<(), ResultsError> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    Ok(publish(path, bytes, false)?)
}

//! What a command is about: its experiment, and the cache.

use std::path::Path;

use super::args;
use super::exit::{Failure, with_help};
use crate::engine::{Graph, Plan};
use crate::experiment::{self, LeftAside, Looking, build, build_part, expand, preflight};
use crate::kinds::expand::Built;
use crate::kinds::stages::Experiment;
use crate::results::{Place, PlaceError};
use crate::store::Store;
use crate::study::ExperimentError;

/// Reads and expands an experiment; the first thing that nearly every command does.
pub(super) fn load(command: &args::Experiment) -> Result<(Experiment, Graph), Failure> {
    let experiment = experiment::read(&command.file, &command.overrides)?;
    let graph = expand(&experiment)?;
    Ok((experiment, graph))
}

/// An experiment with which steps make what its stages name.
pub(super) struct Study {
    pub(super) experiment: Experiment,
    pub(super) graph: Graph,
    built: Built,
}

impl Study {
    pub(super) fn load(command: &args::Experiment) -> Result<Self, Failure> {
        let experiment = experiment::read(&command.file, &command.overrides)?;
        let (graph, built) = build(&experiment)?;
        Ok(Self { experiment, graph, built })
    }

    /// The same where a part is wanted, and so what is wrong with the rest may be.
    pub(super) fn load_part(command: &args::Experiment, chosen: &args::Chosen) -> Result<Self, Failure> {
        const SHOWN: usize = 3;
        // What hangs on a stage may be anything.
        let wanted: Vec<&str> = match chosen.from.is_empty() {
            true => chosen.only.iter().chain(&chosen.until).map(String::as_str).collect(),
            false => Vec::new(),
        };
        let experiment = experiment::read(&command.file, &command.overrides)?;
        let (graph, built, aside) = build_part(&experiment, &wanted)?;
        if let Some(LeftAside { stages, why }) = aside {
            let more = stages.len().saturating_sub(SHOWN);
            let names: Vec<String> = stages.iter().take(SHOWN).map(|stage| format!("[{stage}]")).collect();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            eprintln!("note: left aside, since they are not asked for: {}{more}: {why}", names.join(", "));
        }
        Ok(Self { experiment, graph, built })
    }

    /// Holds its stages against the data and models that they name; says what the user should know.
    pub(super) fn preflight(
        &self,
        plan: &Plan,
        store: &Store,
        looking: &Looking<'_>,
    ) -> Result<Vec<String>, ExperimentError> {
        preflight(&self.experiment, (&self.graph, &self.built), plan, store, looking)
    }
}

/// Where its results go.
pub(super) fn place(experiment: &Experiment, command: &args::Experiment, results: &Path) -> Result<Place, Failure> {
    Place::new(experiment, &command.overrides, results).map_err(|error| match error {
        PlaceError::Folder(error) => Failure::cannot_start(with_help(&error)),
        PlaceError::Taken(error) => Failure::wrong_input(with_help(&error)),
    })
}

/// The cache in this folder, if there is one: a mistyped name is no empty cache.
pub(super) fn there(cache: &Path) -> Result<Store, Failure> {
    let store = Store::existing(cache);
    if store.root().is_dir() {
        return Ok(store);
    }
    let help = "name another folder with --cache-dir or PIPELINE_CACHE";
    Err(Failure::cannot_start(format!("there is no cache in `{}`\n  = help: {help}", cache.display())))
}

use std::collections::BTreeSet;
use std::path::Path;

use super::args;
use super::exit::{Exit, Failure, with_help};
use super::open::load;
use crate::engine::Plan;
use crate::results;
use crate::store::Store;

pub(super) fn show(command: &args::Experiment, cache: &Path) -> Result<Exit, Failure> {
    let (experiment, graph) = load(command)?;
    let store = Store::existing(cache);
    let plan = Plan::new(&graph, &store, &BTreeSet::new()).map_err(Failure::cannot_start)?;
    print!("{}", results::render(&experiment, &graph, &plan, &store).map_err(with_help)?);
    Ok(Exit::Done)
}

pub(super) fn results(command: &args::Results, cache: &Path) -> Result<Exit, Failure> {
    let (_, graph) = load(&command.experiment)?;
    let store = Store::existing(cache);
    let plan = Plan::new(&graph, &store, &BTreeSet::new()).map_err(Failure::cannot_start)?;
    let folder = results::write(&graph, &plan, &store, &command.results_dir).map_err(with_help)?;
    eprintln!("results: {}", folder.display());
    Ok(Exit::Done)
}

use std::collections::BTreeSet;
use std::path::Path;

use super::args;
use super::exit::{Exit, Failure};
use super::open::load;
use crate::engine::Plan;
use crate::results;
use crate::say::printable;
use crate::store::Store;

pub(super) fn show(command: &args::Experiment, cache: &Path) -> Result<Exit, Failure> {
    let (experiment, graph) = load(command)?;
    let store = Store::existing(cache);
    let plan = Plan::new(&graph, &store, &BTreeSet::new())?;
    print!("{}", printable(&results::render(&experiment, &graph, &plan, &store)?));
    Ok(Exit::Done)
}

pub(super) fn results(command: &args::Results, cache: &Path) -> Result<Exit, Failure> {
    let (_, graph) = load(&command.experiment)?;
    let store = Store::existing(cache);
    let plan = Plan::new(&graph, &store, &BTreeSet::new())?;
    let folder = results::write(&graph, &plan, &store, &command.results_dir)?;
    eprintln!("results: {}", folder.display());
    Ok(Exit::Done)
}

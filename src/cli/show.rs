use std::collections::BTreeSet;
use std::path::Path;

use super::args;
use super::ending::ending;
use super::exit::{Exit, Failure, as_expected};
use super::open::{load, place};
use super::report::write_results;
use crate::engine::Plan;
use crate::results;
use crate::store::Store;

pub(super) fn show(command: &args::Experiment, cache: &Path) -> Result<Exit, Failure> {
    let (experiment, graph) = load(command)?;
    let store = Store::existing(cache);
    let plan = Plan::new(&graph, &store, &BTreeSet::new())?;
    print!("{}", results::render(&experiment, &graph, &plan, &store)?);
    Ok(Exit::Done)
}

pub(super) fn results(command: &args::Results, cache: &Path) -> Result<Exit, Failure> {
    let (experiment, graph) = load(&command.experiment)?;
    let store = Store::existing(cache);
    let plan = Plan::new(&graph, &store, &BTreeSet::new())?;
    let to = place(&experiment, &command.experiment, &command.results_dir)?;
    let written = write_results(&experiment, &graph, &plan, &store, &to, &[])?;
    eprint!("{}", ending(&written, &to, &graph, &[]));
    Ok(as_expected(&written))
}

use std::collections::BTreeSet;
use std::path::Path;

use super::args;
use super::exit::{Exit, Failure};
use super::open::{Study, load};
use crate::engine::Plan;
use crate::experiment::{Looking, draw, resolved};
use crate::store::Store;

pub(super) fn check(command: &args::Check, cache: &Path) -> Result<Exit, Failure> {
    let study = Study::load(&command.experiment)?;
    let store = Store::existing(cache);
    let plan = Plan::new(&study.graph, &store, &BTreeSet::new())?;
    let all = (0..study.graph.steps.len()).collect();
    let looking = Looking { selected: &all, unfinished_only: false, local: true };
    for note in study.preflight(&plan, &store, &looking)? {
        eprintln!("note: {note}");
    }
    if command.resolved {
        print!("{}", resolved(&study.experiment));
        return Ok(Exit::Done);
    }
    let (stages, steps) = (study.experiment.stages.len(), study.graph.steps.len());
    println!("{}: {stages} stages, {steps} steps", command.experiment.file.display());
    Ok(Exit::Done)
}

pub(super) fn graph(command: &args::Graph) -> Result<Exit, Failure> {
    let (_, graph) = load(&command.experiment)?;
    print!("{}", draw(&graph, command.format));
    Ok(Exit::Done)
}

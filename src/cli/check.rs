use super::args;
use super::exit::{Exit, Failure};
use super::open::load;
use crate::experiment::draw;

pub(super) fn check(command: &args::Experiment) -> Result<Exit, Failure> {
    let (experiment, graph) = load(command)?;
    println!("{}: {} stages, {} steps", command.file.display(), experiment.stages.len(), graph.steps.len());
    Ok(Exit::Done)
}

pub(super) fn graph(command: &args::Graph) -> Result<Exit, Failure> {
    let (_, graph) = load(&command.experiment)?;
    print!("{}", draw(&graph, command.format));
    Ok(Exit::Done)
}

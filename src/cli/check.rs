use super::args;
use super::{Exit, Failure};
use crate::experiment;
use crate::graph::{Graph, draw, expand};

/// Reads and expands an experiment; the first thing that nearly every command does.
pub(super) fn load(command: &args::Experiment) -> Result<(experiment::Experiment, Graph), Failure> {
    let experiment = experiment::read(&command.file, &command.overrides)?;
    let graph = expand(&experiment)?;
    Ok((experiment, graph))
}

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

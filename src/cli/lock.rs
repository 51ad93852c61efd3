use std::collections::BTreeSet;
use std::path::Path;

use super::args;
use super::exit::{Exit, Failure};
use super::open::load;
use super::run::run;
use crate::engine::Plan;
use crate::experiment::{self, lock_of, sources_of};
use crate::store::{Store, publish};

/// Fetches what is missing, and writes down what it is.
pub(super) fn lock(command: &args::Lock, cache: &Path) -> Result<Exit, Failure> {
    let (_, graph) = load(&command.experiment)?;
    let store = Store::existing(cache);
    let mut plan = Plan::new(&graph, &store, &BTreeSet::new())?;
    let sources: Vec<usize> =
        (0..graph.steps.len()).filter(|step| !sources_of(&graph.steps[*step]).is_empty()).collect();
    let missing: Vec<String> = sources
        .iter()
        .filter(|step| plan.states[**step].finished().is_none())
        .map(|step| graph.steps[*step].name())
        .collect();
    if !missing.is_empty() {
        // A run has a place for results, and this one writes none.
        let nowhere =
            tempfile::tempdir().map_err(|error| Failure::cannot_start(format!("no temporary folder: {error}")))?;
        let ended = run(&args::Run::of(&command.experiment, missing, nowhere.path()), cache)?;
        if ended != Exit::Done {
            eprintln!("no lock is written: what it would say is not there");
            return Ok(ended);
        }
        plan = Plan::new(&graph, &store, &BTreeSet::new())?;
    }
    if command.results && plan.states.iter().any(|state| state.finished().is_none()) {
        let help = "`pipeline run FILE` first, or leave out --results";
        return Err(Failure::cannot_start(format!(
            "not all of the study is finished, so its results cannot be locked\n  = help: {help}"
        )));
    }
    let path = lock_of(&command.experiment.file);
    publish(&path, experiment::lock(&graph, &plan, &store, command.results)?.as_bytes(), false)?;
    let count = if sources.len() == 1 { "1 source".to_owned() } else { format!("{} sources", sources.len()) };
    println!("{}: {count}", path.display());
    Ok(Exit::Done)
}

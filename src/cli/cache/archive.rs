use std::collections::BTreeSet;
use std::path::Path;

use crate::cli::args::cache::{Export, Import};
use crate::cli::exit::{Exit, Failure};
use crate::cli::open::{load, there};
use crate::cli::units::size;
use crate::engine::Plan;
use crate::store::{Finished, Store};

pub(super) fn export(command: &Export, cache: &Path) -> Result<Exit, Failure> {
    let (_, graph) = load(&command.experiment)?;
    let store = there(cache)?;
    let plan = Plan::new(&graph, &store, &BTreeSet::new())?;
    let finished: Vec<&Finished> = plan.states.iter().filter_map(|state| state.finished()).collect();
    if finished.is_empty() {
        return Err(Failure::cannot_start(format!("no step of {} is finished: run it first", graph.experiment)));
    }
    let exported = store.export(&finished, &command.to)?;
    eprintln!("{}: {} steps, {} objects, {}", graph.experiment, exported.steps, exported.objects, size(exported.bytes));
    let open = plan.states.len() - finished.len();
    if open > 0 {
        eprintln!("{open} of {} steps are not finished and not in it", plan.states.len());
    }
    println!("{}", command.to.display());
    Ok(Exit::Done)
}

pub(super) fn import(command: &Import, cache: &Path) -> Result<Exit, Failure> {
    let store = Store::open(cache)?;
    let waiting = |who: &str| eprintln!("waiting for `cache gc`, which {who} runs");
    let _staying = store.stay("import", waiting)?;
    let imported = store.import(&command.archive)?;
    let steps = format!("{} steps imported, {} were here already", imported.steps, imported.known);
    println!("{steps}; {} objects, {} new", imported.objects, size(imported.bytes));
    if imported.different > 0 {
        println!("{} of those that were here have other results in the archive; ours stay", imported.different);
    }
    Ok(Exit::Done)
}

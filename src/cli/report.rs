//! `pipeline report`, and the results with the page among them.

use std::collections::BTreeSet;
use std::path::Path;

use super::args;
use super::ending::ending;
use super::exit::{Exit, Failure, as_expected};
use super::open::{load, place};
use crate::engine::{Graph, Plan, going_on};
use crate::kinds::stages::Experiment;
use crate::report::{self, NAME, Report};
use crate::results::{self, Gathered, Origin, Place, Written};
use crate::store::{Store, publish};
use crate::tables::TableError;
use crate::units::size;

pub(super) fn report(command: &args::Report, cache: &Path) -> Result<Exit, Failure> {
    let (experiment, graph) = load(&command.experiment)?;
    let store = Store::existing(cache);
    let plan = Plan::new(&graph, &store, &BTreeSet::new())?;
    let gathered = results::gather(&graph, &plan, &store)?;
    let mut going = going_on(&store).unwrap_or_default();
    going.retain(|run| run.experiment == experiment.name);
    let (experiment, graph, plan, store, going) = (&experiment, &graph, &plan, &store, going.as_slice());
    let page = |gathered: &Gathered, origin: &Origin| {
        report::page(&Report { experiment, graph, plan, store, gathered, origin, failed: &[], going })
    };
    let Some(to) = &command.to else {
        let to = place(experiment, &command.experiment, &command.results_dir)?;
        let page = page(&gathered, to.origin())?;
        let bytes = page.len() as u64;
        let written = results::write(with_page(gathered, page), graph, plan, &to, &[])?;
        eprint!("{}", ending(&written, &to, graph, &[]));
        eprintln!("{}: {}", to.folder.join(NAME).display(), size(bytes));
        return Ok(as_expected(&written));
    };
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let origin = Origin::new(experiment, &command.experiment.overrides, folder, None).unwrap_or_default();
    let page = page(&gathered, &origin)?;
    publish(to, &page, false)?;
    eprintln!("{}: {}", to.display(), size(page.len() as u64));
    Ok(Exit::Done)
}

fn with_page(mut gathered: Gathered, page: Vec<u8>) -> Gathered {
    let stages = gathered.files.iter().flat_map(|(_, _, stages)| stages.iter().cloned()).collect();
    gathered.add(NAME.into(), page, stages);
    gathered
}

/// Tables and figures; and the page, where the file asks for it or there is one, which would be out of date.
pub(super) fn write_results(
    experiment: &Experiment,
    graph: &Graph,
    plan: &Plan,
    store: &Store,
    to: &Place,
    failed: &[usize],
) -> Result<Written, TableError> {
    let gathered = results::gather(graph, plan, store)?;
    if !experiment.run.report.unwrap_or_else(|| to.has(NAME)) {
        return results::write(gathered, graph, plan, to, failed);
    }
    let of = Report { experiment, graph, plan, store, gathered: &gathered, origin: to.origin(), failed, going: &[] };
    let page = report::page(&of)?;
    results::write(with_page(gathered, page), graph, plan, to, failed)
}

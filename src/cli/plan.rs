use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use super::args;
use super::exit::{Exit, Failure};
use super::open::Study;
use crate::engine::Graph;
use crate::engine::{Plan, State};
use crate::experiment::{Looking, Selection, select, steps_named};
use crate::store::Store;

pub(super) fn plan(command: &args::Plan, cache: &Path) -> Result<Exit, Failure> {
    let study = Study::load(&command.experiment)?;
    let (selected, forced) = chosen(&study.graph, &command.chosen)?;
    show(&study, &Store::existing(cache), &selected, &forced, command.verbose)
}

/// Prints what would run, and what is known already that does not fit.
pub(super) fn show(
    study: &Study,
    store: &Store,
    selected: &BTreeSet<usize>,
    forced: &BTreeSet<usize>,
    verbose: bool,
) -> Result<Exit, Failure> {
    let plan = Plan::new(&study.graph, store, forced)?;
    for note in study.preflight(&plan, store, &Looking { selected, unfinished_only: true, local: true })? {
        eprintln!("note: {note}");
    }
    print!("{}", render(&study.graph, &plan, selected, verbose));
    Ok(Exit::Done)
}

/// Steps that may run, and those that run whatever the cache holds.
pub(super) fn chosen(graph: &Graph, chosen: &args::Chosen) -> Result<(BTreeSet<usize>, BTreeSet<usize>), Failure> {
    let selection = Selection { only: chosen.only.clone(), from: chosen.from.clone(), until: chosen.until.clone() };
    let selected = select(graph, &selection)?;
    let forced = steps_named(graph, &chosen.force)?;
    let forced = forced.intersection(&selected).copied().collect();
    Ok((selected, forced))
}

/// Grouped by stage. Without `verbose`, steps of a stage that are in the same state for the same reason share a line.
pub(super) fn render(graph: &Graph, plan: &Plan, selected: &BTreeSet<usize>, verbose: bool) -> String {
    let mut text = String::new();
    let mut totals: BTreeMap<&str, usize> = BTreeMap::new();
    for stage in graph.stages() {
        let steps: Vec<usize> = (0..graph.steps.len()).filter(|step| graph.steps[*step].stage == *stage).collect();
        let count = if steps.len() == 1 { String::new() } else { format!(" ({} steps)", steps.len()) };
        writeln!(text, "{stage}{count}").ok();
        let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
        for step in steps {
            let (word, description) = describe(graph, plan, step, selected.contains(&step));
            *totals.entry(word).or_default() += 1;
            match groups.iter_mut().find(|(known, _)| *known == description) {
                Some((_, members)) if !verbose => members.push(step),
                _ => groups.push((description, vec![step])),
            }
        }
        for (description, members) in groups {
            let instance = |step: &usize| graph.steps[*step].instance.as_str();
            let who = match members.as_slice() {
                [step] => instance(step).to_owned(),
                [first, .., last] => format!("{} … {} ({})", instance(first), instance(last), members.len()),
                [] => continue,
            };
            let space = if who.is_empty() { "" } else { "  " };
            writeln!(text, "  {who}{space}{description}").ok();
        }
    }
    let total = |word: &str| totals.get(word).copied().unwrap_or(0);
    write!(
        text,
        "{} steps: {} fresh, {} will run, {} waiting",
        graph.steps.len(),
        total("fresh"),
        total("will run"),
        total("waiting")
    )
    .ok();
    if total("not selected") > 0 {
        write!(text, ", {} not selected", total("not selected")).ok();
    }
    text.push('\n');
    text
}

fn describe(graph: &Graph, plan: &Plan, step: usize, selected: bool) -> (&'static str, String) {
    match &plan.states[step] {
        State::Fresh(_) => ("fresh", "fresh".to_owned()),
        _ if !selected => ("not selected", "not selected".to_owned()),
        State::WillRun(_, reason) => ("will run", format!("will run: {reason}")),
        State::Waiting(on) => {
            let stages: BTreeSet<String> = on.iter().map(|step| graph.steps[*step].stage.to_string()).collect();
            ("waiting", format!("waiting on {}", stages.into_iter().collect::<Vec<_>>().join(", ")))
        }
    }
}

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use super::args;
use super::exit::{Exit, Failure};
use super::forecast::forecast;
use super::open::Study;
use super::units::age;
use crate::engine::{Going, Graph, Plan, Reason, State, going_on};
use crate::experiment::{Looking, Selection, select, steps_named};
use crate::fingerprint::Key;
use crate::kinds::cost::{self, StudyCosts};
use crate::progress::Costs;
use crate::store::Store;

pub(super) fn plan(command: &args::Plan, cache: &Path) -> Result<Exit, Failure> {
    let study = Study::load_part(&command.experiment, &command.chosen)?;
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
    print!("{}", render(&study.graph, &plan, selected, verbose, store));
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

/// What is known of steps that are not finished, beside the plan.
struct Meanwhile<'a> {
    store: &'a Store,
    going: Vec<Going>,
    costs: StudyCosts,
}

impl Meanwhile<'_> {
    /// Who runs it now and how far it is, or what an interrupted run left of it.
    fn of(&self, graph: &Graph, step: usize, key: Key, reason: &Reason) -> Option<String> {
        let running = self.going.iter().find_map(|run| {
            let own = run.running.iter().find(|running| running.key == Some(key))?;
            let far = own.how_far().map_or(String::new(), |far| format!(", {far}"));
            Some(format!("runs now: {}, since {}{far}", run.who, age(own.seconds)))
        });
        if let Some(running) = running {
            return Some(running);
        }
        if let Some(holder) = self.store.holder_of(&key) {
            return Some(format!("runs now: {holder}"));
        }
        if *reason == Reason::Forced {
            return None;
        }
        let kept = cost::kept(&self.store.kept(&key), self.costs.of(graph, step))?;
        Some(format!("will run: was interrupted, {kept}"))
    }
}

/// Grouped by stage. Without `verbose`, steps of a stage that are in the same state for the same reason share a line.
pub(super) fn render(graph: &Graph, plan: &Plan, selected: &BTreeSet<usize>, verbose: bool, store: &Store) -> String {
    let mut costs = StudyCosts::new(store);
    costs.begin(graph, plan);
    // A cache that is not there runs nothing.
    let meanwhile = Meanwhile { store, going: going_on(store).unwrap_or_default(), costs };
    let mut text = String::new();
    let mut totals: BTreeMap<&str, usize> = BTreeMap::new();
    let mut of_stages = graph.by_stage();
    for stage in graph.stages() {
        let steps = of_stages.remove(stage).unwrap_or_default();
        let count = if steps.len() == 1 { String::new() } else { format!(" ({} steps)", steps.len()) };
        writeln!(text, "{stage}{count}").ok();
        let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
        for step in steps {
            let (word, description) = describe(graph, plan, step, selected.contains(&step), &meanwhile);
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
    text + &forecast(graph, plan, selected, meanwhile.costs)
}

fn describe(
    graph: &Graph,
    plan: &Plan,
    step: usize,
    selected: bool,
    meanwhile: &Meanwhile<'_>,
) -> (&'static str, String) {
    match &plan.states[step] {
        State::Fresh(_) => ("fresh", "fresh".to_owned()),
        _ if !selected => ("not selected", "not selected".to_owned()),
        State::WillRun(key, reason) => {
            let now = meanwhile.of(graph, step, *key, reason);
            ("will run", now.unwrap_or_else(|| format!("will run: {reason}")))
        }
        State::Waiting(on) => {
            let stages: BTreeSet<String> = on.iter().map(|step| graph.steps[*step].stage.to_string()).collect();
            ("waiting", format!("waiting on {}", stages.into_iter().collect::<Vec<_>>().join(", ")))
        }
    }
}

//! `pipeline explain`: what a step is, why it is fresh or not, and where everything in it comes from.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use super::args;
use super::exit::{Exit, Failure};
use super::open::Study;
use super::units::size;
use crate::engine::{Graph, Plan, Step};
use crate::experiment::{self, Explained, step_named};
use crate::results::Index;
use crate::store::Store;
use crate::units::{duration, utc};

pub(super) fn explain(command: &args::Explain, cache: &Path) -> Result<Exit, Failure> {
    let study = Study::load(&command.experiment)?;
    let store = Store::existing(cache);
    let plan = Plan::new(&study.graph, &store, &BTreeSet::new())?;
    let steps = named(&study.graph, &plan, &command.step)?;
    let mut explained = Vec::new();
    for step in steps {
        explained.push(experiment::explain(&study.experiment, &study.graph, &plan, &store, step)?);
    }
    if command.json {
        println!("{}", serde_json::to_string_pretty(&explained).unwrap_or_default());
        return Ok(Exit::Done);
    }
    let texts: Vec<String> = explained.iter().map(text).collect();
    print!("{}", texts.join("\n"));
    Ok(Exit::Done)
}

/// A step by its name, by its key or the beginning of that, or the steps of a file among the results.
fn named(graph: &Graph, plan: &Plan, text: &str) -> Result<Vec<usize>, Failure> {
    /// Fewer digits of a key could be a name.
    const DIGITS: usize = 8;
    let path = Path::new(text);
    if let (Some(folder), true) = (path.parent(), path.is_file()) {
        let up = folder.ancestors().find_map(|folder| Some((folder, Index::read(folder)?)));
        let found = up.and_then(|(folder, index)| {
            let name = path.strip_prefix(folder).ok()?.to_str()?.to_owned();
            Some((index.files.get(&name)?.stages.clone(), index))
        });
        let Some((stages, _)) = found else {
            let help = "no results.json beside it names it, so it is not known what made it";
            return Err(Failure::wrong_input(format!("`{text}` is no step\n  = help: {help}")));
        };
        let of_stages = |step: &Step| stages.contains(&step.stage.to_string());
        let steps: Vec<usize> = (0..graph.steps.len()).filter(|step| of_stages(&graph.steps[*step])).collect();
        return match steps.is_empty() {
            false => Ok(steps),
            true => {
                Err(Failure::wrong_input(format!("`{text}` is made from steps that this experiment does not have")))
            }
        };
    }
    if text.len() >= DIGITS && text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        let is_it = |step: &usize| {
            plan.states[*step].key().is_some_and(|key| key.to_string().starts_with(&text.to_ascii_lowercase()))
        };
        let steps: Vec<usize> = (0..graph.steps.len()).filter(is_it).collect();
        if steps.is_empty() {
            return Err(Failure::wrong_input(format!("no step of this experiment has a key that begins with {text}")));
        }
        return Ok(steps);
    }
    Ok(vec![step_named(graph, text)?.0])
}

fn text(of: &Explained) -> String {
    let mut text = format!("{}\n", of.step);
    let mut line = |name: &str, value: String| {
        writeln!(text, "  {name:<12}{value}").ok();
    };
    let table = of.table.as_ref().map_or(String::new(), |table| format!(", {table}"));
    line("step", format!("{} version {}{table}", of.kind, of.version));
    line("state", of.state.to_owned());
    of.why.iter().for_each(|why| line("why", why.clone()));
    if let Some(ran) = &of.finished {
        let when = format!("{}, took {}", utc(ran.started), duration(ran.seconds));
        line("ran", format!("{when}, on {} of {}, by pipeline {}", ran.device, ran.host, ran.pipeline));
        if let Some(git) = &ran.git {
            let clean = if git.clean { "" } else { ", with changes that are in no commit" };
            line("study", format!("commit {}{clean}", git.commit));
        }
        for (name, fact) in &ran.facts {
            line(name, fact.clone());
        }
    }
    of.key.iter().for_each(|key| line("key", key.to_string()));
    let width = of.parameters.iter().map(|one| one.name.chars().count()).max().unwrap_or(0);
    let values: Vec<String> = of.parameters.iter().map(|one| cut(&one.value.to_string())).collect();
    let column = values.iter().map(|value| value.chars().count()).max().unwrap_or(0);
    for (at, (one, value)) in of.parameters.iter().zip(&values).enumerate() {
        let title = if at == 0 { "parameters" } else { "" };
        let row = format!("{:<width$}  {value:<column$}  {}", one.name, one.from);
        line(title, row.trim_end().to_owned());
    }
    for (at, read) in of.inputs.iter().enumerate() {
        let title = if at == 0 { "reads" } else { "" };
        let digest = read.digest.as_ref().map_or(String::new(), |digest| format!("  {}…", &digest[..12]));
        line(title, format!("{} = {} of {}{digest}", read.role, read.output, read.step));
    }
    for (at, made) in of.outputs.iter().enumerate() {
        let title = if at == 0 { "made" } else { "" };
        line(title, format!("{}  {}  {}…", made.name, size(made.bytes), &made.digest[..12]));
    }
    for (at, (stage, steps)) in of.needed_by.iter().enumerate() {
        let title = if at == 0 { "needed by" } else { "" };
        line(title, format!("{steps} of {stage}"));
    }
    text
}

/// What fits into a line.
fn cut(value: &str) -> String {
    const LONGEST: usize = 60;
    match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

//! `--only`, `--from`, `--until` and `--force`, or a step's own name: which steps of a graph are meant.

use std::collections::BTreeSet;

use crate::engine::{Graph, Step};
use crate::study::words::{Checkpoint, Pick};
use crate::study::{nearest, some_of};

/// Names as the user wrote them: a stage `finetune.bert`, all of a kind, `finetune`, or a step `finetune.bert[seed=3]`.
#[derive(Debug, Default, Clone)]
pub struct Selection {
    pub only: Vec<String>,
    pub from: Vec<String>,
    pub until: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    #[error("there is no stage `{name}` in this experiment; {}", match nearest { Some(near) => format!("did you mean `{near}`?"), None => format!("its stages are {}", some_of(known)) })]
    Unknown { name: String, nearest: Option<String>, known: Vec<String> },
    #[error("{0}")]
    NotPicked(String),
}

/// The steps that may run. Without any option, all of them; with several, those that fit every one.
pub fn select(graph: &Graph, selection: &Selection) -> Result<BTreeSet<usize>, SelectionError> {
    let mut chosen: BTreeSet<usize> = (0..graph.steps.len()).collect();
    if !selection.only.is_empty() {
        let only = steps_named(graph, &selection.only)?;
        chosen.retain(|step| only.contains(step));
    }
    if !selection.until.is_empty() {
        let reached = graph.with_needs(steps_named(graph, &selection.until)?, |_| true);
        chosen.retain(|step| reached.contains(step));
    }
    if !selection.from.is_empty() {
        let mut reached = steps_named(graph, &selection.from)?;
        for step in 0..graph.steps.len() {
            if graph.steps[step].needs().iter().any(|need| reached.contains(need)) {
                reached.insert(step);
            }
        }
        chosen.retain(|step| reached.contains(step));
    }
    Ok(chosen)
}

/// All steps that `names` mean: those of a stage, of a kind, or one step.
pub fn steps_named(graph: &Graph, names: &[String]) -> Result<BTreeSet<usize>, SelectionError> {
    let mut found = BTreeSet::new();
    for name in names {
        let fits = |step: &Step| step.stage.to_string() == *name || step.stage.kind.name() == name;
        let fitting: Vec<usize> = (0..graph.steps.len()).filter(|step| fits(&graph.steps[*step])).collect();
        let fitting = if fitting.is_empty() { in_brackets(graph, name) } else { fitting };
        if fitting.is_empty() {
            return Err(not_picked(graph, name).map_or_else(|| unknown(graph, name), SelectionError::NotPicked));
        }
        found.extend(fitting);
    }
    Ok(found)
}

/// The step of this name, or those that the values in its brackets pick: `finetune.bert[learning_rate=0.0002]`.
fn in_brackets(graph: &Graph, name: &str) -> Vec<usize> {
    let all = || 0..graph.steps.len();
    if let Some(step) = all().find(|step| graph.steps[*step].name() == *name) {
        return vec![step];
    }
    let parts = name.split_once('[').and_then(|(stage, rest)| Some((stage, rest.strip_suffix(']')?)));
    let Some((stage, Ok(pick))) = parts.map(|(stage, inside)| (stage, Pick::parse(inside))) else { return Vec::new() };
    let picks = |step: &Step| {
        step.stage.to_string() == stage && Pick::of_instance(&step.instance).is_some_and(|own| pick.holds(&own))
    };
    all().filter(|step| picks(&graph.steps[*step])).collect()
}

/// Which value none of a stage's steps has, where its steps are told apart by values.
fn not_picked(graph: &Graph, name: &str) -> Option<String> {
    let (stage, rest) = name.split_once('[')?;
    // Of a seed alone the nearest name says enough.
    let pick = Pick::parse(rest.strip_suffix(']')?).ok().filter(|pick| pick.axes().any(|axis| axis != "seed"))?;
    let of_stage = graph.steps.iter().filter(|step| step.stage.to_string() == stage);
    let own: Vec<Pick> = of_stage.filter_map(|step| Pick::of_instance(&step.instance)).collect();
    for axis in pick.axes() {
        let mut known: Vec<&str> = Vec::new();
        for value in own.iter().filter_map(|own| own.first(axis)) {
            if !known.contains(&value.as_str()) {
                known.push(value.as_str());
            }
        }
        if known.is_empty() {
            continue;
        }
        if let Some(missing) = pick.values(axis).iter().find(|value| !known.contains(&value.as_str())) {
            return Some(format!("`{stage}` has no {axis} {missing}; its values are {}", some_of(&known)));
        }
    }
    None
}

fn unknown(graph: &Graph, name: &str) -> SelectionError {
    let known: Vec<String> = graph.stages().iter().map(ToString::to_string).collect();
    // With a bracket it is a step, and only those of its stage come near.
    let steps = graph.steps.iter().filter(|step| name.starts_with(&format!("{}[", step.stage))).map(Step::name);
    let candidates: Vec<String> = if name.contains('[') { steps.chain(known.clone()).collect() } else { known.clone() };
    let candidates: Vec<&str> = candidates.iter().map(String::as_str).collect();
    let nearest = nearest(name, &candidates).map(str::to_owned);
    SelectionError::Unknown { name: name.to_owned(), nearest, known }
}

#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error("{0}")]
    Checkpoint(String),
    #[error("{0}")]
    NotPicked(String),
    #[error("there is no step `{name}` in this experiment{}", match nearest { Some(near) => format!("; did you mean `{near}`?"), None => "; `pipeline plan FILE --verbose` lists its steps".to_owned() })]
    Unknown { name: String, nearest: Option<String> },
    #[error("`{name}` is {} steps: name one of them, for example `{example}`", count)]
    Several { name: String, count: usize, example: String },
}

/// One step by its name as it is printed, and its checkpoint: `finetune.bert[seed=7]`, `finetune.bert[seed=7]@15000`. A
/// stage that is one step may go by its own name.
pub fn step_named(graph: &Graph, text: &str) -> Result<(usize, Checkpoint), StepError> {
    // An `@` inside the brackets belongs to the step's name.
    let (name, checkpoint) = match text.rsplit_once('@') {
        Some((name, checkpoint)) if !checkpoint.contains(']') => {
            (name, Checkpoint::parse(checkpoint).map_err(StepError::Checkpoint)?)
        }
        _ => (text, Checkpoint::Last),
    };
    let names: Vec<String> = graph.steps.iter().map(Step::name).collect();
    let named = match name.contains('[') {
        true => in_brackets(graph, name),
        false => (0..graph.steps.len()).filter(|step| graph.steps[*step].stage.to_string() == name).collect(),
    };
    match named.as_slice() {
        [] if not_picked(graph, name).is_some() => {
            Err(StepError::NotPicked(not_picked(graph, name).unwrap_or_default()))
        }
        [] => {
            let candidates: Vec<&str> = names.iter().map(String::as_str).collect();
            Err(StepError::Unknown { name: name.to_owned(), nearest: nearest(name, &candidates).map(str::to_owned) })
        }
        [step] => Ok((*step, checkpoint)),
        [first, ..] => {
            Err(StepError::Several { name: name.to_owned(), count: named.len(), example: names[*first].clone() })
        }
    }
}

//! `pipeline explain`: what a step is, why it is fresh or not, and where everything in it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::args;
use super::exit::{Exit, Failure};
use super::open::Study;
use super::units::size;
use crate::engine::{Graph, Plan, PlanError, Reason, Step, nearest_finished};
use crate::experiment::step_named;
use crate::fingerprint::Key;
use crate::kinds::stages::Stage;
use crate::results::Index;
use crate::store::{Manifest, Provenance, Store};
use crate::units::{duration, utc};

pub(super) fn explain(command: &args::Explain, cache: &Path) -> Result<Exit, Failure> {
    let study = Study::load(&command.experiment)?;
    let store = Store::existing(cache);
    let plan = Plan::new(&study.graph, &store, &BTreeSet::new())?;
    let steps = named(&study.graph, &plan, &command.step)?;
    let mut explained = Vec::new();
    for step in steps {
        explained.push(of_step(&study, &plan, &store, step)?);
    }
    if command.json {
        println!("{}", serde_json::to_string_pretty(&explained).unwrap_or_default());
        return Ok(Exit::Done);
    }
    let texts: Vec<String> = explained.iter().map(Explained::text).collect();
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

#[derive(Debug, Serialize)]
struct Explained {
    step: String,
    kind: &'static str,
    version: u32,
    /// Of its table: `study.toml:12`.
    table: Option<String>,
    state: &'static str,
    /// Why it is not fresh.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    why: Vec<String>,
    key: Option<Key>,
    parameters: Vec<Parameter>,
    inputs: Vec<Read>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished: Option<Provenance>,
    outputs: Vec<Made>,
    /// How many steps of which stage hang on it.
    needed_by: BTreeMap<String, usize>,
}

/// A value in the key.
#[derive(Debug, Serialize)]
struct Parameter {
    name: String,
    value: Value,
    /// `study.toml:12`, `--set`, `recipe adamw`, `default`.
    from: String,
}

#[derive(Debug, Serialize)]
struct Read {
    role: String,
    step: String,
    output: String,
    /// Of its bytes, where they are there.
    digest: Option<String>,
}

#[derive(Debug, Serialize)]
struct Made {
    name: String,
    bytes: u64,
    digest: String,
}

fn of_step(study: &Study, plan: &Plan, store: &Store, number: usize) -> Result<Explained, Failure> {
    let (graph, state) = (&study.graph, &plan.states[number]);
    let step = &graph.steps[number];
    let stage = study.experiment.stages.iter().find(|stage| stage.id == step.stage);
    let place = |stage: &Stage, path: &str| study.experiment.sources.place(&stage.places.at(path));
    let manifest = state.finished().map(|finished| store.whole(finished)).transpose()?;
    let mut parameters = Vec::new();
    leaves("", &step.work.parameters(), &mut |name, value| {
        let from = stage.map_or_else(String::new, |stage| origin(stage, name, &|path| place(stage, path)));
        parameters.push(Parameter { name: name.to_owned(), value: value.clone(), from });
    });
    let inputs = step.inputs.iter().map(|input| Read {
        role: input.role.clone(),
        step: graph.steps[input.from].name(),
        output: input.output.clone(),
        digest: plan.states[input.from]
            .finished()
            .and_then(|made| Some(made.output(&input.output)?.digest.to_string())),
    });
    let outputs = manifest.iter().flat_map(|manifest| &manifest.outputs);
    let outputs =
        outputs.map(|(name, made)| Made { name: name.clone(), bytes: made.size, digest: made.digest.to_string() });
    Ok(Explained {
        step: step.name(),
        kind: step.work.kind(),
        version: step.work.version(),
        table: stage.and_then(|stage| place(stage, "")),
        state: state.word(),
        why: why(graph, plan, store, number)?,
        key: state.key(),
        parameters,
        inputs: inputs.collect(),
        outputs: outputs.collect(),
        needed_by: needed_by(graph, number),
        finished: manifest.map(|manifest: Manifest| manifest.provenance),
    })
}

/// What keeps it from being fresh: what is another than before, or of the steps that it waits for those that can run.
fn why(graph: &Graph, plan: &Plan, store: &Store, number: usize) -> Result<Vec<String>, PlanError> {
    use crate::engine::State;
    match &plan.states[number] {
        State::Fresh(_) => Ok(Vec::new()),
        State::WillRun(_, Reason::NeverRun) => {
            let nearest = nearest_finished(store, &graph.steps[number], &plan.inputs(graph, number)?)?;
            Ok(vec![match nearest {
                None => "nothing of its kind is in the cache".to_owned(),
                Some((manifest, differences)) => format!(
                    "never run; the nearest in the cache is {} ({}), which differs in {}",
                    manifest.step,
                    short(&manifest.key),
                    differences.join(", ")
                ),
            }])
        }
        State::WillRun(_, reason) => Ok(vec![reason.to_string()]),
        State::Waiting(_) => {
            let before = graph.with_needs(BTreeSet::from([number]), |step| plan.states[step].finished().is_none());
            let mut roots = Vec::new();
            for step in before {
                if let State::WillRun(_, reason) = &plan.states[step] {
                    roots.push(format!("waiting on {}: {reason}", graph.steps[step].name()));
                }
            }
            const SHOWN: usize = 12;
            let more = roots.len().saturating_sub(SHOWN);
            roots.truncate(SHOWN);
            if more > 0 {
                roots.push(format!("waiting on {more} more"));
            }
            Ok(roots)
        }
    }
}

/// Every value that is no table, with its path: `recipe.epochs`.
fn leaves(path: &str, value: &Value, to: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(&path, value, to);
            }
        }
        _ => to(path, value),
    }
}

/// Names that a value has in the file, where it has another in the key.
const WRITTEN_AS: [(&str, &[&str]); 8] = [
    ("filter", &["where"]),
    ("head_seed", &["head_seeds", "seeds"]),
    ("order_seed", &["order_seeds", "seeds"]),
    ("dropout_seed", &["dropout_seeds", "seeds"]),
    ("rows", &["data"]),
    ("source", &["dataset", "model", "models"]),
    ("split", &["data"]),
    ("keep_last", &["checkpoints"]),
];

/// Where the file says it, or what says it instead.
fn origin(stage: &Stage, parameter: &str, place: &dyn Fn(&str) -> Option<String>) -> String {
    let parts: Vec<&str> = parameter.split('.').collect();
    let known = |name: &str| WRITTEN_AS.iter().find(|(own, _)| *own == name).map_or(&[][..], |(_, written)| *written);
    for part in parts.iter().rev() {
        for name in [*part].into_iter().chain(known(part).iter().copied()) {
            if stage.places.has(name) {
                return place(name).unwrap_or_default();
            }
        }
    }
    let defaults = stage.spec.defaults();
    match parts.iter().any(|part| defaults.iter().any(|(key, _)| key == part)) {
        true if parts[0] == "recipe" => format!("recipe {}", stage.places.text("recipe").unwrap_or("adamw")),
        true => "default".to_owned(),
        false if ["precision", "seed"].contains(&parameter) => "[experiment]".to_owned(),
        false => String::new(),
    }
}

fn needed_by(graph: &Graph, number: usize) -> BTreeMap<String, usize> {
    let mut reached = BTreeSet::from([number]);
    let mut stages = BTreeMap::new();
    for (step, own) in graph.steps.iter().enumerate().skip(number + 1) {
        if own.inputs.iter().any(|input| reached.contains(&input.from)) {
            reached.insert(step);
            *stages.entry(own.stage.to_string()).or_default() += 1;
        }
    }
    stages
}

/// Enough of a key to name it by.
fn short(key: &Key) -> String {
    key.to_string().chars().take(12).collect()
}

impl Explained {
    fn text(&self) -> String {
        let mut text = format!("{}\n", self.step);
        let mut line = |name: &str, value: String| {
            writeln!(text, "  {name:<12}{value}").ok();
        };
        let table = self.table.as_ref().map_or(String::new(), |table| format!(", {table}"));
        line("step", format!("{} version {}{table}", self.kind, self.version));
        line("state", self.state.to_owned());
        self.why.iter().for_each(|why| line("why", why.clone()));
        if let Some(ran) = &self.finished {
            let when = format!("{}, took {}", utc(ran.started), duration(ran.seconds));
            line("ran", format!("{when}, on {} of {}, by pipeline {}", ran.device, ran.host, ran.pipeline));
            for (name, fact) in &ran.facts {
                line(name, fact.clone());
            }
        }
        self.key.iter().for_each(|key| line("key", key.to_string()));
        let width = self.parameters.iter().map(|one| one.name.chars().count()).max().unwrap_or(0);
        let values: Vec<String> = self.parameters.iter().map(|one| cut(&one.value.to_string())).collect();
        let column = values.iter().map(|value| value.chars().count()).max().unwrap_or(0);
        for (at, (one, value)) in self.parameters.iter().zip(&values).enumerate() {
            let title = if at == 0 { "parameters" } else { "" };
            let row = format!("{:<width$}  {value:<column$}  {}", one.name, one.from);
            line(title, row.trim_end().to_owned());
        }
        for (at, read) in self.inputs.iter().enumerate() {
            let title = if at == 0 { "reads" } else { "" };
            let digest = read.digest.as_ref().map_or(String::new(), |digest| format!("  {}…", &digest[..12]));
            line(title, format!("{} = {} of {}{digest}", read.role, read.output, read.step));
        }
        for (at, made) in self.outputs.iter().enumerate() {
            let title = if at == 0 { "made" } else { "" };
            line(title, format!("{}  {}  {}…", made.name, size(made.bytes), &made.digest[..12]));
        }
        for (at, (stage, steps)) in self.needed_by.iter().enumerate() {
            let title = if at == 0 { "needed by" } else { "" };
            line(title, format!("{steps} of {stage}"));
        }
        text
    }
}

/// What fits into a line.
fn cut(value: &str) -> String {
    const LONGEST: usize = 60;
    match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

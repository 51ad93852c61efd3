//! What a step is, why it is fresh or not, and where everything in it comes from.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::engine::{Graph, Plan, PlanError, Reason, State, Step, nearest_finished};
use crate::fingerprint::Key;
use crate::kinds::stages::{Experiment, Stage};
use crate::store::{Manifest, Provenance, Store};
use crate::study::Places;

#[derive(Debug, Serialize)]
pub struct Explained {
    pub step: String,
    pub kind: &'static str,
    pub version: u32,
    /// Of its table: `study.toml:12`.
    pub table: Option<String>,
    pub state: &'static str,
    /// Why it is not fresh.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
    pub key: Option<Key>,
    pub parameters: Vec<Parameter>,
    pub inputs: Vec<Read>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished: Option<Provenance>,
    pub outputs: Vec<Made>,
    /// How many steps of which stage hang on it.
    pub needed_by: BTreeMap<String, usize>,
}

/// A value in the key.
#[derive(Debug, Serialize)]
pub struct Parameter {
    pub name: String,
    pub value: Value,
    /// `study.toml:12`, `--set`, `recipe adamw`, `default`.
    pub from: String,
}

#[derive(Debug, Serialize)]
pub struct Read {
    pub role: String,
    pub step: String,
    pub output: String,
    /// Of its bytes, where they are there.
    pub digest: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct Made {
    pub name: String,
    pub bytes: u64,
    pub digest: String,
}

/// # Errors
/// What the cache holds of it is damaged.
pub fn explain(
    experiment: &Experiment,
    graph: &Graph,
    plan: &Plan,
    store: &Store,
    number: usize,
) -> Result<Explained, PlanError> {
    let state = &plan.states[number];
    let step = &graph.steps[number];
    let manifest = state.finished().map(|finished| store.whole(finished)).transpose()?;
    let origins = Origins::of(experiment, step);
    let parameters = parameters(step).into_iter();
    let parameters = parameters.map(|(name, value)| Parameter { from: origins.of_parameter(&name), name, value });
    let inputs = step.inputs.iter().map(|input| Read {
        role: input.role.to_string(),
        step: graph.steps[input.from].name(),
        output: input.output.to_string(),
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
        table: origins.table(),
        state: state.word(),
        why: why(graph, plan, store, number)?,
        key: state.key(),
        parameters: parameters.collect(),
        inputs: inputs.collect(),
        outputs: outputs.collect(),
        needed_by: needed_by(graph, number),
        finished: manifest.map(|manifest: Manifest| manifest.provenance),
    })
}

/// What keeps it from being fresh: what is another than before, or of the steps that it waits for those that can run.
///
/// # Errors
/// The cache cannot be read.
pub fn why(graph: &Graph, plan: &Plan, store: &Store, number: usize) -> Result<Vec<String>, PlanError> {
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

/// Every value in the key that is no table, with its path: `recipe.epochs`.
pub fn parameters(step: &Step) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    leaves("", &step.work.parameters(), &mut |name, value| found.push((name.to_owned(), value.clone())));
    found
}

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

/// Where the values of a stage's steps come from.
pub struct Origins<'a> {
    experiment: &'a Experiment,
    places: Option<&'a Places>,
    defaults: Vec<&'static str>,
}

impl<'a> Origins<'a> {
    pub fn of(experiment: &'a Experiment, step: &Step) -> Self {
        let stage = experiment.stages.iter().find(|stage| stage.id == step.stage);
        let own = |stage: &'a Stage| stage.spec.variant(&step.instance).unwrap_or((&*stage.spec, &stage.places));
        let (defaults, places) = stage.map(own).map_or((Vec::new(), None), |(spec, at)| (spec.defaults(), Some(at)));
        Self { experiment, places, defaults: defaults.into_iter().map(|(key, _)| key).collect() }
    }

    /// Where its table begins: `study.toml:12`.
    pub fn table(&self) -> Option<String> {
        self.place("")
    }

    fn place(&self, path: &str) -> Option<String> {
        self.experiment.sources.place(&self.places?.at(path))
    }

    /// Where the file says it, or what says it instead.
    pub fn of_parameter(&self, parameter: &str) -> String {
        let Some(places) = self.places else { return String::new() };
        let parts: Vec<&str> = parameter.split('.').collect();
        let known =
            |name: &str| WRITTEN_AS.iter().find(|(own, _)| *own == name).map_or(&[][..], |(_, written)| *written);
        for part in parts.iter().rev() {
            for name in [*part].into_iter().chain(known(part).iter().copied()) {
                if places.has(name) {
                    return self.place(name).unwrap_or_default();
                }
            }
        }
        match parts.iter().any(|part| self.defaults.contains(part)) {
            true if parts[0] == "recipe" => format!("recipe {}", places.text("recipe").unwrap_or("adamw")),
            true => "default".to_owned(),
            false if ["precision", "seed"].contains(&parameter) => "[experiment]".to_owned(),
            false => String::new(),
        }
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
pub fn short(key: &Key) -> String {
    key.to_string().chars().take(12).collect()
}

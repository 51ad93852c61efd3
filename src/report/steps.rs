//! Every step of the study with what `pipeline explain` says of it: as HTML once a stage, and for the script in columns, in
//! which what all steps of a stage have in common stands once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::sheet::{packed, rounded};
use super::study::link;
use super::subject::Report;
use crate::engine::{StageId, State};
use crate::experiment::{Origins, parameters, why};
use crate::say::for_markup;
use crate::store::Provenance;
use crate::tables::TableError;

/// Digits of a digest or a key that are enough to know it by.
const SHORT: usize = 12;
/// Of a value in the page without its script.
const LONGEST: usize = 200;

pub struct Steps<'a> {
    /// In the order of the graph; nothing of what is not finished.
    pub ran: Vec<Option<Provenance>>,
    keys: Vec<Option<String>>,
    by_key: BTreeMap<String, usize>,
    stages: Vec<Stage<'a>>,
}

struct Stage<'a> {
    id: &'a StageId,
    steps: Vec<usize>,
    table: Option<String>,
    parameters: Vec<Parameter>,
    /// Of the first of its steps that is not finished.
    why: Vec<String>,
}

struct Parameter {
    name: String,
    from: String,
    /// Of each of the stage's steps.
    values: Vec<Value>,
}

impl Parameter {
    fn common(&self) -> Option<&Value> {
        let first = self.values.first()?;
        self.values.iter().all(|value| value == first).then_some(first)
    }
}

impl<'a> Steps<'a> {
    pub fn read(of: &Report<'a>) -> Result<Self, TableError> {
        let mut ran = Vec::new();
        for state in &of.plan.states {
            let manifest = state.finished().map(|finished| of.store.whole(finished)).transpose()?;
            ran.push(manifest.map(|manifest| manifest.provenance));
        }
        let keys: Vec<Option<String>> =
            of.plan.states.iter().map(|state| state.key().map(|key| key.to_string())).collect();
        let mut by_key = BTreeMap::new();
        for (step, key) in keys.iter().enumerate() {
            if let Some(key) = key {
                by_key.entry(key.clone()).or_insert(step);
            }
        }
        let mut of_stages = of.graph.by_stage();
        let stages = of.graph.stages().into_iter();
        let stages = stages.map(|id| Stage::new(of, id, of_stages.remove(id).unwrap_or_default())).collect();
        Ok(Self { ran, keys, by_key, stages })
    }

    /// The number of the step with this key, as a table has it.
    pub fn of_key(&self, key: &str) -> Value {
        match self.by_key.get(key) {
            Some(step) => (*step).into(),
            None if key.is_empty() => Value::Null,
            None => key.into(),
        }
    }

    pub fn short_key(&self, step: usize) -> String {
        let key = self.keys.get(step).and_then(Option::as_deref).unwrap_or_default();
        key.get(..SHORT).unwrap_or(key).to_owned()
    }

    pub fn html(&self, of: &Report<'_>) -> String {
        let mut html = "<p class=\"for-script\">A key in a table leads to the step that the row comes from. Here is \
                        every step, by its name or the beginning of its key.</p>\n<div id=\"find\"></div>\n"
            .to_owned();
        for stage in &self.stages {
            let count =
                if stage.steps.len() == 1 { "1 step".to_owned() } else { format!("{} steps", stage.steps.len()) };
            let place = stage.table.as_ref().map_or(String::new(), |table| format!(", {}", link(of, table)));
            let work = &of.graph.steps[stage.steps[0]].work;
            let name = for_markup(&stage.id.to_string());
            writeln!(
                html,
                "<details id=\"stage-{name}\"><summary><b>{name}</b> <small>{count}</small></summary>\n<p>{} version {}{place}</p>",
                for_markup(work.kind()),
                work.version()
            )
            .ok();
            html += &stage.html(of);
            html += "</details>\n";
        }
        html
    }

    /// All that the script shows of single steps.
    pub fn data(&self, of: &Report<'_>) -> Value {
        let graph = of.graph;
        let column = |value: &dyn Fn(usize) -> Value| packed(&(0..graph.steps.len()).map(value).collect::<Vec<_>>());
        let ran = |value: fn(&Provenance) -> Value| column(&|step| self.ran[step].as_ref().map_or(Value::Null, value));
        let mut number = BTreeMap::new();
        for (at, stage) in self.stages.iter().enumerate() {
            number.extend(stage.steps.iter().map(|step| (*step, at)));
        }
        let mut words = Words::default();
        // Most steps of a stage read things of the same names.
        let (mut roles, mut from): (Vec<Value>, Vec<Value>) = Default::default();
        for step in &graph.steps {
            let names = step.inputs.iter().flat_map(|input| [words.number(&input.role), words.number(&input.output)]);
            roles.push(names.collect::<Vec<_>>().into());
            from.push(step.inputs.iter().map(|input| input.from).collect::<Vec<_>>().into());
        }
        let outputs: Vec<Value> = (of.plan.states.iter())
            .map(|state| {
                let made = state.finished().map_or(&[][..], |finished| finished.outputs());
                let each = made.iter().flat_map(|made| {
                    let digest = made.digest.to_string();
                    [words.number(&made.name).into(), made.size.into(), digest[..SHORT].into()]
                });
                Value::Array(each.collect())
            })
            .collect();
        let facts: Map<String, Value> = (self.ran.iter().enumerate())
            .filter_map(|(step, ran)| Some((step, ran.as_ref().filter(|ran| !ran.facts.is_empty())?)))
            .map(|(step, ran)| (step.to_string(), json!(ran.facts)))
            .collect();
        json!({
            "stages": self.stages.iter().map(|stage| stage.data(of)).collect::<Vec<_>>(),
            "stage": column(&|step| number[&step].into()),
            "instance": column(&|step| graph.steps[step].instance.as_str().into()),
            "state": column(&|step| of.plan.states[step].word().into()),
            "why": column(&|step| match &of.plan.states[step] {
                State::Fresh(_) => Value::Null,
                State::WillRun(_, reason) => reason.to_string().into(),
                State::Waiting(on) => {
                    let stages: BTreeSet<String> = on.iter().map(|step| graph.steps[*step].stage.to_string()).collect();
                    stages.into_iter().collect::<Vec<_>>().join(", ").into()
                }
            }),
            "key": column(&|step| self.keys[step].as_deref().into()),
            "started": ran(|ran| ran.started.into()),
            "seconds": ran(|ran| rounded(ran.seconds)),
            "host": ran(|ran| ran.host.as_str().into()),
            "device": ran(|ran| ran.device.as_str().into()),
            "program": ran(|ran| ran.pipeline.as_str().into()),
            "facts": facts,
            "words": words.all,
            "roles": packed(&roles),
            "inputs": packed(&from),
            "outputs": packed(&outputs),
        })
    }
}

/// Names that come again and again, by their number.
#[derive(Default)]
struct Words {
    all: Vec<String>,
    numbers: BTreeMap<String, usize>,
}

impl Words {
    fn number(&mut self, word: &str) -> usize {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        self.all.push(word.to_owned());
        self.numbers.insert(word.to_owned(), self.all.len() - 1);
        self.all.len() - 1
    }
}

impl<'a> Stage<'a> {
    fn new(of: &Report<'a>, id: &'a StageId, steps: Vec<usize>) -> Self {
        let origins = steps.first().map(|step| Origins::of(of.experiment, &of.graph.steps[*step]));
        let from = |name: &str| origins.as_ref().map_or_else(String::new, |origins| origins.of_parameter(name));
        let mut found: Vec<Parameter> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for (at, step) in steps.iter().enumerate() {
            for (name, value) in parameters(&of.graph.steps[*step]) {
                let place = *places.entry(name.clone()).or_insert_with(|| {
                    let from = from(&name);
                    found.push(Parameter { name, from, values: vec![Value::Null; steps.len()] });
                    found.len() - 1
                });
                found[place].values[at] = value;
            }
        }
        let open = steps.iter().find(|step| of.plan.states[**step].finished().is_none());
        // That the reason is not known is no reason to show nothing.
        let why = open.map(|step| why(of.graph, of.plan, of.store, *step));
        let why = why.map_or_else(Vec::new, |why| why.unwrap_or_else(|error| vec![error.to_string()]));
        Self { id, table: origins.as_ref().and_then(Origins::table), steps, parameters: found, why }
    }

    fn html(&self, of: &Report<'_>) -> String {
        let mut html = String::new();
        for why in &self.why {
            writeln!(html, "<p>Not finished: {}</p>", for_markup(why)).ok();
        }
        if self.parameters.is_empty() {
            return html;
        }
        html += "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Parameters\"><table><thead><tr><th \
                 scope=\"col\">parameter</th><th scope=\"col\">value</th><th scope=\"col\">from</th></tr></thead><tbody>\n";
        for one in &self.parameters {
            let value = match one.common() {
                Some(value) => for_markup(&cut(&value.to_string())),
                None => format!("<i>of each step, such as</i> {}", for_markup(&cut(&one.values[0].to_string()))),
            };
            writeln!(
                html,
                "<tr><th scope=\"row\">{}</th><td class=\"value\">{value}</td><td>{}</td></tr>",
                for_markup(&one.name),
                link(of, &one.from)
            )
            .ok();
        }
        html += "</tbody></table></div>\n";
        html
    }

    fn data(&self, of: &Report<'_>) -> Value {
        let work = &of.graph.steps[self.steps[0]].work;
        let parameters = self.parameters.iter();
        let parameters = parameters.map(|one| json!([&one.name, &one.from, packed(&one.values)]));
        json!({
            "name": self.id.to_string(),
            "kind": work.kind(),
            "version": work.version(),
            "table": &self.table,
            "parameters": parameters.collect::<Vec<_>>(),
            "steps": &self.steps,
        })
    }
}

/// What fits into a cell.
fn cut(value: &str) -> String {
    match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

//! What two versions of a file say differently, defaults counted as said.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::side::Side;
use crate::experiment::resolved;
use crate::kinds::stages::Experiment;

#[derive(Debug, Serialize)]
pub struct Said {
    /// Tables that only one has: `finetune.qqp`.
    pub only_first: Vec<String>,
    pub only_second: Vec<String>,
    pub changed: Vec<Changed>,
}

/// One value.
#[derive(Debug, PartialEq, Serialize)]
pub struct Changed {
    /// `finetune.qqp`, `experiment`
    pub table: String,
    /// `learning_rate`, `splits.train.examples`
    pub key: String,
    /// As a file writes it; nothing where it is not said.
    pub first: Option<String>,
    pub second: Option<String>,
    /// Where the second one says it, else the first: `study.toml:12`.
    pub place: Option<String>,
}

impl Said {
    pub fn of(first: &Side, second: &Side) -> Self {
        let (one, other) = (tables(&first.experiment), tables(&second.experiment));
        let without = |here: &Tables, there: &Tables| {
            here.keys().filter(|table| !there.contains_key(*table)).cloned().collect::<Vec<String>>()
        };
        let mut changed = Vec::new();
        for (table, values) in &one {
            let Some(others) = other.get(table) else { continue };
            let keys: BTreeSet<&String> = values.keys().chain(others.keys()).collect();
            for key in keys {
                let (first_value, second_value) = (values.get(key), others.get(key));
                if !same(first_value, second_value) {
                    let place = place(&second.experiment, table, key).or_else(|| place(&first.experiment, table, key));
                    changed.push(Changed {
                        table: table.clone(),
                        key: key.clone(),
                        first: first_value.map(toml::Value::to_string),
                        second: second_value.map(toml::Value::to_string),
                        place,
                    });
                }
            }
        }
        Self { only_first: without(&one, &other), only_second: without(&other, &one), changed }
    }

    pub fn is_nothing(&self) -> bool {
        self.only_first.is_empty() && self.only_second.is_empty() && self.changed.is_empty()
    }
}

/// Table → key → value, of the study with every default written out.
type Tables = BTreeMap<String, BTreeMap<String, toml::Value>>;

fn tables(experiment: &Experiment) -> Tables {
    let whole: toml::Table = resolved(experiment).parse().unwrap_or_default();
    let mut tables = Tables::new();
    let stages: BTreeSet<String> = experiment.stages.iter().map(|stage| stage.id.to_string()).collect();
    for (kind, value) in whole {
        let toml::Value::Table(named) = value else { continue };
        let is_stages = named.keys().any(|name| stages.contains(&format!("{kind}.{name}")));
        if !is_stages {
            leaves("", &toml::Value::Table(named), tables.entry(kind).or_default());
            continue;
        }
        for (name, stage) in named {
            leaves("", &stage, tables.entry(format!("{kind}.{name}")).or_default());
        }
    }
    tables
}

/// Every value that is no table, with its path.
fn leaves(path: &str, value: &toml::Value, to: &mut BTreeMap<String, toml::Value>) {
    match value {
        toml::Value::Table(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(&path, value, to);
            }
        }
        _ => drop(to.insert(path.to_owned(), value.clone())),
    }
}

/// 3 and 3.0 are one number.
fn same(one: Option<&toml::Value>, other: Option<&toml::Value>) -> bool {
    let number = |value: &toml::Value| match value {
        toml::Value::Integer(number) => Some(*number as f64),
        toml::Value::Float(number) => Some(*number),
        _ => None,
    };
    match (one, other) {
        (Some(one), Some(other)) => {
            one == other || number(one).zip(number(other)).is_some_and(|(one, other)| one == other)
        }
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn place(experiment: &Experiment, table: &str, key: &str) -> Option<String> {
    let stage = experiment.stages.iter().find(|stage| stage.id.to_string() == table)?;
    let written = stage.places.has(key);
    if written { experiment.sources.place(&stage.places.at(key)) } else { None }
}

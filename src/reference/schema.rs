//! The JSON Schema (draft 7), for editors and for whoever checks files without the program.

use serde_json::{Map, Value, json};

use super::{Default, Sort, sorts, told};
use crate::experiment;
use crate::study::{Key, Shape};

/// The key that tells figures apart.
const KIND: &str = "kind";
/// Names of stages.
const NAME: &str = "^[A-Za-z0-9_-]{1,100}$";

/// Keys, types and words of an experiment; ranges of numbers, and what names what, only the program knows.
pub fn schema() -> Value {
    let (mut properties, mut needed, mut definitions) = (Map::new(), Map::new(), Map::new());
    let base = "Another experiment on which this one builds: what stands here goes before what stands there.";
    properties.insert("extends".to_owned(), json!({ "description": base, "type": "string" }));
    for (name, keys) in experiment::written() {
        properties.insert(name.to_owned(), closed(&keys, |key| described(key, None)));
        needed.extend(required(&Shape::Table(keys)).map(|required| (name.to_owned(), required)));
    }
    for (room, sorts) in sorts() {
        let kind = room.kind.name();
        let named = json!({ "$ref": format!("#/definitions/{kind}") });
        let stages = json!({ "type": "object", "patternProperties": { NAME: named }, "additionalProperties": false });
        properties.insert(kind.to_owned(), stages);
        let needs = one_of(sorts.iter().map(|sort| needs(sort, &sorts)).collect());
        needed.insert(kind.to_owned(), json!({ "additionalProperties": needs }));
        let shared = shared(kind, &sorts, &mut definitions);
        definitions.insert(kind.to_owned(), one_of(sorts.iter().map(|sort| of_sort(sort, kind, &shared)).collect()));
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "An experiment of pipeline",
        "description": "Written by `pipeline schema`.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        // What a file leaves out may stand in the one that it extends.
        "if": { "required": ["extends"] },
        "else": { "required": ["experiment"], "properties": needed },
        "definitions": definitions,
    })
}

fn of_sort(sort: &Sort, kind: &str, shared: &[&'static str]) -> Value {
    let default = |key: &Key| sort.defaults.iter().find(|(name, _)| *name == key.name).map(|(_, default)| default);
    let mut table = closed(&sort.written.keys, |key| match shared.contains(&key.name) {
        true => json!({ "$ref": format!("#/definitions/{kind}.{}", key.name) }),
        false => described(key, default(key)),
    });
    table["title"] = sort.written.what.into();
    table["description"] = sort.written.about.into();
    table
}

/// The keys that are the same in all sorts that have them, defined once.
fn shared(kind: &str, sorts: &[Sort], definitions: &mut Map<String, Value>) -> Vec<&'static str> {
    let mut shared = Vec::new();
    for key in sorts.iter().flat_map(|sort| &sort.written.keys) {
        let all =
            sorts.iter().filter_map(|sort| Some((sort, sort.written.keys.iter().find(|it| it.name == key.name)?)));
        let all: Vec<Value> = all
            .map(|(sort, key)| described(key, sort.defaults.iter().find(|(name, _)| *name == key.name).map(|it| &it.1)))
            .collect();
        if all.len() > 1 && all.iter().all(|one| *one == all[0]) && !shared.contains(&key.name) {
            definitions.insert(format!("{kind}.{}", key.name), all[0].clone());
            shared.push(key.name);
        }
    }
    shared
}

/// A table with these keys and no others.
fn closed(keys: &[Key], of: impl Fn(&Key) -> Value) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), of(key))).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn described(key: &Key, default: Option<&Default>) -> Value {
    let (mut about, words) = told(key);
    let mut described = of_shape(&key.shape);
    match default {
        Some(Default::Always(value)) => described["default"] = json!(value),
        Some(Default::By(values)) => {
            let values: Vec<String> = values.iter().map(|(word, value)| format!("{word} {value}")).collect();
            about.push_str(&format!(" Default: {}.", values.join(", ")));
        }
        None => about.extend(words.map(|words| format!(" Default: {words}."))),
    }
    described["description"] = about.into();
    described
}

fn of_shape(shape: &Shape) -> Value {
    match shape {
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Off => json!({ "const": false }),
        Shape::Whole => json!({ "type": "integer", "minimum": 0 }),
        Shape::Number => json!({ "type": "number" }),
        Shape::Text => json!({ "type": "string" }),
        Shape::Value => json!({ "type": ["string", "integer", "boolean"] }),
        Shape::Words(words) => json!({ "enum": words.iter().map(|(word, _)| *word).collect::<Vec<_>>() }),
        Shape::List(items, None) => json!({ "type": "array", "items": of_shape(items) }),
        Shape::List(items, Some(length)) => {
            json!({ "type": "array", "items": of_shape(items), "minItems": length, "maxItems": length })
        }
        Shape::Names(values) => json!({ "type": "object", "additionalProperties": of_shape(values) }),
        Shape::Table(keys) => closed(keys, |key| described(key, None)),
        Shape::Either(shapes) => one_of(shapes.iter().map(of_shape).collect()),
    }
}

/// What has to be there in a table of this sort, and none of what would make it one that has to have more.
fn needs(sort: &Sort, sorts: &[Sort]) -> Value {
    let keys = &sort.written.keys;
    let mut needs = required(&Shape::Table(keys.clone())).unwrap_or_else(|| json!({}));
    if !sort.written.one_of.is_empty() {
        needs["anyOf"] = sort.written.one_of.iter().map(|key| json!({ "required": [key] })).collect();
    }
    let kind_of = |sort: &Sort| sort.written.keys.iter().find(|key| key.name == KIND).map(|key| key.shape.clone());
    let needed = |sort: &Sort| sort.written.keys.iter().filter(|key| key.required).count();
    if let Some(kind) = kind_of(sort) {
        needs["properties"][KIND] = of_shape(&kind);
        let more = sorts.iter().filter(|other| kind_of(other).as_ref() == Some(&kind) && needed(other) > needed(sort));
        for other in
            more.flat_map(|other| &other.written.keys).filter(|key| keys.iter().all(|own| own.name != key.name))
        {
            needs["properties"][other.name] = false.into();
        }
    }
    needs
}

/// What has to be there, where something has.
fn required(shape: &Shape) -> Option<Value> {
    match shape {
        Shape::Table(keys) => {
            let names: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
            let inside: Map<String, Value> =
                keys.iter().filter_map(|key| Some((key.name.to_owned(), required(&key.shape)?))).collect();
            let mut all = Map::new();
            if !names.is_empty() {
                all.insert("required".to_owned(), json!(names));
            }
            if !inside.is_empty() {
                all.insert("properties".to_owned(), inside.into());
            }
            (!all.is_empty()).then(|| all.into())
        }
        Shape::Names(values) => Some(json!({ "additionalProperties": required(values)? })),
        Shape::List(items, _) => Some(json!({ "items": required(items)? })),
        // Asks nothing of what is no table.
        Shape::Either(shapes) => shapes.iter().find_map(required),
        Shape::Flag | Shape::Off | Shape::Whole | Shape::Number | Shape::Text | Shape::Value | Shape::Words(_) => None,
    }
}

fn one_of(mut shapes: Vec<Value>) -> Value {
    if shapes.len() == 1 { shapes.remove(0) } else { json!({ "anyOf": shapes }) }
}

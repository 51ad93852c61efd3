use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::*;
use crate::experiment;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_reference_and_the_schema_are_as_the_program_writes_them() {
    let schema = format!("{:#}\n", schema());
    for (name, written) in [("schema.json", schema), ("reference.md", markdown())] {
        let path = root().join("docs").join(name);
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            std::fs::write(&path, &written).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        let differs = committed.lines().zip(written.lines()).position(|(ours, theirs)| ours != theirs);
        let line = differs.unwrap_or(committed.lines().count().min(written.lines().count())) + 1;
        assert!(
            committed == written,
            "docs/{name} is not what the program says of itself, from line {line} on. If keys, their comments or \
             defaults changed on purpose, write it anew, look at the difference and commit it:\n\
             UPDATE_REFERENCE=1 cargo test --release --lib reference::"
        );
    }
}

#[test]
fn every_example_is_a_whole_table_of_its_sort_and_every_key_says_what_it_is() {
    for (room, sorts) in sorts() {
        for sort in sorts {
            assert!(read(room, &sort.written, "").is_some(), "{}", sort.written.example);
            let silent = sort.written.keys.iter().find(|key| told(key).0.is_empty());
            // What a comment tells goes before what the program knows, so it must say why that is another with each study.
            let both = sort.written.keys.iter().filter(|key| told(key).1.is_some()).find(|key| {
                let known = read(room, &sort.written, "").unwrap_or_default();
                key.name != "seed" && key.name != "intermediate" && value_of(&known, key.name).is_some()
            });
            assert!(
                both.is_none(),
                "[{}] {}: its default is known, so no comment tells it",
                room.kind,
                both.unwrap().name
            );
            assert!(silent.is_none(), "[{}] {}: write a comment on it", room.kind, silent.unwrap().name);
        }
    }
}

/// What a schema of ours says of a value: the part of draft 7 that they are written in.
fn fits(schema: &serde_json::Value, root: &serde_json::Value, value: &serde_json::Value) -> bool {
    use serde_json::Value;
    let Value::Object(rules) = schema else { return schema.as_bool().unwrap() };
    let fit = |schema: &Value, value: &Value| fits(schema, root, value);
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("{other}"),
    };
    let list = |rule: &Value| rule.as_array().unwrap().clone();
    rules.iter().all(|(name, rule)| match name.as_str() {
        "$schema" | "title" | "description" | "default" | "definitions" | "patternProperties" | "then" | "else" => true,
        "$ref" => fit(root.pointer(rule.as_str().unwrap().strip_prefix('#').unwrap()).unwrap(), value),
        "type" if rule.is_array() => list(rule).iter().any(|kind| is(kind.as_str().unwrap())),
        "type" => is(rule.as_str().unwrap()),
        "const" => value == rule,
        "enum" => list(rule).contains(value),
        "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
        "anyOf" => list(rule).iter().any(|schema| fit(schema, value)),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| fit(rule, item))),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
        "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= rule.as_u64().unwrap()),
        "required" => {
            value.as_object().is_none_or(|table| list(rule).iter().all(|key| table.contains_key(key.as_str().unwrap())))
        }
        "properties" => value
            .as_object()
            .is_none_or(|table| table.iter().all(|(key, value)| rule.get(key).is_none_or(|schema| fit(schema, value)))),
        "additionalProperties" => value.as_object().is_none_or(|table| {
            let known = |key: &str| rules.get("properties").is_some_and(|known| known.get(key).is_some());
            let named = rules.get("patternProperties").and_then(|named| named.as_object()?.values().next());
            let names = |key: &str| key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
            table.iter().filter(|(key, _)| !known(key)).all(|(key, value)| match named {
                Some(schema) => names(key) && fit(schema, value),
                None => rule.as_bool().unwrap_or_else(|| fit(rule, value)),
            })
        }),
        "if" => fit(rule, value) || rules.get("else").is_none_or(|schema| fit(schema, value)),
        other => panic!("no rule for {other}"),
    })
}

/// As JSON, which knows no infinity.
fn in_json(study: &toml::Table) -> serde_json::Value {
    fn finite(value: &mut toml::Value) {
        match value {
            toml::Value::Float(number) => *number = number.clamp(f64::MIN, f64::MAX),
            toml::Value::Array(items) => items.iter_mut().for_each(finite),
            toml::Value::Table(table) => table.iter_mut().for_each(|(_, value)| finite(value)),
            _ => {}
        }
    }
    let mut study = toml::Value::Table(study.clone());
    finite(&mut study);
    json!(study)
}

/// What the program says of a study.
fn refusal(study: &toml::Table) -> Option<String> {
    let text = study.to_string();
    let read = experiment::read_with(Path::new("study.toml"), &[], &|_| Ok(text.clone()));
    let errors = read.err()?.diagnostics;
    Some(errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("\n"))
}

/// It is about keys and types; else it is about what they say.
fn is_of_form(refusal: &str) -> bool {
    let of_another_sort = [
        ", and this stage fetches ",
        ", and this one is built in",
        ", and these are `logs`",
        ", and this is a `table`",
        ", and this one expects something of ",
    ];
    let ways =
        ["unknown key", "unknown table", "the key `", "wrong type", " has no `"].into_iter().chain(of_another_sort);
    ways.into_iter().any(|way| refusal.contains(way))
}

/// Refuses nothing that the program takes, and all that it refuses by its form.
fn disagreement(schema: &serde_json::Value, study: &toml::Table, about: &str) -> Option<String> {
    match (refusal(study), fits(schema, schema, &in_json(study))) {
        (None, false) => Some(format!("{about}: the schema refuses what the program takes\n")),
        (Some(refusal), true) if is_of_form(&refusal) => {
            Some(format!("{about}: the schema takes what the program refuses: {refusal}\n"))
        }
        _ => None,
    }
}

/// The shipped studies, and every block of the documents as a study of its own.
fn written_studies() -> Vec<(String, toml::Table)> {
    let mut studies = Vec::new();
    let files = |folder: &str, ending: &str| -> Vec<PathBuf> {
        let entries = root().join(folder).read_dir().unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|found| found == ending)).collect()
    };
    for path in files("experiments", "toml") {
        studies.push((path.display().to_string(), std::fs::read_to_string(path).unwrap().parse().unwrap()));
    }
    for path in [files("", "md"), files("docs", "md")].concat() {
        for block in std::fs::read_to_string(&path).unwrap().split("```toml\n").skip(1) {
            let mut study: toml::Table = block.split("```").next().unwrap().parse().unwrap();
            let header = toml::Table::from_iter([("name".to_owned(), "part".into())]);
            study.entry("experiment").or_insert_with(|| header.into());
            studies.push((path.display().to_string(), study));
        }
    }
    studies
}

/// Every key in a value, as a path.
fn paths(value: &toml::Value, before: &[String], found: &mut BTreeSet<Vec<String>>) {
    for (key, inside) in value.as_table().into_iter().flatten() {
        let path = [before, std::slice::from_ref(key)].concat();
        paths(inside, &path, found);
        found.insert(path);
    }
}

#[test]
fn the_schema_takes_every_study_and_no_misspelt_key() {
    let schema = schema();
    let (mut misspelt, mut wrong) = (0, String::new());
    for (place, study) in written_studies() {
        assert!(fits(&schema, &schema, &in_json(&study)), "{place}:\n{study}");
        let mut keys = BTreeSet::new();
        paths(&study.clone().into(), &[], &mut keys);
        for path in keys.iter().filter(|path| path.as_slice() != ["extends"]) {
            let mut other = study.clone();
            let (last, before) = path.split_last().unwrap();
            let table = before.iter().fold(&mut other, |table, key| table[key].as_table_mut().unwrap());
            let value = table.remove(last).unwrap();
            table.insert(format!("{last}x"), value);
            wrong.extend(disagreement(&schema, &other, &format!("{place}: {}x", path.join("."))));
            misspelt += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(misspelt > 800, "{misspelt}");
}

#[test]
fn the_schema_takes_of_every_key_the_types_that_the_program_takes() {
    let (schema, mut wrong) = (schema(), String::new());
    let values: Vec<toml::Value> = [
        "true",
        "false",
        "3",
        "-3",
        "1.5",
        "\"word\"",
        "\"0..2\"",
        "[]",
        "[1, 2]",
        "[0.5, 2]",
        "[true]",
        "[\"a\"]",
        "[[1, 2]]",
        "[[1, 2, 3]]",
        "{}",
        "{ a = \"b\" }",
        "{ a = 1 }",
        "{ x = [0, 1] }",
    ]
    .iter()
    .map(|value| format!("value = {value}").parse::<toml::Table>().unwrap()["value"].clone())
    .collect();
    for (room, sorts) in sorts() {
        let keys: BTreeSet<&str> = sorts.iter().flat_map(|sort| &sort.written.keys).map(|key| key.name).collect();
        for sort in &sorts {
            let example: toml::Table = sort.written.example.parse().unwrap();
            let mut study = example.clone();
            study.insert("experiment".to_owned(), toml::Table::from_iter([("name".to_owned(), "x".into())]).into());
            assert!(fits(&schema, &schema, &in_json(&study)), "{study}");
            let kind = room.kind.name();
            let stage = example[kind].as_table().unwrap().keys().next().unwrap();
            for key in &keys {
                for value in &values {
                    let mut other = study.clone();
                    other[kind][stage].as_table_mut().unwrap().insert((*key).to_owned(), value.clone());
                    wrong.extend(disagreement(
                        &schema,
                        &other,
                        &format!("{kind}, {}, {key} = {value}", sort.written.what),
                    ));
                }
                let mut without = study.clone();
                if without[kind][stage].as_table_mut().unwrap().remove(*key).is_some() {
                    wrong.extend(disagreement(
                        &schema,
                        &without,
                        &format!("{kind}, {}, without {key}", sort.written.what),
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

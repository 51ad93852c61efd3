//! docs/reference.md.

use std::fmt::Write;

use super::{Default, Sort, sorts, told};
use crate::experiment;
use crate::study::{Key, Shape};

const BEGINNING: &str = "\
# Reference
Every key of an experiment. It is written by the program from the types that read the file (`UPDATE_REFERENCE=1 cargo \
test --release --lib reference`), and so is [schema.json](schema.json), with which an editor completes keys and shows \
what they mean: `pipeline schema > schema.json`, and as the first line of the study `#:schema ./schema.json`.

A stage is a table `[KIND.NAME]`; a name has letters, digits, `_` and `-`. `extends = \"base.toml\"` in front of \
everything builds on another file, and `--set finetune.qqp.epochs=1` overrides one value. What a key takes and what \
counts where it is left out stand beside it; *needed* is what cannot be left out.

";

pub fn markdown() -> String {
    let mut text = BEGINNING.to_owned();
    let mut words = Vec::new();
    for (name, keys) in experiment::written() {
        let _ = writeln!(text, "## `[{name}]`");
        keys_of(&mut text, &keys, &[], &[], &mut words);
    }
    for (room, sorts) in sorts() {
        let _ = writeln!(text, "## `[{}.NAME]`", room.kind);
        let common = common(&sorts);
        for sort in &sorts {
            of_sort(&mut text, sort, &common, &mut words);
        }
        if let (Some(sort), false) = (sorts.first(), common.is_empty()) {
            let of_all: Vec<Key> = sort.written.keys.iter().filter(|key| common.contains(&key.name)).cloned().collect();
            let _ = writeln!(text, "### Keys of all of these");
            keys_of(&mut text, &of_all, &sort.defaults, &[], &mut words);
        }
    }
    text.push_str("## Words\n");
    for (names, meanings) in &words {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(text, "### {}\n| word | meaning |\n|---|---|", names.join(", "));
        for (word, meaning) in meanings {
            let _ = writeln!(text, "| `{word}` | {} |", cell(meaning.trim()));
        }
        text.push('\n');
    }
    text.push_str(include_str!("glossary.md"));
    text
}

/// The names of keys that take these words, and the words.
type Words = Vec<(Vec<&'static str>, Vec<(&'static str, &'static str)>)>;

/// Keys that are the same in all of many sorts, told once after them.
fn common(sorts: &[Sort]) -> Vec<&'static str> {
    let Some((first, others)) = sorts.split_first().filter(|(_, others)| others.len() > 2) else { return Vec::new() };
    let everywhere = |key: &&Key| others.iter().all(|other| other.written.keys.contains(key));
    first.written.keys.iter().filter(everywhere).map(|key| key.name).collect()
}

fn of_sort(text: &mut String, sort: &Sort, common: &[&'static str], words: &mut Words) {
    let written = &sort.written;
    let mut what = written.what.to_owned();
    if let Some(first) = what.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let _ = write!(text, "### {what}\n{}\n```toml\n{}```\n", written.about, written.example);
    let own: Vec<Key> = written.keys.iter().filter(|key| !common.contains(&key.name)).cloned().collect();
    keys_of(text, &own, &sort.defaults, written.one_of, words);
    by_word(text, sort);
}

fn keys_of(text: &mut String, keys: &[Key], defaults: &[(&'static str, Default)], one_of: &[&str], words: &mut Words) {
    text.push_str("| key | takes | left out | what it is |\n|---|---|---|---|\n");
    for key in keys {
        line(text, key, "", defaults, one_of, words);
    }
    text.push('\n');
}

fn line(
    text: &mut String,
    key: &Key,
    inside: &str,
    defaults: &[(&'static str, Default)],
    one_of: &[&str],
    words: &mut Words,
) {
    let (about, of_comment) = told(key);
    let default = defaults.iter().find(|(name, _)| *name == key.name);
    let left_out = match default.map(|(_, default)| default) {
        _ if key.required => "*needed*".to_owned(),
        _ if one_of.contains(&key.name) => format!("*needed*, or {}", others(one_of, key.name)),
        Some(Default::Always(value)) => shown(value),
        Some(Default::By(_)) => "see below".to_owned(),
        None => of_comment.unwrap_or_default(),
    };
    let name = format!("{inside}{}", key.name);
    let _ = writeln!(text, "| `{name}` | {} | {} | {} |", cell(&takes(&key.shape)), cell(&left_out), cell(&about));
    remember(&key.shape, key.name, words);
    for (path, key) in tables_in(&key.shape) {
        line(text, key, &format!("{name}.{path}"), &[], &[], words);
    }
}

/// The names beside one of them.
fn others(names: &[&str], name: &str) -> String {
    alternatives(names.iter().filter(|other| **other != name).map(|other| format!("`{other}`")).collect())
}

/// The keys of a table that a value may be, each with what stands between.
fn tables_in(shape: &Shape) -> Vec<(String, &Key)> {
    match shape {
        Shape::Table(keys) => keys.iter().map(|key| (String::new(), key)).collect(),
        Shape::Either(shapes) => shapes.iter().flat_map(tables_in).collect(),
        Shape::Names(inside) => {
            tables_in(inside).into_iter().map(|(path, key)| (format!("NAME.{path}"), key)).collect()
        }
        _ => Vec::new(),
    }
}

/// Words that are explained, once however many keys take them.
fn remember(shape: &Shape, key: &'static str, words: &mut Words) {
    match shape {
        Shape::Words(of) if of.iter().any(|(_, meaning)| !meaning.is_empty()) => {
            match words.iter_mut().find(|(_, known)| known == of) {
                Some((names, _)) if names.contains(&key) => {}
                Some((names, _)) => names.push(key),
                None => words.push((vec![key], of.clone())),
            }
        }
        Shape::List(inside, _) | Shape::Names(inside) => remember(inside, key, words),
        Shape::Either(shapes) => shapes.iter().for_each(|shape| remember(shape, key, words)),
        _ => {}
    }
}

/// The defaults that depend on a word, in a table.
fn by_word(text: &mut String, sort: &Sort) {
    let lines: Vec<_> = sort
        .defaults
        .iter()
        .filter_map(|(name, default)| match default {
            Default::By(values) => Some((name, values)),
            Default::Always(_) => None,
        })
        .collect();
    let (Some(by), Some((_, first))) = (sort.written.by, lines.first()) else { return };
    let words: Vec<String> = first.iter().map(|(word, _)| format!("`{word}`")).collect();
    let _ = writeln!(text, "| left out, by `{by}` | {} |\n|---|{}", words.join(" | "), "---|".repeat(words.len()));
    for (name, values) in lines {
        let values: Vec<String> = values.iter().map(|(_, value)| shown(value)).collect();
        let _ = writeln!(text, "| `{name}` | {} |", values.join(" | "));
    }
    text.push('\n');
}

/// As a person would write it.
fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::Float(small) if *small != 0.0 && small.abs() < 1e-3 => format!("`{small:e}`"),
        toml::Value::Float(number) => format!("`{number}`"),
        other => format!("`{other}`"),
    }
}

/// A bar would end it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn takes(shape: &Shape) -> String {
    match shape {
        Shape::Flag => "true or false".to_owned(),
        Shape::Off => "`false`".to_owned(),
        Shape::Whole => "a whole number".to_owned(),
        Shape::Number => "a number".to_owned(),
        Shape::Text => "a text".to_owned(),
        Shape::Value => "a value".to_owned(),
        Shape::Words(_) => several(shape),
        Shape::List(_, None) => format!("a list of {}", inside(shape)),
        Shape::List(_, Some(length)) => format!("a list of {length} {}", inside(shape)),
        Shape::Names(_) => format!("a table of {} by name", inside(shape)),
        Shape::Table(_) => "a table".to_owned(),
        Shape::Either(shapes) => match one_or_many(shapes) {
            Some(one) => format!("{} or a list of them", takes(one)),
            None => alternatives(shapes.iter().map(takes).collect()),
        },
    }
}

fn inside(shape: &Shape) -> String {
    match shape {
        Shape::List(inside, _) | Shape::Names(inside) => several(inside),
        _ => String::new(),
    }
}

/// The same of many.
fn several(shape: &Shape) -> String {
    match shape {
        Shape::Flag | Shape::Off => takes(shape),
        Shape::Whole => "whole numbers".to_owned(),
        Shape::Number => "numbers".to_owned(),
        Shape::Text => "texts".to_owned(),
        Shape::Value => "values".to_owned(),
        Shape::Words(words) => alternatives(words.iter().map(|(word, _)| format!("`{word}`")).collect()),
        Shape::List(_, None) => format!("lists of {}", inside(shape)),
        Shape::List(_, Some(length)) => format!("lists of {length} {}", inside(shape)),
        Shape::Names(_) | Shape::Table(_) => "tables".to_owned(),
        Shape::Either(shapes) => match one_or_many(shapes) {
            Some(one) => format!("{} or lists of them", several(one)),
            None => alternatives(shapes.iter().map(several).collect()),
        },
    }
}

fn one_or_many(shapes: &[Shape]) -> Option<&Shape> {
    match shapes {
        [one, Shape::List(many, None)] if **many == *one => Some(one),
        _ => None,
    }
}

/// `a, b or c`
fn alternatives(mut all: Vec<String>) -> String {
    all.dedup();
    match all.pop() {
        Some(last) if all.is_empty() => last,
        Some(last) => format!("{} or {last}", all.join(", ")),
        None => String::new(),
    }
}

//! What can stand in an experiment, as a JSON Schema and as text. Both come from the types that read it, with their
//! comments (`study/shape.rs`), and from what the program makes of the least table of each sort: so a default that is
//! told is the one in effect.

mod markdown;
mod schema;
#[cfg(test)]
mod tests;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::kinds::ROOMS;
use crate::kinds::room::Room;
use crate::kinds::written::Written;
use crate::study::{Checker, Key, Shape};

pub use markdown::markdown;
pub use schema::schema;

/// One sort of table of a kind.
struct Sort {
    written: Written,
    /// Each key that has a default which the program knows, in all cases.
    defaults: Vec<(&'static str, Default)>,
}

#[derive(Debug, PartialEq)]
enum Default {
    Always(toml::Value),
    /// By the words of [`Written::by`].
    By(Vec<(&'static str, toml::Value)>),
}

/// Of all kinds, in the order of a study.
fn sorts() -> Vec<(&'static Room, Vec<Sort>)> {
    let of = |room: &'static Room| {
        let sorts = (room.written)().into_iter().map(|written| Sort { defaults: defaults(room, &written), written });
        (room, sorts.collect())
    };
    ROOMS.into_iter().map(of).collect()
}

/// What the program takes where the table does not say. A key whose comment tells in words is told so.
fn defaults(room: &Room, written: &Written) -> Vec<(&'static str, Default)> {
    let plain = read(room, written, "").unwrap_or_default();
    let by = written.by.map(|by| {
        let of = |word: &'static str| (word, read(room, written, &format!("{by} = \"{word}\"\n")).unwrap_or_default());
        (by, words_of(written, by).into_iter().map(of).collect::<Vec<_>>())
    });
    let mut defaults = Vec::new();
    for key in written.keys.iter().filter(|key| !key.required && told(key).1.is_none()) {
        let Some(value) = value_of(&plain, key.name) else {
            // Which of the words stands for the same as none.
            let same = by.iter().filter(|(by, _)| *by == key.name).flat_map(|(_, read)| read);
            let same = same.into_iter().find(|(_, read)| *read == plain);
            defaults.extend(same.map(|(word, _)| (key.name, Default::Always((*word).into()))));
            continue;
        };
        let each: Vec<(&str, toml::Value)> = by
            .iter()
            .filter(|(by, _)| *by != key.name)
            .flat_map(|(_, read)| read)
            .filter_map(|(word, read)| Some((*word, value_of(read, key.name)?)))
            .collect();
        let default = match each.iter().all(|(_, other)| *other == value) {
            true => Default::Always(value),
            false => Default::By(each),
        };
        defaults.push((key.name, default));
    }
    defaults
}

fn value_of(defaults: &[(&'static str, toml::Value)], key: &str) -> Option<toml::Value> {
    defaults.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone())
}

fn words_of(written: &Written, name: &str) -> Vec<&'static str> {
    match written.keys.iter().find(|key| key.name == name).map(|key| &key.shape) {
        Some(Shape::Words(words)) => words.iter().map(|(word, _)| *word).collect(),
        _ => Vec::new(),
    }
}

/// The defaults that the program itself tells of the example with one more line; `None` where it refuses it.
fn read(room: &Room, written: &Written, line: &str) -> Option<Vec<(&'static str, toml::Value)>> {
    let text = format!("{}{line}", written.example);
    let DeValue::Table(stages) = DeTable::parse(&text).ok()?.into_inner().remove(room.kind.name())?.into_inner() else {
        return None;
    };
    let (name, table): (_, Spanned<DeValue<'_>>) = stages.into_iter().next()?;
    let mut checker = Checker::default();
    let spec = (room.read)(table, name.span(), &mut checker)?;
    checker.is_sound().then(|| spec.defaults())
}

/// What a key is, and the words of its comment for what counts where it is left out.
fn told(key: &Key) -> (String, Option<String>) {
    let about = key.about.trim();
    let Some((before, rest)) = about.split_once("[default: ") else { return (about.to_owned(), None) };
    let Some((default, after)) = rest.split_once(']') else { return (about.to_owned(), None) };
    let about = format!("{}{after}", before.trim_end());
    (about, Some(default.to_owned()))
}

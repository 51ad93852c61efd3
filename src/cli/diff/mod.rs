//! `pipeline diff`: two versions of a study, from what the files say to what came out.

mod came_out;
mod said;
mod side;
mod text;
mod work;

use std::path::Path;

use serde::Serialize;

use super::args;
use super::exit::{Exit, Failure};
use crate::store::Store;
use came_out::CameOut;
use said::Said;
use side::{Side, Version};
use work::Work;

pub(super) fn diff(command: &args::Diff, cache: &Path) -> Result<Exit, Failure> {
    let (first, second) = side::named(&command.first, command.second.as_deref());
    let store = Store::existing(cache);
    let first = Side::load(&first, &command.overrides, &store)?;
    let second = Side::load(&second, &command.overrides, &store)?;
    let mut notes = first.notes(&second);
    let (work, came_out) = match (&first.steps, &second.steps) {
        (Ok(one), Ok(other)) => (Some(Work::of(one, other)), Some(CameOut::of(one, other, &store)?)),
        _ => (None, None),
    };
    notes.extend([&first, &second].into_iter().filter_map(|side| {
        let error = side.steps.as_ref().err()?;
        Some(format!("steps and results are not compared, since {} cannot be expanded: {error}", side.version.name))
    }));
    let said = Said::of(&first, &second);
    let diff = Diff { first: first.version, second: second.version, notes, said, work, came_out };
    match command.json {
        true => println!("{}", serde_json::to_string_pretty(&diff).unwrap_or_default()),
        false => print!("{}", diff.text()),
    }
    Ok(Exit::Done)
}

#[derive(Debug, Serialize)]
struct Diff {
    first: Version,
    second: Version,
    /// What a reader should know of the comparison itself.
    notes: Vec<String>,
    /// What the files say differently.
    said: Said,
    /// Which steps that changes; nothing where a side cannot be expanded.
    work: Option<Work>,
    /// What both have in the cache, side by side.
    came_out: Option<CameOut>,
}

//! `[interpolate.x]`: lines between pairs of models, measured here or published by others.

mod line;
mod logs;
mod rows;
mod run;
mod spec;
mod steps;

pub use line::{KIND, LINE, Line, Lines, PAIR};
pub use logs::PublishedLines;

use super::room::{Room, boxed};
use crate::engine::ReadStep;
use crate::study::has_key;

pub const ROOM: Room = Room {
    kind: KIND,
    written: || vec![spec::written(), logs::written()],
    read: |value, _, checker| match has_key(&value, &["logs"]) {
        true => boxed(logs::read(value, checker)),
        false => boxed(spec::read(value, checker)),
    },
    steps: &[ReadStep::of::<run::EndPointParams>(), ReadStep::of::<run::PairParams>(), ReadStep::of::<logs::Params>()],
    tables: &["distances", "lines"],
    rows: rows::tables,
    show: rows::show,
    files: |_, _| Ok(()),
};

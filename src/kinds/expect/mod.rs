//! `[expect.x]`: what is to come out, written beside the study, and whether it did.

mod rows;
mod run;
mod spec;
mod steps;

pub use rows::{Expectation, State, expectations};
pub use spec::KIND;

use super::room::{Room, boxed};
use crate::engine::ReadStep;

pub const ROOM: Room = Room {
    kind: KIND,
    written: spec::written,
    read: |value, at, checker| boxed(spec::read(value, at, checker)),
    steps: &[ReadStep::of::<run::Params>()],
    tables: &["expectations"],
    rows: rows::tables,
    show: rows::show,
    files: |_, _| Ok(()),
};

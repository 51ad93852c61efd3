//! `[agreement.x]`: how far the models of an evaluation say the same, pair by pair.

mod rows;
mod run;
mod spec;
mod steps;

pub use run::{AGREEMENT, Agreement, Value};
pub use spec::KIND;
pub use steps::Agreed;

use super::room::{Room, boxed};
use crate::engine::ReadStep;

pub const ROOM: Room = Room {
    kind: KIND,
    written: || vec![spec::written()],
    read: |value, _, checker| boxed(spec::read(value, checker)),
    steps: &[ReadStep::of::<run::Params>()],
    tables: &["agreement"],
    rows: rows::tables,
    show: rows::show,
    files: |_, _| Ok(()),
};

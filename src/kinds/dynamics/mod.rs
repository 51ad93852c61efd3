//! `[dynamics.x]`: clusters of the same models at several checkpoints, with every model followed from one to the next.

mod rows;
mod run;
mod spec;
mod steps;

pub use run::{Coordinate, DYNAMICS, Dynamics};
pub use spec::KIND;
pub use steps::Followed;

use super::room::{Room, boxed};
use crate::engine::ReadStep;

pub const ROOM: Room = Room {
    kind: KIND,
    written: || vec![spec::written()],
    read: |value, _, checker| boxed(spec::read(value, checker)),
    steps: &[ReadStep::of::<run::Params>()],
    tables: &["dynamics", "dynamics_transitions"],
    rows: rows::tables,
    show: rows::show,
    files: |_, _| Ok(()),
};

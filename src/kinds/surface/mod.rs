//! `[surface.x]`: metrics on a grid in the plane through three models, measured here or published by others.

mod logs;
mod plane;
mod rows;
mod run;
mod spec;
mod steps;

pub use plane::{Grid, KIND, Plane, Surface, Surfaces};

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
    steps: &[ReadStep::of::<run::Params>(), ReadStep::of::<logs::Params>()],
    tables: &["planes"],
    rows: rows::tables,
    show: rows::show,
    files: rows::files,
};

//! `[sharpness.x]`: how far each model's loss rises inside a small box around it.

mod logs;
mod rows;
mod run;
mod sharpened;
mod spec;
mod steps;

pub use sharpened::{KIND, SHARPNESS, Sharpened, Sharpness};

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
    tables: &["sharpness", "sharpness_correlations"],
    rows: rows::tables,
    show: rows::show,
    files: |_, _| Ok(()),
};

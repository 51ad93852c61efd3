//! `[finetune.x]`: the same model trained on the same data, once a seed.

mod overrides;
mod run;
mod spec;
mod steps;

pub use run::Params;
pub use spec::{Finetune, KIND, swept};

use super::room::{Room, boxed};
use super::{sweep, training};
use crate::engine::ReadStep;

pub const ROOM: Room = Room {
    files: training::files::<run::Params>,
    ..Room::without_tables(
        KIND,
        || vec![sweep::written(spec::written(), &swept())],
        |value, at, checker| {
            sweep::read(&swept(), value, at, checker, |value, at, checker| boxed(spec::read(value, at, checker)))
        },
        &[ReadStep::of::<run::Params>()],
    )
};

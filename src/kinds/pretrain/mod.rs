//! `[pretrain.x]`: a model trained from nothing by masked-language modelling; what comes out is a model like a fetched one.

mod run;
mod spec;
mod steps;

pub use run::Params;
pub use spec::{KIND, SWEPT};

use super::room::{Room, boxed};
use super::{sweep, training};
use crate::engine::ReadStep;

pub const ROOM: Room = Room {
    files: training::files::<run::Params>,
    ..Room::without_tables(
        KIND,
        || vec![sweep::written(spec::written(), &SWEPT)],
        |value, at, checker| {
            sweep::read(&SWEPT, value, at, checker, |value, _, checker| boxed(spec::read(value, checker)))
        },
        &[ReadStep::of::<run::Params>()],
    )
};

//! `[fetch.x]`: models and data sets from the hub, an address, this machine or the built-in grammar.

mod data;
mod generate;
mod model;
mod spec;
mod steps;
mod tokenizer;

pub use model::Params as ModelParams;
pub use spec::{Fetch, KIND};

use super::room::{Room, boxed};
use crate::engine::ReadStep;

pub const ROOM: Room = Room::without_tables(
    KIND,
    spec::written,
    |value, at, checker| boxed(spec::read(value, at, checker)),
    &[
        ReadStep::of::<tokenizer::Params>(),
        ReadStep::of::<model::Params>(),
        ReadStep::of::<data::Params>(),
        ReadStep::of::<generate::Params>(),
    ],
);

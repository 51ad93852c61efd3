//! `[plot.x]`: figures of what was measured. A kind of figure is a file here, and a line in `figures.rs`.

mod agreement;
mod common;
mod curves;
mod distributions;
mod figure;
mod figures;
mod heatmap;
mod histogram;
mod look;
mod matrix;
mod movement;
mod pick;
mod raw;
mod run;
mod scatter;
mod sharpness;
mod spec;
mod surface;
mod training;

pub use run::{FORMATS, Params};
pub use spec::KIND;

use super::room::{Room, boxed};
use crate::engine::ReadStep;

pub const ROOM: Room = Room::without_tables(
    KIND,
    spec::written,
    |value, _, checker| boxed(spec::read(value, checker)),
    &[ReadStep::of::<run::Params>()],
);

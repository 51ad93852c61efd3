//! `[eval.x]`: metrics of every model on a split, all examples together and by group; or what others measured of theirs.

mod logs;
mod measured;
mod published;
mod rows;
mod run;
mod spec;
mod steps;
mod table;

pub use measured::{EXAMPLES, Evaluated, Evaluations, ExampleTable, KIND, METRICS, Measured, SentenceTable};
pub use rows::{MetricRow, metric_rows};

use super::room::{Room, boxed};
use crate::engine::ReadStep;
use crate::study::has_key;

pub const ROOM: Room = Room {
    kind: KIND,
    written: || [spec::written()].into_iter().chain(published::written()).collect(),
    read: |value, _, checker| match has_key(&value, published::KEYS) {
        true => published::read(value, checker),
        false => boxed(spec::read(value, checker)),
    },
    steps: &[ReadStep::of::<run::Params>(), ReadStep::of::<logs::Params>(), ReadStep::of::<table::Params>()],
    tables: &["metrics"],
    rows: rows::tables,
    show: rows::show,
    files: rows::files,
};

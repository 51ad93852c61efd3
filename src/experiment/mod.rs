//! One TOML file → a validated study → its steps; and what commands ask of them: a selection, a picture.

mod draw;
mod expand;
mod read;
mod select;

pub use draw::{Format, draw};
pub use expand::{expand, expand_without};
pub use read::{read, read_with};
pub use select::{Selection, SelectionError, StepError, select, step_named, steps_named};

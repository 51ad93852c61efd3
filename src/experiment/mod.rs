//! One TOML file → a validated study → its steps; and what commands ask of them: a selection, a picture.

mod draw;
mod expand;
mod explain;
mod layers;
mod lock;
mod picture;
mod preflight;
mod read;
mod resolved;
mod select;

pub use draw::{Format, draw};
pub use expand::{LeftAside, build, build_part, expand, expand_without};
pub use explain::{Explained, Origins, explain, parameters, why};
pub use lock::{Lock, lock_of, sources_of, written as lock};
pub use picture::{Node, picture};
pub use preflight::{Looking, preflight};
pub use read::{read, read_with, written};
pub use resolved::resolved;
pub use select::{Selection, SelectionError, StepError, select, step_named, steps_named};

//! From the text of an experiment file to typed values with positions: texts and what they extend, words, errors that
//! point at what is wrong. What a table of some kind holds is known in that kind's own room.

mod checker;
mod diagnostic;
mod load;
mod places;
mod raw;
pub mod shape;
mod values;
pub mod words;
mod write;

pub use checker::{Checker, Form, Text, has_key};
pub use diagnostic::{Diagnostic, ExperimentError, SET, Sources, nearest, some_of};
pub use load::{Loaded, ReadText, from_disk, in_written_order, load};
pub use places::Places;
pub use raw::OneOrMany;
pub use shape::{Key, Keyed, OneOf, Shape, Shaped};
pub use write::written_keys;

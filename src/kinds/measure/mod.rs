//! What all kinds share that measure models on examples: the keys of their tables, choosing and tokenising examples,
//! scoring a model on them, and going on where an interrupted step was.

mod examples;
mod preflight;
mod spec;
mod unfinished;

pub use examples::{Chosen, Examples, Scored, Selection, table_of_examples};
pub use spec::{LINE_EXAMPLES, MOST_EXAMPLES, Measurement, RawMeasure};
pub use unfinished::{Points, logits, logits_of_point, or_stopped};

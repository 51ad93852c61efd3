//! The words of an experiment file as types, from the text to the key: nothing is parsed twice.

mod coordinates;
mod durations;
mod measures;
mod references;
mod seeds;

pub use coordinates::{Apart, Axis, Coordinates, MOST_MODELS, Value};
pub use durations::parse_duration;
pub use measures::{Combine, Distance, Metric, MetricName, Precision};
pub use references::{Checkpoint, DataRef, LAST, MetricRef, Missing, ModelRef, Pick, values};
pub use seeds::{Seeds, expand_braces};

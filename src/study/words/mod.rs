//! The words of an experiment file as types, from the text to the key: nothing is parsed twice.

mod durations;
mod measures;
mod references;
mod seeds;

pub use durations::parse_duration;
pub use measures::{Combine, Distance, Metric, MetricName, Precision};
pub use references::{Checkpoint, DataRef, MetricRef, ModelRef};
pub use seeds::{Axis, Coordinates, Pick, Seeds, expand_braces};

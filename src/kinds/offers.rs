//! What other stages may ask of a stage.

use toml::Spanned;

use crate::study::words::{Checkpoint, Coordinates, Metric, MetricName, ModelRef};

/// What a stage is to others. The defaults say that it is nothing of the sort.
pub trait Offers {
    /// The models that it makes.
    fn models(&self) -> Option<Models<'_>> {
        None
    }

    /// The models that its own start from.
    fn starts_from(&self) -> Vec<&Spanned<ModelRef>> {
        Vec::new()
    }

    /// The splits of the data set that it is.
    fn splits(&self) -> Option<Splits<'_>> {
        None
    }

    /// What it measures along lines or on planes, and the key that lists it.
    fn measures(&self) -> Option<(Vec<Metric>, &'static str)> {
        None
    }

    /// Whether it evaluates models by this metric; else what to do.
    fn evaluates(&self, _: &MetricName) -> Option<Result<(), MissingMetric>> {
        None
    }
}

/// Models that a stage makes.
pub struct Models<'a> {
    pub members: Vec<Coordinates>,
    pub checkpoints: &'a [Checkpoint],
    /// What is wrong, and what to do, where `{name}` is asked for another checkpoint.
    pub no_checkpoint: NoCheckpoint,
}

#[derive(Clone, Copy)]
pub enum NoCheckpoint {
    /// It keeps those that its table lists.
    Kept,
    /// It is one point of somebody else's training.
    Fetched,
    /// There are none.
    Never,
}

pub enum Splits<'a> {
    /// Whatever its source has.
    Any,
    These(Vec<&'a str>),
}

/// An evaluation without a metric.
pub struct MissingMetric {
    /// As the message calls it.
    pub metric: String,
    pub help: String,
}

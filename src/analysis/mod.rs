//! Slices in, numbers out: metrics of one model, the barrier between two, the clusters of many.
//!
//! Nothing here knows tensors, files or the experiment. All sums are in f64. Input that has no meaningful answer (an
//! empty split, a non-finite logit, a distance matrix of zeros) is a typed [`AnalysisError`] rather than a number that
//! looks like a result; the functions over a line of losses return NaN for it and say so.

pub mod agreement;
pub mod barriers;
pub mod cluster;
pub mod density;
pub mod dynamics;
pub mod intervals;
mod kmeans;
pub mod metrics;
pub mod outliers;
pub mod partition;
pub mod permutation;
pub mod stability;
pub mod statistics;
#[cfg(test)]
mod tests;
pub mod transitivity;

use thiserror::Error;

/// Why a number cannot be computed from what was given.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum AnalysisError {
    #[error("no examples to measure: the split, or the selection of it, is empty")]
    NoExamples,
    #[error("logits need at least 2 classes, got {classes}")]
    TooFewClasses { classes: usize },
    #[error("{logits} logits do not fit {examples} labels of {classes} classes: expected {}", examples * classes)]
    LogitShape { logits: usize, examples: usize, classes: usize },
    #[error(
        "label {label} of example {example} is not below the {classes} classes of the logits: check the label order"
    )]
    LabelRange { example: usize, label: u32, classes: usize },
    #[error("logit of class {class} of example {example} is {value}: the model has diverged")]
    NonFiniteLogit { example: usize, class: usize, value: f32 },
    #[error("f1 is of 2 classes, the logits have {classes}: use macro_f1, micro_f1 or weighted_f1")]
    NotBinary { classes: usize },

    #[error("a distance matrix of {models} models has {expected} entries, got {entries}", expected = models * models)]
    MatrixShape { models: usize, entries: usize },
    #[error("clustering needs at least 2 clusters, got {clusters}")]
    TooFewClusters { clusters: usize },
    #[error("{models} models cannot form {clusters} clusters: add models or lower the number of clusters")]
    TooFewModels { models: usize, clusters: usize },
    #[error("the similarity width delta must be finite and above 0, got {delta}")]
    Delta { delta: f64 },
    #[error("distance between models {row} and {column} is {value}: one of the two has diverged, leave it out")]
    NonFiniteDistance { row: usize, column: usize, value: f64 },
    #[error("distance between models {row} and {column} is {value}, below 0")]
    NegativeDistance { row: usize, column: usize, value: f64 },
    #[error("distance matrix is not symmetric: {forward} from model {row} to {column}, {backward} back")]
    Asymmetric { row: usize, column: usize, forward: f64, backward: f64 },
    #[error(
        "all distances are 0: the models are linearly connected as far as this measure sees, there are no clusters"
    )]
    AllZero,
    #[error(
        "at delta {delta} the models fall into {groups} groups with nothing between them, and {clusters} clusters are \
         wanted: write {}, or clusters = {groups}",
        wider(*.median, *.delta)
    )]
    Apart { groups: usize, clusters: usize, delta: f64, median: f64 },
    #[error("more than half of the distances are 0, and so is their median: write a number for delta")]
    NoMedian,
    #[error(
        "the distances do not determine {clusters} clusters: eigenvalues {clusters} and {} coincide; another number of \
         clusters may do, or another delta",
        clusters + 1
    )]
    Undetermined { clusters: usize },
    #[error("the eigensolver did not converge on a distance matrix of {models} models")]
    NoConvergence { models: usize },

    #[error("x has {x} values and y has {y}")]
    UnequalLengths { x: usize, y: usize },
    #[error("{needed} values are needed, got {got}")]
    TooFewValues { needed: usize, got: usize },
    #[error("value {index} of {what} is {value}")]
    NonFinite { what: &'static str, index: usize, value: f64 },
    #[error("{what} is the same everywhere, so {quantity} is not defined")]
    Constant { what: &'static str, quantity: &'static str },
}

/// What a width of similarities that is too narrow should be instead.
fn wider(median: f64, delta: f64) -> String {
    match median > delta {
        true => format!("delta = \"median\" (here {median:.3})"),
        false => "a larger delta".to_owned(),
    }
}

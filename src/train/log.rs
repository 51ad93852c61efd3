//! What a training run says of each of its steps.

use serde::{Deserialize, Serialize};

/// One row of the training log.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepLog {
    /// Training steps done, this one included.
    pub step: usize,
    /// Passes over the data done, as a fraction.
    pub epoch: f64,
    /// Mean cross-entropy of the step's batch, before its update.
    pub loss: f64,
    pub learning_rate: f64,
    /// Over all parameters, before clipping.
    pub gradient_norm: f64,
}

//! Dropout: its rates, and where the random numbers of one training step come from.

use super::TransformerConfig;
use crate::device::{B, is_host};
use burn::DispatchDevice;
use burn::tensor::backend::Backend;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The share of values dropped (0–1), by place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropoutRates {
    /// After the embeddings and after both sub-layers, before the residual.
    pub hidden: f64,
    /// On the attention probabilities.
    pub attention: f64,
    /// Before the classifier.
    pub classifier: f64,
}

impl DropoutRates {
    pub const OFF: Self = Self { hidden: 0.0, attention: 0.0, classifier: 0.0 };

    /// The rates of a checkpoint's configuration.
    pub fn of(config: &TransformerConfig) -> Self {
        Self {
            hidden: config.hidden_dropout_prob,
            attention: config.attention_probs_dropout_prob,
            classifier: config.classifier_dropout.unwrap_or(config.hidden_dropout_prob),
        }
    }
}

/// The dropout of one training step. It depends on the seed and the step alone, so a run can be resumed anywhere.
///
/// On the host every mask gets a key from the stream, and its elements are a hash of key and place: nothing is kept
/// for the backward pass, and threads cannot change anything. On a GPU the device's own generator is seeded here; the
/// masks are other ones than the host's, and follow in the order of use, so the step must be finished (its loss read)
/// before the next one starts.
#[derive(Debug)]
pub struct Dropout {
    pub(super) rates: DropoutRates,
    keys: ChaCha8Rng,
    /// Rate and shape of every mask so far.
    #[cfg(test)]
    pub(super) drawn: Vec<(f64, [usize; 2])>,
}

impl Dropout {
    pub fn new(rates: DropoutRates, seed: u64, step: u64, device: &DispatchDevice) -> Self {
        let mut keys = crate::rng::stream("dropout", seed, step);
        if rates != DropoutRates::OFF && !is_host(device) {
            B::seed(device, keys.next_u64());
        }
        Self {
            rates,
            keys,
            #[cfg(test)]
            drawn: Vec::new(),
        }
    }

    /// No dropout.
    pub fn off() -> Self {
        Self {
            rates: DropoutRates::OFF,
            keys: crate::rng::stream("dropout", 0, 0),
            #[cfg(test)]
            drawn: Vec::new(),
        }
    }

    pub(super) fn next_key(&mut self) -> u64 {
        self.keys.next_u64()
    }
}

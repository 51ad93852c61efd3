//! What a worker keeps between steps: models on the device and tokenised examples.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::device::Device;
use crate::engine::StageError;
use crate::fingerprint::Digest;
use crate::model::{Head, Transformer, TransformerConfig, Weights};
use crate::stages::measure::Examples;

/// Bytes of weights kept on the device. The driver orders pairs in tiles of eight models, so room for some ten
/// BERT-base models saves nearly all loading.
const MODEL_BYTES: usize = 5 << 30;
const EXAMPLE_SETS: usize = 16;

type ModelName = (Digest, Digest);

#[derive(Default)]
pub struct Memory {
    models: VecDeque<(ModelName, Arc<LoadedModel>)>,
    examples: VecDeque<(String, Arc<Examples>)>,
}

impl Memory {
    pub fn model(&mut self, name: &ModelName) -> Option<Arc<LoadedModel>> {
        recall(&mut self.models, name)
    }

    pub fn keep_model(&mut self, name: ModelName, model: Arc<LoadedModel>) {
        self.models.push_front((name, model));
        let mut bytes = 0;
        self.models.retain(|(_, model)| {
            bytes += model.bytes;
            bytes <= MODEL_BYTES || bytes == model.bytes
        });
    }

    pub fn examples(&mut self, name: &str) -> Option<Arc<Examples>> {
        recall(&mut self.examples, name)
    }

    pub fn keep_examples(&mut self, name: String, examples: Arc<Examples>) {
        self.examples.push_front((name, examples));
        self.examples.truncate(EXAMPLE_SETS);
    }
}

/// Finds an entry and moves it to the front, where it is dropped last.
fn recall<N: PartialEq<Q>, Q: ?Sized, T: Clone>(entries: &mut VecDeque<(N, T)>, name: &Q) -> Option<T> {
    let at = entries.iter().position(|(known, _)| known == name)?;
    let entry = entries.remove(at)?;
    let value = entry.1.clone();
    entries.push_front(entry);
    Some(value)
}

/// A classifier on the device.
pub struct LoadedModel {
    pub bert: Transformer,
    /// Names of its outputs, in order.
    pub labels: Vec<String>,
    bytes: usize,
}

impl LoadedModel {
    pub fn load(config: &[u8], weights: &[u8], device: &Device) -> Result<Self, StageError> {
        let config = TransformerConfig::from_json(&String::from_utf8_lossy(config))?;
        let labels = config.labels();
        if labels.len() < 2 {
            return Err(StageError::new("the model has no classifier: its config.json names no labels")
                .help("fine-tune it first"));
        }
        let head = Head::Classifier { labels: labels.len() };
        let bert = Transformer::new(&config, head, &Weights::from_safetensors(weights)?, &device.device)?;
        Ok(Self { bert, labels, bytes: weights.len() })
    }

    /// The Euclidean distance over all parameters, in f64.
    pub fn distance(&self, other: &Self) -> Result<f64, StageError> {
        let mut sum = 0.0;
        for (a, b) in self.bert.parameters().iter().zip(other.bert.parameters()) {
            let (a, b) = (a.to_data(), b.to_data());
            let wrong = |error| StageError::new(format!("the weights are not f32: {error:?}"));
            let (a, b): (&[f32], &[f32]) = (a.as_slice().map_err(wrong)?, b.as_slice().map_err(wrong)?);
            sum += a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>();
        }
        Ok(sum.sqrt())
    }
}

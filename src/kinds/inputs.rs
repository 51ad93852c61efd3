//! What steps read that other kinds of steps made: splits of data sets, and models. The engine hands out bytes; this
//! makes of them what they are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::joins::{apart, read_apart};
use super::models::{WholeModel, parts};
use crate::data::{Dataset, Tokenizer};
use crate::device::Device;
use crate::engine::{Artifact, Context, Input, Keep, Role, StageEnd, StageError};
use crate::model::{Head, Transformer, TransformerConfig, Weights};

pub const DATA: Artifact<Dataset> = Artifact::new("data");
/// The small artifact beside it.
pub const INFO: Artifact<DataInfo> = Artifact::new("info");

pub const DATA_ROLE: Role<Dataset> = Role::new("data");

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DataInfo {
    pub rows: usize,
    /// Label names in their own order.
    pub labels: Vec<String>,
}

/// A split, as a step reads it.
pub fn data_inputs(step: usize) -> Vec<Input> {
    vec![Input::new(&DATA_ROLE, step, &DATA), Input::new(&DATA_ROLE.part("info"), step, &INFO)]
}

/// Where the step's split is, if it reads one.
pub fn has_data(context: &Context<'_>) -> bool {
    context.has_input(&DATA_ROLE)
}

/// A name for the step's split and the tokenizer of its model, by content. The order of the labels is beside the data.
pub fn name_of_examples(context: &Context<'_>, model: &Role<WholeModel>) -> Result<String, StageError> {
    let info = context.digest(&DATA_ROLE.part::<DataInfo>("info"))?;
    Ok(format!("{} {info} {}", context.digest(&DATA_ROLE)?, context.digest(&parts(model).tokenizer)?))
}

/// The step's split.
pub fn dataset(context: &Context<'_>) -> Result<Dataset, StageError> {
    let info = context.json(&DATA_ROLE.part::<DataInfo>("info"))?;
    Ok(Dataset::from_parquet(&context.bytes(&DATA_ROLE)?, info.labels)?)
}

pub fn tokenizer(context: &Context<'_>, role: &Role<WholeModel>) -> Result<Tokenizer, StageError> {
    Ok(Tokenizer::from_files(Some(&context.bytes(&parts(role).tokenizer)?), None, true)?)
}

/// The configuration and the weights as they were stored.
pub fn checkpoint(context: &Context<'_>, role: &Role<WholeModel>) -> Result<(TransformerConfig, Weights), StageError> {
    let parts = parts(role);
    let config = TransformerConfig::from_json(&String::from_utf8_lossy(&context.bytes(&parts.config)?))?;
    Ok((config, Weights::from_safetensors(&context.bytes(&parts.weights)?)?))
}

/// The model with this role on the device; kept there for the next step that needs it.
pub fn model(context: &mut Context<'_>, role: &Role<WholeModel>) -> Result<Arc<LoadedModel>, StageEnd> {
    let parts = parts(role);
    let name = format!("{} {}", context.digest(&parts.weights)?, context.digest(&parts.config)?);
    if let Some(model) = context.memory().get(&name) {
        return Ok(model);
    }
    context.go_on()?;
    let config = context.bytes(&parts.config)?;
    let weights = context.bytes(&parts.weights)?;
    let model = Arc::new(LoadedModel::load(name.clone(), &config, &weights, context.device()?)?);
    context.memory().keep(name, model.clone());
    Ok(model)
}

/// Whether the step's first model and the one with another role can be joined on these examples. What a study says of
/// them is looked at before anything runs; this is for models that were made otherwise meanwhile.
pub fn joinable(
    context: &Context<'_>,
    roles: [&Role<WholeModel>; 2],
    models: [&LoadedModel; 2],
    (dataset, max_length): (&Dataset, usize),
) -> Result<(), StageError> {
    let different = apart(models[0].bert.config(), models[1].bert.config());
    let [one, other] = roles.map(parts);
    let read = || match context.digest(&one.tokenizer)? == context.digest(&other.tokenizer)? {
        true => Ok(None),
        false => {
            let (one, other) = (tokenizer(context, roles[0])?, tokenizer(context, roles[1])?);
            Ok::<_, StageError>(read_apart(&one, &other, dataset, max_length)?)
        }
    };
    match different.map_or_else(read, |why| Ok(Some(why)))? {
        Some(why) => Err(StageError::new(format!("the models cannot be joined: {why}"))),
        None => Ok(()),
    }
}

/// A classifier on the device.
pub struct LoadedModel {
    pub bert: Transformer,
    /// Names of its outputs, in order.
    pub labels: Vec<String>,
    /// By content.
    pub name: String,
    bytes: usize,
}

impl Keep for LoadedModel {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn most() -> usize {
        usize::MAX
    }
}

impl LoadedModel {
    fn load(name: String, config: &[u8], weights: &[u8], device: &Device) -> Result<Self, StageError> {
        let config = TransformerConfig::from_json(&String::from_utf8_lossy(config))?;
        let labels = config.labels();
        if labels.len() < 2 {
            return Err(StageError::new("the model has no classifier: its config.json names no labels")
                .help("fine-tune it first"));
        }
        let head = Head::Classifier { labels: labels.len() };
        let bert = Transformer::new(&config, head, &Weights::from_safetensors(weights)?, &device.device)?;
        Ok(Self { bert, labels, name, bytes: weights.len() })
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

//! A BERT trained from nothing by masked-language modelling; what comes out is a model like a fetched one.

use std::ops::{ControlFlow, Range};

use polars::prelude::{Column, DataFrame};
use serde::{Deserialize, Serialize};

use super::snapshots::Snapshots;
use super::unfinished::or_stopped;
use crate::data::{Tokenizer, write_parquet};
use crate::engine::{Context, Outputs, StageError};
use crate::model::{DropoutRates, TransformerConfig};
use crate::train::{self, PretrainJob, Progress, Recipe, SpecialTokens, StepLog};

pub const VERSION: u32 = 1;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub rows: Option<Range<usize>>,
    pub vocabulary: usize,
    pub layers: usize,
    pub hidden: usize,
    pub heads: usize,
    pub intermediate: usize,
    pub max_length: usize,
    pub initializer_range: f64,
    pub dropout: f64,
    pub mask: f64,
    pub steps: usize,
    pub batch_size: usize,
    pub learning_rate: f64,
    pub warmup: f64,
    pub weight_decay: f64,
    pub seed: u64,
    pub precision: String,
}

pub fn run(params: &Params, context: &mut Context) -> Result<Outputs, StageError> {
    let mut dataset = context.dataset("data")?;
    if let Some(rows) = &params.rows {
        dataset = dataset.slice(rows.clone())?;
    }
    let texts = dataset.text.iter().chain(dataset.text_pair.iter().flatten());
    let tokenizer = Tokenizer::from_words(texts.map(String::as_str), params.vocabulary)?;
    let examples = tokenizer.encode_all(&dataset.text, dataset.text_pair.as_deref(), params.max_length)?;
    context.go_on()?;
    let mut config =
        TransformerConfig::new(tokenizer.vocab_size(), params.layers, params.hidden, params.heads, params.intermediate);
    config.max_position_embeddings = params.max_length;
    config.initializer_range = params.initializer_range;
    config.hidden_dropout_prob = params.dropout;
    config.attention_probs_dropout_prob = params.dropout;
    config.pad_token_id = tokenizer.pad_id();
    let recipe = Recipe::named("adamw").map(|adamw| Recipe {
        learning_rate: params.learning_rate,
        batch_size: params.batch_size,
        warmup: params.warmup,
        weight_decay: params.weight_decay,
        dropout: Some(DropoutRates { hidden: params.dropout, attention: params.dropout, classifier: 0.0 }),
        ..adamw
    });
    let recipe = recipe.ok_or_else(|| StageError::new("the recipe `adamw` is gone"))?;
    let device = context.device()?.device.clone();
    let job = PretrainJob {
        device: &device,
        config: &config,
        examples: &examples,
        special: SpecialTokens {
            mask: tokenizer.mask_id(),
            all: vec![
                tokenizer.pad_id(),
                tokenizer.unk_id(),
                tokenizer.cls_id(),
                tokenizer.sep_id(),
                tokenizer.mask_id(),
            ],
        },
        steps: params.steps,
        recipe: &recipe,
        masked_share: params.mask,
        seed: params.seed,
    };
    let (mut snapshots, start) = Snapshots::open(context, &job.shape())?;
    let trained = or_stopped(train::pretrain_from(&job, start, &mut |progress| {
        match progress {
            Progress::Step(log) => context.progress_with_loss(log.step, params.steps, log.loss),
            Progress::State(state) => return snapshots.after_step(context, &state),
            Progress::Checkpoint { .. } => {}
        }
        ControlFlow::Continue(())
    }))?;
    let mut outputs = Outputs::default();
    outputs.bytes("config", config.to_json(None).into_bytes());
    outputs.bytes("tokenizer", tokenizer.to_json()?.into_bytes());
    outputs.bytes("weights", trained.weights.to_safetensors()?);
    outputs.bytes("training-log", training_log(&trained.log)?);
    Ok(outputs)
}

/// One row a training step.
pub fn training_log(log: &[StepLog]) -> Result<Vec<u8>, StageError> {
    let numbers = |name: &str, number: fn(&StepLog) -> f64| {
        Column::new(name.into(), log.iter().map(number).collect::<Vec<f64>>())
    };
    let steps: Vec<u64> = log.iter().map(|row| row.step as u64).collect();
    let columns = vec![
        Column::new("step".into(), steps),
        numbers("epoch", |row| row.epoch),
        numbers("loss", |row| row.loss),
        numbers("learning_rate", |row| row.learning_rate),
        numbers("gradient_norm", |row| row.gradient_norm),
    ];
    Ok(write_parquet(&mut DataFrame::new_infer_height(columns)?)?)
}

//! One fine-tune of one model with one seed.

use std::ops::{ControlFlow, Range};

use serde::{Deserialize, Serialize};

use super::pretrain::training_log;
use super::snapshots::Snapshots;
use super::unfinished::or_stopped;
use crate::engine::{Context, Outputs, StageError};
use crate::experiment::Checkpoint;
use crate::model::{TransformerConfig, Weights};
use crate::train::{self, FinetuneJob, Progress, Recipe, Seeds};

pub const VERSION: u32 = 1;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub rows: Option<Range<usize>>,
    pub recipe: Recipe,
    pub head_seed: u64,
    pub order_seed: u64,
    pub dropout_seed: u64,
    /// Training steps whose weights are kept, ascending.
    pub checkpoints: Vec<usize>,
    /// Whether the weights after the last step are kept.
    pub keep_last: bool,
    pub precision: String,
}

pub fn run(params: &Params, context: &mut Context) -> Result<Outputs, StageError> {
    let mut dataset = context.dataset("data")?;
    if let Some(rows) = &params.rows {
        dataset = dataset.slice(rows.clone())?;
    }
    let labels = dataset.label_names.clone();
    if labels.len() < 2 {
        return Err(StageError::new(format!(
            "there are {} different labels, and a classifier needs two",
            labels.len()
        ))
        .help("name the column with `label`, and all its labels with `labels`"));
    }
    let targets = dataset.label_ids(&labels)?;
    context.go_on()?;
    let tokenizer = context.tokenizer("model")?;
    let examples = tokenizer.encode_all(&dataset.text, dataset.text_pair.as_deref(), params.recipe.max_length)?;
    context.go_on()?;
    let config = TransformerConfig::from_json(&String::from_utf8_lossy(&context.bytes("model.config")?))?;
    let weights = Weights::from_safetensors(&context.bytes("model.weights")?)?;

    let total = params.recipe.total_steps(examples.len());
    let mut checkpoints = params.checkpoints.clone();
    if params.keep_last && checkpoints.last() != Some(&total) {
        checkpoints.push(total);
    }
    let device = context.device()?.device.clone();
    let job = FinetuneJob {
        device: &device,
        config: &config,
        weights: &weights,
        labels: labels.len(),
        recipe: &params.recipe,
        seeds: Seeds { head: params.head_seed, order: params.order_seed, dropout: params.dropout_seed },
        examples: &examples,
        targets: &targets,
        checkpoints: &checkpoints,
    };
    let (mut snapshots, start) = Snapshots::open(context, &job.shape())?;
    let mut unsaved = None;
    let trained = train::finetune_from(&job, start, &mut |progress| {
        match progress {
            Progress::Step(log) => context.progress_with_loss(log.step, total, log.loss),
            Progress::Checkpoint { step, weights } => {
                if let Err(error) = keep(params, step, step == total, &weights, &mut snapshots, context) {
                    unsaved = Some(error);
                    return ControlFlow::Break(());
                }
            }
            Progress::State(state) => return snapshots.after_step(context, &state),
        }
        ControlFlow::Continue(())
    });
    if let Some(error) = unsaved {
        return Err(error);
    }
    let trained = or_stopped(trained)?;
    let mut outputs = Outputs::default();
    snapshots.kept.outputs.into_iter().for_each(|(name, record)| outputs.stored(&name, record));
    outputs.bytes("config", config.to_json(Some(&labels)).into_bytes());
    outputs.bytes("tokenizer", tokenizer.to_json()?.into_bytes());
    outputs.bytes("training-log", training_log(&trained.log)?);
    Ok(outputs)
}

/// Stores a checkpoint at once: a run may keep more of them than fit in memory.
fn keep(
    params: &Params,
    step: usize,
    is_last: bool,
    weights: &Weights,
    snapshots: &mut Snapshots,
    context: &Context,
) -> Result<(), StageError> {
    let stored = context.put(&weights.to_safetensors()?)?;
    if params.checkpoints.contains(&step) {
        snapshots.kept.outputs.insert(Checkpoint::Step(step).output(), stored.clone());
    }
    if params.keep_last && is_last {
        snapshots.kept.outputs.insert(Checkpoint::Last.output(), stored);
    }
    Ok(())
}

//! One fine-tune of one model with one seed.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use serde::{Deserialize, Serialize};

use crate::engine::{Context, Outputs, StageEnd, StageError, StepKind};
use crate::kinds::inputs::{checkpoint, dataset, tokenizer};
use crate::kinds::measure::{Chosen, or_stopped};
use crate::kinds::models::{CONFIG, MODEL, TOKENIZER, weights as weights_at};
use crate::kinds::snapshots::Snapshots;
use crate::kinds::training::{TRAINING_LOG, check_memory, estimated_memory, training_log};
use crate::model::{Head, Weights};
use crate::study::words::{Checkpoint, Precision};
use crate::train::{self, FinetuneJob, Progress, Recipe, Seeds};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    pub rows: Option<Range<usize>>,
    // What came later is in the key only where it says something.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub filter: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permute: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub examples: Option<usize>,
    pub recipe: Recipe,
    pub head_seed: u64,
    pub order_seed: u64,
    pub dropout_seed: u64,
    /// Training steps whose weights are kept, ascending.
    pub checkpoints: Vec<usize>,
    /// Whether the weights after the last step are kept.
    pub keep_last: bool,
    pub precision: Precision,
}

impl StepKind for Params {
    const KIND: &'static str = "finetune";
    const VERSION: u32 = 1;
    const NEEDS_DEVICE: bool = true;

    fn memory(&self, read: u64) -> u64 {
        estimated_memory(read, self.recipe.batch_size.saturating_mul(self.recipe.max_length))
    }

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let chosen = Chosen { rows: &self.rows, filter: &self.filter, permute: self.permute, examples: self.examples };
        let dataset = chosen.of(dataset(context)?)?;
        let labels = dataset.label_names.clone();
        if labels.len() < 2 {
            return Err(StageError::new(format!(
                "there are {} different labels, and a classifier needs two",
                labels.len()
            ))
            .help("name the column with `label`, and all its labels with `labels`")
            .into());
        }
        let targets = dataset.label_ids(&labels)?;
        if let Some(first) = targets.first().filter(|first| targets.iter().all(|target| target == *first)) {
            let (rows, label) = (targets.len(), &labels[*first as usize]);
            context.note(&format!(
                "all {rows} rows to train on have the label `{label}`, so there is nothing to tell apart"
            ));
        }
        let empty = dataset.text_pair.iter().flatten().filter(|second| second.is_empty()).count();
        if empty > 0 {
            context.note(&format!(
                "{empty} rows have an empty second text: they are [CLS] a [SEP] [SEP], as in Hugging Face's scripts, where \
                 Google's has [CLS] a [SEP]"
            ));
        }
        context.go_on()?;
        let tokenizer = tokenizer(context, &MODEL)?;
        let examples = tokenizer.encode_all(&dataset.text, dataset.text_pair.as_deref(), self.recipe.max_length)?;
        context.go_on()?;
        let (config, weights) = checkpoint(context, &MODEL)?;

        check_memory(context, &config, Head::Classifier { labels: labels.len() }, &examples, self.recipe.batch_size)?;
        let total = self.recipe.total_steps(examples.len());
        let mut checkpoints = self.checkpoints.clone();
        if self.keep_last && checkpoints.last() != Some(&total) {
            checkpoints.push(total);
        }
        let device = context.device()?.device.clone();
        let job = FinetuneJob {
            device: &device,
            config: &config,
            weights: &weights,
            labels: labels.len(),
            recipe: &self.recipe,
            seeds: Seeds { head: self.head_seed, order: self.order_seed, dropout: self.dropout_seed },
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
                    if let Err(error) = keep(self, step, step == total, &weights, &mut snapshots, context) {
                        unsaved = Some(error);
                        return ControlFlow::Break(());
                    }
                }
                Progress::State(state) => return snapshots.after_step(context, &state),
            }
            ControlFlow::Continue(())
        });
        if let Some(error) = unsaved {
            return Err(error.into());
        }
        let trained = or_stopped(trained)?;
        let mut outputs = Outputs::default();
        let all = self.checkpoints.iter().map(|step| Checkpoint::Step(*step)).chain([Checkpoint::Last]);
        for checkpoint in all.map(weights_at) {
            let stored = snapshots.kept.outputs.remove(checkpoint.name());
            stored.into_iter().for_each(|record| outputs.stored(&checkpoint, record));
        }
        outputs.bytes(&CONFIG, config.to_json(Some(&labels)).into_bytes());
        outputs.bytes(&TOKENIZER, tokenizer.to_json()?.into_bytes());
        outputs.bytes(&TRAINING_LOG, training_log(&trained.log)?);
        Ok(outputs)
    }
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
        snapshots.kept.outputs.insert(weights_at(Checkpoint::Step(step)).name().to_owned(), stored.clone());
    }
    if params.keep_last && is_last {
        snapshots.kept.outputs.insert(weights_at(Checkpoint::Last).name().to_owned(), stored);
    }
    Ok(())
}

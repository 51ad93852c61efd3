//! A BERT trained from nothing by masked-language modelling; what comes out is a model like a fetched one.

use std::ops::{ControlFlow, Range};

use serde::{Deserialize, Serialize};

use crate::data::{DataError, Dataset, Tokenizer};
use crate::engine::{Context, Outputs, StageEnd, StageError, StepKind};
use crate::kinds::inputs::dataset;
use crate::kinds::measure::or_stopped;
use crate::kinds::models::{CONFIG, TOKENIZER, weights};
use crate::kinds::snapshots::Snapshots;
use crate::kinds::training::{TRAINING_LOG, check_memory, estimated_memory, training_log};
use crate::model::{DropoutRates, Head, TransformerConfig};
use crate::study::words::{Checkpoint, Precision};
use crate::train::{self, PretrainJob, Progress, Recipe, SpecialTokens};

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
    pub precision: Precision,
}

impl StepKind for Params {
    const KIND: &'static str = "pretrain";
    const VERSION: u32 = 1;
    const NEEDS_DEVICE: bool = true;

    fn memory(&self, read: u64) -> u64 {
        let layer = 4 * self.hidden.saturating_mul(self.hidden) + 2 * self.hidden.saturating_mul(self.intermediate);
        let embeddings = (self.vocabulary + self.max_length).saturating_mul(self.hidden);
        let parameters = self.layers.saturating_mul(layer).saturating_add(embeddings);
        let tokens = self.batch_size.saturating_mul(self.max_length);
        estimated_memory((parameters as u64).saturating_mul(4), tokens).saturating_add(3 * read)
    }

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let mut dataset = dataset(context)?;
        if let Some(rows) = &self.rows {
            dataset = dataset.slice(rows.clone())?;
        }
        let (config, tokenizer) = self.begin(&dataset)?;
        let examples = tokenizer.encode_all(&dataset.text, dataset.text_pair.as_deref(), self.max_length)?;
        context.go_on()?;
        let recipe = Recipe::named("adamw").map(|adamw| Recipe {
            learning_rate: self.learning_rate,
            batch_size: self.batch_size,
            warmup: self.warmup,
            weight_decay: self.weight_decay,
            dropout: Some(DropoutRates { hidden: self.dropout, attention: self.dropout, classifier: 0.0 }),
            ..adamw
        });
        let recipe = recipe.ok_or_else(|| StageError::new("the recipe `adamw` is gone"))?;
        check_memory(context, &config, Head::MaskedLanguageModel, &examples, self.batch_size)?;
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
            steps: self.steps,
            recipe: &recipe,
            masked_share: self.mask,
            seed: self.seed,
        };
        let (mut snapshots, start) = Snapshots::open(context, &job.shape())?;
        let trained = or_stopped(train::pretrain_from(&job, start, &mut |progress| {
            match progress {
                Progress::Step(log) => context.progress_with_loss(log.step, self.steps, log.loss),
                Progress::State(state) => return snapshots.after_step(context, &state),
                Progress::Checkpoint { .. } => {}
            }
            ControlFlow::Continue(())
        }))?;
        let mut outputs = Outputs::default();
        outputs.bytes(&CONFIG, config.to_json(None).into_bytes());
        outputs.bytes(&TOKENIZER, tokenizer.to_json()?.into_bytes());
        outputs.bytes(&weights(Checkpoint::Last), trained.weights.to_safetensors()?);
        outputs.bytes(&TRAINING_LOG, training_log(&trained.log)?);
        Ok(outputs)
    }
}

impl Params {
    /// What the model is before it has learnt anything.
    pub fn begin(&self, dataset: &Dataset) -> Result<(TransformerConfig, Tokenizer), DataError> {
        let texts = dataset.text.iter().chain(dataset.text_pair.iter().flatten());
        let tokenizer = Tokenizer::from_words(texts.map(String::as_str), self.vocabulary)?;
        let mut config =
            TransformerConfig::new(tokenizer.vocab_size(), self.layers, self.hidden, self.heads, self.intermediate);
        config.max_position_embeddings = self.max_length;
        config.initializer_range = self.initializer_range;
        config.hidden_dropout_prob = self.dropout;
        config.attention_probs_dropout_prob = self.dropout;
        config.pad_token_id = tokenizer.pad_id();
        Ok((config, tokenizer))
    }
}

//! Training: recipes, learning-rate schedules, the optimiser, fine-tuning, pretraining, and evaluation.

mod evaluate;
mod finetune;
mod head;
mod log;
mod memory;
mod optimizer;
mod pretrain;
mod recipe;
mod schedule;
mod sharpness;
mod snapshot;
#[cfg(test)]
mod tests;

pub use evaluate::{PartialLogits, logits, logits_from};
pub use finetune::{FinetuneJob, FinetuneResult, Progress, Seeds, finetune, finetune_from};
pub use head::draw_head;
pub use log::StepLog;
pub use memory::memory_of_training;
pub use optimizer::Optimizer;
pub use pretrain::{PretrainJob, PretrainResult, SpecialTokens, initial_weights, pretrain, pretrain_from};
pub use recipe::{HeadInit, MOST_ROWS, MOST_STEPS, Recipe};
pub use schedule::{Schedule, ScheduleShape};
pub use sharpness::{Ascent, BoxShape, SharpnessJob, ascend, ascend_from, sharpness};
pub use snapshot::{RunShape, SavedState, TrainingState, read_numbers, write_numbers};

use crate::model::ModelError;

/// What can go wrong while training or evaluating.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error("`{field}` in the training recipe is {value}: {expected}")]
    Recipe { field: &'static str, value: String, expected: &'static str },
    #[error("{0}")]
    Data(String),
    #[error("checkpoint {step} is not among the {steps} training steps of this run")]
    Checkpoint { step: usize, steps: usize },
    #[error(
        "the loss became {loss} at training step {step} (learning rate {learning_rate:e}): \
         try a smaller learning_rate, a longer warmup or clip_norm"
    )]
    Diverged { step: usize, loss: f64, learning_rate: f64 },
    #[error(
        "the weights are no longer finite after training step {step} (learning rate {learning_rate:e}): \
         try a smaller learning_rate, a longer warmup or clip_norm"
    )]
    Weights { step: usize, learning_rate: f64 },
    #[error(
        "the loss became {loss} at step {step} of the ascent (learning rate {learning_rate:e}): \
         try a smaller learning_rate or epsilon, and see whether the model itself has diverged"
    )]
    Ascent { step: usize, loss: f64, learning_rate: f64 },
    /// Of a training in steps, of an evaluation in batches.
    #[error("the work was stopped after step {step}")]
    Interrupted { step: usize },
    #[error(transparent)]
    Model(#[from] ModelError),
}

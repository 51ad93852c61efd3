//! Fine-tuning a classifier.

use super::head::{draw_head, permutation};
use super::log::StepLog;
use super::optimizer::Optimizer;
use super::schedule::{Schedule, ScheduleShape};
use super::snapshot::{RunShape, SavedState, TrainingState};
use super::{MOST_STEPS, Recipe, TrainError};
use crate::data::{Batch, Encoded, collate};
use crate::model::{
    Dropout, DropoutRates, Head, Layout, LoadReport, Purpose, Transformer, TransformerConfig, Weights,
    forget_free_memory,
};
use burn::DispatchDevice;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// What varies between runs: each can be pinned apart from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeds {
    pub head: u64,
    pub order: u64,
    pub dropout: u64,
}

/// A fine-tuning run.
pub struct FinetuneJob<'a> {
    pub device: &'a DispatchDevice,
    pub config: &'a TransformerConfig,
    /// The pretrained body; a classification head in it is replaced, a pretraining head is left out.
    pub weights: &'a Weights,
    /// The number of classes.
    pub labels: usize,
    pub recipe: &'a Recipe,
    pub seeds: Seeds,
    /// Tokenised rows, already cut to the recipe's `max_length`.
    pub examples: &'a [Encoded],
    /// The class of each row, below `labels`.
    pub targets: &'a [u32],
    /// Training steps after which the weights are handed over, ascending, each in `1..=total_steps`.
    pub checkpoints: &'a [usize],
}

/// What a run tells while it goes on.
#[derive(Debug)]
pub enum Progress<'a> {
    Step(&'a StepLog),
    /// The weights after a wanted step. They are handed over at once: a run may want more of them than fit in memory.
    Checkpoint {
        step: usize,
        weights: Weights,
    },
    /// After every step but the last, when everything else about the step was told: a place to go on from.
    State(TrainingState<'a>),
}

/// A finished run.
#[derive(Debug, Clone, PartialEq)]
pub struct FinetuneResult {
    pub log: Vec<StepLog>,
}

/// Runs the job; `on_progress` can stop it.
///
/// The classifier depends on `seeds.head`, the order of the rows in each epoch on `seeds.order` and the epoch, dropout
/// on `seeds.dropout` and the training step: on the CPU the result is the same bit for bit, whatever runs beside it.
///
/// # Errors
/// Weights that do not fit the configuration, data that does not fit the model, a recipe or checkpoint out of range,
/// a loss that is no longer finite, or a stop by `on_progress`.
pub fn finetune(
    job: &FinetuneJob<'_>,
    on_progress: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<FinetuneResult, TrainError> {
    finetune_from(job, None, on_progress)
}

/// [`finetune`] from the beginning, or from a state of the same job. On the CPU the end is the same, bit for bit.
pub fn finetune_from(
    job: &FinetuneJob<'_>,
    start: Option<SavedState>,
    on_progress: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<FinetuneResult, TrainError> {
    let head = Head::Classifier { labels: job.labels };
    LoadReport::new(job.weights, job.config, head).check(Purpose::StartFineTuning)?;
    let mut weights = job.weights.clone();
    draw_head(&mut weights, job.config, job.recipe.head_init, job.labels, job.seeds.head);
    let model = Transformer::new(job.config, head, &weights, job.device)?;
    drop(weights);
    train(job, model, start, on_progress)
}

/// [`finetune`] from a model whose classifier is already there.
pub(super) fn train(
    job: &FinetuneJob<'_>,
    model: Transformer,
    start: Option<SavedState>,
    on_progress: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<FinetuneResult, TrainError> {
    let recipe = job.recipe;
    recipe.validate()?;
    let steps = check_data(job)?;
    let schedule = recipe.schedule_for(job.examples.len());
    let rates = recipe.dropout.unwrap_or_else(|| DropoutRates::of(job.config));
    let mut model = model.with_activation(recipe.gelu_training);
    let mut optimizer = Optimizer::new(recipe, &model);
    let mut batches = Batches::new(job);
    let mut log = match start {
        Some(saved) => saved.restore(steps, &mut model, Some(&mut optimizer))?,
        None => Vec::new(),
    };
    for step in log.len()..steps {
        let learning_rate = schedule.at(step);
        let mut dropout = Dropout::new(rates, job.seeds.dropout, step as u64, job.device);
        let (loss, gradients) = model.loss_and_gradients(&batches.at(step), &mut dropout)?;
        let norm = optimizer.step(&mut model, gradients, learning_rate);
        let row = StepLog {
            step: step + 1,
            epoch: batches.epochs_after(step + 1),
            loss: f64::from(loss.into_scalar()),
            learning_rate,
            gradient_norm: f64::from(norm.into_scalar()),
        };
        check_finite(&row)?;
        log.push(row);
        let mut flow = on_progress(Progress::Step(&row));
        if flow.is_continue() && job.checkpoints.contains(&row.step) {
            let weights = model.to_weights();
            check_weights(&weights, &row)?;
            flow = on_progress(Progress::Checkpoint { step: row.step, weights });
        }
        if flow.is_continue() && row.step < steps {
            let (step, log, model, optimizer) = (row.step, &log[..], &model, Some(&optimizer));
            flow = on_progress(Progress::State(TrainingState { step, steps, log, model, optimizer }));
        }
        if flow.is_break() && row.step < steps {
            return Err(TrainError::Interrupted { step: row.step });
        }
    }
    forget_free_memory();
    Ok(FinetuneResult { log })
}

/// A loss or gradient that is not a number stays one: stop at once and say where.
pub(super) fn check_finite(row: &StepLog) -> Result<(), TrainError> {
    if row.loss.is_finite() && row.gradient_norm.is_finite() {
        return Ok(());
    }
    let loss = if row.loss.is_finite() { f64::NAN } else { row.loss };
    Err(TrainError::Diverged { step: row.step, loss, learning_rate: row.learning_rate })
}

/// A last update can overflow after a loss that was finite; nothing would say so before the model is used.
pub(super) fn check_weights(weights: &Weights, row: &StepLog) -> Result<(), TrainError> {
    let finite = weights.tensors.values().all(|tensor| tensor.data.iter().all(|value| value.is_finite()));
    let wrong = TrainError::Weights { step: row.step, learning_rate: row.learning_rate };
    if finite { Ok(()) } else { Err(wrong) }
}

/// The number of training steps, if the data and the checkpoints make sense.
fn check_data(job: &FinetuneJob<'_>) -> Result<usize, TrainError> {
    let (rows, targets) = (job.examples.len(), job.targets.len());
    if rows != targets {
        return Err(TrainError::Data(format!("{rows} training rows have {targets} labels")));
    }
    if let Some((row, label)) = job.targets.iter().enumerate().find(|(_, label)| **label as usize >= job.labels) {
        let labels = job.labels;
        return Err(TrainError::Data(format!("training row {row} has label {label}, but there are {labels} labels")));
    }
    let steps = job.recipe.total_steps(rows);
    if steps == 0 {
        let (batch, epochs) = (job.recipe.batch_size, job.recipe.epochs);
        let text = format!("{rows} rows in batches of {batch} for {epochs} epochs make no training step");
        return Err(TrainError::Data(text));
    }
    if steps > MOST_STEPS {
        let text =
            format!("{rows} rows for {} epochs make {steps} training steps: at most {MOST_STEPS}", job.recipe.epochs);
        return Err(TrainError::Data(text));
    }
    match job.checkpoints.iter().find(|step| **step == 0 || **step > steps) {
        Some(step) => Err(TrainError::Checkpoint { step: *step, steps }),
        None => Ok(steps),
    }
}

impl FinetuneJob<'_> {
    /// What a state to go on from must fit.
    pub fn shape(&self) -> RunShape {
        let layout = Layout::new(self.config, Head::Classifier { labels: self.labels });
        let steps = self.recipe.total_steps(self.examples.len());
        RunShape { steps, parameters: layout.slots.iter().map(|slot| slot.matrix()).collect(), moments: true }
    }
}

impl Recipe {
    /// The learning rate over a run on `examples` rows.
    pub fn schedule_for(&self, examples: usize) -> Schedule {
        let total = match self.schedule {
            ScheduleShape::FromStart => self.steps_of_rows(examples),
            ScheduleShape::AfterWarmup => self.total_steps(examples),
        };
        Schedule::new(self.schedule, self.learning_rate, self.warmup, total)
    }
}

/// The batches of a run by training step: a new order of all rows every epoch, taken as it comes, in batches of their
/// own or running on. Rows of similar length are not brought together, since that would change what is learnt.
struct Batches<'a> {
    job: &'a FinetuneJob<'a>,
    per_epoch: usize,
    carries_over: bool,
    epoch: usize,
    order: Vec<usize>,
}

impl<'a> Batches<'a> {
    fn new(job: &'a FinetuneJob<'a>) -> Self {
        let per_epoch = job.recipe.steps_per_epoch(job.examples.len());
        let carries_over = job.recipe.carries_over(job.examples.len());
        Self { job, per_epoch, carries_over, epoch: usize::MAX, order: Vec::new() }
    }

    /// Passes over the data that so many steps are.
    fn epochs_after(&self, steps: usize) -> f64 {
        match self.carries_over {
            true => (steps * self.job.recipe.batch_size) as f64 / self.job.examples.len() as f64,
            false => steps as f64 / self.per_epoch as f64,
        }
    }

    fn at(&mut self, step: usize) -> Batch {
        let (job, size, all) = (self.job, self.job.recipe.batch_size, self.job.examples.len());
        let index: Vec<usize> = match self.carries_over {
            true => (step * size..(step + 1) * size).map(|at| self.order_of(at / all)[at % all]).collect(),
            false => {
                let start = step % self.per_epoch * size;
                self.order_of(step / self.per_epoch)[start..(start + size).min(all)].to_vec()
            }
        };
        let rows: Vec<&Encoded> = index.iter().map(|row| &job.examples[*row]).collect();
        let labels: Vec<u32> = index.iter().map(|row| job.targets[*row]).collect();
        collate(&rows, &labels, &index, job.config.pad_token_id)
    }

    fn order_of(&mut self, epoch: usize) -> &[usize] {
        if self.epoch != epoch {
            let mut random = crate::rng::stream("order", self.job.seeds.order, epoch as u64);
            self.order = permutation(&mut random, self.job.examples.len());
            self.epoch = epoch;
        }
        &self.order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::reference::{batch, config, cpu, rows, weights};

    fn examples() -> (Vec<Encoded>, Vec<u32>) {
        let batch = batch();
        (rows(&batch), batch.labels)
    }

    /// Ten steps of all rows at once.
    fn ten_steps(name: &str) -> Recipe {
        let recipe = Recipe::named(name).unwrap();
        Recipe { learning_rate: 1e-3, batch_size: 6, epochs: 10.0, dropout: Some(DropoutRates::OFF), ..recipe }
    }

    fn run(recipe: &Recipe, seeds: Seeds, checkpoints: &[usize]) -> (Vec<StepLog>, Vec<(usize, Weights)>) {
        let (examples, targets) = examples();
        let (config, weights, device) = (config(), weights("model.safetensors"), cpu());
        let job = FinetuneJob {
            device: &device,
            config: &config,
            weights: &weights,
            labels: 3,
            recipe,
            seeds,
            examples: &examples,
            targets: &targets,
            checkpoints,
        };
        let mut saved = Vec::new();
        let result = finetune(&job, &mut |progress| {
            if let Progress::Checkpoint { step, weights } = progress {
                saved.push((step, weights));
            }
            ControlFlow::Continue(())
        });
        (result.unwrap().log, saved)
    }

    const SEEDS: Seeds = Seeds { head: 1, order: 2, dropout: 3 };

    #[test]
    fn seeds_decide_their_own_part() {
        let recipe = Recipe { batch_size: 2, epochs: 2.0, dropout: None, ..ten_steps("adamw") };
        let run = |seeds| {
            run(
                &Recipe { dropout: Some(DropoutRates { hidden: 0.1, ..DropoutRates::OFF }), ..recipe.clone() },
                seeds,
                &[6],
            )
        };
        let base = run(SEEDS);
        assert_eq!(base, run(SEEDS));
        for other in [Seeds { head: 9, ..SEEDS }, Seeds { order: 9, ..SEEDS }, Seeds { dropout: 9, ..SEEDS }] {
            assert_ne!(base.0, run(other).0);
        }
    }

    #[test]
    fn checkpoints_do_not_change_the_run() {
        let recipe = Recipe { batch_size: 4, epochs: 3.0, ..ten_steps("adamw") };
        let (log, saved) = run(&recipe, SEEDS, &[2, 5, 6]);
        assert_eq!(log.len(), 6);
        assert_eq!(saved.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [2, 5, 6]);
        let (_, last) = run(&recipe, SEEDS, &[6]);
        assert_eq!(saved[2], last[0]);
        assert_eq!(log[5].epoch, 3.0);
    }

    #[test]
    fn on_small_data_google_trains_to_the_end_of_its_schedule() {
        // Six rows in batches of four: a step and a half an epoch.
        let recipe = Recipe { batch_size: 4, ..ten_steps("google-bert") };
        let (log, _) = run(&recipe, SEEDS, &[]);
        let (last, schedule) = (log[log.len() - 1], recipe.schedule_for(6));
        assert_eq!((log.len(), schedule.total_steps, last.epoch), (15, 15, 10.0));
        assert_eq!((last.learning_rate, schedule.at(15)), (schedule.at(14), 0.0));
        assert_eq!(run(&Recipe { drop_last: false, ..recipe }, SEEDS, &[]).0.len(), 20);
    }

    #[test]
    fn mistakes_and_divergence_are_errors() {
        let (examples, targets) = examples();
        let (config, weights, device) = (config(), weights("model.safetensors"), cpu());
        let recipe = ten_steps("adamw");
        let job = FinetuneJob {
            device: &device,
            config: &config,
            weights: &weights,
            labels: 3,
            recipe: &recipe,
            seeds: SEEDS,
            examples: &examples,
            targets: &targets,
            checkpoints: &[],
        };
        let error = |job: &FinetuneJob<'_>| finetune(job, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string();
        assert!(error(&FinetuneJob { checkpoints: &[11], ..job }).contains("checkpoint 11"));
        assert!(error(&FinetuneJob { labels: 2, ..job }).contains("label 2"));
        assert!(error(&FinetuneJob { targets: &targets[1..], ..job }).contains("6 training rows have 5 labels"));
        let wild = Recipe { learning_rate: 1e30, warmup: 0.0, clip_norm: None, ..recipe.clone() };
        let text = error(&FinetuneJob { recipe: &wild, ..job });
        assert!(text.contains("training step") && text.contains("learning_rate"), "{text}");
        let stopped = finetune(&job, &mut |_| ControlFlow::Break(())).unwrap_err();
        assert!(matches!(stopped, TrainError::Interrupted { step: 1 }));
    }
}

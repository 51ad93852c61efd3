//! Pretraining a BERT from nothing by masked-language modelling.

use super::finetune::{Progress, check_finite, check_weights};
use super::head::{below, normal, permutation, uniform};
use super::log::StepLog;
use super::optimizer::Optimizer;
use super::schedule::{Schedule, ScheduleShape};
use super::snapshot::{RunShape, SavedState, TrainingState};
use super::{Recipe, TrainError};
use crate::data::{Batch, Encoded, collate};
use crate::model::{
    Dropout, DropoutRates, Head, HostTensor, Layout, MaskedTargets, Transformer, TransformerConfig, Weights,
};
use burn::DispatchDevice;
use rand_chacha::ChaCha8Rng;
use std::ops::ControlFlow;

/// The tokens that are never masked and never drawn as a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecialTokens {
    /// `[MASK]`.
    pub mask: i32,
    /// `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]`, `[MASK]`.
    pub all: Vec<i32>,
}

/// A pretraining run.
pub struct PretrainJob<'a> {
    pub device: &'a DispatchDevice,
    pub config: &'a TransformerConfig,
    pub examples: &'a [Encoded],
    pub special: SpecialTokens,
    /// Training steps; the data is gone through as often as that takes, in a new order every time.
    pub steps: usize,
    /// Its optimiser, schedule, batch size and dropout; `epochs` and the head's fields play no part.
    pub recipe: &'a Recipe,
    /// The share of ordinary tokens to guess (0–1), published 0.15.
    pub masked_share: f64,
    pub seed: u64,
}

/// A pretrained model.
#[derive(Debug, Clone)]
pub struct PretrainResult {
    /// `bert.…` with a pooler that was drawn but not trained, and `cls.predictions.…`.
    pub weights: Weights,
    pub log: Vec<StepLog>,
}

/// A BERT as it starts: every matrix normal with σ = `initializer_range`, biases 0, LayerNorm 1 and 0.
pub fn initial_weights(config: &TransformerConfig, seed: u64) -> Weights {
    let mut random = crate::rng::stream("init", seed, 0);
    let draw = |slot: crate::model::Slot| {
        let count = slot.shape.iter().product();
        let data = if slot.decays() {
            (0..count).map(|_| (config.initializer_range * normal(&mut random)) as f32).collect()
        } else {
            vec![if slot.name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 }; count]
        };
        (slot.name, HostTensor { shape: slot.shape, data })
    };
    Weights { tensors: Layout::new(config, Head::MaskedLanguageModel).slots.into_iter().map(draw).collect() }
}

/// Runs the job; `on_progress` can stop it.
///
/// # Errors
/// A configuration or recipe out of range, no data, a loss that is no longer finite, or a stop by `on_progress`.
pub fn pretrain(
    job: &PretrainJob<'_>,
    on_progress: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<PretrainResult, TrainError> {
    pretrain_from(job, None, on_progress)
}

/// [`pretrain`] from the beginning, or from a state of the same job. On the CPU the end is the same, bit for bit.
pub fn pretrain_from(
    job: &PretrainJob<'_>,
    start: Option<SavedState>,
    on_progress: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<PretrainResult, TrainError> {
    let recipe = job.recipe;
    recipe.validate()?;
    job.config.validate()?;
    check(job)?;
    let head = Head::MaskedLanguageModel;
    let mut model = Transformer::new(job.config, head, &initial_weights(job.config, job.seed), job.device)?
        .with_activation(recipe.gelu_training);
    let schedule = Schedule::new(ScheduleShape::AfterWarmup, recipe.learning_rate, recipe.warmup, job.steps);
    let rates = recipe.dropout.unwrap_or_else(|| DropoutRates::of(job.config));
    let mut optimizer = Optimizer::new(recipe, &model);
    let batch_size = recipe.batch_size.min(job.examples.len());
    let per_epoch = job.examples.len() / batch_size;
    let (mut epoch, mut order) = (usize::MAX, Vec::new());
    let mut log = match start {
        Some(saved) => saved.restore(job.steps, &mut model, Some(&mut optimizer))?,
        None => Vec::new(),
    };
    for step in log.len()..job.steps {
        if step / per_epoch != epoch {
            epoch = step / per_epoch;
            order = permutation(&mut crate::rng::stream("order", job.seed, epoch as u64), job.examples.len());
        }
        let index = &order[step % per_epoch * batch_size..][..batch_size];
        let rows: Vec<&Encoded> = index.iter().map(|row| &job.examples[*row]).collect();
        let mut batch = collate(&rows, &vec![0; rows.len()], index, job.config.pad_token_id);
        let targets = mask_tokens(&mut batch, job, &mut crate::rng::stream("mask", job.seed, step as u64))?;
        let learning_rate = schedule.at(step);
        let mut dropout = Dropout::new(rates, job.seed, step as u64, job.device);
        let (loss, gradients) = model.masked_loss_and_gradients(&batch, &targets, &mut dropout)?;
        let norm = optimizer.step(&mut model, gradients, learning_rate);
        let row = StepLog {
            step: step + 1,
            epoch: (step + 1) as f64 / per_epoch as f64,
            loss: f64::from(loss.into_scalar()),
            learning_rate,
            gradient_norm: f64::from(norm.into_scalar()),
        };
        check_finite(&row)?;
        log.push(row);
        let mut flow = on_progress(Progress::Step(&row));
        if flow.is_continue() && row.step < job.steps {
            let (step, steps, log, model, optimizer) = (row.step, job.steps, &log[..], &model, Some(&optimizer));
            flow = on_progress(Progress::State(TrainingState { step, steps, log, model, optimizer }));
        }
        if flow.is_break() && row.step < job.steps {
            return Err(TrainError::Interrupted { step: row.step });
        }
    }
    let weights = model.to_weights();
    log.last().map_or(Ok(()), |row| check_weights(&weights, row))?;
    Ok(PretrainResult { weights, log })
}

impl PretrainJob<'_> {
    /// What a state to go on from must fit.
    pub fn shape(&self) -> RunShape {
        let layout = Layout::new(self.config, Head::MaskedLanguageModel);
        RunShape {
            steps: self.steps,
            parameters: layout.slots.iter().map(|slot| slot.matrix()).collect(),
            moments: true,
        }
    }
}

fn check(job: &PretrainJob<'_>) -> Result<(), TrainError> {
    if job.examples.is_empty() {
        return Err(TrainError::Data("there is no text to pretrain on".into()));
    }
    if job.special.all.len() >= job.config.vocab_size {
        return Err(TrainError::Data("the vocabulary holds nothing but special tokens".into()));
    }
    let (field, value, expected) = if job.steps == 0 {
        ("steps", 0.0, "it must be at least 1")
    } else if !(job.masked_share > 0.0 && job.masked_share <= 1.0) {
        ("masked_share", job.masked_share, "it must be above 0 and at most 1")
    } else {
        return Ok(());
    };
    Err(TrainError::Recipe { field, value: value.to_string(), expected })
}

/// Picks the tokens to guess, at least one: of these, 80 % become `[MASK]`, 10 % another token, 10 % stay.
fn mask_tokens(batch: &mut Batch, job: &PretrainJob<'_>, random: &mut ChaCha8Rng) -> Result<MaskedTargets, TrainError> {
    let ordinary =
        |place: &usize| batch.attention_mask[*place] > 0.5 && !job.special.all.contains(&batch.input_ids[*place]);
    let candidates: Vec<usize> = (0..batch.input_ids.len()).filter(ordinary).collect();
    if candidates.is_empty() {
        return Err(TrainError::Data("a batch of the pretraining text holds nothing but special tokens".into()));
    }
    let mut places: Vec<usize> = candidates.iter().copied().filter(|_| uniform(random) < job.masked_share).collect();
    if places.is_empty() {
        places.push(candidates[below(random, candidates.len())]);
    }
    let tokens = places.iter().map(|place| batch.input_ids[*place] as u32).collect();
    for place in &places {
        let choice = uniform(random);
        if choice < 0.8 {
            batch.input_ids[*place] = job.special.mask;
        } else if choice < 0.9 {
            batch.input_ids[*place] = loop {
                let token = below(random, job.config.vocab_size) as i32;
                if !job.special.all.contains(&token) {
                    break token;
                }
            };
        }
    }
    Ok(MaskedTargets { places, tokens })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::reference::cpu;
    use crate::model::{LoadReport, Purpose};

    /// Sentences `[CLS] a b a b … [SEP]`: a masked word can be told from its neighbours.
    fn sentences() -> Vec<Encoded> {
        let sentence = |i: i32| {
            let (a, b) = (5 + i % 5, 10 + i / 5 % 5);
            let input_ids = vec![2, a, b, a, b, a, b, 3];
            Encoded { token_type_ids: vec![0; input_ids.len()], input_ids }
        };
        (0..100).map(sentence).collect()
    }

    fn with_job<T>(steps: usize, run: impl FnOnce(&PretrainJob<'_>) -> T) -> T {
        let mut config = TransformerConfig::new(15, 2, 32, 2, 64);
        config.max_position_embeddings = 8;
        let recipe = Recipe { learning_rate: 3e-3, batch_size: 20, ..Recipe::named("adamw").unwrap() };
        run(&PretrainJob {
            device: &cpu(),
            config: &config,
            examples: &sentences(),
            special: SpecialTokens { mask: 4, all: vec![0, 1, 2, 3, 4] },
            steps,
            recipe: &recipe,
            masked_share: 0.15,
            seed: 3,
        })
    }

    #[test]
    fn it_learns_and_its_weights_start_a_fine_tuning() {
        with_job(150, |job| {
            let result = pretrain(job, &mut |_| ControlFlow::Continue(())).unwrap();
            let mean = |rows: &[StepLog]| rows.iter().map(|row| row.loss).sum::<f64>() / rows.len() as f64;
            assert!((mean(&result.log[..3]) - 15f64.ln()).abs() < 0.2, "{}", mean(&result.log[..3]));
            assert!(mean(&result.log[140..]) < 1.0, "{}", mean(&result.log[140..]));
            let head = Head::Classifier { labels: 2 };
            LoadReport::new(&result.weights, job.config, head).check(Purpose::StartFineTuning).unwrap();
            let short = PretrainJob { steps: 1, special: job.special.clone(), ..*job };
            let repeat = |_: u32| pretrain(&short, &mut |_| ControlFlow::Continue(())).unwrap().weights;
            assert_eq!(repeat(0), repeat(1));
        });
    }

    #[test]
    fn a_pretraining_is_the_same_however_often_it_is_stopped() {
        // Five steps an epoch: it is stopped inside epochs and between them.
        with_job(12, |job| {
            let whole = pretrain(job, &mut |_| ControlFlow::Continue(())).unwrap();
            for every in [1, 3, 5, 7] {
                let mut bytes: Vec<u8> = Vec::new();
                let found = loop {
                    let start = (!bytes.is_empty())
                        .then(|| SavedState::read(&bytes[..], bytes.len() as u64, &job.shape()).unwrap());
                    let ended = pretrain_from(job, start, &mut |progress| match progress {
                        Progress::State(state) if state.step % every == 0 => {
                            bytes.clear();
                            state.write(&serde_json::Value::Null, &mut bytes).unwrap();
                            ControlFlow::Break(())
                        }
                        _ => ControlFlow::Continue(()),
                    });
                    match ended {
                        Ok(found) => break found,
                        Err(error) => assert!(matches!(error, TrainError::Interrupted { .. }), "{error}"),
                    }
                };
                assert_eq!((found.log, found.weights), (whole.log.clone(), whole.weights.clone()), "{every}");
            }
        });
    }

    #[test]
    fn divergence_says_where_and_what_to_try() {
        with_job(8, |job| {
            let wild = Recipe { learning_rate: 1e30, warmup: 0.0, clip_norm: None, ..job.recipe.clone() };
            let wild = PretrainJob { recipe: &wild, special: job.special.clone(), ..*job };
            let text = pretrain(&wild, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string();
            assert!(text.contains("training step") && text.contains("try a smaller learning_rate"), "{text}");
            // The first update overflows the weights, and no loss is computed with them.
            let last = Recipe { learning_rate: f64::from(f32::MAX) * 4.0, ..wild.recipe.clone() };
            let last = PretrainJob { recipe: &last, special: job.special.clone(), steps: 1, ..*job };
            let text = pretrain(&last, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string();
            assert!(text.starts_with("the weights are no longer finite after training step 1"), "{text}");
        });
    }

    #[test]
    fn masking_keeps_its_shares() {
        with_job(1, |job| {
            let mut counts = [0usize; 4];
            for step in 0..400 {
                let rows: Vec<&Encoded> = job.examples.iter().take(20).collect();
                let mut batch = collate(&rows, &[0; 20], &[0; 20], 0);
                let before = batch.input_ids.clone();
                let mut random = crate::rng::stream("mask", 1, step);
                let targets = mask_tokens(&mut batch, job, &mut random).unwrap();
                counts[0] += targets.places.len();
                for (place, token) in targets.places.iter().zip(&targets.tokens) {
                    assert_eq!(before[*place], *token as i32);
                    assert!(before[*place] > 4);
                    let kind = if batch.input_ids[*place] == 4 {
                        1
                    } else {
                        2 + usize::from(batch.input_ids[*place] == before[*place])
                    };
                    counts[kind] += 1;
                }
                let changed = (0..before.len()).filter(|i| before[*i] != batch.input_ids[*i]);
                assert!(changed.into_iter().all(|place| targets.places.contains(&place)));
            }
            let share = |a: usize, b: usize| a as f64 / b as f64;
            assert!((share(counts[0], 400 * 120) - 0.15).abs() < 0.006, "{counts:?}");
            assert!((share(counts[1], counts[0]) - 0.8).abs() < 0.02, "{counts:?}");
            // One replacement in ten draws the very token that was there.
            assert!((share(counts[2], counts[0]) - 0.09).abs() < 0.012, "{counts:?}");
        });
    }

    #[test]
    fn a_fresh_model_is_as_published() {
        let weights = initial_weights(&TransformerConfig::new(200, 1, 64, 2, 128), 1);
        let word = &weights.tensors["bert.embeddings.word_embeddings.weight"].data;
        let deviation = (word.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / word.len() as f64).sqrt();
        assert!((deviation / 0.02 - 1.0).abs() < 0.02);
        assert!(weights.tensors["bert.embeddings.LayerNorm.weight"].data.iter().all(|x| *x == 1.0));
        assert!(weights.tensors["cls.predictions.bias"].data.iter().all(|x| *x == 0.0));
        assert_ne!(weights, initial_weights(&TransformerConfig::new(200, 1, 64, 2, 128), 2));
    }
}

//! Named sets of optimiser conventions. Every field is written out, so a recipe's name never hides a number.

use super::TrainError;
use super::schedule::ScheduleShape;
use crate::model::{Activation, DropoutRates};
use serde::{Deserialize, Serialize};

/// A run whose whole epochs leave out more than one in so many of its training steps is on small data.
const LEFT_OUT: usize = 1000;
/// Of one batch.
pub const MOST_ROWS: usize = 65_536;
/// Of one run: its log is kept in memory, and far fewer take years.
pub const MOST_STEPS: usize = 10_000_000;

/// How a new classifier's weight is drawn; its bias starts at 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum HeadInit {
    /// Normal with this standard deviation, redrawn beyond two of them.
    TruncatedNormal { std: f64 },
    /// Flax's default: a normal truncated at two of its deviations, scaled to the variance 1/inputs.
    LecunNormal,
}

/// Everything that decides a fine-tuning run besides model, data and seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The highest learning rate of the schedule.
    pub learning_rate: f64,
    /// Rows per training step.
    pub batch_size: usize,
    /// Passes over the data; a fraction ends in the middle of one.
    pub epochs: f64,
    /// Tokens per row, longer ones are cut. Used when the data is tokenised.
    pub max_length: usize,
    /// The share of the training steps over which the learning rate rises (0–1).
    pub warmup: f64,
    pub schedule: ScheduleShape,
    /// Decoupled: each step also takes `learning_rate · weight_decay` of a parameter away.
    pub weight_decay: f64,
    /// Leave biases and LayerNorm out of the weight decay.
    pub decay_matrices_only: bool,
    /// Adam's correction for moments that start at 0.
    pub bias_correction: bool,
    pub adam_epsilon: f64,
    pub beta1: f64,
    pub beta2: f64,
    /// The largest norm of all gradients together, or no limit.
    pub clip_norm: Option<f64>,
    /// Leave out the last batch of an epoch if it is not full.
    pub drop_last: bool,
    /// Fill such a batch from the next epoch instead, on data so small that it would be a part of the training.
    #[serde(default, skip_serializing_if = "is_false")]
    pub carry_over: bool,
    /// The form of GELU while training; evaluation follows the model's configuration.
    pub gelu_training: Activation,
    pub head_init: HeadInit,
    /// Other dropout rates than the model's configuration has.
    pub dropout: Option<DropoutRates>,
}

/// Left out of keys, which were made before there was the field.
fn is_false(value: &bool) -> bool {
    !value
}

impl Recipe {
    /// The names that [`Self::named`] knows.
    pub const NAMES: [&str; 3] = ["google-bert", "hf-flax", "adamw"];

    /// What the original of each is.
    pub fn about(name: &str) -> &'static str {
        match name {
            "google-bert" => "Google's `run_classifier.py`, used for the published QQP and MNLI models",
            "hf-flax" => "the Flax example of Hugging Face, used for the published CoLA models",
            _ => "the defaults of today's `Trainer` of Hugging Face, with a warm-up",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        let adamw = Self {
            learning_rate: 2e-5,
            batch_size: 32,
            epochs: 3.0,
            max_length: 128,
            warmup: 0.1,
            schedule: ScheduleShape::AfterWarmup,
            weight_decay: 0.01,
            decay_matrices_only: true,
            bias_correction: true,
            adam_epsilon: 1e-8,
            beta1: 0.9,
            beta2: 0.999,
            clip_norm: Some(1.0),
            drop_last: false,
            carry_over: false,
            gelu_training: Activation::Erf,
            head_init: HeadInit::TruncatedNormal { std: 0.02 },
            dropout: None,
        };
        match name {
            "adamw" => Some(adamw),
            "google-bert" => Some(Self {
                schedule: ScheduleShape::FromStart,
                bias_correction: false,
                adam_epsilon: 1e-6,
                drop_last: true,
                carry_over: true,
                gelu_training: Activation::Tanh,
                ..adamw
            }),
            "hf-flax" => Some(Self {
                epochs: 6.0,
                max_length: 512,
                warmup: 0.0,
                weight_decay: 0.0,
                adam_epsilon: 1e-6,
                clip_norm: None,
                drop_last: true,
                head_init: HeadInit::LecunNormal,
                ..adamw
            }),
            _ => None,
        }
    }

    /// Training steps in one pass over `examples` rows.
    pub fn steps_per_epoch(&self, examples: usize) -> usize {
        if self.drop_last { examples / self.batch_size } else { examples.div_ceil(self.batch_size) }
    }

    /// Training steps of the whole run: what the checkpoint `last` means.
    pub fn total_steps(&self, examples: usize) -> usize {
        match self.carries_over(examples) {
            true => self.steps_of_rows(examples),
            false => self.steps_of_epochs(examples),
        }
    }

    /// Whether a batch that the end of an epoch cuts short is filled up by the next epoch. Google's script repeats the
    /// rows before it batches them, so none is left out and its schedule ends with the last step. What whole epochs
    /// leave out of large data is nothing, and the published runs are counted in whole epochs (36,813 steps of 36,815);
    /// of small data it is a part of the training.
    pub fn carries_over(&self, examples: usize) -> bool {
        let (all, whole) = (self.steps_of_rows(examples), self.steps_of_epochs(examples));
        self.carry_over && self.drop_last && (all - whole) * LEFT_OUT > all
    }

    fn steps_of_epochs(&self, examples: usize) -> usize {
        (self.steps_per_epoch(examples) as f64 * self.epochs).floor() as usize
    }

    /// Google's number of training steps, at which its schedule ends.
    pub(super) fn steps_of_rows(&self, examples: usize) -> usize {
        (examples as f64 / self.batch_size as f64 * self.epochs).floor() as usize
    }

    /// Checks every range.
    ///
    /// # Errors
    /// Names the field, its value and what it should be.
    pub fn validate(&self) -> Result<(), TrainError> {
        let check = |fine: bool, field: &'static str, value: f64, expected: &'static str| {
            if fine { Ok(()) } else { Err(TrainError::Recipe { field, value: value.to_string(), expected }) }
        };
        let positive = |field, value: f64| check(value > 0.0 && value.is_finite(), field, value, "it must be above 0");
        let share = |field, value: f64| check((0.0..1.0).contains(&value), field, value, "it must be in [0, 1)");
        positive("learning_rate", self.learning_rate)?;
        positive("batch_size", self.batch_size as f64)?;
        positive("epochs", self.epochs)?;
        check(
            self.max_length >= 3,
            "max_length",
            self.max_length as f64,
            "it must leave room for [CLS], a word, [SEP]",
        )?;
        share("warmup", self.warmup)?;
        check(
            self.weight_decay >= 0.0 && self.weight_decay.is_finite(),
            "weight_decay",
            self.weight_decay,
            "it must not be negative",
        )?;
        positive("adam_epsilon", self.adam_epsilon)?;
        share("beta1", self.beta1)?;
        share("beta2", self.beta2)?;
        positive("clip_norm", self.clip_norm.unwrap_or(1.0))?;
        if let HeadInit::TruncatedNormal { std } = self.head_init {
            positive("head_init.std", std)?;
        }
        let rates = self.dropout.unwrap_or(DropoutRates::OFF);
        share("dropout.hidden", rates.hidden)?;
        share("dropout.attention", rates.attention)?;
        share("dropout.classifier", rates.classifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_those_of_the_published_runs() {
        let google = Recipe::named("google-bert").unwrap();
        assert_eq!(google.total_steps(363_846), 34_110);
        assert_eq!(google.total_steps(392_702), 36_813);
        assert!(!google.carries_over(363_846) && !google.carries_over(392_702));
        let flax = Recipe::named("hf-flax").unwrap();
        assert_eq!((flax.steps_per_epoch(8_551), flax.total_steps(8_551)), (267, 1_602));
        assert_eq!(Recipe::named("adamw").unwrap().total_steps(33), 6);
    }

    #[test]
    fn on_small_data_google_takes_every_step_of_its_schedule() {
        let google = Recipe::named("google-bert").unwrap();
        for (examples, batch_size, epochs, steps) in [(24, 16, 10.0, 15), (10, 16, 10.0, 6), (2_490, 32, 3.0, 233)] {
            let recipe = Recipe { batch_size, epochs, ..google.clone() };
            assert_eq!(recipe.total_steps(examples), steps);
            assert_eq!(recipe.schedule_for(examples).total_steps, steps);
            // The other recipes lose the end of each epoch, or keep it as a batch of its own.
            let flax = Recipe { batch_size, epochs, ..Recipe::named("hf-flax").unwrap() };
            assert_eq!(flax.total_steps(examples), (examples / batch_size) * epochs as usize);
            assert!(!flax.carries_over(examples));
        }
    }

    #[test]
    fn every_name_is_valid_and_round_trips() {
        for name in Recipe::NAMES {
            let recipe = Recipe::named(name).unwrap();
            recipe.validate().unwrap();
            let text = serde_json::to_string(&recipe).unwrap();
            assert_eq!(serde_json::from_str::<Recipe>(&text).unwrap(), recipe);
        }
        assert!(Recipe::named("adam").is_none());
    }

    #[test]
    fn ranges_are_checked() {
        let base = Recipe::named("adamw").unwrap();
        for (recipe, field) in [
            (Recipe { learning_rate: 0.0, ..base.clone() }, "learning_rate"),
            (Recipe { batch_size: 0, ..base.clone() }, "batch_size"),
            (Recipe { epochs: f64::NAN, ..base.clone() }, "epochs"),
            (Recipe { warmup: 1.0, ..base.clone() }, "warmup"),
            (Recipe { clip_norm: Some(0.0), ..base.clone() }, "clip_norm"),
        ] {
            assert!(recipe.validate().unwrap_err().to_string().contains(field));
        }
    }
}

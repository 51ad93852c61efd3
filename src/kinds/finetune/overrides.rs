//! The keys that override a recipe: every field of it has one.

use serde::Deserialize;
use toml::Spanned;

use crate::kinds::room::whole;
use crate::model::{Activation, DropoutRates, LARGEST_SIZE};
use crate::study::shape::{Choice, table};
use crate::study::{Checker, Diagnostic, OneOf, Shape, Shaped, Text};
use crate::train::{HeadInit, MOST_ROWS, Recipe, ScheduleShape, TrainError};

const MOST_EPOCHS: f64 = 100_000.0;

table! {
    pub struct Overrides {
        /// Passes over the data; a fraction ends in the middle of one.
        epochs: Option<Spanned<f64>>,
        /// Rows of a training step.
        batch_size: Option<Spanned<usize>>,
        /// The highest learning rate of the schedule.
        learning_rate: Option<Spanned<f64>>,
        /// Tokens of a text, after which it is cut.
        max_length: Option<Spanned<usize>>,
        /// The share of the training steps over which the learning rate rises, from 0 on.
        warmup: Option<Spanned<f64>>,
        /// From where the learning rate falls, in a straight line to 0 at the end: from what it would be had it always fallen, or
        /// from its highest.
        schedule: Option<OneOf<Schedules>>,
        /// Decoupled: each step also takes `learning_rate` · `weight_decay` of a parameter away.
        weight_decay: Option<Spanned<f64>>,
        /// Leave biases and LayerNorm out of the weight decay.
        decay_matrices_only: Option<bool>,
        /// Adam's correction for moments that start at 0.
        bias_correction: Option<bool>,
        /// Added to the root of Adam's second moment.
        adam_epsilon: Option<Spanned<f64>>,
        /// What Adam keeps of its first moment at each step.
        beta1: Option<Spanned<f64>>,
        /// What Adam keeps of its second moment at each step.
        beta2: Option<Spanned<f64>>,
        /// The largest norm of all gradients together; `false` for none.
        clip_norm: Option<Spanned<OrNone>>,
        /// Leave out the last batch of an epoch where it is not full.
        drop_last: Option<bool>,
        /// Fill such a batch from the next epoch instead, on data so small that it would be a part of the training.
        carry_over: Option<bool>,
        /// The form of GELU while training; evaluation follows the model's configuration.
        gelu_training: Option<OneOf<Gelus>>,
        /// How a new classifier's weights are drawn: the standard deviation of a normal, redrawn beyond two of them, or Flax's
        /// `"lecun-normal"`, a truncated normal of variance 1/inputs.
        head_init: Option<Spanned<RawHead>>,
        /// A rate for everything, `{ hidden = …, attention = …, classifier = … }`, or `"model"` for that of the configuration.
        dropout: Option<Spanned<RawDropout>>,
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a number, or false for no limit")]
enum OrNone {
    Some(f64),
    Flag(bool),
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "\"lecun-normal\", or the standard deviation of a truncated normal")]
enum RawHead {
    Std(f64),
    Name(String),
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a rate, a table { hidden = …, attention = …, classifier = … }, or \"model\"")]
enum RawDropout {
    Everywhere(f64),
    Of(Rates),
    Named(String),
}

table! {
    struct Rates {
        /// After embeddings and in layers.
        hidden: f64,
        /// Of the weights of attention.
        attention: f64,
        /// Before the classifier.
        classifier: f64,
    }
}

impl Shaped for OrNone {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Number, Shape::Off])
    }
}

impl Shaped for RawHead {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Number, Shape::words(&[LECUN])])
    }
}

impl Shaped for RawDropout {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Number, Rates::shape(), Shape::words(&[OF_MODEL])])
    }
}

/// The words of `schedule`.
#[derive(Debug)]
struct Schedules;

impl Choice for Schedules {
    fn choices() -> Vec<(&'static str, &'static str)> {
        vec![
            (SCHEDULES[0].0, "1 − t/T at step t of T after the warm-up, as Google's script has it: a small drop"),
            (SCHEDULES[1].0, "(T − t)/(T − W) after W steps of warm-up, as in transformers"),
        ]
    }
}

/// The words of `gelu_training`.
#[derive(Debug)]
struct Gelus;

impl Choice for Gelus {
    fn choices() -> Vec<(&'static str, &'static str)> {
        GELUS.map(|(name, _)| (name, "")).to_vec()
    }
}

const SCHEDULES: [(&str, ScheduleShape); 2] =
    [("from-start", ScheduleShape::FromStart), ("after-warmup", ScheduleShape::AfterWarmup)];
const GELUS: [(&str, Activation); 2] = [("erf", Activation::Erf), ("tanh", Activation::Tanh)];
const LECUN: &str = "lecun-normal";
/// The rates of the model's own configuration.
const OF_MODEL: &str = "model";

impl Overrides {
    pub fn apply(self, recipe: &mut Recipe, checker: &mut Checker) {
        if let Some(epochs) = &self.epochs {
            checker.above_zero(epochs, "epochs");
            if *epochs.get_ref() > MOST_EPOCHS {
                let message = format!("`epochs` must be at most {MOST_EPOCHS}");
                checker.fail::<()>(Diagnostic::new(message, epochs.span()));
            }
        }
        for (value, name, most) in
            [(&self.batch_size, "batch_size", MOST_ROWS), (&self.max_length, "max_length", LARGEST_SIZE)]
        {
            value.iter().for_each(|value| checker.positive(value, name, most));
        }
        self.warmup.iter().for_each(|warmup| checker.fraction(warmup, "warmup"));
        for (value, name) in [(&self.learning_rate, "learning_rate"), (&self.adam_epsilon, "adam_epsilon")] {
            value.iter().for_each(|value| checker.above_zero(value, name));
        }
        self.weight_decay.iter().for_each(|decay| checker.not_negative(decay, "weight_decay"));
        for (value, name) in [(&self.beta1, "beta1"), (&self.beta2, "beta2")] {
            value.iter().for_each(|value| checker.fraction(value, name));
        }
        let clip = self.clip_norm.iter().filter_map(|clip| match clip.get_ref() {
            OrNone::Some(norm) => Some((Spanned::new(clip.span(), *norm), "clip_norm")),
            OrNone::Flag(_) => None,
        });
        let head = self.head_init.iter().filter_map(|head| match head.get_ref() {
            RawHead::Std(std) => Some((Spanned::new(head.span(), *std), "head_init")),
            RawHead::Name(_) => None,
        });
        clip.chain(head).for_each(|(value, name)| checker.above_zero(&value, name));
        // What is out of range is said once, where it stands.
        let sound = checker.is_sound();
        let places = [
            ("max_length", self.max_length.as_ref().map(Spanned::span)),
            ("warmup", self.warmup.as_ref().map(Spanned::span)),
            ("beta1", self.beta1.as_ref().map(Spanned::span)),
            ("beta2", self.beta2.as_ref().map(Spanned::span)),
            ("clip_norm", self.clip_norm.as_ref().map(Spanned::span)),
            ("head_init.std", self.head_init.as_ref().map(Spanned::span)),
            ("dropout.hidden", self.dropout.as_ref().map(Spanned::span)),
            ("dropout.attention", self.dropout.as_ref().map(Spanned::span)),
            ("dropout.classifier", self.dropout.as_ref().map(Spanned::span)),
        ];
        set(&mut recipe.epochs, self.epochs.map(Spanned::into_inner));
        set(&mut recipe.batch_size, self.batch_size.map(Spanned::into_inner));
        set(&mut recipe.learning_rate, self.learning_rate.map(Spanned::into_inner));
        set(&mut recipe.max_length, self.max_length.map(Spanned::into_inner));
        set(&mut recipe.warmup, self.warmup.map(Spanned::into_inner));
        set(&mut recipe.schedule, named(self.schedule.as_deref(), &SCHEDULES, "schedule", checker));
        set(&mut recipe.weight_decay, self.weight_decay.map(Spanned::into_inner));
        set(&mut recipe.decay_matrices_only, self.decay_matrices_only);
        set(&mut recipe.bias_correction, self.bias_correction);
        set(&mut recipe.adam_epsilon, self.adam_epsilon.map(Spanned::into_inner));
        set(&mut recipe.beta1, self.beta1.map(Spanned::into_inner));
        set(&mut recipe.beta2, self.beta2.map(Spanned::into_inner));
        set(&mut recipe.drop_last, self.drop_last);
        set(&mut recipe.carry_over, self.carry_over);
        set(&mut recipe.gelu_training, named(self.gelu_training.as_deref(), &GELUS, "form of GELU", checker));
        if let Some(clip) = self.clip_norm {
            match clip.get_ref() {
                OrNone::Some(norm) => recipe.clip_norm = Some(*norm),
                OrNone::Flag(false) => recipe.clip_norm = None,
                OrNone::Flag(true) => unknown("`clip_norm` is a number, or false for no limit", clip.span(), checker),
            }
        }
        if let Some(head) = self.head_init {
            match head.get_ref() {
                RawHead::Std(std) => recipe.head_init = HeadInit::TruncatedNormal { std: *std },
                RawHead::Name(name) if name == LECUN => recipe.head_init = HeadInit::LecunNormal,
                RawHead::Name(name) => {
                    let message = format!("there is no way `{name}` to draw a head");
                    checker.fail::<()>(Diagnostic::new(message, head.span()).suggest(name, [LECUN]));
                }
            }
        }
        if let Some(dropout) = self.dropout {
            match dropout.get_ref() {
                RawDropout::Everywhere(rate) => {
                    recipe.dropout = Some(DropoutRates { hidden: *rate, attention: *rate, classifier: *rate });
                }
                RawDropout::Of(Rates { hidden, attention, classifier }) => {
                    let (hidden, attention, classifier) = (*hidden, *attention, *classifier);
                    recipe.dropout = Some(DropoutRates { hidden, attention, classifier });
                }
                RawDropout::Named(name) if name == OF_MODEL => recipe.dropout = None,
                RawDropout::Named(_) => unknown("`dropout` is a rate, rates, or \"model\"", dropout.span(), checker),
            }
        }
        if let (true, Err(TrainError::Recipe { field, value, expected })) = (sound, recipe.validate()) {
            let at = places.into_iter().find(|(name, _)| *name == field).and_then(|(_, at)| at);
            let diagnostic = Diagnostic { message: format!("`{field}` is {value}: {expected}"), span: at, help: None };
            checker.fail::<()>(diagnostic);
        }
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn unknown(message: &str, at: std::ops::Range<usize>, checker: &mut Checker) {
    checker.fail::<()>(Diagnostic::new(message, at));
}

fn named<T: Copy>(text: Option<&Text>, names: &[(&str, T)], what: &str, checker: &mut Checker) -> Option<T> {
    let text = text?;
    let found = names.iter().find(|(name, _)| name == text.get_ref()).map(|(_, value)| *value);
    found.or_else(|| {
        let message = format!("unknown {what} `{}`", text.get_ref());
        checker.fail(Diagnostic::new(message, text.span()).suggest(text.get_ref(), names.iter().map(|(name, _)| *name)))
    })
}

/// Every field of a recipe, as the file would override it.
pub fn written(recipe: &Recipe) -> Vec<(&'static str, toml::Value)> {
    fn name<T: PartialEq>(names: &[(&str, T)], wanted: &T) -> toml::Value {
        names.iter().find(|(_, value)| value == wanted).map_or("", |(name, _)| *name).into()
    }
    let rates = |rates: &DropoutRates| {
        let rates = [("hidden", rates.hidden), ("attention", rates.attention), ("classifier", rates.classifier)];
        toml::Value::Table(rates.into_iter().map(|(name, rate)| (name.to_owned(), rate.into())).collect())
    };
    vec![
        ("epochs", recipe.epochs.into()),
        ("batch_size", whole(recipe.batch_size)),
        ("learning_rate", recipe.learning_rate.into()),
        ("max_length", whole(recipe.max_length)),
        ("warmup", recipe.warmup.into()),
        ("schedule", name(&SCHEDULES, &recipe.schedule)),
        ("weight_decay", recipe.weight_decay.into()),
        ("decay_matrices_only", recipe.decay_matrices_only.into()),
        ("bias_correction", recipe.bias_correction.into()),
        ("adam_epsilon", recipe.adam_epsilon.into()),
        ("beta1", recipe.beta1.into()),
        ("beta2", recipe.beta2.into()),
        ("clip_norm", recipe.clip_norm.map_or(toml::Value::Boolean(false), Into::into)),
        ("drop_last", recipe.drop_last.into()),
        ("carry_over", recipe.carry_over.into()),
        ("gelu_training", name(&GELUS, &recipe.gelu_training)),
        (
            "head_init",
            match recipe.head_init {
                HeadInit::TruncatedNormal { std } => std.into(),
                HeadInit::LecunNormal => LECUN.into(),
            },
        ),
        ("dropout", recipe.dropout.as_ref().map_or(OF_MODEL.into(), rates)),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::study::Keyed;

    #[test]
    fn every_field_of_a_recipe_has_a_key() {
        // The only one with all fields: what is off is left out of keys.
        let recipe = Recipe::named("google-bert").unwrap();
        let fields: BTreeSet<String> =
            serde_json::to_value(&recipe).unwrap().as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields, Overrides::KEYS.iter().map(|key| (*key).to_owned()).collect());
        assert_eq!(fields, written(&recipe).into_iter().map(|(key, _)| key.to_owned()).collect());
    }
}

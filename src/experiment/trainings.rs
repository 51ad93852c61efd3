//! `[pretrain.x]` and `[finetune.x]`: how models are made.

use toml::Spanned;

use super::raw::{RawCheckpoint, RawFinetune, RawPretrain, RawSeeds};
use super::reference::{check_seeds, parse_seeds};
use super::validate::Checker;
use super::{Checkpoint, DataRef, Diagnostic, Finetune, ModelRef, Pretrain};
use crate::model::DropoutRates;
use crate::train::Recipe;

pub(super) fn check_pretrain(raw: RawPretrain, checker: &mut Checker) -> Option<Pretrain> {
    let data = checker.parse_text(raw.data, DataRef::parse);
    for (value, name) in [
        (Some(&raw.layers), "layers"),
        (Some(&raw.hidden), "hidden"),
        (Some(&raw.heads), "heads"),
        (Some(&raw.steps), "steps"),
        (raw.vocabulary.as_ref(), "vocabulary"),
        (raw.intermediate.as_ref(), "intermediate"),
        (raw.max_length.as_ref(), "max_length"),
        (raw.batch_size.as_ref(), "batch_size"),
    ] {
        value.into_iter().for_each(|value| checker.positive(value, name));
    }
    for (value, name) in [(&raw.dropout, "dropout"), (&raw.mask, "mask"), (&raw.warmup, "warmup")] {
        value.iter().for_each(|value| checker.fraction(value, name));
    }
    checker.rate(&raw.learning_rate);
    let (hidden, heads) = (*raw.hidden.get_ref(), *raw.heads.get_ref());
    if heads > 0 && hidden % heads != 0 {
        let message = format!("`hidden` ({hidden}) must be a multiple of `heads` ({heads})");
        checker.fail::<()>(Diagnostic::new(message, raw.hidden.span()));
    }
    let or = |value: Option<Spanned<usize>>, default: usize| value.map_or(default, Spanned::into_inner);
    let or_fraction = |value: Option<Spanned<f64>>, default: f64| value.map_or(default, Spanned::into_inner);
    Some(Pretrain {
        data: data?,
        vocabulary: or(raw.vocabulary, 30_000),
        layers: raw.layers.into_inner(),
        hidden,
        heads,
        intermediate: or(raw.intermediate, 4 * hidden),
        max_length: or(raw.max_length, 128),
        initializer_range: raw.initializer_range.unwrap_or(0.02),
        dropout: or_fraction(raw.dropout, 0.1),
        mask: or_fraction(raw.mask, 0.15),
        steps: raw.steps.into_inner(),
        batch_size: or(raw.batch_size, 32),
        learning_rate: raw.learning_rate.into_inner(),
        warmup: or_fraction(raw.warmup, 0.1),
        weight_decay: raw.weight_decay.unwrap_or(0.01),
        seed: raw.seed.unwrap_or(checker.seed),
    })
}

pub(super) fn check_finetune(raw: RawFinetune, checker: &mut Checker) -> Option<Finetune> {
    let model = checker.parse_text(raw.model, ModelRef::parse);
    let data = checker.parse_text(raw.data, DataRef::parse);
    let seeds = checker.parse(raw.seeds, |seeds: &RawSeeds| match seeds {
        RawSeeds::Text(text) => parse_seeds(text),
        RawSeeds::List(list) => check_seeds(list).map(|()| list.clone()),
        RawSeeds::One(seed) => Ok(vec![*seed]),
    });
    let mut recipe = match &raw.recipe {
        None => Recipe::named("adamw"),
        Some(name) => Recipe::named(name.get_ref()).or_else(|| {
            let message = format!("there is no recipe `{}`", name.get_ref());
            checker.fail(Diagnostic::new(message, name.span()).suggest(name.get_ref(), Recipe::NAMES.iter().copied()))
        }),
    }?;
    if let Some(epochs) = &raw.epochs
        && !(epochs.get_ref().is_finite() && *epochs.get_ref() > 0.0)
    {
        checker.fail::<()>(Diagnostic::new("`epochs` must be greater than 0", epochs.span()));
    }
    for (value, name) in [(&raw.batch_size, "batch_size"), (&raw.max_length, "max_length")] {
        value.iter().for_each(|value| checker.positive(value, name));
    }
    for (value, name) in [(&raw.warmup, "warmup"), (&raw.dropout, "dropout")] {
        value.iter().for_each(|value| checker.fraction(value, name));
    }
    raw.learning_rate.iter().for_each(|rate| checker.rate(rate));
    override_with(&mut recipe.epochs, raw.epochs);
    override_with(&mut recipe.batch_size, raw.batch_size);
    override_with(&mut recipe.learning_rate, raw.learning_rate);
    override_with(&mut recipe.max_length, raw.max_length);
    override_with(&mut recipe.warmup, raw.warmup);
    recipe.weight_decay = raw.weight_decay.unwrap_or(recipe.weight_decay);
    recipe.clip_norm = raw.clip_norm.or(recipe.clip_norm);
    let everywhere = |rate: f64| DropoutRates { hidden: rate, attention: rate, classifier: rate };
    recipe.dropout = raw.dropout.as_ref().map(|rate| everywhere(*rate.get_ref())).or(recipe.dropout);

    let checkpoints = match raw.checkpoints {
        None => Some(vec![Checkpoint::Last]),
        Some(list) => checker
            .parse(list, |list| {
                let mut checkpoints = list
                    .iter()
                    .map(|checkpoint| match checkpoint {
                        RawCheckpoint::Step(step) => Checkpoint::parse(&step.to_string()),
                        RawCheckpoint::Name(name) => Checkpoint::parse(name),
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                checkpoints.sort_unstable();
                checkpoints.dedup();
                match checkpoints.is_empty() {
                    true => Err("`checkpoints` is empty: name steps, or \"last\"".to_owned()),
                    false => Ok(checkpoints),
                }
            })
            .map(Spanned::into_inner),
    };
    Some(Finetune {
        model: model?,
        data: data?,
        seeds: seeds?.into_inner(),
        head_seed: raw.head_seed,
        order_seed: raw.order_seed,
        dropout_seed: raw.dropout_seed,
        recipe,
        checkpoints: checkpoints?,
    })
}

fn override_with<T>(field: &mut T, value: Option<Spanned<T>>) {
    if let Some(value) = value {
        *field = value.into_inner();
    }
}

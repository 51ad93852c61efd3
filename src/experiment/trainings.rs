//! `[pretrain.x]` and `[finetune.x]`: how models are made.

use std::ops::Range;

use toml::Spanned;

use super::raw::{RawCheckpoint, RawFinetune, RawPretrain, RawSeeds};
use super::seeds::{check_seeds, parse_seeds};
use super::validate::Checker;
use super::{Axis, Checkpoint, Coordinates, DataRef, Diagnostic, Finetune, FinetuneRun, ModelRef, Pretrain};
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
    checker.above_zero(&raw.learning_rate, "learning_rate");
    raw.initializer_range.iter().for_each(|range| checker.above_zero(range, "initializer_range"));
    raw.weight_decay.iter().for_each(|decay| checker.not_negative(decay, "weight_decay"));
    let (hidden, heads) = (*raw.hidden.get_ref(), *raw.heads.get_ref());
    if heads > 0 && hidden % heads != 0 {
        let message = format!("`hidden` ({hidden}) must be a multiple of `heads` ({heads})");
        checker.fail::<()>(Diagnostic::new(message, raw.hidden.span()));
    }
    let or = |value: Option<Spanned<usize>>, default: usize| value.map_or(default, Spanned::into_inner);
    let or_number = |value: Option<Spanned<f64>>, default: f64| value.map_or(default, Spanned::into_inner);
    Some(Pretrain {
        data: data?,
        vocabulary: or(raw.vocabulary, 30_000),
        layers: raw.layers.into_inner(),
        hidden,
        heads,
        intermediate: or(raw.intermediate, 4 * hidden),
        max_length: or(raw.max_length, 128),
        initializer_range: or_number(raw.initializer_range, 0.02),
        dropout: or_number(raw.dropout, 0.1),
        mask: or_number(raw.mask, 0.15),
        steps: raw.steps.into_inner(),
        batch_size: or(raw.batch_size, 32),
        learning_rate: raw.learning_rate.into_inner(),
        warmup: or_number(raw.warmup, 0.1),
        weight_decay: or_number(raw.weight_decay, 0.01),
        seed: raw.seed.unwrap_or(checker.seed),
    })
}

pub(super) fn check_finetune(raw: RawFinetune, at: Range<usize>, checker: &mut Checker) -> Option<Finetune> {
    let runs = check_runs(&raw, at, checker);
    let model = checker.parse_text(raw.model, ModelRef::parse);
    let data = checker.parse_text(raw.data, DataRef::parse);
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
    for (value, name) in [(&raw.learning_rate, "learning_rate"), (&raw.clip_norm, "clip_norm")] {
        value.iter().for_each(|value| checker.above_zero(value, name));
    }
    raw.weight_decay.iter().for_each(|decay| checker.not_negative(decay, "weight_decay"));
    override_with(&mut recipe.epochs, raw.epochs);
    override_with(&mut recipe.batch_size, raw.batch_size);
    override_with(&mut recipe.learning_rate, raw.learning_rate);
    override_with(&mut recipe.max_length, raw.max_length);
    override_with(&mut recipe.warmup, raw.warmup);
    override_with(&mut recipe.weight_decay, raw.weight_decay);
    recipe.clip_norm = raw.clip_norm.map(Spanned::into_inner).or(recipe.clip_norm);
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
    Some(Finetune { model: model?, data: data?, runs: runs?, recipe, checkpoints: checkpoints? })
}

/// `seeds` and the seeds given apart, crossed. What is neither given apart nor by `seeds` has the experiment's seed.
fn check_runs(raw: &RawFinetune, at: Range<usize>, checker: &mut Checker) -> Option<Vec<FinetuneRun>> {
    let apart = [
        (Axis::Head, raw.head_seed, &raw.head_seeds),
        (Axis::Order, raw.order_seed, &raw.order_seeds),
        (Axis::Dropout, raw.dropout_seed, &raw.dropout_seeds),
    ];
    for (axis, one, several) in &apart {
        if let (Some(_), Some(several)) = (one, several) {
            let message = format!("give either `{0}_seed` or `{0}_seeds`, not both", axis.name());
            return checker.fail(Diagnostic::new(message, several.span()));
        }
    }
    let mut axes = Vec::new();
    let crossed = apart.iter().filter_map(|(axis, _, several)| Some((*axis, several.as_ref()?)));
    for (axis, seeds) in raw.seeds.iter().map(|seeds| (Axis::Seed, seeds)).chain(crossed) {
        let parsed = match seeds.get_ref() {
            RawSeeds::Text(text) => parse_seeds(text),
            RawSeeds::List(list) => check_seeds(list).map(|()| list.clone()),
            RawSeeds::One(seed) => Ok(vec![*seed]),
        };
        match parsed {
            Ok(seeds) => axes.push((axis, seeds)),
            Err(message) => return checker.fail(Diagnostic::new(message, seeds.span())),
        }
    }
    if axes.is_empty() {
        let help = "for example seeds = \"0..100\", or head_seeds and order_seeds to cross them";
        return checker.fail(Diagnostic::new("the key `seeds` is missing", at).help(help));
    }
    if let Some(seeds) = &raw.seeds
        && apart.iter().all(|(_, one, several)| one.is_some() || several.is_some())
    {
        let message = "`seeds` decides nothing here: head, order and dropout have seeds of their own";
        return checker.fail(Diagnostic::new(message, seeds.span()).help("leave it out, or one of the others"));
    }
    let coordinates = match Coordinates::cross(&axes) {
        Ok(coordinates) => coordinates,
        Err(message) => return checker.fail(Diagnostic::new(message, at)),
    };
    let run = |coordinates: Coordinates| {
        let rest = coordinates.get(Axis::Seed).unwrap_or(checker.seed);
        let seed = |axis, pinned: Option<u64>| coordinates.get(axis).or(pinned).unwrap_or(rest);
        let head_seed = seed(Axis::Head, raw.head_seed);
        let order_seed = seed(Axis::Order, raw.order_seed);
        let dropout_seed = seed(Axis::Dropout, raw.dropout_seed);
        FinetuneRun { coordinates, head_seed, order_seed, dropout_seed }
    };
    Some(coordinates.into_iter().map(run).collect())
}

fn override_with<T>(field: &mut T, value: Option<Spanned<T>>) {
    if let Some(value) = value {
        *field = value.into_inner();
    }
}

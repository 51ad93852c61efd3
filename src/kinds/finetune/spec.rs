//! Its table.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::DeValue;

use crate::engine::Kind;
use crate::model::DropoutRates;
use crate::study::words::{Axis, Checkpoint, Coordinates, DataRef, ModelRef, Seeds};
use crate::study::{Checker, Diagnostic, Text};
use crate::train::Recipe;

pub const KIND: Kind = Kind::new("finetune");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFinetune {
    model: Text,
    data: Text,
    seeds: Option<Spanned<Seeds>>,
    head_seed: Option<u64>,
    head_seeds: Option<Spanned<Seeds>>,
    order_seed: Option<u64>,
    order_seeds: Option<Spanned<Seeds>>,
    dropout_seed: Option<u64>,
    dropout_seeds: Option<Spanned<Seeds>>,
    recipe: Option<Text>,
    checkpoints: Option<Spanned<Vec<RawCheckpoint>>>,
    epochs: Option<Spanned<f64>>,
    batch_size: Option<Spanned<usize>>,
    learning_rate: Option<Spanned<f64>>,
    max_length: Option<Spanned<usize>>,
    warmup: Option<Spanned<f64>>,
    weight_decay: Option<Spanned<f64>>,
    clip_norm: Option<Spanned<f64>>,
    dropout: Option<Spanned<f64>>,
    #[serde(rename = "where")]
    filter: Option<BTreeMap<String, String>>,
    permute: Option<u64>,
    examples: Option<Spanned<usize>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "training steps, or \"last\"")]
enum RawCheckpoint {
    Step(usize),
    Name(String),
}

#[derive(Debug)]
pub struct Finetune {
    pub model: Spanned<ModelRef>,
    pub data: Spanned<DataRef>,
    pub runs: Vec<FinetuneRun>,
    pub recipe: Recipe,
    /// Sorted, without repeats.
    pub checkpoints: Vec<Checkpoint>,
    /// Which rows it is trained on, as measurements choose theirs.
    pub filter: BTreeMap<String, String>,
    pub permute: Option<u64>,
    pub examples: Option<usize>,
}

/// One model of the stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinetuneRun {
    /// The seeds by which it differs from the stage's other models.
    pub coordinates: Coordinates,
    pub head_seed: u64,
    pub order_seed: u64,
    pub dropout_seed: u64,
}

/// `at`: the stage's name.
pub fn read(value: Spanned<DeValue<'_>>, at: Range<usize>, checker: &mut Checker) -> Option<Finetune> {
    let raw: RawFinetune = checker.table(value)?;
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
    raw.epochs.iter().for_each(|epochs| checker.above_zero(epochs, "epochs"));
    for (value, name) in [(&raw.batch_size, "batch_size"), (&raw.max_length, "max_length"), (&raw.examples, "examples")]
    {
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
    Some(Finetune {
        model: model?,
        data: data?,
        runs: runs?,
        recipe,
        checkpoints: checkpoints?,
        filter: raw.filter.unwrap_or_default(),
        permute: raw.permute,
        examples: raw.examples.map(Spanned::into_inner),
    })
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
        match seeds.get_ref().numbers() {
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

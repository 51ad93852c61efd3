//! Its table.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::DeValue;

use super::overrides::Overrides;
use crate::engine::Kind;
use crate::kinds::measure::MOST_EXAMPLES;
use crate::kinds::written::Written;
use crate::study::shape::{Choice, Keyed, table};
use crate::study::words::{Axis, Checkpoint, Coordinates, DataRef, LAST, ModelRef, Seeds, Value};
use crate::study::{Checker, Diagnostic, OneOf, Shape, Shaped, Text};
use crate::train::{MOST_STEPS, Recipe};

pub const KIND: Kind = Kind::new("finetune");

/// Keys that may have a list of values, in the order in which models are told apart by them.
pub fn swept() -> Vec<&'static str> {
    [&["model", "data", "recipe"], Overrides::KEYS, &["examples", "permute"]].concat()
}

table! {
    struct RawFinetune {
        /// Where every model starts: a fetch or pretrain stage, or another model.
        model: Text,
        /// A split: `"qqp.train"`, or some of its rows, `"qqp.train[0..1000]"`.
        data: Text,
        /// A model each: `"0..100"` (the end is left out), `"0..4, 7"` or `[0, 3, 7]`. Head, order and dropout follow the seed
        /// where they have none of their own.
        seeds: Option<Spanned<Seeds>>,
        /// One seed of the new classifier's weights, in all models.
        head_seed: Option<u64>,
        /// The same seeds, a model each: as `seeds`, with which they are crossed.
        head_seeds: Option<Spanned<Seeds>>,
        /// One seed of the order of the rows, in all models.
        order_seed: Option<u64>,
        /// The same seeds, a model each: as `seeds`, with which they are crossed.
        order_seeds: Option<Spanned<Seeds>>,
        /// One seed of dropout, in all models.
        dropout_seed: Option<u64>,
        /// The same seeds, a model each: as `seeds`, with which they are crossed.
        dropout_seeds: Option<Spanned<Seeds>>,
        /// A set of values for the keys from `epochs` on; what is written beside it goes before.
        recipe: Option<OneOf<Recipe>>,
        /// Training steps after which a model is kept, and `"last"`.
        checkpoints: Option<Spanned<Vec<RawCheckpoint>>>,
        /// Rows with these values in columns that the data's `keep` keeps: `{ product = "books" }`.
        #[serde(rename = "where")]
        filter: Option<BTreeMap<String, String>>,
        /// A seed that puts the rows into another order before `examples` takes the first ones, as NumPy's
        /// `default_rng(seed).permutation` does.
        permute: Option<u64>,
        /// So many of the rows are taken, the first ones; all of them where nothing is said here.
        examples: Option<Spanned<usize>>,
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "training steps, or \"last\"")]
enum RawCheckpoint {
    Step(usize),
    Name(String),
}

impl Shaped for RawCheckpoint {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Whole, Shape::words(&[LAST])])
    }
}

impl Choice for Recipe {
    fn choices() -> Vec<(&'static str, &'static str)> {
        Self::NAMES.map(|name| (name, Self::about(name))).to_vec()
    }
}

#[derive(Debug)]
pub struct Finetune {
    pub model: Spanned<ModelRef>,
    pub data: Spanned<DataRef>,
    pub runs: Vec<FinetuneRun>,
    pub recipe: Recipe,
    /// Its `max_length` is not that of the recipe's name.
    pub own_length: bool,
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

pub fn written() -> Written {
    Written::new::<RawFinetune>(
        "models",
        "Fine-tunes a classifier for each seed, all from the same start.",
        "[finetune.qqp]\nmodel = \"bert\"\ndata = \"qqp.train\"\nseeds = \"0..100\"\n",
    )
    .and::<Overrides>()
    .needing_one_of(&["seeds", "head_seeds", "order_seeds", "dropout_seeds"])
    .by("recipe")
}

/// `at`: the stage's name.
pub fn read(value: Spanned<DeValue<'_>>, at: Range<usize>, checker: &mut Checker) -> Option<Finetune> {
    let (overrides, raw): (Overrides, RawFinetune) = checker.split_table(value, Overrides::KEYS)?;
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
    let of_recipe = recipe.max_length;
    overrides.apply(&mut recipe, checker);
    let own_length = recipe.max_length != of_recipe;
    raw.examples.iter().for_each(|value| checker.positive(value, "examples", MOST_EXAMPLES));
    let checkpoints = match raw.checkpoints {
        None => Some(vec![Checkpoint::Last]),
        Some(list) => checker
            .parse(list, |list| {
                let mut checkpoints = list
                    .iter()
                    .map(|checkpoint| match checkpoint {
                        RawCheckpoint::Step(step) if *step > MOST_STEPS => {
                            Err(format!("`checkpoints` are training steps, of which there are at most {MOST_STEPS}"))
                        }
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
        own_length,
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
    let crossed = apart.iter().filter_map(|(axis, _, several)| Some((axis.clone(), several.as_ref()?)));
    for (axis, seeds) in raw.seeds.iter().map(|seeds| (Axis::Seed, seeds)).chain(crossed) {
        match seeds.get_ref().numbers() {
            Ok(seeds) => axes.push((axis, seeds.into_iter().map(Value::whole).collect())),
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
        let rest = coordinates.seed(&Axis::Seed).unwrap_or(checker.seed);
        let seed = |axis, pinned: Option<u64>| coordinates.seed(&axis).or(pinned).unwrap_or(rest);
        let head_seed = seed(Axis::Head, raw.head_seed);
        let order_seed = seed(Axis::Order, raw.order_seed);
        let dropout_seed = seed(Axis::Dropout, raw.dropout_seed);
        FinetuneRun { coordinates, head_seed, order_seed, dropout_seed }
    };
    Some(coordinates.into_iter().map(run).collect())
}

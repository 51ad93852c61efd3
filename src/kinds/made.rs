//! The table `models`: a row for every model of a study, under the name that all tables call it by.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use polars::prelude::Column;
use serde_json::Value;

use super::finished::{Done, Finished};
use super::inputs::DATA_ROLE;
use super::models::{MODEL, checkpoint_of, parts};
use super::training::TRAINING_LOG;
use super::{fetch, finetune, pretrain};
use crate::data::read_parquet;
use crate::study::words::{Checkpoint, Pick};
use crate::tables::{Table, TableError, column, known_counts, known_numbers, table, texts};

pub const NAME: &str = "models";

/// Training steps whose mean loss is a model's final one.
const FINAL: usize = 50;

#[derive(Debug, Default)]
struct Made {
    model: String,
    kind: &'static str,
    stage: Option<String>,
    seed: Option<u64>,
    head: Option<u64>,
    order: Option<u64>,
    dropout: Option<u64>,
    checkpoint: Option<usize>,
    start: Option<String>,
    data: Option<String>,
    /// As parameters hold it, one value deep.
    recipe: BTreeMap<String, Value>,
    /// By key, where the stage has lists of them.
    swept: BTreeMap<String, String>,
    final_loss: Option<f64>,
    seconds: Option<f64>,
    key: Option<String>,
}

/// The parts of a recipe: names of columns, which are as parameters hold them.
const NUMBERS: [&str; 12] = [
    "learning_rate",
    "epochs",
    "warmup",
    "weight_decay",
    "adam_epsilon",
    "beta1",
    "beta2",
    "clip_norm",
    "dropout_hidden",
    "dropout_attention",
    "dropout_classifier",
    "head_init_std",
];
const COUNTS: [&str; 2] = ["batch_size", "max_length"];
const WORDS: [&str; 3] = ["schedule", "gelu_training", "head_init"];
const ANSWERS: [&str; 4] = ["decay_matrices_only", "bias_correction", "drop_last", "carry_over"];

pub fn tables(finished: &Finished<'_>) -> Result<Option<Table>, TableError> {
    let rows = &rows(finished)?;
    if rows.is_empty() {
        return Ok(None);
    }
    let seeds = |name: &str, seed: fn(&Made) -> Option<u64>| column(name, rows.iter().map(seed).collect::<Vec<_>>());
    let words = |name: &str, word: &dyn Fn(&Made) -> Option<String>| {
        column(name, rows.iter().map(word).collect::<Vec<Option<String>>>())
    };
    let mut columns = vec![
        texts("model", rows, |row| row.model.clone()),
        texts("kind", rows, |row| row.kind.to_owned()),
        words("stage", &|row| row.stage.clone()),
        seeds("seed", |row| row.seed),
        seeds("head_seed", |row| row.head),
        seeds("order_seed", |row| row.order),
        seeds("dropout_seed", |row| row.dropout),
        known_counts("checkpoint", rows, |row| row.checkpoint),
        words("start", &|row| row.start.clone()),
        words("data", &|row| row.data.clone()),
    ];
    columns.extend(NUMBERS.map(|name| known_numbers(name, rows, |row| row.recipe.get(name)?.as_f64())));
    columns.extend(COUNTS.map(|name| known_counts(name, rows, |row| Some(row.recipe.get(name)?.as_u64()? as usize))));
    columns.extend(WORDS.map(|name| words(name, &|row| Some(row.recipe.get(name)?.as_str()?.to_owned()))));
    columns.extend(ANSWERS.map(|name| answers(name, rows)));
    columns.extend(swept(rows));
    columns.extend([
        known_numbers("final_loss", rows, |row| row.final_loss),
        known_numbers("seconds", rows, |row| row.seconds),
        words("key", &|row| row.key.clone()),
    ]);
    Ok(Some(table(NAME, columns)?))
}

fn answers(name: &str, rows: &[Made]) -> Column {
    column(name, rows.iter().map(|row| row.recipe.get(name)?.as_bool()).collect::<Vec<Option<bool>>>())
}

/// A column for each key with a list of values that has none yet.
fn swept(rows: &[Made]) -> Vec<Column> {
    let has_column = |key: &&str| {
        let known = [NUMBERS.as_slice(), &COUNTS, &WORDS, &ANSWERS].into_iter().flatten();
        // The start and the data stand under names of their own, as do the three rates of dropout.
        known.chain(&["model", "data", "seed", "dropout"]).any(|known| known == key)
    };
    let keys: BTreeSet<&str> = rows.iter().flat_map(|row| row.swept.keys().map(String::as_str)).collect();
    let of = |key: &str| {
        let texts: Vec<Option<&str>> = rows.iter().map(|row| row.swept.get(key).map(String::as_str)).collect();
        let numbers = || texts.iter().map(|text| text.map_or(Some(None), |text| text.parse::<f64>().ok().map(Some)));
        match numbers().collect::<Option<Vec<Option<f64>>>>() {
            Some(numbers) if numbers.iter().flatten().all(|number| number.fract() == 0.0) => {
                column(key, numbers.into_iter().map(|number| number.map(|number| number as i64)).collect::<Vec<_>>())
            }
            Some(numbers) => column(key, numbers),
            None => column(key, texts.into_iter().map(|text| text.map(str::to_owned)).collect::<Vec<_>>()),
        }
    };
    keys.into_iter().filter(|key| !has_column(key)).map(of).collect()
}

/// The values that tell a model from the others of its stage: of `agents/epochs=3/7`, the epochs and the seed.
fn told(model: &str) -> Option<Pick> {
    Pick::of_instance(model.split_once('/')?.1)
}

/// Models that are made here, in the order of the graph and of their training; then those that are known by name alone.
fn rows(finished: &Finished<'_>) -> Result<Vec<Made>, TableError> {
    let mut rows: Vec<Made> = Vec::new();
    for done in finished.all() {
        if let Some(of) = done.of::<finetune::Params>() {
            let params = of.params;
            let seed = Pick::of_instance(done.instance()).and_then(|own| own.first("seed")?.as_str().parse().ok());
            let mut recipe = flat(serde_json::to_value(&params.recipe)?);
            // Keys leave it out where it is not so.
            recipe.entry("carry_over".to_owned()).or_insert(false.into());
            let about = Made {
                seed,
                head: Some(params.head_seed),
                order: Some(params.order_seed),
                dropout: Some(params.dropout_seed),
                start: start(&done, finished),
                data: data(&done, finished, params.rows.as_ref()),
                recipe,
                ..Made::default()
            };
            rows.extend(checkpoints(&done, &about)?);
        } else if let Some(of) = done.of::<pretrain::Params>() {
            let mut recipe = flat(serde_json::to_value(of.params)?);
            for place in ["hidden", "attention", "classifier"] {
                recipe.insert(format!("dropout_{place}"), of.params.dropout.into());
            }
            let data = data(&done, finished, of.params.rows.as_ref());
            rows.extend(checkpoints(&done, &Made { seed: Some(of.params.seed), data, recipe, ..Made::default() })?);
        } else if let Some(of) = done.of::<fetch::ModelParams>() {
            let seed = done.instance().parse().ok();
            let checkpoint = of.params.step.map(|step| step as usize);
            rows.push(Made { checkpoint, seed, ..made(&done) });
        }
    }
    let mut known: BTreeSet<String> = rows.iter().map(|row| row.model.clone()).collect();
    let mut published = Vec::new();
    for name in finished.all().flat_map(|done| done.step.subjects.iter()) {
        if known.insert(name.clone()) {
            let seed = name.rsplit('/').next().and_then(|label| label.parse().ok());
            published.push(Made { model: name.clone(), kind: "published", seed, ..Made::default() });
        }
    }
    // By number: 2 before 10.
    published.sort_by_key(|row| row.seed);
    rows.extend(published);
    Ok(rows)
}

fn made(done: &Done<'_>) -> Made {
    Made {
        model: done.step.subjects.first().cloned().unwrap_or_default(),
        kind: done.step.stage.kind.name(),
        stage: Some(done.stage().to_owned()),
        seconds: Some(done.seconds()),
        key: Some(done.key().to_string()),
        ..Made::default()
    }
}

/// A row for each of its weights, in the order of training.
fn checkpoints(done: &Done<'_>, about: &Made) -> Result<Vec<Made>, TableError> {
    let mut kept: Vec<Checkpoint> = done.artifacts().filter_map(checkpoint_of).collect();
    kept.sort_unstable();
    let log = read_parquet(&done.bytes(&TRAINING_LOG)?)?;
    let losses: Vec<f64> = log.column("loss")?.f64()?.iter().flatten().collect();
    let told = done.step.subjects.first().and_then(|model| told(model));
    let value = |pick: &Pick, axis: &str| pick.first(axis).map(|value| (axis.to_owned(), value.to_string()));
    let swept: BTreeMap<String, String> =
        told.iter().flat_map(|pick| pick.axes().filter_map(|axis| value(pick, axis))).collect();
    let row = |checkpoint: Checkpoint| {
        let made = made(done);
        let (model, steps) = match checkpoint {
            Checkpoint::Last => (made.model.clone(), losses.len()),
            Checkpoint::Step(step) => (format!("{}@{step}", made.model), step),
        };
        Made {
            model,
            checkpoint: Some(steps),
            final_loss: final_loss(&losses, steps),
            kind: made.kind,
            stage: made.stage,
            seconds: made.seconds,
            key: made.key,
            seed: about.seed,
            head: about.head,
            order: about.order,
            dropout: about.dropout,
            start: about.start.clone(),
            data: about.data.clone(),
            recipe: about.recipe.clone(),
            swept: swept.clone(),
        }
    };
    Ok(kept.into_iter().map(row).collect())
}

/// The mean of the last losses up to a training step.
fn final_loss(losses: &[f64], steps: usize) -> Option<f64> {
    let steps = steps.min(losses.len());
    let last = &losses[steps.saturating_sub(FINAL)..steps];
    let mean = last.iter().sum::<f64>() / last.len() as f64;
    mean.is_finite().then_some(mean)
}

/// The model that it starts from.
fn start(done: &Done<'_>, finished: &Finished<'_>) -> Option<String> {
    let role = parts(&MODEL).weights;
    let input = done.step.inputs.iter().find(|input| input.role == role.name())?;
    let name = finished.step(input.from).subjects.first()?;
    Some(match checkpoint_of(&input.output)? {
        Checkpoint::Last => name.clone(),
        Checkpoint::Step(step) => format!("{name}@{step}"),
    })
}

/// The split, as an experiment writes it.
fn data(done: &Done<'_>, finished: &Finished<'_>, rows: Option<&Range<usize>>) -> Option<String> {
    let input = done.step.inputs.iter().find(|input| input.role == DATA_ROLE.name())?;
    let step = finished.step(input.from);
    let rows = rows.map_or(String::new(), |rows| format!("[{}..{}]", rows.start, rows.end));
    Some(format!("{}.{}{rows}", step.stage.name, step.instance))
}

/// Parameters one value deep: `dropout_hidden` for `hidden` in `dropout`.
fn flat(parameters: Value) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    for (name, value) in parameters.as_object().into_iter().flatten() {
        let Some(within) = value.as_object() else {
            flat.insert(name.clone(), value.clone());
            continue;
        };
        for (part, value) in within {
            match value.as_object() {
                // A kind with what belongs to it: `{ truncated-normal = { std = 0.02 } }`.
                Some(inner) => {
                    flat.insert(name.clone(), part.as_str().into());
                    flat.extend(inner.iter().map(|(last, value)| (format!("{name}_{last}"), value.clone())));
                }
                None => drop(flat.insert(format!("{name}_{part}"), value.clone())),
            }
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DropoutRates;
    use crate::train::Recipe;

    #[test]
    fn every_part_of_a_recipe_is_a_column() {
        let columns: BTreeSet<&str> =
            [NUMBERS.as_slice(), &COUNTS, &WORDS, &ANSWERS].into_iter().flatten().copied().collect();
        let mut parts = BTreeSet::new();
        for name in Recipe::NAMES {
            let recipe = Recipe { dropout: Some(DropoutRates::OFF), ..Recipe::named(name).unwrap() };
            parts.extend(flat(serde_json::to_value(recipe).unwrap()).into_keys());
        }
        assert_eq!(parts.iter().map(String::as_str).collect::<BTreeSet<_>>(), columns);
        let flat = flat(serde_json::to_value(Recipe::named("adamw").unwrap()).unwrap());
        assert_eq!((&flat["head_init"], &flat["head_init_std"]), (&"truncated-normal".into(), &0.02.into()));
        assert_eq!(flat["max_length"].as_u64(), Some(128));
    }

    #[test]
    fn the_final_loss_is_the_mean_of_what_came_before() {
        let losses: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(final_loss(&losses, 100), Some(75.5));
        assert_eq!(final_loss(&losses, 2), Some(1.5));
        assert_eq!((final_loss(&losses, 0), final_loss(&[f64::NAN], 1)), (None, None));
    }

    #[test]
    fn values_in_lists_have_columns_where_they_had_none() {
        let row = |swept: &[(&str, &str)]| Made {
            swept: swept.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            ..Made::default()
        };
        let rows = [
            row(&[
                ("learning_rate", "2e-4"),
                ("examples", "100"),
                ("recipe", "adamw"),
                ("mask", "0.15"),
                ("seed", "1"),
            ]),
            row(&[("examples", "20")]),
            row(&[]),
        ];
        let columns: Vec<String> =
            swept(&rows).iter().map(|column| format!("{} {}", column.name(), column.dtype())).collect();
        assert_eq!(columns, ["examples i64", "mask f64", "recipe str"]);
        let told = told("lm/hidden=64/heads=2/3").unwrap();
        assert_eq!(told.axes().collect::<Vec<_>>(), ["heads", "hidden", "seed"]);
        assert_eq!(told.first("hidden").map(|value| value.as_str()), Some("64"));
    }
}

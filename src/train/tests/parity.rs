//! Fifty training steps of every recipe against their plain statement in `tests/reference/recipes.py`, the learning
//! rates, and the distributions that new heads are drawn from.

use super::super::finetune::train;
use super::super::head::permutation;
use super::super::{FinetuneJob, HeadInit, Progress, Recipe, Schedule, ScheduleShape, Seeds, StepLog, draw_head};
use crate::data::Encoded;
use crate::model::tests::reference::{config, cpu, weights};
use crate::model::{DropoutRates, Head, Kernels, Transformer, TransformerConfig, Weights};
use serde::Deserialize;
use std::ops::ControlFlow;

#[derive(Deserialize)]
struct Fixture {
    batch_size: usize,
    learning_rate: f64,
    order_seed: u64,
    examples: Vec<Example>,
    #[serde(flatten)]
    recipes: std::collections::BTreeMap<String, Run>,
}

#[derive(Deserialize)]
struct Example {
    input_ids: Vec<i32>,
    token_type_ids: Vec<i32>,
    label: u32,
}

#[derive(Deserialize)]
struct Run {
    epochs: f64,
    rows: Vec<Vec<usize>>,
    log: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    loss: f64,
    norm: f64,
    learning_rate: f64,
}

const STEPS: usize = 50;
const THREE: Head = Head::Classifier { labels: 3 };

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../../tests/reference/recipes/expected.json")).unwrap()
}

fn recipe(fixture: &Fixture, name: &str) -> Recipe {
    Recipe {
        learning_rate: fixture.learning_rate,
        batch_size: fixture.batch_size,
        epochs: fixture.recipes[name].epochs,
        dropout: Some(DropoutRates::OFF),
        ..Recipe::named(name).unwrap()
    }
}

fn run(fixture: &Fixture, name: &str, kernels: Kernels) -> (Vec<StepLog>, Weights) {
    let row = |row: &Example| Encoded { input_ids: row.input_ids.clone(), token_type_ids: row.token_type_ids.clone() };
    let examples: Vec<Encoded> = fixture.examples.iter().map(row).collect();
    let targets: Vec<u32> = fixture.examples.iter().map(|row| row.label).collect();
    let (config, before, device) = (config(), weights("model.safetensors"), cpu());
    let job = FinetuneJob {
        device: &device,
        config: &config,
        weights: &before,
        labels: 3,
        recipe: &recipe(fixture, name),
        seeds: Seeds { head: 1, order: fixture.order_seed, dropout: 3 },
        examples: &examples,
        targets: &targets,
        checkpoints: &[STEPS],
    };
    let model = Transformer::new(&config, THREE, &before, &device).unwrap().with_kernels(kernels);
    let mut after = None;
    let result = train(&job, model, None, &mut |progress| {
        if let Progress::Checkpoint { weights, .. } = progress {
            after = Some(weights);
        }
        ControlFlow::Continue(())
    });
    (result.unwrap().log, after.unwrap())
}

/// A key's bias moves all scores of a query alike: its gradient is rounding noise, which Adam makes steps of.
fn means_something(tensor: &str) -> bool {
    !tensor.ends_with("key.bias")
}

fn largest_difference(a: &Weights, b: &Weights) -> f64 {
    let tensors = a.tensors.iter().filter(|(name, _)| means_something(name));
    let difference = |(name, a): (&String, &crate::model::HostTensor)| {
        let b = &b.tensors[name];
        assert_eq!(a.shape, b.shape);
        a.data.iter().zip(&b.data).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
    };
    tensors.map(difference).fold(0.0, f64::max)
}

#[test]
fn fifty_steps_of_every_recipe_agree_with_its_statement() {
    let fixture = fixture();
    let before = weights("model.safetensors");
    for name in Recipe::NAMES {
        let wanted = weights(&format!("../recipes/{name}.safetensors"));
        let log = &fixture.recipes[name].log;
        let mut ends = Vec::new();
        for kernels in [Kernels::Host, Kernels::Device] {
            let (found, after) = run(&fixture, name, kernels);
            assert_eq!((found.len(), log.len()), (STEPS, STEPS));
            let mut worst = [0f64; 3];
            for (found, wanted) in found.iter().zip(log) {
                let now = [
                    (found.loss - wanted.loss).abs(),
                    (found.gradient_norm / wanted.norm - 1.0).abs(),
                    (found.learning_rate - wanted.learning_rate).abs() / fixture.learning_rate,
                ];
                worst = std::array::from_fn(|i| worst[i].max(now[i]));
            }
            let distance = largest_difference(&after, &wanted);
            println!("{name} {kernels:?}: loss {:.1e}, norm {:.1e}, weights {distance:.1e}", worst[0], worst[1]);
            assert!(worst[0] < 1e-4 && worst[1] < 1e-3 && worst[2] < 1e-12, "{name} {kernels:?}: {worst:?}");
            assert!(distance < 1e-4, "{name} {kernels:?}: {distance}");
            assert!(largest_difference(&after, &before) > 1e-3, "{name} hardly moved");
            ends.push(after);
        }
        let apart = largest_difference(&ends[0], &ends[1]);
        println!("{name}: the two implementations of the kernels end {apart:.1e} apart");
        assert!(apart < 1e-4, "{name}: {apart}");
    }
}

/// The recipes of the fixture differ where they should: a warm-up, a clipped and an unclipped step, both ends of the
/// schedule. Otherwise the test above would prove less than it says.
#[test]
fn the_fifty_steps_cross_every_part_of_the_recipes() {
    let fixture = fixture();
    for name in Recipe::NAMES {
        let log = &fixture.recipes[name].log;
        let highest = log.iter().map(|step| step.learning_rate).fold(0.0, f64::max);
        assert!(log[STEPS - 1].learning_rate < 0.15 * highest, "{name} does not come down");
        assert_eq!(log[0].learning_rate == 0.0, name != "hf-flax", "{name}");
        assert!(log.iter().any(|step| step.norm > 1.0), "{name} never clips");
        assert!(name != "google-bert" || log.iter().any(|step| step.norm < 1.0), "{name} always clips");
    }
}

/// The order of each epoch is the stream's, as Python draws it too.
#[test]
fn the_order_of_the_rows_is_that_of_an_independent_statement() {
    let fixture = fixture();
    for run in fixture.recipes.values() {
        let order = permutation(&mut crate::rng::stream("order", fixture.order_seed, 0), fixture.examples.len());
        let drawn: Vec<usize> = run.rows[..3].concat();
        assert_eq!(order[..drawn.len()], drawn);
    }
}

/// `T = ⌊N/batch · epochs⌋`, `W = ⌊0.1·T⌋`, `lr·t/W` before `W`, then `lr·(1 − t/T)`, for many sizes of data.
#[test]
fn googles_schedule_is_the_stated_one() {
    for (examples, batch, epochs) in
        [(363_846, 32, 3), (392_702, 32, 3), (26, 8, 17), (1000, 32, 1), (33, 32, 5), (8_551, 16, 10)]
    {
        let recipe = Recipe { batch_size: batch, epochs: epochs as f64, ..Recipe::named("google-bert").unwrap() };
        let schedule = recipe.schedule_for(examples);
        // Whole numbers, so that no rounding can hide.
        let total = examples * epochs / batch;
        let warmup = total / 10;
        assert_eq!((schedule.total_steps, schedule.warmup_steps), (total, warmup), "{examples} {batch} {epochs}");
        for t in [0, 1, warmup / 2, warmup.saturating_sub(1), warmup, warmup + 1, total / 2, total - 1, total] {
            let factor = if t < warmup { t as f64 / warmup as f64 } else { 1.0 - t as f64 / total as f64 };
            assert!((schedule.at(t) - 2e-5 * factor).abs() < 1e-19, "{t} of {total}");
        }
        assert!(recipe.total_steps(examples) <= total);
    }
    let flax = Recipe::named("hf-flax").unwrap().schedule_for(8_551);
    assert_eq!(flax, Schedule::new(ScheduleShape::AfterWarmup, 2e-5, 0.0, 1_602));
    for t in [0, 1, 801, 1_601] {
        assert!((flax.at(t) - 2e-5 * (1.0 - t as f64 / 1_602.0)).abs() < 1e-19);
    }
}

/// The integral of the unit normal's density over −2 to each of `2n + 1` even points up to 2, by Simpson's rule.
fn truncated_cumulative(n: usize) -> Vec<f64> {
    let density = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    let h = 4.0 / (2 * n) as f64;
    let mut total = vec![0.0];
    for i in 0..2 * n {
        let x = -2.0 + i as f64 * h;
        total.push(total[i] + h / 6.0 * (density(x) + 4.0 * density(x + h / 2.0) + density(x + h)));
    }
    total.iter().map(|area| area / total[2 * n]).collect()
}

#[test]
fn heads_are_drawn_from_their_exact_distributions() {
    const LABELS: usize = 256;
    const HIDDEN: usize = 768;
    let cumulative = truncated_cumulative(2_000);
    let count = (LABELS * HIDDEN) as f64;
    // Of a unit normal within ±2: 1 − 2·2φ(2)/(2Φ(2) − 1).
    let variance: f64 = 0.773_741_303_549_923_2;
    let published = HeadInit::TruncatedNormal { std: 0.02 };
    // `sigma` is the deviation before truncation. TensorFlow leaves it at that; Flax scales so that the variance after
    // truncation is 1/inputs.
    let lecun = (1.0 / HIDDEN as f64).sqrt() / variance.sqrt();
    for (init, sigma) in [(published, 0.02), (HeadInit::LecunNormal, lecun)] {
        let mut weights = Weights::default();
        draw_head(&mut weights, &TransformerConfig::new(10, 1, HIDDEN, 12, HIDDEN), init, LABELS, 11);
        let drawn = &weights.tensors["classifier.weight"].data;
        let mut unit: Vec<f64> = drawn.iter().map(|x| f64::from(*x) / sigma).collect();
        unit.sort_by(f64::total_cmp);
        assert!(unit[0] >= -2.0 - 1e-6 && unit[unit.len() - 1] <= 2.0 + 1e-6, "{init:?}");
        assert!(unit[0] < -1.999 && unit[unit.len() - 1] > 1.999, "{init:?} is cut too early");

        let mean = unit.iter().sum::<f64>() / count;
        let squares = unit.iter().map(|x| x * x).sum::<f64>() / count;
        // The fourth moment of the truncated normal is 3·variance − 2³·2φ(2)/(2Φ(2) − 1) = 1.41619.
        let spread = (1.416_189_1f64 - variance * variance).sqrt() / count.sqrt();
        println!("{init:?}: mean {mean:.1e}, deviation after truncation {:.5} σ", squares.sqrt());
        assert!(mean.abs() < 4.0 * (variance / count).sqrt(), "{init:?}: mean {mean}");
        assert!((squares - variance).abs() < 4.0 * spread, "{init:?}: {squares} against {variance}");

        // Kolmogorov and Smirnov: 1.95 is exceeded by chance once in a thousand draws, and this one is always the same.
        let steps = (cumulative.len() - 1) as f64;
        let exact = |x: f64| {
            let place = ((x + 2.0) / 4.0 * steps).clamp(0.0, steps - 1.0);
            let (below, part) = (place.floor() as usize, place.fract());
            cumulative[below] + part * (cumulative[below + 1] - cumulative[below])
        };
        let gap = |(i, x): (usize, &f64)| {
            let p = exact(*x);
            (p - i as f64 / count).abs().max(((i + 1) as f64 / count - p).abs())
        };
        let statistic = unit.iter().enumerate().map(gap).fold(0.0, f64::max) * count.sqrt();
        println!("{init:?}: Kolmogorov-Smirnov {statistic:.2}");
        assert!(statistic < 1.95, "{init:?}: {statistic}");
        assert!(weights.tensors["classifier.bias"].data.iter().all(|x| *x == 0.0));
    }
}

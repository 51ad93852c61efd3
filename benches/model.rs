//! How fast a model of MiniLM's size is trained, asked and mixed on this machine, without any file: sequences a second,
//! page faults, and the operations a second of the dense products' alone. `cargo bench --bench model [-- THREADS…]`
//!
//! `compare.py` beside it measures the whole program against PyTorch.

// It speaks to whoever runs it.
#![allow(clippy::print_stdout)]

use std::ops::ControlFlow;
use std::time::Instant;

use pipeline::data::{Encoded, by_length};
use pipeline::device::{Backend, select};
use pipeline::model::{Head, Transformer, TransformerConfig, Weights};
use pipeline::train::{FinetuneJob, Recipe, Seeds, finetune, initial_weights, logits};

// The program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EXAMPLES: usize = 256;
const LAYERS: usize = 6;
const HIDDEN: usize = 384;
const PASSES: usize = 5;
const LABELS: usize = 2;

/// Lengths as of pairs of sentences: 24 to 95 tokens, 50 in the mean.
fn examples() -> Vec<Encoded> {
    let row = |row: usize| {
        let length = 24 + (row * 37 % 47 + row * 11 % 29) * 72 / 76 * (1 + row % 3) / 3;
        let input_ids = (0..length).map(|place| 1 + ((row * 31 + place * 17) % 29_999) as i32).collect();
        Encoded { input_ids, token_type_ids: vec![0; length] }
    };
    (0..EXAMPLES).map(row).collect()
}

/// Page faults of this process so far.
fn faults() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().nth(7).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// `operations` is how many there are for a row.
fn report(threads: usize, name: &str, rows: usize, operations: f64, mut pass: impl FnMut()) {
    pass();
    let mut passes = Vec::new();
    for _ in 0..PASSES {
        let (clock, before) = (Instant::now(), faults());
        pass();
        passes.push((clock.elapsed().as_secs_f64(), faults() - before));
    }
    passes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rate = |at: usize| rows as f64 / passes[at].0;
    println!(
        "{threads} threads  {name:<12} {:8.1} sequences/s (fastest {:.1}) {:6.1} Gop/s {:8.1} page faults a sequence",
        rate(PASSES / 2),
        rate(0),
        rate(PASSES / 2) * operations / 1e9,
        passes[PASSES / 2].1 as f64 / rows as f64
    );
}

fn main() {
    let mut config = TransformerConfig::new(30_522, LAYERS, HIDDEN, 12, 4 * HIDDEN);
    config.max_position_embeddings = 512;
    let device = select(Backend::Cpu).expect("the CPU is there").device;
    let start = initial_weights(&config, 1);
    let (examples, recipe) = (examples(), Recipe { epochs: 0.5, ..Recipe::named("adamw").expect("it is known") });
    let tokens: usize = examples.iter().map(Encoded::len).sum();
    println!("{EXAMPLES} rows of {:.1} tokens", tokens as f64 / EXAMPLES as f64);
    let targets: Vec<u32> = (0..EXAMPLES as u32).map(|row| row % 2).collect();
    let job = FinetuneJob {
        device: &device,
        config: &config,
        weights: &start,
        labels: LABELS,
        recipe: &recipe,
        seeds: Seeds { head: 1, order: 2, dropout: 3 },
        examples: &examples,
        targets: &targets,
        checkpoints: &[recipe.total_steps(EXAMPLES)],
    };
    let trained = |seed: u64| -> Transformer {
        let mut kept: Option<Weights> = None;
        let job = FinetuneJob { seeds: Seeds { head: seed, ..job.seeds }, ..job };
        let ended = finetune(&job, &mut |progress| {
            if let pipeline::train::Progress::Checkpoint { weights, .. } = progress {
                kept = Some(weights);
            }
            ControlFlow::Continue(())
        });
        ended.expect("it trains");
        let weights = kept.expect("the last checkpoint is there");
        Transformer::new(&config, Head::Classifier { labels: LABELS }, &weights, &device).expect("it fits")
    };
    let batches = by_length(&examples, &targets, 4096, 0);
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in if asked.is_empty() { vec![1, all] } else { asked } {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
        pool.install(|| {
            let (a, b) = (trained(1), trained(2));
            let ask = |model: &Transformer| drop(logits(model, &batches).expect("it answers"));
            // Two operations a weight and token forwards, four back.
            let forwards = 2.0 * (LAYERS * 12 * HIDDEN * HIDDEN) as f64 * tokens as f64 / EXAMPLES as f64;
            report(threads, "train", EXAMPLES / 2, 3.0 * forwards, || drop(trained(1)));
            report(threads, "evaluate", EXAMPLES, forwards, || ask(&a));
            report(threads, "interpolate", 3 * EXAMPLES, forwards, || {
                for t in [0.25, 0.5, 0.75] {
                    ask(&Transformer::lerp(&a, &b, t).expect("they fit"));
                }
            });
        });
    }
}

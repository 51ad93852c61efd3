//! Products large enough to be split, on pools of several sizes.

use super::super::{FinetuneJob, Progress, Recipe, Seeds, finetune, initial_weights, logits};
use crate::data::{Encoded, by_length};
use crate::model::tests::reference::cpu;
use crate::model::{Head, Transformer, TransformerConfig, Weights};
use rayon::ThreadPoolBuilder;
use std::ops::ControlFlow;

/// 48 rows of 5 to 40 tokens.
fn examples() -> Vec<Encoded> {
    let row = |row: i32| {
        let length = 5 + row * 7 % 36;
        let input_ids = (0..length).map(|place| 1 + (row * 31 + place * 17) % 499).collect();
        let token_type_ids = (0..length).map(|place| i32::from(place > length / 2)).collect();
        Encoded { input_ids, token_type_ids }
    };
    (0..48).map(row).collect()
}

/// Two training steps with dropout, and what the model then says.
fn trained_and_asked(threads: usize) -> (Weights, Vec<f32>) {
    let config = TransformerConfig::new(500, 2, 192, 3, 768);
    let (device, weights, examples) = (cpu(), initial_weights(&config, 3), examples());
    let targets: Vec<u32> = (0..examples.len() as u32).map(|row| row % 3).collect();
    let recipe = Recipe { learning_rate: 1e-3, batch_size: 24, epochs: 1.0, ..Recipe::named("google-bert").unwrap() };
    let job = FinetuneJob {
        device: &device,
        config: &config,
        weights: &weights,
        labels: 3,
        recipe: &recipe,
        seeds: Seeds { head: 1, order: 2, dropout: 3 },
        examples: &examples,
        targets: &targets,
        checkpoints: &[2],
    };
    let mut after = None;
    let work = || {
        let trained = finetune(&job, &mut |progress| {
            if let Progress::Checkpoint { weights, .. } = progress {
                after = Some(weights);
            }
            ControlFlow::Continue(())
        });
        trained.unwrap();
        let after = after.unwrap();
        let model = Transformer::new(&config, Head::Classifier { labels: 3 }, &after, &device).unwrap();
        let batches = by_length(&examples, &targets, 1024, 0);
        (after, logits(&model, &batches).unwrap())
    };
    ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn results_do_not_depend_on_threads() {
    let alone = trained_and_asked(1);
    assert!(alone.1.iter().all(|logit| logit.is_finite()));
    for threads in [2, 3, 5] {
        assert!(trained_and_asked(threads) == alone, "{threads} threads");
    }
}

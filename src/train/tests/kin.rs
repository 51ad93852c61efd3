//! Fine-tuning BERT's kin: the same code with other heads.

use super::super::{FinetuneJob, Progress, Recipe, Seeds, StepLog, finetune};
use crate::model::tests::kin::{Case, NAMES, case};
use crate::model::tests::reference::{cpu, rows};
use crate::model::{Head, Transformer, Weights};
use std::ops::ControlFlow;

/// Fine-tunes with dropout on until the few rows of the fixture are known by heart.
fn run(case: &Case, seed: u64, epochs: f64) -> (Vec<StepLog>, Weights) {
    let batch = case.batch();
    let examples = rows(&batch);
    let recipe = Recipe { learning_rate: 3e-2, batch_size: 3, epochs, warmup: 0.0, ..Recipe::named("adamw").unwrap() };
    let steps = recipe.total_steps(examples.len());
    let job = FinetuneJob {
        device: &cpu(),
        config: &case.config,
        weights: &case.weights,
        labels: 3,
        recipe: &recipe,
        seeds: Seeds { head: seed, order: 2, dropout: 3 },
        examples: &examples,
        targets: &batch.labels,
        checkpoints: &[steps],
    };
    let mut after = None;
    let result = finetune(&job, &mut |progress| {
        if let Progress::Checkpoint { weights, .. } = progress {
            after = Some(weights);
        }
        ControlFlow::Continue(())
    });
    (result.unwrap().log, after.unwrap())
}

#[test]
fn every_architecture_learns_and_repeats() {
    for name in NAMES {
        let case = case(name);
        let (log, after) = run(&case, 1, 60.0);
        let mean = |rows: &[StepLog]| rows.iter().map(|row| row.loss).sum::<f64>() / rows.len() as f64;
        let (before, end) = (mean(&log[..10]), mean(&log[log.len() - 10..]));
        assert!(end < 0.8 * before, "{name}: {before} to {end}");
        assert_eq!((log, after), run(&case, 1, 60.0), "{name}");
        assert_ne!(run(&case, 1, 1.0), run(&case, 2, 1.0), "{name}");
    }
}

/// Writes what `tests/reference/architectures.py check` reads.
#[test]
#[ignore = "writes checkpoints for a script, into the folder that ARCHITECTURES_OUT names"]
fn write_checkpoints() {
    let out = std::path::PathBuf::from(std::env::var_os("ARCHITECTURES_OUT").expect("ARCHITECTURES_OUT is not set"));
    for name in NAMES {
        let case = case(name);
        let (_, weights) = run(&case, 1, 60.0);
        let model = Transformer::new(&case.config, Head::Classifier { labels: 3 }, &weights, &cpu()).unwrap();
        let logits: Vec<f32> = model.forward(&case.batch(), None).unwrap().to_data().to_vec().unwrap();
        let folder = out.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let write = |file: &str, bytes: Vec<u8>| std::fs::write(folder.join(file), bytes).unwrap();
        write("config.json", case.config.to_json(Some(&case.config.labels())).into_bytes());
        write("model.safetensors", weights.to_safetensors().unwrap());
        write("logits.json", serde_json::json!({ "logits": logits }).to_string().into_bytes());
    }
}

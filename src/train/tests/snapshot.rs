//! A run that is stopped and gone on with, however often, is the run that was not.

use std::ops::ControlFlow;

use serde_json::json;

use super::super::finetune::train;
use super::super::*;
use crate::data::Encoded;
use crate::model::tests::reference::{batch, config, cpu, rows, weights};
use crate::model::{DropoutRates, Head, Kernels, Transformer, Weights};

const CLASSIFIER: Head = Head::Classifier { labels: 3 };

fn examples() -> (Vec<Encoded>, Vec<u32>) {
    let batch = batch();
    (rows(&batch), batch.labels)
}

fn with_job<T>(recipe: &Recipe, checkpoints: &[usize], run: impl FnOnce(&FinetuneJob<'_>) -> T) -> T {
    let (examples, targets) = examples();
    run(&FinetuneJob {
        device: &cpu(),
        config: &config(),
        weights: &weights("model.safetensors"),
        labels: 3,
        recipe,
        seeds: Seeds { head: 1, order: 2, dropout: 3 },
        examples: &examples,
        targets: &targets,
        checkpoints,
    })
}

/// Nine steps of three epochs, with a warmup, so that every position matters.
fn recipe(name: &str, dropout: f64) -> Recipe {
    let dropout = Some(DropoutRates { hidden: dropout, attention: dropout, classifier: dropout });
    Recipe { learning_rate: 1e-3, batch_size: 2, epochs: 3.0, dropout, ..Recipe::named(name).unwrap() }
}

fn saved(state: &TrainingState<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    state.write(&json!({"mine": state.step}), &mut bytes).unwrap();
    bytes
}

/// The log and the checkpoints of a run that is stopped after every `every` steps and gone on with from bytes.
fn stopped(job: &FinetuneJob<'_>, kernels: Kernels, every: usize) -> (Vec<StepLog>, Vec<(usize, Weights)>) {
    let mut checkpoints = Vec::new();
    let mut bytes: Option<Vec<u8>> = None;
    loop {
        let start = bytes.take().map(|bytes| SavedState::read(&bytes[..], bytes.len() as u64, &job.shape()).unwrap());
        assert!(start.as_ref().is_none_or(|start| start.with == json!({"mine": start.step})));
        // A head that is there already, so that the kernels can be chosen.
        let model = Transformer::new(job.config, CLASSIFIER, job.weights, job.device).unwrap().with_kernels(kernels);
        let ended = train(job, model, start, &mut |progress| {
            match progress {
                Progress::Checkpoint { step, weights } => checkpoints.push((step, weights)),
                Progress::State(state) if state.step.is_multiple_of(every) => {
                    bytes = Some(saved(&state));
                    return ControlFlow::Break(());
                }
                _ => {}
            }
            ControlFlow::Continue(())
        });
        match ended {
            Ok(result) => return (result.log, checkpoints),
            Err(TrainError::Interrupted { step }) => assert!(step.is_multiple_of(every)),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_fine_tune_is_the_same_however_often_it_is_stopped() {
    // On one device the kernels of another draw their masks from a generator that nobody seeds.
    for (name, kernels, dropout) in [
        ("google-bert", Kernels::Host, 0.1),
        ("hf-flax", Kernels::Host, 0.1),
        ("adamw", Kernels::Host, 0.1),
        ("google-bert", Kernels::Device, 0.0),
        ("adamw", Kernels::Device, 0.0),
    ] {
        with_job(&recipe(name, dropout), &[2, 3, 9], |job| {
            let whole = stopped(job, kernels, usize::MAX);
            assert_eq!(whole.0.len(), 9, "{name}");
            for every in [1, 2, 3, 4, 8] {
                let found = stopped(job, kernels, every);
                let bits = |log: &[StepLog]| serde_json::to_string(log).unwrap();
                assert_eq!(bits(&found.0), bits(&whole.0), "{name} {kernels:?} {every}");
                assert!(found.1 == whole.1, "{name} {kernels:?} {every}: other weights");
            }
        });
    }
}

#[test]
fn what_is_not_kept_would_be_missed() {
    with_job(&recipe("adamw", 0.0), &[9], |job| {
        let whole = stopped(job, Kernels::Host, usize::MAX);
        // The same, but the moments and the optimiser's step start anew: the test above can fail.
        let mut end = None;
        let mut state = None;
        let model = || Transformer::new(job.config, CLASSIFIER, job.weights, job.device).unwrap();
        train(job, model(), None, &mut |progress| match progress {
            Progress::State(now) if now.step == 4 => {
                state = Some(saved(&now));
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        })
        .unwrap_err();
        let mut bytes = state.unwrap();
        let header = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let third = (bytes.len() - header) / 3;
        bytes[header + third..].fill(0);
        let start = SavedState::read(&bytes[..], bytes.len() as u64, &job.shape()).unwrap();
        train(job, model(), Some(start), &mut |progress| {
            if let Progress::Checkpoint { weights, .. } = progress {
                end = Some(weights);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_ne!(end.unwrap(), whole.1[0].1);
    });
}

#[test]
fn snapshots_of_other_runs_and_torn_ones_are_refused() {
    let recipe = recipe("adamw", 0.0);
    let mut bytes = Vec::new();
    let fits = |bytes: &[u8], shape: &RunShape| SavedState::read(bytes, bytes.len() as u64, shape).is_some();
    with_job(&recipe, &[9], |job| {
        finetune(job, &mut |progress| {
            if let Progress::State(state) = progress {
                bytes = saved(&state);
                assert!((bytes.len() as u64).abs_diff(state.size()) < 4000, "{} {}", bytes.len(), state.size());
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        let shape = job.shape();
        assert!(fits(&bytes, &shape));
        for other in [
            RunShape { steps: 10, ..shape.clone() },
            RunShape { moments: false, ..shape.clone() },
            RunShape { parameters: shape.parameters[1..].to_vec(), ..shape.clone() },
        ] {
            assert!(!fits(&bytes, &other));
        }
        assert!(!fits(&bytes[..bytes.len() - 4], &shape) && !fits(&bytes[..100], &shape) && !fits(b"", &shape));
        let mut longer = bytes.clone();
        longer.extend([0; 4]);
        assert!(!fits(&longer, &shape) && !fits(b"{}\n", &shape) && !fits(&[0; 5000], &shape));
        let start = SavedState::read(&bytes[..], bytes.len() as u64, &shape).unwrap();
        let longer = Recipe { epochs: 4.0, ..recipe.clone() };
        let error =
            finetune_from(&FinetuneJob { recipe: &longer, ..*job }, Some(start), &mut |_| ControlFlow::Continue(()));
        assert!(error.unwrap_err().to_string().contains("another training run"));
    });
}

#[test]
fn evaluations_and_ascents_go_on_too() {
    let (examples, targets) = examples();
    let model = Transformer::new(&config(), CLASSIFIER, &weights("model.safetensors"), &cpu()).unwrap();
    // One row a batch, more of them than are queued at a time.
    let many: Vec<Encoded> = examples.iter().cycle().take(30).cloned().collect();
    let batches: Vec<_> =
        many.iter().enumerate().map(|(row, one)| crate::data::collate(&[one], &[0], &[row], 0)).collect();
    let whole = logits(&model, &batches).unwrap();
    let mut part = None;
    let mut rounds = 0;
    let found = loop {
        rounds += 1;
        let start = part.take();
        match logits_from(&model, &batches, start, &mut |now| {
            part = Some(now.clone());
            ControlFlow::Break(())
        }) {
            Ok(found) => break found,
            Err(error) => assert!(matches!(error, TrainError::Interrupted { .. })),
        }
    };
    assert_eq!((rounds, found), (4, whole));

    let job = SharpnessJob {
        model: &model,
        examples: &examples,
        targets: &targets,
        epsilon: 1e-3,
        shape: BoxShape::Keskar,
        directions: Some(500),
        learning_rate: 1e-2,
        batch_size: 2,
        dropout: DropoutRates { hidden: 0.1, attention: 0.1, classifier: 0.1 },
        seed: 4,
    };
    let whole = ascend(&job, &mut |_, _| {}).unwrap();
    let mut bytes: Vec<u8> = Vec::new();
    for step in 1..=job.steps() {
        let start = (step > 1).then(|| SavedState::read(&bytes[..], bytes.len() as u64, &job.shape()).unwrap());
        ascend_from(&job, start, &mut |ascent| {
            assert_eq!(ascent.state.step, step);
            bytes = saved(&ascent.state);
            ControlFlow::Break(())
        })
        .unwrap_err();
    }
    let end = SavedState::read(&bytes[..], bytes.len() as u64, &job.shape()).unwrap();
    let found = ascend_from(&job, Some(end), &mut |_| unreachable!()).unwrap();
    assert_eq!(found.to_weights(), whole.to_weights());
    let mut again = Vec::new();
    Ascent::finished(&job, &found).write(&json!({"mine": 3}), &mut again).unwrap();
    assert_eq!(again, bytes);
}

#[test]
fn an_ascent_that_diverges_says_where() {
    let (examples, targets) = examples();
    let mut weights = weights("model.safetensors");
    weights.tensors.get_mut("classifier.bias").unwrap().data[0] = f32::NAN;
    let model = Transformer::new(&config(), CLASSIFIER, &weights, &cpu()).unwrap();
    let job = SharpnessJob {
        model: &model,
        examples: &examples,
        targets: &targets,
        epsilon: 1e-3,
        shape: BoxShape::Published,
        directions: None,
        learning_rate: 1e-2,
        batch_size: 2,
        dropout: DropoutRates::OFF,
        seed: 0,
    };
    let text = ascend(&job, &mut |_, _| {}).unwrap_err().to_string();
    assert!(text.contains("NaN at step 1 of the ascent (learning rate 1e-2)"), "{text}");
}

/// Bytes a second of a state of some hundred million parameters, with the digest.
#[test]
#[ignore = "writes a gigabyte; SNAPSHOT_IN names the folder"]
fn time_a_large_snapshot() {
    let folder = std::env::var_os("SNAPSHOT_IN").expect("SNAPSHOT_IN is not set");
    let config = crate::model::TransformerConfig::new(30_522, 12, 768, 12, 3072);
    let model = Transformer::new(&config, Head::MaskedLanguageModel, &initial_weights(&config, 1), &cpu()).unwrap();
    let optimizer = Optimizer::new(&Recipe::named("adamw").unwrap(), &model);
    let state = TrainingState { step: 1, steps: 2, log: &[], model: &model, optimizer: Some(&optimizer) };
    let store = crate::store::Store::open(std::path::Path::new(&folder)).unwrap();
    let scratch = store.scratch(&crate::fingerprint::Key(crate::fingerprint::Digest::of(b"large")));
    for _ in 0..3 {
        let clock = std::time::Instant::now();
        scratch.write_with("snapshot", state.size(), &mut |out| state.write(&json!({}), out)).unwrap();
        let wrote = clock.elapsed().as_secs_f64();
        let clock = std::time::Instant::now();
        let size = scratch.open("snapshot").unwrap().1;
        let checked = clock.elapsed().as_secs_f64();
        println!(
            "{size} bytes written in {wrote:.2} s ({:.0} MB/s), checked in {checked:.2} s",
            size as f64 / 1e6 / wrote
        );
    }
    scratch.clear();
}

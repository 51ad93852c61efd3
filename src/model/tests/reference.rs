//! Agreement with PyTorch and transformers, whose results `tests/reference/bert.py` wrote down.

use super::super::*;
use crate::data::{Batch, Encoded};
use burn::DispatchDevice;
use burn::tensor::backend::Backend as _;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "reference", "bert", name].iter().collect()
}

pub fn config() -> TransformerConfig {
    TransformerConfig::from_json(&std::fs::read_to_string(path("config.json")).unwrap()).unwrap()
}

pub fn weights(name: &str) -> Weights {
    Weights::from_safetensors(&std::fs::read(path(name)).unwrap()).unwrap()
}

pub fn expected() -> Value {
    serde_json::from_str(&std::fs::read_to_string(path("expected.json")).unwrap()).unwrap()
}

pub fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

pub fn batch() -> Batch {
    batch_of(&expected())
}

/// As the reference scripts write one.
pub fn batch_of(value: &Value) -> Batch {
    let numbers = |name: &str| floats(&value[name]);
    let rows = value["rows"].as_u64().unwrap() as usize;
    Batch {
        rows,
        width: value["width"].as_u64().unwrap() as usize,
        input_ids: numbers("input_ids").iter().map(|x| *x as i32).collect(),
        token_type_ids: numbers("token_type_ids").iter().map(|x| *x as i32).collect(),
        attention_mask: numbers("attention_mask").iter().map(|x| *x as f32).collect(),
        labels: numbers("labels").iter().map(|x| *x as u32).collect(),
        index: (0..rows).collect(),
    }
}

/// Its rows without their padding.
pub fn rows(batch: &Batch) -> Vec<Encoded> {
    let row = |row: usize| {
        let length = batch.attention_mask[row * batch.width..][..batch.width].iter().sum::<f32>() as usize;
        let range = row * batch.width..row * batch.width + length;
        Encoded {
            input_ids: batch.input_ids[range.clone()].to_vec(),
            token_type_ids: batch.token_type_ids[range].to_vec(),
        }
    };
    (0..batch.rows).map(row).collect()
}

pub fn cpu() -> DispatchDevice {
    crate::device::select(crate::device::Backend::Cpu).unwrap().device
}

pub const THREE: Head = Head::Classifier { labels: 3 };
pub const BOTH: [Kernels; 2] = [Kernels::Host, Kernels::Device];

/// The device's own generator is one for all threads: who seeds it and then draws does so alone.
pub fn device_seeded(seed: u64) -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    B::seed(&cpu(), seed);
    alone
}

pub fn model(kernels: Kernels) -> Transformer {
    Transformer::new(&config(), THREE, &weights("model.safetensors"), &cpu()).unwrap().with_kernels(kernels)
}

pub fn values<const D: usize>(tensor: &burn::tensor::Tensor<B, D>) -> Vec<f32> {
    tensor.to_data().to_vec().unwrap()
}

/// The largest difference, relative to the largest value.
pub fn difference(found: &[f32], wanted: &[f32]) -> f64 {
    assert_eq!(found.len(), wanted.len());
    let largest = wanted.iter().fold(1e-3f64, |a, b| a.max(f64::from(b.abs())));
    found.iter().zip(wanted).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max) / largest
}

/// The rows of a batch, each with `extra` more columns of padding filled with token `filler`.
pub fn widen(batch: &Batch, extra: usize, filler: i32) -> Batch {
    let width = batch.width + extra;
    let spread = |values: &[i32], fill: i32| {
        let rows = values.chunks(batch.width).map(|row| [row, &vec![fill; extra]].concat());
        rows.collect::<Vec<_>>().concat()
    };
    let mask = batch.attention_mask.chunks(batch.width).map(|row| [row, &vec![0.0; extra]].concat());
    Batch {
        width,
        input_ids: spread(&batch.input_ids, filler),
        token_type_ids: spread(&batch.token_type_ids, 0),
        attention_mask: mask.collect::<Vec<_>>().concat(),
        ..batch.clone()
    }
}

#[test]
fn logits_and_loss_agree_with_transformers() {
    let expected = expected();
    for kernels in BOTH {
        for (name, form) in [("gelu", Activation::Erf), ("gelu_new", Activation::Tanh)] {
            let model = model(kernels).with_activation(form);
            let wanted: Vec<f32> = floats(&expected[name]["logits"]).iter().map(|x| *x as f32).collect();
            let logits = values(&model.forward(&batch(), None).unwrap());
            let worst = logits.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            println!("{kernels:?} {name}: logits differ by {worst:.1e}");
            assert!(worst < 1e-5, "{kernels:?} {name}: {worst}");
            let (loss, _) = model.loss_and_gradients(&batch(), &mut Dropout::off()).unwrap();
            assert!((f64::from(values(&loss)[0]) - expected[name]["loss"].as_f64().unwrap()).abs() < 1e-5);
        }
    }
}

#[test]
fn gradients_agree_with_pytorch() {
    let expected = weights("gradients.safetensors");
    for kernels in BOTH {
        for (name, form) in [("gelu", Activation::Erf), ("gelu_new", Activation::Tanh)] {
            let model = model(kernels).with_activation(form);
            let (_, gradients) = model.loss_and_gradients(&batch(), &mut Dropout::off()).unwrap();
            let mut worst = 0f64;
            for (slot, gradient) in model.layout().slots.iter().zip(&gradients) {
                let wanted = &expected.tensors[&format!("{name}.{}", slot.name)].data;
                let here = difference(&values(gradient.as_ref().unwrap()), wanted);
                assert!(here < 1e-4, "{kernels:?} {name} {}: {here}", slot.name);
                worst = worst.max(here);
            }
            println!("{kernels:?} {name}: gradients differ by {worst:.1e} of the largest of their tensor");
        }
    }
}

#[test]
fn masked_language_model_agrees_with_pytorch() {
    let (expected, file) = (expected(), weights("masked.safetensors"));
    let mut own = weights("model.safetensors");
    own.tensors.retain(|name, _| name.starts_with("bert."));
    let head = file.tensors.iter().filter(|(name, _)| name.starts_with("cls."));
    own.tensors.extend(head.map(|(name, tensor)| (name.clone(), tensor.clone())));
    let targets = MaskedTargets {
        places: floats(&expected["masked"]["positions"]).iter().map(|x| *x as usize).collect(),
        tokens: floats(&expected["masked"]["targets"]).iter().map(|x| *x as u32).collect(),
    };
    for kernels in BOTH {
        let model = Transformer::new(&config(), Head::MaskedLanguageModel, &own, &cpu()).unwrap().with_kernels(kernels);
        let (loss, gradients) = model.masked_loss_and_gradients(&batch(), &targets, &mut Dropout::off()).unwrap();
        assert!((f64::from(values(&loss)[0]) - expected["masked"]["loss"].as_f64().unwrap()).abs() < 1e-5);
        let (mut compared, mut largest) = (0, 0f64);
        for (slot, gradient) in model.layout().slots.iter().zip(&gradients) {
            let Some(wanted) = file.tensors.get(&format!("gradient.{}", slot.name)) else { continue };
            let worst = difference(&values(gradient.as_ref().unwrap()), &wanted.data);
            assert!(worst < 1e-4, "{kernels:?} {}: {worst}", slot.name);
            (compared, largest) = (compared + 1, largest.max(worst));
        }
        // All but the pooler, which the loss does not depend on.
        assert_eq!(compared, gradients.len() - 2);
        println!("{kernels:?}: a masked language model's gradients differ by {largest:.1e}");
        assert!(gradients[model.layout().pooler()].is_none());
        let bad = MaskedTargets { places: vec![batch().width * 2 - 1], tokens: vec![7] };
        assert!(model.masked_loss_and_gradients(&batch(), &bad, &mut Dropout::off()).is_err());
    }
}

#[test]
fn padding_changes_nothing() {
    for kernels in BOTH {
        let model = model(kernels);
        let plain = model.forward(&batch(), None).unwrap();
        let padded = model.forward(&widen(&batch(), 3, 49), None).unwrap();
        assert!(difference(&values(&padded), &values(&plain)) < 1e-5);
        let gradients = |batch| model.loss_and_gradients(&batch, &mut Dropout::off()).unwrap().1;
        for (a, b) in gradients(batch()).iter().zip(&gradients(widen(&batch(), 3, 49))) {
            let (a, b) = (values(a.as_ref().unwrap()), values(b.as_ref().unwrap()));
            assert!(difference(&a, &b) < 1e-5);
        }
    }
}

#[test]
fn saving_and_loading_is_exact() {
    let own = weights("model.safetensors");
    assert_eq!(model(Kernels::Host).to_weights(), own);
    let mut bare = own.clone();
    bare.tensors = own.tensors.iter().map(|(n, t)| (n.trim_start_matches("bert.").to_owned(), t.clone())).collect();
    let read = Weights::from_safetensors(&bare.to_safetensors().unwrap()).unwrap();
    assert_eq!(read.with_prefix(Architecture::Bert).unwrap(), own);
}

#[test]
fn interpolation_agrees_with_the_host() {
    let (a, b) = (weights("model.safetensors"), weights("../recipes/adamw.safetensors"));
    let load = |weights: &Weights| Transformer::new(&config(), THREE, weights, &cpu()).unwrap();
    for t in [0.0, 0.3, 1.0] {
        let device = Transformer::lerp(&load(&a), &load(&b), t).unwrap().to_weights();
        let host = a.lerp(&b, t).unwrap();
        let tensors = device.tensors.iter().zip(host.tensors.values());
        let worst = tensors.map(|((_, a), b)| difference(&a.data, &b.data)).fold(0.0, f64::max);
        assert!(worst <= if t == 0.3 { 1e-6 } else { 0.0 }, "{worst}");
    }
    let error = Transformer::lerp(&load(&a), &model_with_two_labels(), 0.5).unwrap_err().to_string();
    assert!(error.contains("cannot be combined"), "{error}");
}

fn model_with_two_labels() -> Transformer {
    let mut own = weights("model.safetensors");
    for (name, size) in [("classifier.weight", 32), ("classifier.bias", 2)] {
        let tensor = own.tensors.get_mut(name).unwrap();
        tensor.data.truncate(size);
        tensor.shape[0] = 2;
    }
    Transformer::new(&config(), Head::Classifier { labels: 2 }, &own, &cpu()).unwrap()
}

#[test]
fn dropout_repeats_with_its_seed_and_step() {
    let rates = DropoutRates { hidden: 0.1, attention: 0.1, classifier: 0.1 };
    for kernels in BOTH {
        let model = model(kernels);
        let run = |seed, step| {
            let mut dropout = Dropout::new(rates, seed, step, &cpu());
            let _alone = (kernels == Kernels::Device).then(|| device_seeded(seed * 100 + step));
            let (loss, gradients) = model.loss_and_gradients(&batch(), &mut dropout).unwrap();
            (values(&loss), values(gradients[0].as_ref().unwrap()))
        };
        assert_eq!(run(1, 1), run(1, 1));
        assert_ne!(run(1, 1).0, run(1, 2).0);
        assert_ne!(run(1, 1).0, run(2, 1).0);
    }
}

/// The gradient with dropout on is that of the very masks of its forward pass: compared with finite differences.
pub fn follow_the_masks(name: &str, model: &Transformer, batch: &Batch, places: impl IntoIterator<Item = usize>) {
    let rates = DropoutRates { hidden: 0.2, attention: 0.3, classifier: 0.2 };
    let loss_of = |model: &Transformer| {
        let (loss, gradients) = model.loss_and_gradients(batch, &mut Dropout::new(rates, 4, 2, &cpu())).unwrap();
        (f64::from(values(&loss)[0]), gradients)
    };
    let (_, gradients) = loss_of(model);
    for place in places {
        let direction = gradients[place].clone().unwrap();
        let squared: f32 = values(&direction).iter().map(|x| x * x).sum();
        let moved = |step: f64| {
            let mut model = model.clone();
            model.parameters_mut()[place] = model.parameters()[place].clone() + direction.clone() * step;
            loss_of(&model).0
        };
        let step = 2e-3 / f64::from(squared.sqrt());
        let slope = (moved(step) - moved(-step)) / (2.0 * step);
        assert!((slope / f64::from(squared) - 1.0).abs() < 0.02, "{name} {place}: {slope} against {squared}");
    }
}

#[test]
fn gradients_follow_the_dropout_masks() {
    let model = model(Kernels::Host);
    let layer = model.layout().layer(0);
    let places = [layer.query, layer.value, layer.attention_output, layer.intermediate, layer.output + 1];
    follow_the_masks("bert", &model, &batch(), places);
}

#[test]
fn impossible_batches_are_errors() {
    let model = model(Kernels::Host);
    let mut outside = batch();
    outside.input_ids[0] = 50;
    let mut empty = batch();
    empty.attention_mask[..9].fill(0.0);
    let mut label = batch();
    label.labels[2] = 3;
    for (batch, text) in [(outside, "token id 50"), (empty, "row 0"), (widen(&batch(), 4, 0), "max_length")] {
        let error = model.forward(&batch, None).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    let error = model.loss_and_gradients(&label, &mut Dropout::off()).unwrap_err().to_string();
    assert!(error.contains("label 3"), "{error}");
}

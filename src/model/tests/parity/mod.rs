//! Agreement with other statements of the same model: transformers' hidden states, SciPy's GELU, and a plain BERT in
//! double precision for dropout. Logits and gradients are in `reference.rs`.

mod dropout;
mod gelu;
mod padding;
mod statement;
mod states;

use super::reference::{BOTH, config, cpu, model as classifier, values, weights};
use crate::model::{Head, Kernels, Transformer, Weights};

/// The same encoder under a masked language model's head.
fn masked(kernels: Kernels) -> Transformer {
    let mut tensors = weights("model.safetensors").tensors;
    tensors.retain(|name, _| name.starts_with("bert."));
    let head = weights("masked.safetensors").tensors.into_iter().filter(|(name, _)| name.starts_with("cls."));
    tensors.extend(head);
    let own = Weights { tensors };
    Transformer::new(&config(), Head::MaskedLanguageModel, &own, &cpu()).unwrap().with_kernels(kernels)
}

/// The largest absolute difference.
fn difference(found: &[f32], wanted: impl IntoIterator<Item = f64>) -> f64 {
    let wanted: Vec<f64> = wanted.into_iter().collect();
    assert_eq!(found.len(), wanted.len());
    found.iter().zip(wanted).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max)
}

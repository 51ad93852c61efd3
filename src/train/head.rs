//! Random initial values: a new head, and normal numbers for a whole model.

use super::HeadInit;
use crate::model::{HostTensor, TransformerConfig, Weights};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Puts a newly drawn head for `labels` classes into `weights`, replacing an old one: the dense layers that
/// [`crate::model::Architecture::new_head`] names, and the pooler where it has one and there is none.
///
/// A weight is `[outputs, hidden]` and depends on the seed alone; biases are 0.
pub fn draw_head(weights: &mut Weights, config: &TransformerConfig, init: HeadInit, labels: usize, seed: u64) {
    let hidden = config.hidden_size;
    let std = match init {
        HeadInit::TruncatedNormal { std } => std,
        // 0.8796… is the standard deviation of a unit normal truncated at ±2, as in jax.nn.initializers.
        HeadInit::LecunNormal => (1.0 / hidden as f64).sqrt() / 0.879_625_661_034_239_8,
    };
    let head = config.model_type.new_head();
    weights.tensors.retain(|name, _| !head.holds(name));
    let dense = head.dense.map(|stem| (stem, hidden, "head.dense"));
    let pooler = config.model_type.pooler().filter(|stem| !weights.tensors.contains_key(&format!("{stem}.weight")));
    let pooler = pooler.map(|stem| (stem, hidden, "head.pooler"));
    for (stem, outputs, purpose) in dense.into_iter().chain(pooler).chain([(head.output, labels, "head")]) {
        let mut random = crate::rng::stream(purpose, seed, 0);
        let data = (0..outputs * hidden).map(|_| (std * truncated_normal(&mut random)) as f32).collect();
        weights.tensors.insert(format!("{stem}.weight"), HostTensor { shape: vec![outputs, hidden], data });
        let bias = HostTensor { shape: vec![outputs], data: vec![0.0; outputs] };
        weights.tensors.insert(format!("{stem}.bias"), bias);
    }
}

/// A unit normal, redrawn until it lies within ±2.
fn truncated_normal(random: &mut ChaCha8Rng) -> f64 {
    loop {
        let x = normal(random);
        if x.abs() <= 2.0 {
            return x;
        }
    }
}

/// A unit normal (Box–Muller, the cosine half).
pub(super) fn normal(random: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - uniform(random)).ln()).sqrt();
    radius * (std::f64::consts::TAU * uniform(random)).cos()
}

/// Uniform in [0, 1), 53 bits.
pub(super) fn uniform(random: &mut ChaCha8Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Uniform below `bound`, which is at least 1. The bias is below `bound`/2⁶⁴.
pub(super) fn below(random: &mut ChaCha8Rng, bound: usize) -> usize {
    ((u128::from(random.next_u64()) * bound as u128) >> 64) as usize
}

/// A random order of `0..n` (Fisher–Yates).
pub(super) fn permutation(random: &mut ChaCha8Rng, n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        order.swap(i, below(random, i + 1));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Architecture;

    fn head(init: HeadInit, seed: u64) -> Vec<f32> {
        let mut weights = Weights::default();
        draw_head(&mut weights, &TransformerConfig::new(10, 1, 4096, 1, 1), init, 4, seed);
        assert_eq!(weights.tensors["classifier.bias"].data, [0.0; 4]);
        assert_eq!(weights.tensors["classifier.weight"].shape, [4, 4096]);
        weights.tensors["classifier.weight"].data.clone()
    }

    #[test]
    fn a_pooler_is_drawn_where_there_is_none() {
        let config = TransformerConfig::new(10, 1, 64, 1, 1);
        let init = HeadInit::TruncatedNormal { std: 0.02 };
        let (mut none, mut one) = (Weights::default(), Weights::default());
        let old = HostTensor { shape: vec![64, 64], data: vec![1.0; 64 * 64] };
        one.tensors.insert("bert.pooler.dense.weight".into(), old.clone());
        for weights in [&mut none, &mut one] {
            draw_head(weights, &config, init, 2, 7);
        }
        let (pooler, bias) = (&none.tensors["bert.pooler.dense.weight"], &none.tensors["bert.pooler.dense.bias"]);
        assert_eq!((&pooler.shape[..], &bias.data[..]), (&[64, 64][..], &[0.0; 64][..]));
        assert!((deviation(&pooler.data) / 0.02 - 0.8796).abs() < 0.05);
        assert_eq!(one.tensors["bert.pooler.dense.weight"], old);
        // The head itself is the same with it and without.
        assert_eq!(none.tensors["classifier.weight"], one.tensors["classifier.weight"]);
        assert_ne!(pooler.data[..128], none.tensors["classifier.weight"].data[..]);
    }

    fn deviation(values: &[f32]) -> f64 {
        (values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
    }

    #[test]
    fn heads_have_their_bounds_and_spreads() {
        let normal = head(HeadInit::TruncatedNormal { std: 0.02 }, 1);
        assert!(normal.iter().all(|x| x.abs() <= 0.04));
        assert!((deviation(&normal) / (0.02 * 0.8796) - 1.0).abs() < 0.02);
        let lecun = head(HeadInit::LecunNormal, 1);
        assert!((deviation(&lecun) * 64.0 - 1.0).abs() < 0.02);
        let bound = 2.0 / 64.0 / 0.8796;
        assert!(lecun.iter().all(|x| f64::from(x.abs()) <= bound * 1.0001));
        assert!(lecun.iter().any(|x| f64::from(x.abs()) > bound * 0.99));
    }

    #[test]
    fn heads_follow_their_seed() {
        let init = HeadInit::TruncatedNormal { std: 0.02 };
        assert_eq!(head(init, 1), head(init, 1));
        assert_ne!(head(init, 1), head(init, 2));
    }

    #[test]
    fn every_architecture_gets_its_own_head_and_loses_an_old_one() {
        let (init, old) = (HeadInit::LecunNormal, HostTensor { shape: vec![1], data: vec![7.0] });
        for model_type in Architecture::ALL {
            let config = TransformerConfig { model_type, ..TransformerConfig::new(10, 1, 16, 1, 1) };
            let mut weights = Weights::default();
            for name in ["classifier.weight", "classifier.dense.weight", "classifier.out_proj.bias", "kept.weight"] {
                weights.tensors.insert(name.into(), old.clone());
            }
            draw_head(&mut weights, &config, init, 3, 1);
            let names: Vec<_> = weights.tensors.keys().map(String::as_str).filter(|n| n.ends_with("weight")).collect();
            let wanted: &[&str] = match model_type {
                Architecture::Bert => &["bert.pooler.dense.weight", "classifier.weight", "kept.weight"],
                Architecture::DistilBert => &["classifier.weight", "kept.weight", "pre_classifier.weight"],
                _ => &["classifier.dense.weight", "classifier.out_proj.weight", "kept.weight"],
            };
            assert_eq!(names, wanted);
            let head = model_type.new_head();
            let output = &weights.tensors[&format!("{}.weight", head.output)];
            // The last layer's numbers do not depend on what else is drawn.
            let mut bert = Weights::default();
            draw_head(&mut bert, &TransformerConfig::new(10, 1, 16, 1, 1), init, 3, 1);
            assert_eq!(output, &bert.tensors["classifier.weight"]);
            if let Some(dense) = head.dense {
                let dense = &weights.tensors[&format!("{dense}.weight")];
                assert_eq!(dense.shape, [16, 16]);
                assert_ne!(dense.data[..48], output.data[..]);
            }
        }
    }

    #[test]
    fn permutations_are_complete_and_even() {
        let mut seen = [[0u32; 5]; 5];
        for seed in 0..2000 {
            let order = permutation(&mut crate::rng::stream("test", seed, 0), 5);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4]);
            order.iter().enumerate().for_each(|(place, value)| seen[place][*value] += 1);
        }
        // Each cell is 400 ± 18.
        assert!(seen.iter().flatten().all(|count| (310..490).contains(count)), "{seen:?}");
    }
}

//! Random initial values: a new classifier, and normal numbers for a whole model.

use super::HeadInit;
use crate::model::{HostTensor, Weights};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Puts a newly drawn classifier for `labels` classes into `weights`, replacing an old one.
///
/// The weight is `[labels, hidden]` and depends on the seed alone; the bias is 0.
pub fn draw_head(weights: &mut Weights, init: HeadInit, labels: usize, hidden: usize, seed: u64) {
    let mut random = crate::rng::stream("head", seed, 0);
    let std = match init {
        HeadInit::TruncatedNormal { std } => std,
        // 0.8796… is the standard deviation of a unit normal truncated at ±2, as in jax.nn.initializers.
        HeadInit::LecunNormal => (1.0 / hidden as f64).sqrt() / 0.879_625_661_034_239_8,
    };
    let data = (0..labels * hidden).map(|_| (std * truncated_normal(&mut random)) as f32).collect();
    weights.tensors.insert("classifier.weight".into(), HostTensor { shape: vec![labels, hidden], data });
    let bias = HostTensor { shape: vec![labels], data: vec![0.0; labels] };
    weights.tensors.insert("classifier.bias".into(), bias);
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

    fn head(init: HeadInit, seed: u64) -> Vec<f32> {
        let mut weights = Weights::default();
        draw_head(&mut weights, init, 4, 4096, seed);
        assert_eq!(weights.tensors["classifier.bias"].data, [0.0; 4]);
        assert_eq!(weights.tensors["classifier.weight"].shape, [4, 4096]);
        weights.tensors["classifier.weight"].data.clone()
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

//! The loss, the embeddings' gradient, and the optimiser's update.

use super::{Slab, vectorised};
use crate::model::kernels::math::{exp, sum};
use crate::model::kernels::parallel::over_rows;

vectorised! {
    fn cross_entropy_rows(x: &mut [f32], losses: &mut [f32], labels: &[u32], scale: f32) {
        let classes = x.len() / labels.len();
        for ((x, loss), label) in x.chunks_exact_mut(classes).zip(losses).zip(labels) {
            let label = *label as usize;
            let largest = x.iter().fold(f32::NEG_INFINITY, |a, b| if *b > a { *b } else { a });
            let own = x[label] - largest;
            x.iter_mut().for_each(|x| *x = exp(*x - largest));
            let total = sum(classes, |j| x[j]);
            *loss = total.ln() - own;
            let share = scale / total;
            x.iter_mut().for_each(|x| *x *= share);
            x[label] -= scale;
        }
    }
}

/// The mean cross-entropy of rows of logits; they are replaced by its gradient. Labels must be below the row length.
pub fn cross_entropy(logits: &mut [f32], labels: &[u32]) -> f64 {
    let rows = labels.len();
    let classes = logits.len() / rows;
    let scale = 1.0 / rows as f32;
    let mut losses = vec![0.0; rows];
    over_rows(rows, 8 * classes, [(logits, classes), (&mut losses, 1)], |range, [x, losses]| {
        cross_entropy_rows(x, losses, &labels[range], scale);
    });
    losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / rows as f64
}

/// A `[rows, width]` table of zeros, to whose row `ids[i]` row `i` of `values` is added.
pub fn scatter_rows(ids: &[i32], values: &[f32], rows: usize, width: usize) -> Vec<f32> {
    let mut table = Slab::take(rows * width);
    table.fill(0.0);
    for (id, value) in ids.iter().zip(values.chunks_exact(width)) {
        let row = &mut table[*id as usize * width..][..width];
        row.iter_mut().zip(value).for_each(|(row, value)| *row += value);
    }
    table.into_vec()
}

vectorised! {
    fn squares(x: &[f32]) -> f32 {
        sum(x.len(), |i| x[i] * x[i])
    }
}

/// The sum of squares, in f64 over blocks of f32.
pub fn sum_of_squares(x: &[f32]) -> f64 {
    const PART: usize = 4096;
    let mut parts = vec![0.0; x.len().div_ceil(PART)];
    over_rows(parts.len(), PART, [(&mut parts, 1)], |range, [parts]| {
        let blocks = x[range.start * PART..].chunks(PART);
        parts.iter_mut().zip(blocks).for_each(|(part, block)| *part = squares(block));
    });
    parts.iter().map(|part| f64::from(*part)).sum()
}

/// The numbers of one Adam step, the same for all parameters except for the decay.
#[derive(Debug, Clone, Copy)]
pub struct AdamStep {
    pub learning_rate: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// Decoupled: the parameter also loses `learning_rate·decay` times itself.
    pub decay: f64,
    /// One over `1 − β₁ᵗ`, or 1 without bias correction.
    pub correction1: f64,
    /// One over `1 − β₂ᵗ`, or 1 without bias correction.
    pub correction2: f64,
    /// What the gradient is multiplied with first: the clipping.
    pub clip: f64,
}

vectorised! {
    fn adam_part(p: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32], step: AdamStep) {
        let (beta1, rest1) = (step.beta1 as f32, (1.0 - step.beta1) as f32);
        let (beta2, rest2) = (step.beta2 as f32, (1.0 - step.beta2) as f32);
        let (correction1, correction2) = (step.correction1 as f32, step.correction2 as f32);
        let (rate, epsilon, clip) = (step.learning_rate as f32, step.epsilon as f32, step.clip as f32);
        let keep = (1.0 - step.learning_rate * step.decay) as f32;
        for (((p, m), v), g) in p.iter_mut().zip(m).zip(v).zip(g) {
            let g = g * clip;
            *m = beta1 * *m + rest1 * g;
            *v = beta2 * *v + rest2 * g * g;
            *p = keep * *p - rate * (*m * correction1 / ((*v * correction2).sqrt() + epsilon));
        }
    }
}

/// One Adam step on a parameter `p` with moments `m` and `v` and gradient `g`, in place.
pub fn adam(p: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32], step: AdamStep) {
    over_rows(p.len(), 4, [(p, 1), (m, 1), (v, 1)], |range, [p, m, v]| {
        adam_part(p, m, v, &g[range.start..range.end], step);
    });
}

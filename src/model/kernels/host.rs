//! The element-wise work of a BERT as fused loops over slices of the host's memory, row-major.

use super::math::{erf, exp, hash, sum, tanh};
use super::parallel::over_rows;
use crate::model::Activation;
use std::ops::Range;

/// Compiles a function twice, once for the vector units of current x86 processors, and picks at run time.
macro_rules! vectorised {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        fn $name($($arg: $type),*) $(-> $out)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn plain($($arg: $type),*) $(-> $out)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                #[allow(clippy::too_many_arguments)]
                fn wide($($arg: $type),*) $(-> $out)? {
                    plain($($arg),*)
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has just said that it has the instructions.
                    return unsafe { wide($($arg),*) };
                }
            }
            plain($($arg),*)
        }
    };
}

/// Column sums are added up in blocks of this many rows first, whatever the number of threads.
const BLOCK: usize = 64;

/// A dropout mask that is drawn again wherever it is needed: element `i` is kept if `hash(key, i)` is large enough.
#[derive(Debug, Clone, Copy)]
pub struct HashMask {
    key: u64,
    threshold: u32,
    scale: f32,
}

impl HashMask {
    /// A mask that drops a share `rate` (0–1) and scales up the rest.
    pub fn new(key: u64, rate: f64) -> Self {
        Self { key, threshold: (rate * 2f64.powi(32)) as u32, scale: (1.0 / (1.0 - rate)) as f32 }
    }

    #[inline(always)]
    fn at(self, index: usize) -> f32 {
        if hash(self.key, index as u32) >= self.threshold { self.scale } else { 0.0 }
    }
}

vectorised! {
    fn bias_mask_rows(first: usize, x: &mut [f32], bias: &[f32], mask: Option<HashMask>) {
        let width = bias.len();
        for (i, row) in x.chunks_exact_mut(width).enumerate() {
            match mask {
                None => row.iter_mut().zip(bias).for_each(|(x, b)| *x += b),
                Some(mask) => {
                    let start = (first + i) * width;
                    for (j, (x, b)) in row.iter_mut().zip(bias).enumerate() {
                        *x = (*x + b) * mask.at(start + j);
                    }
                }
            }
        }
    }
}

/// `(x + bias)` with dropout.
pub fn bias_mask(x: &mut [f32], bias: &[f32], mask: Option<HashMask>) {
    let width = bias.len();
    over_rows(x.len() / width, width, [(x, width)], |range, [x]| bias_mask_rows(range.start, x, bias, mask));
}

vectorised! {
    fn mask_and_sum_block(start: usize, x: &mut [f32], sums: &mut [f32], mask: Option<HashMask>) {
        let width = sums.len();
        for (i, row) in x.chunks_exact_mut(width).enumerate() {
            if let Some(mask) = mask {
                let start = start + i * width;
                row.iter_mut().enumerate().for_each(|(j, x)| *x *= mask.at(start + j));
            }
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += *x);
        }
    }
}

/// `x` with dropout, and the sum of each of its columns.
pub fn mask_and_sum(x: &mut [f32], width: usize, mask: Option<HashMask>) -> Vec<f32> {
    let blocks = (x.len() / width).div_ceil(BLOCK);
    let mut sums = vec![0.0; blocks * width];
    over_rows(blocks, 3 * BLOCK * width, [(x, BLOCK * width), (&mut sums, width)], |range, [x, sums]| {
        let parts = x.chunks_mut(BLOCK * width).zip(sums.chunks_exact_mut(width));
        for (block, (x, sums)) in range.zip(parts) {
            mask_and_sum_block(block * BLOCK * width, x, sums, mask);
        }
    });
    add_blocks(sums, width)
}

/// The sum of the rows of `blocks`.
fn add_blocks(mut blocks: Vec<f32>, width: usize) -> Vec<f32> {
    let (total, rest) = blocks.split_at_mut(width);
    for row in rest.chunks_exact(width) {
        total.iter_mut().zip(row).for_each(|(total, x)| *total += x);
    }
    blocks.truncate(width);
    blocks
}

vectorised! {
    fn gelu_rows(x: &mut [f32], derivative: Option<&mut [f32]>, bias: &[f32], form: Activation) {
        const ROOT_HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;
        const ROOT_TWO_OVER_PI: f32 = 0.797_884_6;
        const HALF_DENSITY: f32 = 0.398_942_3;
        const CUBIC: f32 = 0.044_715;
        let width = bias.len();
        match (form, derivative) {
            (Activation::Erf, None) => for row in x.chunks_exact_mut(width) {
                for (x, b) in row.iter_mut().zip(bias) {
                    let z = *x + b;
                    *x = 0.5 * z * (1.0 + erf(z * ROOT_HALF));
                }
            },
            (Activation::Tanh, None) => for row in x.chunks_exact_mut(width) {
                for (x, b) in row.iter_mut().zip(bias) {
                    let z = *x + b;
                    *x = 0.5 * z * (1.0 + tanh(ROOT_TWO_OVER_PI * (z + CUBIC * z * z * z)));
                }
            },
            (Activation::Erf, Some(d)) => for (row, d) in x.chunks_exact_mut(width).zip(d.chunks_exact_mut(width)) {
                for ((x, d), b) in row.iter_mut().zip(d).zip(bias) {
                    let z = *x + b;
                    let cumulative = 0.5 * (1.0 + erf(z * ROOT_HALF));
                    *d = cumulative + z * HALF_DENSITY * exp(-0.5 * z * z);
                    *x = z * cumulative;
                }
            },
            (Activation::Tanh, Some(d)) => for (row, d) in x.chunks_exact_mut(width).zip(d.chunks_exact_mut(width)) {
                for ((x, d), b) in row.iter_mut().zip(d).zip(bias) {
                    let z = *x + b;
                    let t = tanh(ROOT_TWO_OVER_PI * (z + CUBIC * z * z * z));
                    let slope = ROOT_TWO_OVER_PI * (1.0 + 3.0 * CUBIC * z * z);
                    *d = 0.5 * (1.0 + t) + 0.5 * z * (1.0 - t * t) * slope;
                    *x = 0.5 * z * (1.0 + t);
                }
            },
        }
    }
}

/// GELU of `x + bias` in place and, where asked for, its derivative.
pub fn gelu(x: &mut [f32], derivative: Option<&mut [f32]>, bias: &[f32], form: Activation) {
    let width = bias.len();
    let rows = x.len() / width;
    match derivative {
        None => over_rows(rows, 4 * width, [(x, width)], |_, [x]| gelu_rows(x, None, bias, form)),
        Some(d) => over_rows(rows, 8 * width, [(x, width), (d, width)], |_, [x, d]| gelu_rows(x, Some(d), bias, form)),
    }
}

vectorised! {
    fn product_block(x: &mut [f32], y: &[f32], sums: &mut [f32]) {
        let width = sums.len();
        for (x, y) in x.chunks_exact_mut(width).zip(y.chunks_exact(width)) {
            for ((x, y), sum) in x.iter_mut().zip(y).zip(sums.iter_mut()) {
                *x *= y;
                *sum += *x;
            }
        }
    }
}

/// `x·y` in place, and the sum of each of its columns.
pub fn product_and_sum(x: &mut [f32], y: &[f32], width: usize) -> Vec<f32> {
    let blocks = (x.len() / width).div_ceil(BLOCK);
    let size = BLOCK * width;
    let mut sums = vec![0.0; blocks * width];
    over_rows(blocks, 2 * size, [(x, size), (&mut sums, width)], |range, [x, sums]| {
        let parts = x.chunks_mut(size).zip(y[range.start * size..].chunks(size)).zip(sums.chunks_exact_mut(width));
        parts.for_each(|((x, y), sums)| product_block(x, y, sums));
    });
    add_blocks(sums, width)
}

vectorised! {
    fn norm_rows(x: &mut [f32], y: Option<(&mut [f32], &mut [f32])>, gamma: &[f32], beta: &[f32], epsilon: f32) {
        let width = gamma.len();
        let scale = 1.0 / width as f32;
        let normalise = |row: &mut [f32]| {
            let mean = sum(width, |j| row[j]) * scale;
            let variance = sum(width, |j| (row[j] - mean) * (row[j] - mean)) * scale;
            let inverse = 1.0 / (variance + epsilon).sqrt();
            row.iter_mut().for_each(|x| *x = (*x - mean) * inverse);
            inverse
        };
        match y {
            None => for row in x.chunks_exact_mut(width) {
                normalise(row);
                for ((x, g), b) in row.iter_mut().zip(gamma).zip(beta) {
                    *x = *x * g + b;
                }
            },
            Some((y, inverses)) => {
                let rows = x.chunks_exact_mut(width).zip(y.chunks_exact_mut(width)).zip(inverses);
                for ((row, y), inverse) in rows {
                    *inverse = normalise(row);
                    for (((y, x), g), b) in y.iter_mut().zip(row).zip(gamma).zip(beta) {
                        *y = *x * g + b;
                    }
                }
            }
        }
    }
}

/// LayerNorm of each row in place. With `kept = (y, inverse)`, the result goes to `y` instead, `x` becomes the row
/// before the gain and `inverse` gets one over each row's standard deviation.
pub fn layer_norm(x: &mut [f32], kept: Option<(&mut [f32], &mut [f32])>, gamma: &[f32], beta: &[f32], epsilon: f32) {
    let width = gamma.len();
    let rows = x.len() / width;
    match kept {
        None => over_rows(rows, 4 * width, [(x, width)], |_, [x]| norm_rows(x, None, gamma, beta, epsilon)),
        Some((y, inverse)) => {
            over_rows(rows, 5 * width, [(x, width), (y, width), (inverse, 1)], |_, [x, y, inverse]| {
                norm_rows(x, Some((y, inverse)), gamma, beta, epsilon);
            });
        }
    }
}

vectorised! {
    fn norm_backward_block(dy: &mut [f32], normalised: &[f32], inverse: &[f32], gamma: &[f32], sums: &mut [f32]) {
        let width = gamma.len();
        let scale = 1.0 / width as f32;
        let (dgamma, dbeta) = sums.split_at_mut(width);
        let rows = dy.chunks_exact_mut(width).zip(normalised.chunks_exact(width)).zip(inverse);
        for ((dy, x), inverse) in rows {
            for (((dgamma, dbeta), dy), x) in dgamma.iter_mut().zip(dbeta.iter_mut()).zip(dy.iter()).zip(x) {
                *dgamma += dy * x;
                *dbeta += dy;
            }
            let mean = sum(width, |j| dy[j] * gamma[j]) * scale;
            let slope = sum(width, |j| dy[j] * gamma[j] * x[j]) * scale;
            for ((dy, x), g) in dy.iter_mut().zip(x).zip(gamma) {
                *dy = inverse * (*dy * g - mean - x * slope);
            }
        }
    }
}

/// The gradient of [`layer_norm`] in place of `dy`; returns the gradients of the gain and of the bias.
pub fn layer_norm_backward(dy: &mut [f32], normalised: &[f32], inverse: &[f32], gamma: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let width = gamma.len();
    let size = BLOCK * width;
    let blocks = inverse.len().div_ceil(BLOCK);
    let mut sums = vec![0.0; blocks * 2 * width];
    over_rows(blocks, 6 * size, [(dy, size), (&mut sums, 2 * width)], |range, [dy, sums]| {
        let inverses = inverse[range.start * BLOCK..].chunks(BLOCK);
        let rows = normalised[range.start * size..].chunks(size).zip(inverses);
        for ((dy, sums), (x, inverse)) in dy.chunks_mut(size).zip(sums.chunks_exact_mut(2 * width)).zip(rows) {
            norm_backward_block(dy, x, inverse, gamma, sums);
        }
    });
    let mut dgamma = add_blocks(sums, 2 * width);
    let dbeta = dgamma.split_off(width);
    (dgamma, dbeta)
}

/// What each row of attention scores is combined with.
#[derive(Clone, Copy)]
pub struct ScoreRows<'a> {
    /// Per sequence, 0 for a real key and a large negative number for padding: `[sequences, keys]`.
    pub additive: &'a [f32],
    /// The number of keys, the length of a row.
    pub keys: usize,
    /// The number of score rows of one sequence: heads × queries.
    pub rows_per_sequence: usize,
    pub scale: f32,
    pub mask: Option<HashMask>,
}

impl ScoreRows<'_> {
    fn operations(&self) -> usize {
        10 * self.keys
    }
}

vectorised! {
    fn softmax_rows(range: Range<usize>, x: &mut [f32], dropped: Option<&mut [f32]>, with: ScoreRows<'_>) {
        let keys = with.keys;
        for (row, x) in range.clone().zip(x.chunks_exact_mut(keys)) {
            let additive = &with.additive[row / with.rows_per_sequence * keys..][..keys];
            let mut largest = f32::NEG_INFINITY;
            for (x, add) in x.iter_mut().zip(additive) {
                *x = *x * with.scale + add;
                largest = if *x > largest { *x } else { largest };
            }
            x.iter_mut().for_each(|x| *x = exp(*x - largest));
            let inverse = 1.0 / sum(keys, |j| x[j]);
            x.iter_mut().for_each(|x| *x *= inverse);
        }
        if let (Some(dropped), Some(mask)) = (dropped, with.mask) {
            let start = range.start * keys;
            for (j, (d, x)) in dropped.iter_mut().zip(x).enumerate() {
                *d = *x * mask.at(start + j);
            }
        }
    }
}

/// Softmax of `scale·x + additive` over each row in place; `dropped` gets the result with dropout.
pub fn softmax(x: &mut [f32], dropped: Option<&mut [f32]>, with: ScoreRows<'_>) {
    let rows = x.len() / with.keys;
    match dropped {
        None => over_rows(rows, with.operations(), [(x, with.keys)], |range, [x]| softmax_rows(range, x, None, with)),
        Some(d) => over_rows(rows, with.operations(), [(x, with.keys), (d, with.keys)], |range, [x, d]| {
            softmax_rows(range, x, Some(d), with);
        }),
    }
}

vectorised! {
    fn softmax_backward_rows(first: usize, d: &mut [f32], probabilities: &[f32], with: ScoreRows<'_>) {
        let keys = with.keys;
        if let Some(mask) = with.mask {
            d.iter_mut().enumerate().for_each(|(j, d)| *d *= mask.at(first * keys + j));
        }
        for (d, p) in d.chunks_exact_mut(keys).zip(probabilities.chunks_exact(keys)) {
            let dot = sum(keys, |j| d[j] * p[j]);
            d.iter_mut().zip(p).for_each(|(d, p)| *d = p * (*d - dot) * with.scale);
        }
    }
}

/// The gradient of [`softmax`] with respect to `x`, in place of the gradient `d` of its dropped result.
pub fn softmax_backward(d: &mut [f32], probabilities: &[f32], with: ScoreRows<'_>) {
    over_rows(d.len() / with.keys, with.operations(), [(d, with.keys)], |range, [d]| {
        softmax_backward_rows(range.start, d, &probabilities[range.start * with.keys..], with);
    });
}

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

/// A `[rows, width]` table of zeros, to whose row `ids[i]` row `i` of `values` is added.
pub fn scatter_rows(ids: &[i32], values: &[f32], rows: usize, width: usize) -> Vec<f32> {
    let mut table = vec![0.0; rows * width];
    for (id, value) in ids.iter().zip(values.chunks_exact(width)) {
        let row = &mut table[*id as usize * width..][..width];
        row.iter_mut().zip(value).for_each(|(row, value)| *row += value);
    }
    table
}

//! Bias, dropout, GELU and LayerNorm, with their gradients.

use super::{HashMask, vectorised};
use crate::model::Activation;
use crate::model::kernels::math::{erf, exp, sum, tanh, tanh_slope};
use crate::model::kernels::parallel::over_rows;

/// Column sums are added up in blocks of this many rows first, whatever the number of threads.
const BLOCK: usize = 64;

vectorised! {
    /// Rows of [`bias_mask`], from number `first` on.
    pub fn bias_mask_rows(first: usize, x: &mut [f32], bias: &[f32], mask: Option<HashMask>) {
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
    /// Rows of [`gelu`].
    pub fn gelu_rows(x: &mut [f32], derivative: Option<&mut [f32]>, bias: &[f32], form: Activation) {
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
                    let inner = ROOT_TWO_OVER_PI * (z + CUBIC * z * z * z);
                    let t = tanh(inner);
                    let slope = ROOT_TWO_OVER_PI * (1.0 + 3.0 * CUBIC * z * z);
                    *d = 0.5 * (1.0 + t) + 0.5 * z * tanh_slope(inner) * slope;
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
    /// Rows of [`layer_norm`].
    pub fn norm_rows(x: &mut [f32], y: Option<(&mut [f32], &mut [f32])>, gamma: &[f32], beta: &[f32], epsilon: f32) {
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

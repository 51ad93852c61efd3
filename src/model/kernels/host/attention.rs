//! The softmax of attention scores, its gradient, and the way back from heads to rows.

use super::{HashMask, vectorised};
use crate::model::kernels::math::{exp, sum};
use crate::model::kernels::parallel::over_rows;
use std::ops::Range;

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

/// Heads back side by side: `[rows, heads, tokens, size]` to `[places, heads × size]`, of the places `row × tokens +
/// token` alone that are asked for.
pub fn merge_heads(x: &[f32], [heads, tokens, size]: [usize; 3], places: &[i32]) -> Vec<f32> {
    let hidden = heads * size;
    let mut merged = vec![0.0; places.len() * hidden];
    over_rows(places.len(), hidden, [(&mut merged, hidden)], |range, [merged]| {
        for (place, merged) in places[range].iter().zip(merged.chunks_exact_mut(hidden)) {
            let (row, token) = (*place as usize / tokens, *place as usize % tokens);
            for (head, merged) in merged.chunks_exact_mut(size).enumerate() {
                merged.copy_from_slice(&x[((row * heads + head) * tokens + token) * size..][..size]);
            }
        }
    });
    merged
}

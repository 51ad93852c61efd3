//! Splitting rows over threads, with results that do not depend on how many there are.

use std::ops::Range;

/// Below this many element operations a thread costs more than it brings.
const WORTH_A_THREAD: usize = 100_000;

/// Runs `body(range, slices)` over disjoint ranges that cover `0..rows`, where `slices` are the parts of `outputs`
/// (each with its number of elements per row) that belong to the range. An output may end early in its last row. The
/// threads are those of the pool that it is called in, as for the matrix products.
pub fn over_rows<const N: usize>(
    rows: usize,
    operations_per_row: usize,
    outputs: [(&mut [f32], usize); N],
    body: impl Fn(Range<usize>, [&mut [f32]; N]) + Sync,
) {
    let parts = (rows * operations_per_row / WORTH_A_THREAD).clamp(1, rayon::current_num_threads()).min(rows.max(1));
    if parts == 1 {
        return body(0..rows, outputs.map(|(slice, _)| slice));
    }
    rayon::scope(|scope| {
        let mut rest = outputs;
        for part in 0..parts {
            let range = rows * part / parts..rows * (part + 1) / parts;
            let slices = rest.each_mut().map(|(slice, width)| {
                let size = (range.len() * *width).min(slice.len());
                let (own, tail) = std::mem::take(slice).split_at_mut(size);
                *slice = tail;
                own
            });
            let body = &body;
            if part + 1 == parts {
                body(range, slices);
            } else {
                scope.spawn(move |_| body(range, slices));
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_visited_once_with_its_own_slice() {
        let rows = 1001;
        let (mut a, mut b) = (vec![0.0; rows * 3], vec![0.0; rows]);
        over_rows(rows, WORTH_A_THREAD, [(&mut a, 3), (&mut b, 1)], |range, [a, b]| {
            for (i, row) in range.enumerate() {
                b[i] += row as f32;
                a[3 * i + 2] += row as f32;
            }
        });
        assert!((0..rows).all(|row| b[row] == row as f32 && a[3 * row + 2] == row as f32 && a[3 * row] == 0.0));
    }
}

//! Splitting rows over threads, with results that do not depend on how many there are.

use std::ops::Range;
use std::sync::OnceLock;

/// Below this many element operations a thread costs more than it brings.
const WORTH_A_THREAD: usize = 100_000;

/// The number of threads a kernel may use: `RAYON_NUM_THREADS`, as for the matrix products, or one per core.
fn threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| {
        let asked = std::env::var("RAYON_NUM_THREADS").ok().and_then(|text| text.parse().ok()).filter(|n| *n > 0);
        asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    })
}

/// Runs `body(range, slices)` over disjoint ranges that cover `0..rows`, where `slices` are the parts of `outputs`
/// (each with its number of elements per row) that belong to the range. An output may end early in its last row.
pub fn over_rows<const N: usize>(
    rows: usize,
    operations_per_row: usize,
    outputs: [(&mut [f32], usize); N],
    body: impl Fn(Range<usize>, [&mut [f32]; N]) + Sync,
) {
    let parts = (rows * operations_per_row / WORTH_A_THREAD).clamp(1, threads()).min(rows.max(1));
    if parts == 1 {
        return body(0..rows, outputs.map(|(slice, _)| slice));
    }
    std::thread::scope(|scope| {
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
                scope.spawn(move || body(range, slices));
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

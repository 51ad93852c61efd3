//! Matrix products. Each element is a chain of fused multiply-adds in ascending order, over parts of at most [`PART`]
//! terms that are added up: the same on every processor that can fuse, however rows are split over threads and batches.

use super::slab::Slab;
use crate::model::kernels::parallel::over_rows;
use std::ops::Range;

/// Columns that are computed at a time.
pub const PANEL: usize = 32;
/// Terms that are added up before they meet the rest.
const PART: usize = 512;
/// Rows that are computed before what follows is done on them: they and a part of the other side fit into the cache.
const BLOCK: usize = 96;
/// Rows of a block that are computed at a time: what registers hold.
const STRIP: usize = 12;

/// The instructions that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What the compiler makes of it; for processors that always can fuse.
    #[cfg(any(test, not(target_arch = "x86_64")))]
    Plain,
}

impl Unit {
    /// `None` where nothing here is faster than the library's products.
    pub fn find() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512f") {
                return Some(Self::Avx512);
            }
            (std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma"))
                .then_some(Self::Avx2)
        }
        #[cfg(not(target_arch = "x86_64"))]
        cfg!(target_arch = "aarch64").then_some(Self::Plain)
    }
}

/// One side of a product: element (i, j) is `data[i × row + j × column]`.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub data: &'a [f32],
    pub row: usize,
    pub column: usize,
}

impl<'a> Side<'a> {
    /// Row-major, rows of `width`.
    pub fn rows(data: &'a [f32], width: usize) -> Self {
        Self { data, row: width, column: 1 }
    }

    /// The transpose of that.
    pub fn columns(data: &'a [f32], width: usize) -> Self {
        Self { data, row: 1, column: width }
    }

    fn beginning_at(self, row: usize) -> Self {
        Self { data: &self.data[row * self.row..], ..self }
    }

    fn holds(self, rows: usize, columns: usize) -> bool {
        rows == 0 || columns == 0 || (rows - 1) * self.row + (columns - 1) * self.column < self.data.len()
    }
}

/// The right side, `[terms, columns]`, in panels of [`PANEL`] columns that lie in the order in which they are read.
pub struct Panels {
    data: Slab,
    terms: usize,
    columns: usize,
}

impl Panels {
    pub fn of(side: Side<'_>, terms: usize, columns: usize) -> Self {
        let mut panels = Self { data: Slab::take(columns.div_ceil(PANEL) * terms * PANEL), terms, columns };
        let size = terms * PANEL;
        over_rows(columns.div_ceil(PANEL), size, [(&mut panels.data, size)], |range, [data]| {
            for (panel, data) in range.zip(data.chunks_exact_mut(size)) {
                fill_panel(data, side, terms, panel * PANEL..columns.min((panel + 1) * PANEL));
            }
        });
        panels
    }

    /// Several sides of `columns` each, side by side.
    pub fn beside(sides: &[Side<'_>], terms: usize, columns: usize) -> Self {
        let all = sides.len() * columns;
        let mut panels = Self { data: Slab::take(all.div_ceil(PANEL) * terms * PANEL), terms, columns: all };
        let size = terms * PANEL;
        over_rows(all.div_ceil(PANEL), size, [(&mut panels.data, size)], |range, [data]| {
            for (panel, data) in range.zip(data.chunks_exact_mut(size)) {
                for place in 0..PANEL {
                    let column = panel * PANEL + place;
                    for (term, row) in data.chunks_exact_mut(PANEL).enumerate() {
                        row[place] = match sides.get(column / columns) {
                            Some(side) => side.data[term * side.row + column % columns * side.column],
                            None => 0.0,
                        };
                    }
                }
            }
        });
        panels
    }
}

/// One panel of some columns of a side; where there are fewer than [`PANEL`], the rest is 0.
pub fn fill_panel(panel: &mut [f32], side: Side<'_>, terms: usize, columns: Range<usize>) {
    let count = columns.len();
    let rows = panel.chunks_exact_mut(PANEL).take(terms);
    if side.column == 1 {
        for (term, row) in rows.enumerate() {
            row[..count].copy_from_slice(&side.data[term * side.row + columns.start..][..count]);
            row[count..].fill(0.0);
        }
        return;
    }
    // In squares, so that both sides stay in the cache.
    const SQUARE: usize = 16;
    for (at, square) in panel[..terms * PANEL].chunks_mut(SQUARE * PANEL).enumerate() {
        for (place, column) in columns.clone().enumerate() {
            let start = at * SQUARE * side.row + column * side.column;
            for (term, row) in square.chunks_exact_mut(PANEL).enumerate() {
                row[place] = side.data[start + term * side.row];
            }
        }
        square.chunks_exact_mut(PANEL).for_each(|row| row[count..].fill(0.0));
    }
}

/// How the terms of a product are parted: equally, [`PART`] at most.
fn part(terms: usize) -> usize {
    terms.div_ceil(terms.div_ceil(PART).max(1)).max(1)
}

/// `left · right` for all rows, in the first of `outputs`, whose rows are as wide as `right`. As soon as some rows are
/// there, `then` goes on with them while they are in the cache, with what belongs to them of all outputs (as
/// [`over_rows`] gives it).
pub fn product<const N: usize>(
    unit: Unit,
    left: Side<'_>,
    right: &Panels,
    rows: usize,
    outputs: [(&mut [f32], usize); N],
    then: impl Fn(Range<usize>, [&mut [f32]; N]) + Sync,
) {
    assert!(left.holds(rows, right.terms) && outputs[0].1 == right.columns);
    let widths = outputs.each_ref().map(|(_, width)| *width);
    over_rows(rows, right.terms * right.columns / 16, outputs, |range, mut rest| {
        for first in range.clone().step_by(BLOCK) {
            let block = first..range.end.min(first + BLOCK);
            let mut widths = widths.iter();
            let own = rest.each_mut().map(|slice| {
                let size = (block.len() * widths.next().copied().unwrap_or(0)).min(slice.len());
                let (own, tail) = std::mem::take(slice).split_at_mut(size);
                *slice = tail;
                own
            });
            block_of_product(unit, left.beginning_at(first), right, block.len(), own[0]);
            then(block, own);
        }
    });
}

fn block_of_product(unit: Unit, left: Side<'_>, right: &Panels, rows: usize, out: &mut [f32]) {
    let (terms, columns) = (right.terms, right.columns);
    let part = part(terms);
    let mut edge = [0.0; STRIP * PANEL];
    for start in (0..terms).step_by(part) {
        let count = part.min(terms - start);
        for panel in 0..columns.div_ceil(PANEL) {
            let panel_data = &right.data[(panel * terms + start) * PANEL..][..count * PANEL];
            let (column, whole) = (panel * PANEL, (panel + 1) * PANEL <= columns);
            for row in (0..rows).step_by(STRIP) {
                let height = STRIP.min(rows - row);
                let left = Side { data: &left.data[row * left.row + start * left.column..], ..left };
                if whole {
                    strip(
                        unit,
                        height,
                        count,
                        left,
                        panel_data,
                        &mut out[row * columns + column..],
                        columns,
                        start > 0,
                    );
                } else {
                    strip(unit, height, count, left, panel_data, &mut edge, PANEL, false);
                    for (at, edge) in edge.chunks_exact(PANEL).take(height).enumerate() {
                        let out = &mut out[(row + at) * columns + column..(row + at) * columns + columns];
                        for (out, edge) in out.iter_mut().zip(edge) {
                            *out = if start > 0 { *out + edge } else { *edge };
                        }
                    }
                }
            }
        }
    }
}

/// `left · panel` for any number of rows, `terms` in one part: into rows of [`PANEL`] columns that lie `width` apart.
pub fn strips(unit: Unit, rows: usize, terms: usize, left: Side<'_>, panel: &[f32], out: &mut [f32], width: usize) {
    for row in (0..rows).step_by(STRIP) {
        let left = Side { data: &left.data[(row * left.row).min(left.data.len())..], ..left };
        strip(unit, STRIP.min(rows - row), terms, left, panel, &mut out[row * width..], width, false);
    }
}

/// At most [`STRIP`] rows.
#[allow(clippy::too_many_arguments)]
fn strip(
    unit: Unit,
    rows: usize,
    terms: usize,
    left: Side<'_>,
    panel: &[f32],
    out: &mut [f32],
    width: usize,
    add: bool,
) {
    assert!(left.holds(rows, terms) && panel.len() >= terms * PANEL && out.len() >= (rows - 1) * width + PANEL);
    // SAFETY: what is read and written was just measured, and `unit` says what the processor has.
    unsafe {
        match unit {
            #[cfg(target_arch = "x86_64")]
            Unit::Avx512 => {
                avx512::strip(rows, terms, left.data.as_ptr(), left.row, left.column, panel, out, width, add)
            }
            #[cfg(target_arch = "x86_64")]
            Unit::Avx2 => avx2::strip(rows, terms, left.data.as_ptr(), left.row, left.column, panel, out, width, add),
            #[cfg(any(test, not(target_arch = "x86_64")))]
            Unit::Plain => plain::strip(rows, terms, left.data.as_ptr(), left.row, left.column, panel, out, width, add),
        }
    }
}

/// A strip for one kind of registers: `$lanes` numbers each, `$rows` rows of `$registers` registers at a time.
macro_rules! strip_with {
    ($name:ident, [$($feature:literal)?], $vector:ty, $lanes:literal, $registers:literal, $rows:literal,
     $zero:expr, $spread:expr, $load:expr, $store:expr, $fused:expr, $add:expr) => {
        mod $name {
            use super::PANEL;
            #[cfg(target_arch = "x86_64")]
            #[allow(unused_imports)]
            use std::arch::x86_64::*;

            $(#[target_feature(enable = $feature)])?
            #[inline]
            #[allow(clippy::too_many_arguments)]
            unsafe fn tile<const R: usize>(
                terms: usize,
                left: *const f32,
                row: usize,
                column: usize,
                panel: *const f32,
                out: *mut f32,
                width: usize,
                add: bool,
            ) {
                unsafe {
                    let mut sums: [[$vector; $registers]; R] = [[$zero; $registers]; R];
                    // Three rows a pointer: more pointers than registers would be kept in memory.
                    let mut at: [*const f32; 4] = std::array::from_fn(|three| left.wrapping_add(3 * three * row));
                    let mut panel = panel;
                    for _ in 0..terms {
                        let mut right: [$vector; $registers] = [$zero; $registers];
                        for (register, right) in right.iter_mut().enumerate() {
                            *right = $load(panel.add(register * $lanes));
                        }
                        for r in 0..R {
                            let x: $vector = $spread(*at[r / 3].add(r % 3 * row));
                            for register in 0..$registers {
                                sums[r][register] = $fused(x, right[register], sums[r][register]);
                            }
                        }
                        panel = panel.wrapping_add(PANEL);
                        at.iter_mut().for_each(|at| *at = at.wrapping_add(column));
                    }
                    for (r, sums) in sums.iter().enumerate() {
                        for (register, sum) in sums.iter().enumerate() {
                            let out = out.add(r * width + register * $lanes);
                            $store(out, if add { $add($load(out), *sum) } else { *sum });
                        }
                    }
                }
            }

            /// # Safety
            /// The processor has the instructions; what is read and written is there.
            $(#[target_feature(enable = $feature)])?
            #[allow(clippy::too_many_arguments)]
            pub unsafe fn strip(
                rows: usize,
                terms: usize,
                left: *const f32,
                row: usize,
                column: usize,
                panel: &[f32],
                out: &mut [f32],
                width: usize,
                add: bool,
            ) {
                for half in (0..PANEL).step_by($lanes * $registers) {
                    let panel = panel.as_ptr().wrapping_add(half);
                    let mut first = 0;
                    while first < rows {
                        let height = (rows - first).min($rows);
                        let left = left.wrapping_add(first * row);
                        let out = out[first * width + half..].as_mut_ptr();
                        // SAFETY: as the caller promises.
                        unsafe {
                            match height {
                                1 => tile::<1>(terms, left, row, column, panel, out, width, add),
                                2 => tile::<2>(terms, left, row, column, panel, out, width, add),
                                3 => tile::<3>(terms, left, row, column, panel, out, width, add),
                                4 => tile::<4>(terms, left, row, column, panel, out, width, add),
                                5 => tile::<5>(terms, left, row, column, panel, out, width, add),
                                6 => tile::<6>(terms, left, row, column, panel, out, width, add),
                                7 => tile::<7>(terms, left, row, column, panel, out, width, add),
                                8 => tile::<8>(terms, left, row, column, panel, out, width, add),
                                9 => tile::<9>(terms, left, row, column, panel, out, width, add),
                                10 => tile::<10>(terms, left, row, column, panel, out, width, add),
                                11 => tile::<11>(terms, left, row, column, panel, out, width, add),
                                _ => tile::<12>(terms, left, row, column, panel, out, width, add),
                            }
                        }
                        first += height;
                    }
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
strip_with!(
    avx512,
    ["avx512f"],
    __m512,
    16,
    2,
    12,
    _mm512_setzero_ps(),
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps
);

#[cfg(target_arch = "x86_64")]
strip_with!(
    avx2,
    ["avx2,fma"],
    __m256,
    8,
    2,
    6,
    _mm256_setzero_ps(),
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps
);

#[cfg(any(test, not(target_arch = "x86_64")))]
strip_with!(
    plain,
    [],
    [f32; 8],
    8,
    2,
    6,
    [0.0f32; 8],
    |x: f32| [x; 8],
    |at: *const f32| *at.cast::<[f32; 8]>(),
    |at: *mut f32, value: [f32; 8]| *at.cast::<[f32; 8]>() = value,
    |a: [f32; 8], b: [f32; 8], c: [f32; 8]| -> [f32; 8] { std::array::from_fn(|i| a[i].mul_add(b[i], c[i])) },
    |a: [f32; 8], b: [f32; 8]| -> [f32; 8] { std::array::from_fn(|i| a[i] + b[i]) }
);

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        (0..count as u32).map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 8e6 - 1.0).collect()
    }

    fn units() -> Vec<Unit> {
        let mut units = vec![Unit::Plain];
        #[cfg(target_arch = "x86_64")]
        {
            units.extend(Unit::find());
            units.extend(std::arch::is_x86_feature_detected!("avx2").then_some(Unit::Avx2));
        }
        units
    }

    /// The definition: a chain of fused multiply-adds for each part of the terms.
    fn by_definition(left: Side<'_>, right: Side<'_>, [rows, terms, columns]: [usize; 3]) -> Vec<f32> {
        let element = |i: usize, j: usize| {
            let chain = |from: usize| {
                (from..terms.min(from + part(terms))).fold(0.0f32, |sum, k| {
                    left.data[i * left.row + k * left.column].mul_add(right.data[k * right.row + j * right.column], sum)
                })
            };
            (0..terms).step_by(part(terms)).map(chain).reduce(|sum, part| sum + part).unwrap_or(0.0)
        };
        (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))).map(|(i, j)| element(i, j)).collect()
    }

    #[test]
    fn products_are_their_definition_to_the_bit() {
        let shapes = [[1, 1, 1], [5, 3, 7], [12, 16, 32], [25, 40, 33], [200, 33, 64], [7, 600, 40], [13, 1100, 95]];
        for shape @ [rows, terms, columns] in shapes {
            let (a, b) = (numbers(rows * terms, 1), numbers(terms * columns, 2));
            for left in [Side::rows(&a, terms), Side::columns(&a, rows)] {
                for right in [Side::rows(&b, columns), Side::columns(&b, terms)] {
                    let wanted = by_definition(left, right, shape);
                    for unit in units() {
                        let mut found = vec![f32::NAN; rows * columns];
                        let panels = Panels::of(right, terms, columns);
                        product(unit, left, &panels, rows, [(&mut found, columns)], |_, _| {});
                        assert_eq!(found, wanted, "{shape:?} {unit:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_follows_sees_each_row_once_and_done() {
        let (rows, terms, columns) = (500, 20, 40);
        let (a, b) = (numbers(rows * terms, 1), numbers(terms * columns, 2));
        let panels = Panels::of(Side::columns(&b, terms), terms, columns);
        let (mut found, mut firsts) = (vec![0.0; rows * columns], vec![-1.0; rows]);
        let outputs = [(&mut found[..], columns), (&mut firsts[..], 1)];
        product(units()[0], Side::rows(&a, terms), &panels, rows, outputs, |range, [found, firsts]| {
            assert_eq!((found.len(), firsts.len()), (range.len() * columns, range.len()));
            for (row, first) in found.chunks_exact_mut(columns).zip(firsts) {
                *first = row[0];
                row.iter_mut().for_each(|x| *x += 1.0);
            }
        });
        let wanted = by_definition(Side::rows(&a, terms), Side::columns(&b, terms), [rows, terms, columns]);
        assert!(wanted.iter().zip(&found).all(|(wanted, found)| wanted + 1.0 == *found));
        assert!(wanted.chunks_exact(columns).zip(&firsts).all(|(row, first)| row[0] == *first));
    }

    #[test]
    fn sides_stand_beside_each_other() {
        let (terms, columns) = (9, 20);
        let sides: Vec<Vec<f32>> = (0..3).map(|seed| numbers(terms * columns, seed)).collect();
        let sides: Vec<Side<'_>> = sides.iter().map(|side| Side::columns(side, terms)).collect();
        let a = numbers(4 * terms, 9);
        let mut found = vec![0.0; 4 * 3 * columns];
        let panels = Panels::beside(&sides, terms, columns);
        product(units()[0], Side::rows(&a, terms), &panels, 4, [(&mut found, 3 * columns)], |_, _| {});
        for (at, side) in sides.into_iter().enumerate() {
            let wanted = by_definition(Side::rows(&a, terms), side, [4, terms, columns]);
            for (found, wanted) in found.chunks_exact(3 * columns).zip(wanted.chunks_exact(columns)) {
                assert_eq!(&found[at * columns..(at + 1) * columns], wanted);
            }
        }
    }
}

//! Self-attention straight on rows without padding, a sequence and a head at a time: scores, softmax, dropout and
//! context go once through the cache. The numbers are those of the padded batch, to the bit: padding's probabilities
//! are exact zeros, places of dropout and the order of sums are those of padded rows.

use super::products::{PANEL, Side, Unit, fill_panel, strips};
use super::slab::Slab;
use super::{HashMask, vectorised};
use crate::model::kernels::math::{exp, sum};
use rayon::prelude::*;

/// Tokens of a row, at most: a longer row's products would be parted.
pub const MOST_WIDTH: usize = 512;

/// What is written for each sequence, and how many numbers that is by its length.
type Output<'a> = (&'a mut [f32], &'a dyn Fn(usize) -> usize);

/// The shape of the problem. Rows of `query`, `key` and `value` lie side by side, `[tokens, 3 × hidden]`.
#[derive(Clone, Copy)]
pub struct Packed<'a> {
    pub unit: Unit,
    /// The first row of each sequence, and the number of all.
    pub first: &'a [usize],
    pub heads: usize,
    /// Of a head.
    pub size: usize,
    /// Of the padded batch.
    pub width: usize,
    pub scale: f32,
    pub mask: Option<HashMask>,
}

impl Packed<'_> {
    fn hidden(&self) -> usize {
        self.heads * self.size
    }

    fn lengths(&self) -> impl Iterator<Item = usize> + '_ {
        self.first.windows(2).map(|pair| pair[1] - pair[0])
    }

    /// Numbers in all sequences' probabilities, `[heads, length, length]` each.
    pub fn probabilities(&self) -> usize {
        self.lengths().map(|length| self.heads * length * length).sum()
    }

    /// Runs `body(sequence, its parts of the outputs)`; an output has so many numbers for a sequence of a length.
    fn over_sequences<const N: usize>(&self, outputs: [Output<'_>; N], body: impl Fn(usize, [&mut [f32]; N]) + Sync) {
        let mut rest = outputs;
        let cut = |length: usize| {
            rest.each_mut().map(|(slice, size)| {
                let size = size(length).min(slice.len());
                let (own, tail) = std::mem::take(slice).split_at_mut(size);
                *slice = tail;
                own
            })
        };
        let parts: Vec<[&mut [f32]; N]> = self.lengths().map(cut).collect();
        if rayon::current_num_threads() == 1 {
            return parts.into_iter().enumerate().for_each(|(sequence, parts)| body(sequence, parts));
        }
        parts.into_par_iter().enumerate().for_each(|(sequence, parts)| body(sequence, parts));
    }

    /// The context of every row, `[tokens, hidden]`; `kept` gets the probabilities before dropout.
    pub fn forward(&self, qkv: &[f32], context: &mut [f32], kept: Option<&mut [f32]>) {
        let (hidden, heads) = (self.hidden(), self.heads);
        let keep = kept.is_some();
        let size_kept = |length: usize| if keep { heads * length * length } else { 0 };
        let outputs: [Output<'_>; 2] = [(context, &|length| length * hidden), (kept.unwrap_or_default(), &size_kept)];
        self.over_sequences(outputs, |sequence, [context, kept]| {
            let one = Sequence::new(self, sequence, qkv);
            let mut room = Room::new(&one);
            let square = one.length * one.length;
            for head in 0..heads {
                let [query, key, value] = one.sides(head);
                one.dots(query, key, &mut room.panels, &mut room.scores);
                let kept = kept.get_mut(head * square..(head + 1) * square);
                softmax(&mut room.scores, kept, one.rows(head), self.scale, self.mask);
                let weights = Side::rows(&room.scores, one.stride);
                one.mix(weights, value, &mut room.panels, &mut room.edge, &mut context[head * self.size..]);
            }
        });
    }

    /// The gradients of query, key and value, `[tokens, hidden]` each, from that of the context.
    pub fn backward(&self, qkv: &[f32], probabilities: &[f32], gradient: &[f32], into: [&mut [f32]; 3]) {
        let (hidden, heads) = (self.hidden(), self.heads);
        let mut before = 0;
        let start = |length: usize| {
            let own = before;
            before += heads * length * length;
            own
        };
        let starts: Vec<usize> = self.lengths().map(start).collect();
        let rows = |length: usize| length * hidden;
        let outputs = into.map(|slice| (slice, &rows as &dyn Fn(usize) -> usize));
        self.over_sequences(outputs, |sequence, [dquery, dkey, dvalue]| {
            let one = Sequence::new(self, sequence, qkv);
            let Room { scores, weights, panels, edge } = &mut Room::new(&one);
            let square = one.length * one.length;
            let gradient = &gradient[self.first[sequence] * hidden..];
            for head in 0..heads {
                let place = head * self.size;
                let (p, rows) = (&probabilities[starts[sequence] + head * square..][..square], one.rows(head));
                let [query, key, value] = one.sides(head);
                let d = Side { data: &gradient[place..], row: hidden, column: 1 };
                drop_out(weights, p, rows, self.mask);
                one.mix(Side::columns(weights, one.stride), d, panels, edge, &mut dvalue[place..]);
                one.dots(d, value, panels, scores);
                softmax_backward(scores, p, rows, self.scale, self.mask);
                one.mix(Side::columns(scores, one.stride), query, panels, edge, &mut dkey[place..]);
                one.mix(Side::rows(scores, one.stride), key, panels, edge, &mut dquery[place..]);
            }
        });
    }
}

/// One sequence of a batch.
struct Sequence<'a> {
    of: &'a Packed<'a>,
    number: usize,
    length: usize,
    /// The width of a row of scores, whole panels.
    stride: usize,
    qkv: &'a [f32],
}

/// Where one head's numbers are on the way.
struct Room {
    scores: Slab,
    weights: Slab,
    panels: Slab,
    edge: Slab,
}

impl Room {
    fn new(one: &Sequence<'_>) -> Self {
        let scores = one.length * one.stride;
        Self {
            scores: Slab::take(scores),
            weights: Slab::take(scores),
            panels: Slab::take(PANEL * one.length.max(one.of.size)),
            edge: Slab::take(PANEL * one.length),
        }
    }
}

/// Which rows of the padded batch's scores a head of a sequence has.
#[derive(Clone, Copy)]
struct Rows {
    first: usize,
    length: usize,
    /// Of the padded batch, and of the scores here.
    width: usize,
    stride: usize,
}

impl<'a> Sequence<'a> {
    fn new(of: &'a Packed<'a>, number: usize, qkv: &'a [f32]) -> Self {
        let (from, to) = (of.first[number], of.first[number + 1]);
        let row = 3 * of.hidden();
        let stride = of.width.next_multiple_of(PANEL);
        Self { of, number, length: to - from, stride, qkv: &qkv[from * row..to * row] }
    }

    /// Query, key and value of a head.
    fn sides(&self, head: usize) -> [Side<'a>; 3] {
        let hidden = self.of.hidden();
        [0, 1, 2].map(|which| Side {
            data: &self.qkv[which * hidden + head * self.of.size..],
            row: 3 * hidden,
            column: 1,
        })
    }

    fn rows(&self, head: usize) -> Rows {
        let first = (self.number * self.of.heads + head) * self.of.width;
        Rows { first, length: self.length, width: self.of.width, stride: self.stride }
    }

    /// The products of every row of one side with every row of the other.
    fn dots(&self, left: Side<'_>, right: Side<'_>, panel: &mut [f32], scores: &mut [f32]) {
        let (length, size) = (self.length, self.of.size);
        let right = Side { data: right.data, row: right.column, column: right.row };
        for column in (0..length).step_by(PANEL) {
            fill_panel(panel, right, size, column..length.min(column + PANEL));
            strips(self.of.unit, length, size, left, panel, &mut scores[column..], self.stride);
        }
    }

    /// Rows mixed as `weights` says, into the rows of `out`, which lie `hidden` apart.
    fn mix(&self, weights: Side<'_>, rows: Side<'_>, panel: &mut [f32], edge: &mut [f32], out: &mut [f32]) {
        let (unit, length, size, hidden) = (self.of.unit, self.length, self.of.size, self.of.hidden());
        for column in (0..size).step_by(PANEL) {
            let columns = column..size.min(column + PANEL);
            fill_panel(panel, rows, length, columns.clone());
            if columns.len() == PANEL {
                strips(unit, length, length, weights, panel, &mut out[column..], hidden);
                continue;
            }
            strips(unit, length, length, weights, panel, edge, PANEL);
            for (row, edge) in edge.chunks_exact(PANEL).enumerate() {
                out[row * hidden + column..][..columns.len()].copy_from_slice(&edge[..columns.len()]);
            }
        }
    }
}

vectorised! {
    fn softmax(x: &mut [f32], kept: Option<&mut [f32]>, rows: Rows, scale: f32, mask: Option<HashMask>) {
        let Rows { first, length, width, stride } = rows;
        let mut kept = kept;
        for x in x.chunks_exact_mut(stride).take(length) {
            let (x, padding) = x.split_at_mut(length);
            let mut largest = f32::NEG_INFINITY;
            for x in x.iter_mut() {
                *x = *x * scale + 0.0;
                largest = if *x > largest { *x } else { largest };
            }
            x.iter_mut().for_each(|x| *x = exp(*x - largest));
            padding.fill(0.0);
        }
        for (row, x) in x.chunks_exact_mut(stride).take(length).enumerate() {
            let inverse = 1.0 / sum(width, |j| x[j]);
            let x = &mut x[..length];
            x.iter_mut().for_each(|x| *x *= inverse);
            if let Some(kept) = kept.as_deref_mut() {
                kept[row * length..][..length].copy_from_slice(x);
            }
            if let Some(mask) = mask {
                let start = (first + row) * width;
                x.iter_mut().enumerate().for_each(|(j, x)| *x *= mask.at(start + j));
            }
        }
    }
}

vectorised! {
    fn drop_out(weights: &mut [f32], p: &[f32], rows: Rows, mask: Option<HashMask>) {
        let Rows { first, length, width, stride } = rows;
        for (row, (weights, p)) in weights.chunks_exact_mut(stride).zip(p.chunks_exact(length)).enumerate() {
            let weights = &mut weights[..length];
            weights.copy_from_slice(p);
            if let Some(mask) = mask {
                let start = (first + row) * width;
                weights.iter_mut().enumerate().for_each(|(j, x)| *x *= mask.at(start + j));
            }
        }
    }
}

vectorised! {
    fn softmax_backward(d: &mut [f32], p: &[f32], rows: Rows, scale: f32, mask: Option<HashMask>) {
        let Rows { first, length, width, stride } = rows;
        let mut products = [0.0f32; MOST_WIDTH];
        for (row, (d, p)) in d.chunks_exact_mut(stride).zip(p.chunks_exact(length)).enumerate() {
            let d = &mut d[..length];
            if let Some(mask) = mask {
                let start = (first + row) * width;
                d.iter_mut().enumerate().for_each(|(j, d)| *d *= mask.at(start + j));
            }
            // Padding's products stay 0.
            products.iter_mut().zip(d.iter().zip(p)).for_each(|(product, (d, p))| *product = d * p);
            let dot = sum(width, |j| products[j]);
            d.iter_mut().zip(p).for_each(|(d, p)| *d = p * (*d - dot) * scale);
        }
    }
}

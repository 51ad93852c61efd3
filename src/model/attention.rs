//! Multi-head self-attention between the query, key and value projections and the output projection.

use super::Matrix;
use super::kernels::{Kernels, Mask, Scores};
use super::tokens::Tokens;
use crate::device::B;
use burn::tensor::Tensor;

/// Which tokens ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queries {
    /// Every real token.
    All,
    /// The first token of each row: all that the last layer of a classifier needs.
    First,
}

/// What the gradient needs; heads are `[rows, heads, tokens, size]`.
pub(super) struct AttentionKept {
    query: Tensor<B, 4>,
    key: Tensor<B, 4>,
    value: Tensor<B, 4>,
    probabilities: Tensor<B, 4>,
    dropped: Option<Tensor<B, 4>>,
    pub mask: Mask,
}

/// The shape of the problem, the same in both directions.
#[derive(Clone, Copy)]
pub(super) struct Attention<'a> {
    pub tokens: &'a Tokens,
    pub kernels: Kernels,
    pub heads: usize,
    pub queries: Queries,
}

impl Attention<'_> {
    /// The shape of the dropout mask on the probabilities.
    pub fn mask_shape(&self) -> [usize; 2] {
        [self.tokens.rows * self.heads * self.query_width(), self.tokens.width]
    }

    fn query_width(&self) -> usize {
        match self.queries {
            Queries::All => self.tokens.width,
            Queries::First => 1,
        }
    }

    /// `[rows × width, hidden]` to `[rows, heads, width, size]`, without moving anything.
    fn split(&self, x: Matrix, width: usize) -> Tensor<B, 4> {
        let [_, hidden] = x.dims();
        x.reshape([self.tokens.rows, width, self.heads, hidden / self.heads]).swap_dims(1, 2)
    }

    /// The way back, to the tokens that [`Self::split`]'s argument came from.
    fn merge(&self, x: Tensor<B, 4>, queries: Queries) -> Matrix {
        match queries {
            Queries::All => self.kernels.merge_heads(x, &self.tokens.places),
            Queries::First => {
                let [rows, heads, _, size] = x.dims();
                x.reshape([rows, heads * size])
            }
        }
    }

    fn scores<'b>(&'b self, size: usize, mask: &'b Mask) -> Scores<'b> {
        Scores {
            additive: &self.tokens.additive,
            additive_tensor: self.tokens.additive_tensor.as_ref(),
            scale: 1.0 / (size as f32).sqrt(),
            mask,
        }
    }

    /// The context of the asking tokens. `query` has their rows, `key` and `value` those of every real token.
    pub fn forward(&self, query: Matrix, key: Matrix, value: Matrix, mask: Mask) -> (Matrix, AttentionKept) {
        let tokens = self.tokens;
        let query = if self.queries == Queries::All { tokens.spread(query) } else { query };
        let query = self.split(query, self.query_width());
        let key = self.split(tokens.spread(key), tokens.width);
        let value = self.split(tokens.spread(value), tokens.width);
        let [.., size] = key.dims();

        let scores = query.clone().matmul(key.clone().swap_dims(2, 3));
        let (probabilities, dropped) = self.kernels.softmax(scores, &self.scores(size, &mask));
        let context = dropped.as_ref().unwrap_or(&probabilities).clone().matmul(value.clone());
        let context = self.merge(context, self.queries);
        (context, AttentionKept { query, key, value, probabilities, dropped, mask })
    }

    /// The gradients of `query`, `key` and `value` from that of the context.
    pub fn backward(&self, gradient: Matrix, kept: AttentionKept) -> [Matrix; 3] {
        let AttentionKept { query, key, value, probabilities, dropped, mask } = kept;
        let gradient = if self.queries == Queries::All { self.tokens.spread_zeros(gradient) } else { gradient };
        let gradient = self.split(gradient, self.query_width());
        let [.., size] = key.dims();

        let weights = dropped.unwrap_or_else(|| probabilities.clone());
        let dvalue = weights.swap_dims(2, 3).matmul(gradient.clone());
        let dweights = gradient.matmul(value.swap_dims(2, 3));
        let dscores = self.kernels.softmax_backward(dweights, probabilities, &self.scores(size, &mask));
        let dkey = dscores.clone().swap_dims(2, 3).matmul(query);
        let dquery = dscores.matmul(key);
        [self.merge(dquery, self.queries), self.merge(dkey, Queries::All), self.merge(dvalue, Queries::All)]
    }
}

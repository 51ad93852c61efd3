//! What the kernels take beside tensors.

use super::host::{HashMask, ScoreRows};
use crate::device::B;
use crate::model::Matrix;
use burn::tensor::Tensor;

/// A dropout mask. The host draws it again where it is needed, a device keeps it.
#[derive(Debug, Clone)]
pub enum Mask {
    None,
    Hash(HashMask),
    Values(Matrix),
}

impl Mask {
    pub(in crate::model) fn hash(&self) -> Option<HashMask> {
        if let Self::Hash(mask) = self { Some(*mask) } else { None }
    }
}

/// What LayerNorm's gradient needs: the rows before the gain, and one over their standard deviation, `[rows, 1]`.
#[derive(Debug, Clone)]
pub struct NormKept {
    pub(super) normalised: Matrix,
    pub(super) inverse: Matrix,
}

/// What attention scores are combined with before the softmax.
pub struct Scores<'a> {
    /// 0 for a real key, a large negative number for padding: `[sequences × keys]` on the host.
    pub additive: &'a [f32],
    /// The same on the device, `[sequences, 1, 1, keys]`, where [`super::Kernels::Device`] runs.
    pub additive_tensor: Option<&'a Tensor<B, 4>>,
    pub scale: f32,
    pub mask: &'a Mask,
}

impl Scores<'_> {
    /// For scores of shape `[sequences, heads, queries, keys]`.
    pub(super) fn rows(&self, [_, heads, queries, keys]: [usize; 4]) -> ScoreRows<'_> {
        let rows_per_sequence = heads * queries;
        ScoreRows { additive: self.additive, keys, rows_per_sequence, scale: self.scale, mask: self.mask.hash() }
    }
}

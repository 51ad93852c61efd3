//! The element-wise work between the matrix products, in two implementations behind one interface.
//!
//! [`Kernels::Host`] runs fused loops over the host's memory: on the CPU a tensor that has one owner gives its buffer
//! away and takes it back without a copy. [`Kernels::Device`] says the same in tensor operations, which run anywhere
//! and which a GPU backend fuses itself. Tests run both on the CPU and expect the same numbers.

mod device;
pub(super) mod host;
mod math;
mod operands;
mod parallel;

pub use host::AdamStep;
use host::HashMask;
pub use operands::{Mask, NormKept, Scores};

use super::dropout::Dropout;
use super::{Activation, Matrix};
use crate::device::{B, is_host};
use burn::DispatchDevice;
use burn::tensor::{Tensor, TensorData};

/// Which implementation runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernels {
    Host,
    Device,
}

/// A tensor's elements on the host; no copy if the tensor has no other owner and lives there.
struct Buffer(TensorData);

impl Buffer {
    fn take<const D: usize>(tensor: Tensor<B, D>) -> Self {
        Self(tensor.into_data())
    }

    fn zeros<const D: usize>(shape: [usize; D]) -> Self {
        Self(TensorData::new(vec![0.0f32; shape.iter().product()], shape))
    }

    fn slice(&self) -> &[f32] {
        self.0.as_slice().expect("every float tensor here is f32")
    }

    fn slice_mut(&mut self) -> &mut [f32] {
        self.0.as_mut_slice().expect("every float tensor here is f32")
    }

    fn tensor<const D: usize>(self, device: &DispatchDevice) -> Tensor<B, D> {
        Tensor::from_data(self.0, device)
    }
}

/// A `[1, n]` matrix.
fn row(values: Vec<f32>, device: &DispatchDevice) -> Matrix {
    let shape = [1, values.len()];
    Tensor::from_data(TensorData::new(values, shape), device)
}

impl Kernels {
    /// The implementation for a device.
    pub fn of(device: &DispatchDevice) -> Self {
        if is_host(device) { Self::Host } else { Self::Device }
    }

    /// The next mask of the training step, for a tensor of `shape`. A rate of 0 takes its turn too, so that changing one
    /// rate does not shift the host's masks at the other places.
    pub(super) fn mask(self, rate: f64, shape: [usize; 2], dropout: &mut Dropout, device: &DispatchDevice) -> Mask {
        #[cfg(test)]
        if rate > 0.0 {
            dropout.drawn.push((rate, shape));
        }
        let key = dropout.next_key();
        match (rate > 0.0, self) {
            (false, _) => Mask::None,
            (true, Self::Host) => Mask::Hash(HashMask::new(key, rate)),
            (true, Self::Device) => Mask::Values(device::mask(rate, shape, device)),
        }
    }

    /// `(x + bias)` with dropout.
    pub(super) fn bias_mask(self, x: Matrix, bias: &Matrix, mask: &Mask) -> Matrix {
        if self == Self::Device {
            return device::apply(x + bias.clone(), mask);
        }
        let device = x.device();
        let (mut x, bias) = (Buffer::take(x), Buffer::take(bias.clone()));
        host::bias_mask(x.slice_mut(), bias.slice(), mask.hash());
        x.tensor(&device)
    }

    /// `x` with dropout, and the sums of its columns, `[1, n]`: the gradient of [`Self::bias_mask`].
    pub(super) fn mask_and_sum(self, x: Matrix, mask: &Mask) -> (Matrix, Matrix) {
        if self == Self::Device {
            let x = device::apply(x, mask);
            let sums = x.clone().sum_dim(0);
            return (x, sums);
        }
        let (device, [_, width]) = (x.device(), x.dims());
        let mut x = Buffer::take(x);
        let sums = host::mask_and_sum(x.slice_mut(), width, mask.hash());
        (x.tensor(&device), row(sums, &device))
    }

    /// GELU of `x + bias` and, if `keep`, its derivative.
    pub(super) fn gelu(self, x: Matrix, bias: &Matrix, form: Activation, keep: bool) -> (Matrix, Option<Matrix>) {
        if self == Self::Device {
            return device::gelu(x + bias.clone(), form, keep);
        }
        let (device, shape) = (x.device(), x.dims());
        let (mut x, bias) = (Buffer::take(x), Buffer::take(bias.clone()));
        let mut derivative = keep.then(|| Buffer::zeros(shape));
        host::gelu(x.slice_mut(), derivative.as_mut().map(Buffer::slice_mut), bias.slice(), form);
        (x.tensor(&device), derivative.map(|d| d.tensor(&device)))
    }

    /// `x·y`, and the sums of its columns, `[1, n]`.
    pub(super) fn product_and_sum(self, x: Matrix, y: Matrix) -> (Matrix, Matrix) {
        if self == Self::Device {
            let product = x * y;
            let sums = product.clone().sum_dim(0);
            return (product, sums);
        }
        let (device, [_, width]) = (x.device(), x.dims());
        let (mut x, y) = (Buffer::take(x), Buffer::take(y));
        let sums = host::product_and_sum(x.slice_mut(), y.slice(), width);
        (x.tensor(&device), row(sums, &device))
    }

    /// LayerNorm over rows, and what its gradient needs if `keep`.
    pub(super) fn layer_norm(
        self,
        x: Matrix,
        gamma: &Matrix,
        beta: &Matrix,
        epsilon: f64,
        keep: bool,
    ) -> (Matrix, Option<NormKept>) {
        if self == Self::Device {
            return device::layer_norm(x, gamma, beta, epsilon, keep);
        }
        let (device, [rows, width]) = (x.device(), x.dims());
        let mut x = Buffer::take(x);
        let (gamma, beta) = (Buffer::take(gamma.clone()), Buffer::take(beta.clone()));
        let (gamma, beta, epsilon) = (gamma.slice(), beta.slice(), epsilon as f32);
        if !keep {
            host::layer_norm(x.slice_mut(), None, gamma, beta, epsilon);
            return (x.tensor(&device), None);
        }
        let (mut y, mut inverse) = (Buffer::zeros([rows, width]), Buffer::zeros([rows, 1]));
        host::layer_norm(x.slice_mut(), Some((y.slice_mut(), inverse.slice_mut())), gamma, beta, epsilon);
        let kept = NormKept { normalised: x.tensor(&device), inverse: inverse.tensor(&device) };
        (y.tensor(&device), Some(kept))
    }

    /// The gradients of LayerNorm's input, gain and bias.
    pub(super) fn layer_norm_backward(self, dy: Matrix, kept: NormKept, gamma: &Matrix) -> (Matrix, Matrix, Matrix) {
        if self == Self::Device {
            return device::layer_norm_backward(dy, kept, gamma);
        }
        let device = dy.device();
        let (mut dy, gamma) = (Buffer::take(dy), Buffer::take(gamma.clone()));
        let (normalised, inverse) = (Buffer::take(kept.normalised), Buffer::take(kept.inverse));
        let (dgamma, dbeta) =
            host::layer_norm_backward(dy.slice_mut(), normalised.slice(), inverse.slice(), gamma.slice());
        (dy.tensor(&device), row(dgamma, &device), row(dbeta, &device))
    }

    /// Attention probabilities, and the same with dropout if there is a mask.
    pub(super) fn softmax(self, scores: Tensor<B, 4>, with: &Scores<'_>) -> (Tensor<B, 4>, Option<Tensor<B, 4>>) {
        if self == Self::Device {
            return device::softmax(scores, with);
        }
        let (device, shape) = (scores.device(), scores.dims());
        let mut x = Buffer::take(scores);
        let mut dropped = with.mask.hash().map(|_| Buffer::zeros(shape));
        host::softmax(x.slice_mut(), dropped.as_mut().map(Buffer::slice_mut), with.rows(shape));
        (x.tensor(&device), dropped.map(|d| d.tensor(&device)))
    }

    /// The gradient of the scores from that of the (dropped) probabilities.
    pub(super) fn softmax_backward(
        self,
        gradient: Tensor<B, 4>,
        probabilities: Tensor<B, 4>,
        with: &Scores<'_>,
    ) -> Tensor<B, 4> {
        if self == Self::Device {
            return device::softmax_backward(gradient, probabilities, with);
        }
        let (device, shape) = (gradient.device(), gradient.dims());
        let (mut d, p) = (Buffer::take(gradient), Buffer::take(probabilities));
        host::softmax_backward(d.slice_mut(), p.slice(), with.rows(shape));
        d.tensor(&device)
    }

    /// The mean cross-entropy of `[rows, classes]` logits, `[1]`, and its gradient. Labels are below `classes`.
    pub(super) fn cross_entropy(self, logits: Matrix, labels: &[u32]) -> (Tensor<B, 1>, Matrix) {
        if self == Self::Device {
            return device::cross_entropy(logits, labels);
        }
        let device = logits.device();
        let mut logits = Buffer::take(logits);
        let loss = host::cross_entropy(logits.slice_mut(), labels) as f32;
        (Tensor::from_data(TensorData::new(vec![loss], [1]), &device), logits.tensor(&device))
    }

    /// `[rows, heads, tokens, size]` to `[places, heads × size]`, of some places `row × tokens + token`.
    pub(super) fn merge_heads(self, x: Tensor<B, 4>, places: &[i32]) -> Matrix {
        let (device, [rows, heads, tokens, size]) = (x.device(), x.dims());
        if self == Self::Device {
            let x = x.swap_dims(1, 2).reshape([rows * tokens, heads * size]);
            return if places.len() < rows * tokens { device::rows(x, places) } else { x };
        }
        let merged = host::merge_heads(Buffer::take(x).slice(), [heads, tokens, size], places);
        Tensor::from_data(TensorData::new(merged, [places.len(), heads * size]), &device)
    }

    /// A `[rows, width]` table to whose row `ids[i]` row `i` of `values` is added.
    pub(super) fn scatter_rows(self, ids: &[i32], values: Matrix, rows: usize) -> Matrix {
        let (device, [_, width]) = (values.device(), values.dims());
        if self == Self::Device {
            return device::scatter_rows(ids, values, rows);
        }
        let table = host::scatter_rows(ids, Buffer::take(values).slice(), rows, width);
        Tensor::from_data(TensorData::new(table, [rows, width]), &device)
    }

    /// One Adam step on every parameter that has a gradient; returns the norm of all gradients before clipping, `[1]`.
    ///
    /// The gradients are scaled down to the norm `clip` where theirs is larger. `decays` says which parameters
    /// `step.decay` applies to; `step.clip` is ignored.
    ///
    /// # Panics
    /// The slices are not of one length.
    pub fn adam(
        self,
        parameters: &mut Vec<Matrix>,
        moments: &mut Vec<(Matrix, Matrix)>,
        gradients: Vec<Option<Matrix>>,
        decays: &[bool],
        clip: Option<f64>,
        step: AdamStep,
    ) -> Tensor<B, 1> {
        assert!(
            parameters.len() == gradients.len() && moments.len() == decays.len() && decays.len() == gradients.len()
        );
        if self == Self::Device {
            return device::adam(parameters, moments, gradients, decays, clip, step);
        }
        let device = parameters[0].device();
        let gradients: Vec<_> = gradients.into_iter().map(|g| g.map(Buffer::take)).collect();
        let norm = gradients.iter().flatten().map(|g| host::sum_of_squares(g.slice())).sum::<f64>().sqrt();
        let factor = clip.filter(|clip| norm > *clip).map_or(1.0, |clip| clip / norm);
        let (old, old_moments) = (std::mem::take(parameters), std::mem::take(moments));
        for (((p, (m, v)), g), decays) in old.into_iter().zip(old_moments).zip(gradients).zip(decays) {
            let Some(g) = g else {
                parameters.push(p);
                moments.push((m, v));
                continue;
            };
            let (mut p, mut m, mut v) = (Buffer::take(p), Buffer::take(m), Buffer::take(v));
            let step = AdamStep { clip: factor, decay: if *decays { step.decay } else { 0.0 }, ..step };
            host::adam(p.slice_mut(), m.slice_mut(), v.slice_mut(), g.slice(), step);
            // For the next step's gradients.
            drop(g.0.into_vec().map(host::Slab::from));
            parameters.push(p.tensor(&device));
            moments.push((m.tensor(&device), v.tensor(&device)));
        }
        Tensor::from_data(TensorData::new(vec![norm as f32], [1]), &device)
    }
}

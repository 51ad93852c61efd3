//! The same work in tensor operations. Each function states the formula that `host.rs` fuses.

use super::host::AdamStep;
use super::operands::{Mask, NormKept, Scores};
use crate::device::B;
use crate::model::{Activation, Matrix};
use burn::DispatchDevice;
use burn::tensor::activation::softmax as plain_softmax;
use burn::tensor::{Distribution, IndexingUpdateOp, Int, Tensor, TensorData};
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Drawn by the device's own generator, which `Dropout` seeds at the start of every training step.
pub fn mask(rate: f64, shape: [usize; 2], device: &DispatchDevice) -> Matrix {
    let uniform = Matrix::random(shape, Distribution::Uniform(0.0, 1.0), device);
    uniform.greater_equal_elem(rate).float() / (1.0 - rate)
}

pub fn apply(x: Matrix, mask: &Mask) -> Matrix {
    if let Mask::Values(values) = mask { x * values.clone() } else { x }
}

pub fn gelu(x: Matrix, form: Activation, keep: bool) -> (Matrix, Option<Matrix>) {
    match form {
        Activation::Erf => {
            let cumulative = ((x.clone() * FRAC_1_SQRT_2).erf() + 1.0) * 0.5;
            let derivative = keep.then(|| {
                let density = (x.clone() * x.clone() * -0.5).exp() * (1.0 / (2.0 * PI).sqrt());
                cumulative.clone() + x.clone() * density
            });
            (x * cumulative, derivative)
        }
        Activation::Tanh => {
            let (root, cubic) = ((2.0 / PI).sqrt(), 0.044715);
            let square = x.clone() * x.clone();
            let t = ((square.clone() * cubic + 1.0) * x.clone() * root).tanh();
            let half = (t.clone() + 1.0) * 0.5;
            let derivative = keep.then(|| {
                let slope = (square * (3.0 * cubic) + 1.0) * root;
                half.clone() + x.clone() * 0.5 * (t.clone() * t * -1.0 + 1.0) * slope
            });
            (x * half, derivative)
        }
    }
}

pub fn layer_norm(x: Matrix, gamma: &Matrix, beta: &Matrix, epsilon: f64, keep: bool) -> (Matrix, Option<NormKept>) {
    let centred = x.clone() - x.mean_dim(1);
    let variance = (centred.clone() * centred.clone()).mean_dim(1);
    let inverse = (variance + epsilon).sqrt().recip();
    let normalised = centred * inverse.clone();
    let y = normalised.clone() * gamma.clone() + beta.clone();
    (y, keep.then_some(NormKept { normalised, inverse }))
}

pub fn layer_norm_backward(dy: Matrix, kept: NormKept, gamma: &Matrix) -> (Matrix, Matrix, Matrix) {
    let NormKept { normalised, inverse } = kept;
    let dgamma = (dy.clone() * normalised.clone()).sum_dim(0);
    let dbeta = dy.clone().sum_dim(0);
    let d = dy * gamma.clone();
    let slope = (d.clone() * normalised.clone()).mean_dim(1);
    let dx = (d.clone() - d.mean_dim(1) - normalised * slope) * inverse;
    (dx, dgamma, dbeta)
}

pub fn softmax(scores: Tensor<B, 4>, with: &Scores<'_>) -> (Tensor<B, 4>, Option<Tensor<B, 4>>) {
    let scores = scores * with.scale;
    let scores = if let Some(additive) = with.additive_tensor { scores + additive.clone() } else { scores };
    let probabilities = plain_softmax(scores, 3);
    let dropped = match with.mask {
        Mask::Values(values) => Some(probabilities.clone() * values.clone().reshape(probabilities.dims())),
        _ => None,
    };
    (probabilities, dropped)
}

pub fn softmax_backward(gradient: Tensor<B, 4>, p: Tensor<B, 4>, with: &Scores<'_>) -> Tensor<B, 4> {
    let gradient = match with.mask {
        Mask::Values(values) => {
            let shape = gradient.dims();
            gradient * values.clone().reshape(shape)
        }
        _ => gradient,
    };
    let dot = (gradient.clone() * p.clone()).sum_dim(3);
    p * (gradient - dot) * with.scale
}

pub fn cross_entropy(logits: Matrix, labels: &[u32]) -> (Tensor<B, 1>, Matrix) {
    let (device, [rows, classes]) = (logits.device(), logits.dims());
    let labels = TensorData::new(labels.iter().map(|label| *label as i32).collect(), [rows, 1]);
    let labels: Tensor<B, 2, Int> = Tensor::from_data(labels, &device);
    let column: Tensor<B, 2, Int> = Tensor::<B, 1, Int>::arange(0..classes as i64, &device).reshape([1, classes]);
    let target = column.expand([rows, classes]).equal(labels.expand([rows, classes])).float();
    let log_probabilities = burn::tensor::activation::log_softmax(logits, 1);
    let loss = (log_probabilities.clone() * target.clone()).sum() * (-1.0 / rows as f64);
    let gradient = (log_probabilities.exp() - target) * (1.0 / rows as f64);
    (loss, gradient)
}

/// Some rows of `x`, in the order given.
pub fn rows(x: Matrix, places: &[i32]) -> Matrix {
    let device = x.device();
    x.select(0, Tensor::from_data(TensorData::new(places.to_vec(), [places.len()]), &device))
}

pub fn scatter_rows(ids: &[i32], values: Matrix, rows: usize) -> Matrix {
    let (device, [count, width]) = (values.device(), values.dims());
    let ids: Tensor<B, 1, Int> = Tensor::from_data(TensorData::new(ids.to_vec(), [count]), &device);
    Matrix::zeros([rows, width], &device).select_assign(0, ids, values, IndexingUpdateOp::Add)
}

pub fn adam(
    parameters: &mut Vec<Matrix>,
    moments: &mut Vec<(Matrix, Matrix)>,
    gradients: Vec<Option<Matrix>>,
    decays: &[bool],
    clip: Option<f64>,
    step: AdamStep,
) -> Tensor<B, 1> {
    let device = parameters[0].device();
    let squares = gradients.iter().flatten().map(|g| (g.clone() * g.clone()).sum());
    let norm = squares.reduce(|a, b| a + b).map_or_else(|| Tensor::zeros([1], &device), Tensor::sqrt);
    // Stays on the device: reading the norm here would make the device wait.
    let factor = clip.map(|clip| (norm.clone().clamp_min(clip).recip() * clip).reshape([1, 1]));
    let (old, old_moments) = (std::mem::take(parameters), std::mem::take(moments));
    for (((p, (m, v)), g), decays) in old.into_iter().zip(old_moments).zip(gradients).zip(decays) {
        let Some(g) = g else {
            parameters.push(p);
            moments.push((m, v));
            continue;
        };
        let g = if let Some(factor) = &factor { g * factor.clone() } else { g };
        let m = m * step.beta1 + g.clone() * (1.0 - step.beta1);
        let v = v * step.beta2 + g.clone() * g * (1.0 - step.beta2);
        let mut update = m.clone() * step.correction1 / ((v.clone() * step.correction2).sqrt() + step.epsilon);
        if *decays && step.decay != 0.0 {
            update = update + p.clone() * step.decay;
        }
        parameters.push(p - update * step.learning_rate);
        moments.push((m, v));
    }
    norm
}

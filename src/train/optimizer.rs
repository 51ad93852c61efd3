//! Adam with decoupled weight decay, with and without bias correction, after clipping by the global norm.

use super::Recipe;
use crate::device::B;
use crate::model::{AdamStep, Gradients, Matrix, Transformer};
use burn::tensor::Tensor;

/// The state of an Adam run over all parameters of a model.
///
/// `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`, `p ← p − lr·(m̂/(√v̂ + ε) + decay·p)`, where the hats divide by `1−βᵗ`
/// if the bias is corrected and do nothing otherwise, and `ε` stands outside the root. `g` is the gradient, scaled
/// down by `clip/norm` where the norm over all parameters together exceeds `clip`.
#[derive(Debug)]
pub struct Optimizer {
    moments: Vec<(Matrix, Matrix)>,
    decays: Vec<bool>,
    bias_correction: bool,
    clip_norm: Option<f64>,
    constants: AdamStep,
    step: i32,
}

impl Optimizer {
    /// Moments at 0 for every parameter of `model`.
    pub fn new(recipe: &Recipe, model: &Transformer) -> Self {
        let zeros = |p: &Matrix| Tensor::zeros(p.dims(), model.device());
        Self {
            moments: model.parameters().iter().map(|p| (zeros(p), zeros(p))).collect(),
            decays: model.layout().slots.iter().map(|slot| !recipe.decay_matrices_only || slot.decays()).collect(),
            bias_correction: recipe.bias_correction,
            clip_norm: recipe.clip_norm,
            constants: AdamStep {
                learning_rate: 0.0,
                beta1: recipe.beta1,
                beta2: recipe.beta2,
                epsilon: recipe.adam_epsilon,
                decay: recipe.weight_decay,
                correction1: 1.0,
                correction2: 1.0,
                clip: 1.0,
            },
            step: 0,
        }
    }

    /// One training step. Parameters without a gradient stay as they are, without decay too.
    ///
    /// Returns the norm of all gradients before clipping, `[1]`.
    pub fn step(&mut self, model: &mut Transformer, gradients: Gradients, learning_rate: f64) -> Tensor<B, 1> {
        self.step += 1;
        let mut step = AdamStep { learning_rate, ..self.constants };
        if self.bias_correction {
            step.correction1 = 1.0 / (1.0 - step.beta1.powi(self.step));
            step.correction2 = 1.0 / (1.0 - step.beta2.powi(self.step));
        }
        let kernels = model.kernels();
        kernels.adam(model.parameters_mut(), &mut self.moments, gradients, &self.decays, self.clip_norm, step)
    }

    /// Training steps done, and both moments of every parameter.
    pub(super) fn state(&self) -> (i32, &[(Matrix, Matrix)]) {
        (self.step, &self.moments)
    }

    /// Goes on from another run's [`Self::state`].
    pub(super) fn restore(&mut self, step: i32, moments: Vec<(Matrix, Matrix)>) {
        (self.step, self.moments) = (step, moments);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kernels;
    use crate::model::tests::reference::model;

    fn constant(model: &Transformer, value: f32) -> Gradients {
        model.parameters().iter().map(|p| Some(Tensor::full(p.dims(), value, model.device()))).collect()
    }

    fn first(model: &Transformer, place: usize) -> f64 {
        f64::from(model.parameters()[place].to_data().to_vec::<f32>().unwrap()[0])
    }

    fn recipe(name: &str) -> Recipe {
        Recipe { clip_norm: None, weight_decay: 0.0, ..Recipe::named(name).unwrap() }
    }

    #[test]
    fn known_updates_for_a_constant_gradient() {
        for kernels in [Kernels::Host, Kernels::Device] {
            for (name, expected) in [("google-bert", [3.152, 4.240, 4.941]), ("adamw", [1.0, 1.0, 1.0])] {
                let mut model = model(kernels);
                let mut optimizer = Optimizer::new(&recipe(name), &model);
                for expected in expected {
                    let before = first(&model, 5);
                    let gradients = constant(&model, 0.01);
                    optimizer.step(&mut model, gradients, 1e-3);
                    let update = (before - first(&model, 5)) / 1e-3;
                    assert!((update - expected).abs() < 1e-3, "{kernels:?} {name}: {update} against {expected}");
                }
            }
        }
    }

    #[test]
    fn decay_spares_biases_and_layer_norm() {
        for kernels in [Kernels::Host, Kernels::Device] {
            let mut model = model(kernels);
            let mut optimizer = Optimizer::new(&Recipe { weight_decay: 0.5, ..recipe("google-bert") }, &model);
            let before: Vec<f64> = (0..model.parameters().len()).map(|place| first(&model, place)).collect();
            let gradients = constant(&model, 0.0);
            optimizer.step(&mut model, gradients, 0.1);
            for (place, slot) in model.layout().slots.iter().enumerate() {
                let kept = if slot.decays() { 0.95 } else { 1.0 };
                assert!((first(&model, place) - kept * before[place]).abs() < 1e-6, "{kernels:?} {}", slot.name);
            }
        }
    }

    #[test]
    fn clipping_uses_the_norm_of_everything() {
        for kernels in [Kernels::Host, Kernels::Device] {
            let mut model = model(kernels);
            let mut optimizer = Optimizer::new(&Recipe { clip_norm: Some(1.0), ..recipe("google-bert") }, &model);
            let count: usize = model.layout().slots.iter().map(|slot| slot.matrix().iter().product::<usize>()).sum();
            let before = first(&model, 5);
            let gradients = constant(&model, 1.0);
            let norm = optimizer.step(&mut model, gradients, 1e-3).into_scalar();
            assert!((f64::from(norm) / (count as f64).sqrt() - 1.0).abs() < 1e-5);
            let g = 1.0 / (count as f64).sqrt();
            let expected = 0.1 * g / ((0.001 * g * g).sqrt() + 1e-6);
            assert!(((before - first(&model, 5)) / 1e-3 / expected - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn parameters_without_gradient_stay() {
        let mut model = model(Kernels::Host);
        let mut optimizer = Optimizer::new(&Recipe { weight_decay: 0.5, ..recipe("adamw") }, &model);
        let before = model.to_weights();
        let mut gradients = constant(&model, 1.0);
        gradients[5] = None;
        optimizer.step(&mut model, gradients, 0.1);
        let after = model.to_weights();
        let name = &model.layout().slots[5].name;
        assert_eq!(after.tensors[name], before.tensors[name]);
        assert_ne!(after.tensors[&model.layout().slots[6].name], before.tensors[&model.layout().slots[6].name]);
    }
}

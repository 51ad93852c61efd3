//! Both forms of GELU and their derivatives, against SciPy.

use super::{BOTH, values};
use crate::model::tests::reference::cpu;
use crate::model::{Activation, Matrix};
use burn::tensor::{Tensor, TensorData};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    x: Vec<f32>,
    erf: Vec<f64>,
    erf_derivative: Vec<f64>,
    tanh: Vec<f64>,
    tanh_derivative: Vec<f64>,
}

/// The largest difference, absolute for values up to 1 and relative beyond, and where it is.
fn worst(x: &[f32], found: &[f32], wanted: &[f64]) -> (f64, f32) {
    let error = |i: usize| (f64::from(found[i]) - wanted[i]).abs() / wanted[i].abs().max(1.0);
    let pairs = (0..x.len()).map(|i| (if found[i].is_finite() { error(i) } else { f64::INFINITY }, x[i]));
    pairs.fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a })
}

#[test]
fn both_forms_agree_with_scipy() {
    let fixture: Fixture = serde_json::from_str(include_str!("../../../../tests/reference/gelu.json")).unwrap();
    let x = &fixture.x;
    let zeros: Matrix = Tensor::zeros([1, x.len()], &cpu());
    let mut all = Vec::new();
    for kernels in BOTH {
        for (form, wanted, slope) in [
            (Activation::Erf, &fixture.erf, &fixture.erf_derivative),
            (Activation::Tanh, &fixture.tanh, &fixture.tanh_derivative),
        ] {
            for keep in [false, true] {
                let input: Matrix = Tensor::from_data(TensorData::new(x.clone(), [1, x.len()]), &cpu());
                let (y, derivative) = kernels.gelu(input, &zeros, form, keep);
                let value = worst(x, &values(&y), wanted);
                let derivative = derivative.map_or((0.0, 0.0), |d| worst(x, &values(&d), slope));
                println!("{kernels:?} {form:?} keep {keep}: value {value:?}, derivative {derivative:?}");
                all.extend([value.0, derivative.0]);
            }
        }
    }
    assert!(all.iter().all(|worst| *worst < 1e-6), "{all:?}");
}

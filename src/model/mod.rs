//! BERT and its kin: configuration, weights in and out, the forward pass and the gradients.
//!
//! The backward pass is written out by hand instead of using automatic differentiation: it saves exactly what is
//! needed, skips padding and the unused rows of the last layer, and lets the element-wise work of the CPU run as
//! fused loops. `tests/reference/bert.py` and `tests/reference/architectures.py` are its judges.

mod architecture;
mod arrival;
mod attention;
mod backward;
mod canonical;
mod classifier;
mod config;
mod dropout;
mod error;
mod fields;
mod floats;
pub mod formats;
mod forward;
mod geometry;
mod head;
mod host_tensor;
mod kernels;
mod layout;
mod packed_layers;
mod packed_model;
mod relabel;
mod report;
#[cfg(test)]
pub(crate) mod tests;
mod tokens;
mod transformer;
mod transformer_plane;
mod weights;

pub use architecture::{Architecture, NewHead};
pub use arrival::Arrival;
pub use config::{Activation, LARGEST_SIZE, MOST_LAYERS, TransformerConfig};
pub use dropout::{Dropout, DropoutRates};
pub use error::ModelError;
pub use geometry::Geometry;
pub use head::Head;
pub use host_tensor::HostTensor;
pub use kernels::host::forget_free as forget_free_memory;
pub use kernels::{AdamStep, Kernels};
pub use layout::{Layout, Slot};
pub use relabel::{other_task, relabel, without_head};
pub use report::{LoadReport, Purpose};
pub use transformer::{Gradients, MaskedTargets, Transformer};
pub use transformer_plane::TransformerPlane;
pub use weights::Weights;

use crate::device::B;
use burn::tensor::Tensor;

/// A rank-2 tensor; vectors such as biases are `[1, n]`.
pub type Matrix = Tensor<B, 2>;

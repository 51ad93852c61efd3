//! BERT and its kin: configuration, weights in and out, the forward pass and the gradients.
//!
//! The backward pass is written out by hand instead of using automatic differentiation: it saves exactly what is
//! needed, skips padding and the unused rows of the last layer, and lets the element-wise work of the CPU run as
//! fused loops. `tests/reference/bert.py` and
//! `tests/reference/architectures.py` are its judges.

mod architecture;
mod arrival;
mod attention;
mod backward;
mod bert;
mod bert_plane;
mod classifier;
mod config;
mod dropout;
mod fields;
pub mod formats;
mod forward;
mod geometry;
mod kernels;
#[cfg(test)]
pub(crate) mod kin_reference;
mod layout;
#[cfg(test)]
mod parity;
mod plane;
#[cfg(test)]
pub(crate) mod reference;
mod relabel;
mod report;
mod tokens;
mod weights;

pub use architecture::{Architecture, NewHead};
pub use arrival::Arrival;
pub use bert::{Bert, Gradients, Head, MaskedTargets};
pub use bert_plane::BertPlane;
pub use config::{Activation, BertConfig};
pub use dropout::{Dropout, DropoutRates};
pub use formats::{Lacking, ModelFiles};
pub use geometry::Geometry;
pub use kernels::{AdamStep, Kernels};
pub use layout::{Layout, Slot};
pub use plane::Plane;
pub use relabel::relabel;
pub use report::{LoadReport, Purpose};
pub use weights::{HostTensor, Weights};

use burn::tensor::Tensor;

/// The backend of every tensor in the program; the device decides at run time what it is made of.
pub type B = burn::Dispatch;

/// A rank-2 tensor; vectors such as biases are `[1, n]`.
pub type Matrix = Tensor<B, 2>;

/// What can go wrong with a model, its files or the tokens given to it.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("failed to read the model configuration: {0}")]
    ConfigSyntax(String),
    #[error("`{field}` in the model configuration is {value}: {expected}")]
    Config { field: &'static str, value: String, expected: String },
    #[error("failed to read the safetensors file: {0}; it may be truncated, fetch it again")]
    Safetensors(String),
    #[error(transparent)]
    Format(#[from] formats::FormatError),
    #[error("tensor `{name}` has type {dtype}, but only f32, f64, f16 and bf16 can be read")]
    Dtype { name: String, dtype: String },
    #[error("the file holds tensor `{0}` twice under two spellings of its name")]
    Duplicate(String),
    #[error("the weights lack {}; they do not fit the configuration", list(.0))]
    Missing(Vec<String>),
    #[error("the weights hold {}, which this model has no place for", list(.0))]
    Unexpected(Vec<String>),
    #[error("tensor `{name}` has shape {found:?}, but the configuration expects {expected:?}")]
    Shape { name: String, found: Vec<usize>, expected: Vec<usize> },
    #[error("the weights do not fit the configuration: {0}")]
    Misfit(String),
    #[error("{0}")]
    Tokens(String),
    #[error("the models cannot be combined: {0}")]
    Mismatch(String),
    #[error("{0}")]
    Head(String),
}

/// The first few names of a list, and how many more there are.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

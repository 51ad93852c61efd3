//! A model's parameters as the products of `packed_layers.rs` read them.

use super::kernels::host::Panels;
use std::fmt;
use std::sync::OnceLock;

/// A layer's parameters as products read them.
pub(super) struct PackedLayer {
    pub qkv: Panels,
    pub qkv_bias: Vec<f32>,
    pub attention_output: Dense,
    pub attention_norm: [Vec<f32>; 2],
    pub intermediate: Dense,
    pub output: Dense,
    pub output_norm: [Vec<f32>; 2],
}

pub(super) struct Dense {
    pub weights: Panels,
    pub bias: Vec<f32>,
}

/// What is made of a model's parameters when it is first needed. A clone has nothing yet: whoever clones a model may give
/// it other parameters, and may keep it for long.
pub(super) struct PackedModel {
    pub layers: Vec<OnceLock<PackedLayer>>,
}

impl PackedModel {
    pub fn new(layers: usize) -> Self {
        Self { layers: (0..layers).map(|_| OnceLock::new()).collect() }
    }
}

impl Clone for PackedModel {
    fn clone(&self) -> Self {
        Self::new(self.layers.len())
    }
}

impl fmt::Debug for PackedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PackedModel")
    }
}

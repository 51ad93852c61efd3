//! The element-wise work of a BERT as fused loops over slices of the host's memory, row-major.

mod attention;
mod learning;
mod packed;
mod products;
mod rows;
mod slab;

pub use attention::{ScoreRows, merge_heads, softmax, softmax_backward};
pub use learning::{AdamStep, adam, cross_entropy, scatter_rows, sum_of_squares};
pub use packed::{MOST_WIDTH, Packed};
pub use products::{Panels, Side, Unit, product};
pub use rows::{
    bias_mask, bias_mask_rows, gelu, gelu_rows, layer_norm, layer_norm_backward, mask_and_sum, norm_rows,
    product_and_sum,
};
pub use slab::{Slab, forget_free};

use super::math::hash;

/// Compiles a function twice, once for the vector units of current x86 processors, and picks at run time.
macro_rules! vectorised {
    ($(#[$doc:meta])* $visible:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        $visible fn $name($($arg: $type),*) $(-> $out)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn plain($($arg: $type),*) $(-> $out)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                #[allow(clippy::too_many_arguments)]
                fn wide($($arg: $type),*) $(-> $out)? {
                    plain($($arg),*)
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has just said that it has the instructions.
                    return unsafe { wide($($arg),*) };
                }
            }
            plain($($arg),*)
        }
    };
}

use vectorised;

/// A dropout mask that is drawn again wherever it is needed: element `i` is kept if `hash(key, i)` is large enough.
#[derive(Debug, Clone, Copy)]
pub struct HashMask {
    key: u64,
    threshold: u32,
    scale: f32,
}

impl HashMask {
    /// A mask that drops a share `rate` (0–1) and scales up the rest.
    pub fn new(key: u64, rate: f64) -> Self {
        Self { key, threshold: (rate * 2f64.powi(32)) as u32, scale: (1.0 / (1.0 - rate)) as f32 }
    }

    #[inline(always)]
    pub fn at(self, index: usize) -> f32 {
        if hash(self.key, index as u32) >= self.threshold { self.scale } else { 0.0 }
    }
}

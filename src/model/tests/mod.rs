//! The model against PyTorch and `transformers`, whose numbers are in `tests/reference/`; training is compared with the
//! same models.

pub(crate) mod kin;
mod packed;
mod parity;
pub(crate) mod reference;
pub(crate) mod weight_plane;

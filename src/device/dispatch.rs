//! What tensors are made of.

/// The backend of every tensor in the program; the device decides at run time what it is made of.
pub type B = burn::Dispatch;

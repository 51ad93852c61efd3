//! What is asked for, and what was found.

use burn::DispatchDevice;
use serde::{Deserialize, Serialize};

/// What the user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// CUDA if it works, then a hardware adapter of WGPU (Vulkan, Metal), then the CPU.
    #[default]
    Auto,
    Cpu,
    Cuda,
    Wgpu,
}

/// A device that has been tried.
#[derive(Debug, Clone)]
pub struct Device {
    pub device: DispatchDevice,
    /// Never [`Backend::Auto`].
    pub backend: Backend,
    pub name: String,
    /// Why it was chosen, and what speaks against the devices that `auto` prefers.
    pub why: String,
}

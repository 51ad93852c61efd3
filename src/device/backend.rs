//! What is asked for, and what was found.

use crate::words::words;
use burn::DispatchDevice;

words! {
    /// What the user asks for.
    #[derive(Default, clap::ValueEnum)]
    pub enum Backend {
        /// CUDA if it works, then a hardware adapter of WGPU (Vulkan, Metal), then the CPU.
        #[default]
        Auto = "auto",
        Cpu = "cpu",
        Cuda = "cuda",
        Wgpu = "wgpu",
    }
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

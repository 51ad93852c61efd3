//! Where the tensors live. The only room that names a backend. CUDA and WGPU are features: a program may be built
//! without them.
//!
//! The libraries underneath panic when a driver is missing, some of them on threads of their own. So whatever can be
//! known without them is looked up first, and the rest is tried on a guarded thread with a small sum: a machine
//! without a GPU gets a message, never a panic, and never waits for long.

mod backend;
#[cfg(feature = "cuda")]
mod cuda;
mod dispatch;
#[cfg(all(target_os = "linux", any(feature = "cuda", feature = "wgpu")))]
mod library;
#[cfg(any(feature = "cuda", feature = "wgpu", test))]
mod probe;
#[cfg(feature = "wgpu")]
mod wgpu;

pub use backend::{Backend, Device};
pub use dispatch::B;

use burn::DispatchDevice;
use burn::backend::flex::FlexDevice;

#[cfg(not(feature = "cuda"))]
mod cuda {
    pub fn find(_: String) -> Result<super::Device, String> {
        Err(super::left_out("CUDA", "cuda"))
    }
}

#[cfg(not(feature = "wgpu"))]
mod wgpu {
    pub fn find(_: bool, _: String) -> Result<super::Device, String> {
        Err(super::left_out("WGPU", "wgpu"))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    #[error("CUDA cannot be used: {0}")]
    Cuda(String),
    #[error("WGPU cannot be used: {0}")]
    Wgpu(String),
}

/// The backends that this program is built with.
pub fn built_in() -> Vec<&'static str> {
    let all = [("cpu", true), ("cuda", cfg!(feature = "cuda")), ("wgpu", cfg!(feature = "wgpu"))];
    all.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect()
}

/// Finds the device and tries it. Asking for the CPU costs nothing.
///
/// # Errors
/// CUDA or WGPU was asked for and does not work: what was looked for, and what to do.
pub fn select(choice: Backend) -> Result<Device, DeviceError> {
    match choice {
        Backend::Cpu => Ok(cpu("asked for".into())),
        Backend::Cuda => cuda::find("asked for".into()).map_err(DeviceError::Cuda),
        Backend::Wgpu => wgpu::find(true, "asked for".into()).map_err(DeviceError::Wgpu),
        Backend::Auto => Ok(automatic()),
    }
}

/// The fact and, after a colon, what to do.
#[cfg(not(all(feature = "cuda", feature = "wgpu")))]
fn left_out(name: &str, feature: &str) -> String {
    format!("this program was built without {name}: build it with `--features {feature}`, or choose another backend")
}

/// Whether tensors of this device are the host's own memory.
pub fn is_host(device: &DispatchDevice) -> bool {
    matches!(device, DispatchDevice::Flex(_))
}

fn automatic() -> Device {
    let no_cuda = match cuda::find("CUDA works".into()) {
        Ok(device) => return device,
        Err(reason) => reason,
    };
    // What to do about it is told to those who ask for that backend.
    let fact = |reason: &str| reason.split(':').next().unwrap_or_default().to_owned();
    match wgpu::find(false, format!("a hardware adapter works; no CUDA: {}", fact(&no_cuda))) {
        Ok(device) => device,
        Err(no_wgpu) => cpu(format!("no GPU: {}; {}", fact(&no_cuda), fact(&no_wgpu))),
    }
}

fn cpu(why: String) -> Device {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let name = format!("CPU with {threads} {}", if threads == 1 { "core" } else { "cores" });
    Device { device: DispatchDevice::Flex(FlexDevice), backend: Backend::Cpu, name, why }
}

#[cfg(test)]
mod tests {
    use super::probe::{TRIED, small_sum};
    use super::*;

    #[test]
    fn the_cpu_is_always_there_and_free() {
        let device = select(Backend::Cpu).unwrap();
        assert_eq!(TRIED.get(), 0, "nothing has to be tried for it");
        assert!(is_host(&device.device) && device.backend == Backend::Cpu);
        small_sum(&device.device).unwrap();
    }

    #[test]
    fn every_choice_is_answered_and_auto_says_why() {
        for choice in [Backend::Auto, Backend::Cuda, Backend::Wgpu, Backend::Wgpu, Backend::Auto] {
            match select(choice) {
                Ok(device) => {
                    assert_ne!(device.backend, Backend::Auto);
                    assert!(!device.why.is_empty() && !device.name.is_empty());
                    small_sum(&device.device).unwrap();
                }
                Err(error) => {
                    assert_ne!(choice, Backend::Auto);
                    let text = error.to_string();
                    let advice = text.contains("install") || text.contains("build it with `--features");
                    assert!(text.contains("cannot be used") && advice, "{text}");
                    assert!(!text.contains("panicked"), "{text}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_built_in_is_told_from_what_is_not_there() {
        for (built_in, choice, name) in
            [(cfg!(feature = "cuda"), Backend::Cuda, "CUDA"), (cfg!(feature = "wgpu"), Backend::Wgpu, "WGPU")]
        {
            let said = format!("this program was built without {name}");
            match select(choice) {
                Ok(_) => assert!(built_in),
                Err(error) => assert_ne!(built_in, error.to_string().contains(&said), "{error}"),
            }
            let automatic = select(Backend::Auto).unwrap();
            assert!(built_in != automatic.why.contains(&said) || automatic.backend == Backend::Cuda, "{automatic:?}");
        }
    }

    #[test]
    fn names_are_lower_case_in_files() {
        assert_eq!(serde_json::to_string(&Backend::Cuda).unwrap(), "\"cuda\"");
        assert_eq!(serde_json::from_str::<Backend>("\"auto\"").unwrap(), Backend::Auto);
    }
}

//! Where the tensors live. The only file that names a backend.
//!
//! The libraries underneath panic when a driver is missing, some of them on threads of their own. So whatever can be
//! known without them is looked up first, and the rest is tried on a guarded thread with a small sum: a machine
//! without a GPU gets a message, never a panic, and never waits for long.

use burn::DispatchDevice;
use burn::backend::cuda::CudaDevice;
use burn::backend::flex::FlexDevice;
use burn::backend::wgpu::graphics::AutoGraphicsApi;
use burn::backend::wgpu::{WgpuDevice, init_setup};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

/// The backend of every tensor in the program; the device decides at run time what it is made of.
pub type B = burn::Dispatch;

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

#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    #[error("CUDA cannot be used: {0}")]
    Cuda(String),
    #[error("WGPU cannot be used: {0}")]
    Wgpu(String),
}

/// How long a device may take for its first sum, which includes compiling it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Finds the device and tries it. Asking for the CPU costs nothing.
///
/// # Errors
/// CUDA or WGPU was asked for and does not work: what was looked for, and what to do.
pub fn select(choice: Backend) -> Result<Device, DeviceError> {
    match choice {
        Backend::Cpu => Ok(cpu("asked for".into())),
        Backend::Cuda => cuda("asked for".into()).map_err(DeviceError::Cuda),
        Backend::Wgpu => wgpu(true, "asked for".into()).map_err(DeviceError::Wgpu),
        Backend::Auto => Ok(automatic()),
    }
}

/// Whether tensors of this device are the host's own memory.
pub fn is_host(device: &DispatchDevice) -> bool {
    matches!(device, DispatchDevice::Flex(_))
}

fn automatic() -> Device {
    let no_cuda = match cuda("CUDA works".into()) {
        Ok(device) => return device,
        Err(reason) => reason,
    };
    // What to do about it is told to those who ask for that backend.
    let fact = |reason: &str| reason.split(':').next().unwrap_or_default().to_owned();
    match wgpu(false, format!("a hardware adapter works; no CUDA: {}", fact(&no_cuda))) {
        Ok(device) => device,
        Err(no_wgpu) => cpu(format!("no GPU: {}; {}", fact(&no_cuda), fact(&no_wgpu))),
    }
}

fn cpu(why: String) -> Device {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let name = format!("CPU with {threads} {}", if threads == 1 { "core" } else { "cores" });
    Device { device: DispatchDevice::Flex(FlexDevice), backend: Backend::Cpu, name, why }
}

fn cuda(why: String) -> Result<Device, String> {
    let name = cuda_prerequisites()?;
    let device = DispatchDevice::Cuda(CudaDevice::new(0));
    let tried = device.clone();
    guarded(move || small_sum(&tried)).map_err(|reason| {
        format!(
            "{name} is there, but a first sum on it failed ({reason}): kernels are compiled by NVRTC on first use, \
             so check that driver and CUDA toolkit fit each other and that the device's memory is not full"
        )
    })?;
    Ok(Device { device, backend: Backend::Cuda, name, why })
}

fn wgpu(software_too: bool, why: String) -> Result<Device, String> {
    if cfg!(target_os = "linux") && library(&["libvulkan.so.1", "libvulkan.so"]).is_none() {
        return Err("the Vulkan loader libvulkan.so.1 was not found: install it (package libvulkan1 or \
                    vulkan-loader) with your GPU's driver, or put its folder into LD_LIBRARY_PATH"
            .into());
    }
    let mut candidates = vec![WgpuDevice::DiscreteGpu(0), WgpuDevice::IntegratedGpu(0), WgpuDevice::VirtualGpu(0)];
    if software_too {
        candidates.push(WgpuDevice::Cpu);
    }
    for candidate in candidates {
        let Some((name, kind)) = adapter(&candidate) else { continue };
        let software = kind == "Cpu" || name.to_lowercase().contains("llvmpipe");
        if software && !software_too {
            continue;
        }
        let device = DispatchDevice::Wgpu(candidate);
        let tried = device.clone();
        guarded(move || small_sum(&tried)).map_err(|reason| format!("a first sum on {name} failed ({reason})"))?;
        let name = if software { format!("{name} (software, slower than the CPU)") } else { name };
        return Ok(Device { device, backend: Backend::Wgpu, name, why });
    }
    let wanted = if software_too { "adapter" } else { "hardware adapter" };
    Err(format!("no {wanted} was found: install your GPU's driver; `vulkaninfo --summary` lists what there is"))
}

/// Name and type of the adapter behind a device, and the device made ready for use. It can be made ready only once in
/// a process, so the answer is kept.
fn adapter(device: &WgpuDevice) -> Option<(String, String)> {
    type Answer = Option<(String, String)>;
    static KNOWN: Mutex<Vec<(WgpuDevice, Answer)>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, answer)) = known.iter().find(|(other, _)| other == device) {
        return answer.clone();
    }
    let asked = device.clone();
    // No adapter of this type is a panic in there.
    let answer = guarded(move || {
        let info = init_setup::<AutoGraphicsApi>(&asked, Default::default()).adapter.get_info();
        Ok((info.name, format!("{:?}", info.device_type)))
    });
    known.push((device.clone(), answer.clone().ok()));
    answer.ok()
}

/// A sum that is compiled, run and read back.
fn small_sum(device: &DispatchDevice) -> Result<(), String> {
    let ones = Tensor::<B, 1>::ones([64], device);
    let data = (ones.clone() + ones).try_into_data().map_err(|error| first_line(&format!("{error:?}")))?;
    match data.as_slice::<f32>() {
        Ok(values) if values == [2.0; 64] => Ok(()),
        _ => Err("1 + 1 did not come out as 2".into()),
    }
}

/// Runs `body` on a thread of its own, silently: a panic becomes its message, and so does taking too long.
fn guarded<T: Send + 'static>(body: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _hook_is_ours = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (sender, receiver) = mpsc::channel();
    // Drivers' worker threads panic too, so the hook is silenced for all threads for this moment.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let thread = std::thread::Builder::new().name("device probe".into()).spawn(move || {
        let outcome = panic::catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
            Err(first_line(text))
        });
        // The receiver is gone if this took too long.
        let _ = sender.send(outcome);
    });
    let outcome = match thread {
        Ok(_) => receiver
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| Err(format!("no answer within {} seconds", PATIENCE.as_secs()))),
        Err(error) => Err(error.to_string()),
    };
    panic::set_hook(hook);
    outcome
}

fn first_line(text: &str) -> String {
    const LONGEST: usize = 200;
    text.lines().next().unwrap_or_default().chars().take(LONGEST).collect()
}

/// Looks for what CUDA needs, without the libraries that panic; returns the name of the first device.
#[cfg(target_os = "linux")]
fn cuda_prerequisites() -> Result<String, String> {
    let driver = library(&["libcuda.so", "libcuda.so.1"]).ok_or(
        "the driver library libcuda.so.1 was not found: install the NVIDIA driver, or put the library's folder into \
         LD_LIBRARY_PATH",
    )?;
    let name = driver.first_device()?;
    library(&["libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11"]).ok_or_else(|| {
        format!(
            "{name} is there, but the runtime compiler libnvrtc.so was not found: install the CUDA toolkit, or put \
             the library's folder into LD_LIBRARY_PATH"
        )
    })?;
    toolkit().ok_or_else(|| {
        format!(
            "{name} is there, but no CUDA headers: looked for an `include` folder in $CUDA_PATH, /usr/local/cuda, \
             /opt/cuda and beside /usr/bin/nvcc; set CUDA_PATH to the toolkit's folder"
        )
    })?;
    Ok(name)
}

/// Elsewhere the guarded sum is the only look.
#[cfg(not(target_os = "linux"))]
fn cuda_prerequisites() -> Result<String, String> {
    if cfg!(target_os = "macos") { Err("there is no CUDA for macOS".into()) } else { Ok("CUDA device 0".into()) }
}

/// The folder that the kernel compiler will take headers from, by the rules of cubecl-cuda.
#[cfg(target_os = "linux")]
fn toolkit() -> Option<std::path::PathBuf> {
    let exists = |path: &str| std::path::Path::new(path).exists();
    let folder = match std::env::var("CUDA_PATH") {
        Ok(path) => path,
        Err(_) if exists("/usr/local/cuda") => "/usr/local/cuda".into(),
        Err(_) if exists("/opt/cuda") => "/opt/cuda".into(),
        Err(_) if exists("/usr/bin/nvcc") => "/usr".into(),
        Err(_) => return None,
    };
    let include = std::path::Path::new(&folder).join("include");
    include.is_dir().then_some(include)
}

/// A shared library that stays loaded.
struct Library(#[cfg_attr(not(target_os = "linux"), allow(dead_code))] *mut std::ffi::c_void);

#[cfg(target_os = "linux")]
unsafe extern "C" {
    fn dlopen(name: *const std::ffi::c_char, flags: std::ffi::c_int) -> *mut std::ffi::c_void;
    fn dlsym(library: *mut std::ffi::c_void, name: *const std::ffi::c_char) -> *mut std::ffi::c_void;
}

/// The first of `names` that the system's loader finds.
#[cfg(target_os = "linux")]
fn library(names: &[&str]) -> Option<Library> {
    const RTLD_NOW: std::ffi::c_int = 2;
    names.iter().find_map(|name| {
        let name = std::ffi::CString::new(*name).ok()?;
        // SAFETY: loads a driver library that the backends would load themselves a moment later.
        let handle = unsafe { dlopen(name.as_ptr(), RTLD_NOW) };
        (!handle.is_null()).then_some(Library(handle))
    })
}

#[cfg(not(target_os = "linux"))]
fn library(_: &[&str]) -> Option<Library> {
    None
}

#[cfg(target_os = "linux")]
impl Library {
    fn function(&self, name: &std::ffi::CStr) -> Result<*mut std::ffi::c_void, String> {
        // SAFETY: the handle came from `dlopen` and is never closed.
        let address = unsafe { dlsym(self.0, name.as_ptr()) };
        if address.is_null() { Err(format!("the driver has no {name:?}: it is too old")) } else { Ok(address) }
    }

    /// The name of CUDA device 0.
    fn first_device(&self) -> Result<String, String> {
        use std::ffi::{c_char, c_int, c_uint};
        use std::mem::transmute;
        // SAFETY: the signatures are those of cuda.h, unchanged since CUDA 2.
        let (init, count, name) = unsafe {
            (
                transmute::<*mut _, extern "C" fn(c_uint) -> c_int>(self.function(c"cuInit")?),
                transmute::<*mut _, extern "C" fn(*mut c_int) -> c_int>(self.function(c"cuDeviceGetCount")?),
                transmute::<*mut _, extern "C" fn(*mut c_char, c_int, c_int) -> c_int>(
                    self.function(c"cuDeviceGetName")?,
                ),
            )
        };
        let (mut devices, mut buffer) = (0, [0 as c_char; 256]);
        let advice = "run nvidia-smi, and see that CUDA_VISIBLE_DEVICES does not hide the device";
        for (call, code) in [
            ("cuInit", init(0)),
            ("cuDeviceGetCount", count(&mut devices)),
            // Device 0 may not exist; then the count says so below.
            ("cuDeviceGetName", if devices > 0 { name(buffer.as_mut_ptr(), 255, 0) } else { 0 }),
        ] {
            if code != 0 {
                return Err(format!("the driver refused {call} with error {code}: {advice}"));
            }
        }
        if devices == 0 {
            return Err(format!("the driver sees no device: {advice}"));
        }
        let bytes: Vec<u8> = buffer.iter().take_while(|c| **c != 0).map(|c| *c as u8).collect();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there_and_free() {
        let start = std::time::Instant::now();
        let device = select(Backend::Cpu).unwrap();
        assert!(start.elapsed() < Duration::from_millis(50));
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
                    assert!(text.contains("cannot be used") && text.contains("install"), "{text}");
                    assert!(!text.contains("panicked"), "{text}");
                }
            }
        }
    }

    #[test]
    fn panics_become_messages() {
        let failed = guarded::<()>(|| panic!("no such device\nsecond line")).unwrap_err();
        assert_eq!(failed, "no such device");
        assert_eq!(guarded(|| Ok(7)), Ok(7));
    }

    #[test]
    fn names_are_lower_case_in_files() {
        assert_eq!(serde_json::to_string(&Backend::Cuda).unwrap(), "\"cuda\"");
        assert_eq!(serde_json::from_str::<Backend>("\"auto\"").unwrap(), Backend::Auto);
    }
}

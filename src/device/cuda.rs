//! CUDA by way of its driver and its runtime compiler, both loaded when they are needed.

use burn::DispatchDevice;
use burn::backend::cuda::CudaDevice;

use super::backend::{Backend, Device};
#[cfg(target_os = "linux")]
use super::library::{Library, library};
use super::probe::{guarded, small_sum};

/// The first device, tried; or what is missing, and after a colon what to do.
pub fn find(why: String) -> Result<Device, String> {
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

#[cfg(target_os = "linux")]
impl Library {
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

//! WGPU: Vulkan, or Metal on a Mac.

use std::sync::{Mutex, PoisonError};

use burn::DispatchDevice;
use burn::backend::wgpu::graphics::AutoGraphicsApi;
use burn::backend::wgpu::{WgpuDevice, init_setup};

use super::backend::{Backend, Device};
#[cfg(target_os = "linux")]
use super::library::library;
use super::probe::{guarded, small_sum};

/// The first adapter that works; or what is missing, and after a colon what to do.
pub fn find(software_too: bool, why: String) -> Result<Device, String> {
    #[cfg(target_os = "linux")]
    library(&["libvulkan.so.1", "libvulkan.so"]).ok_or(
        "the Vulkan loader libvulkan.so.1 was not found: install it (package libvulkan1 or vulkan-loader) with your \
         GPU's driver, or put its folder into LD_LIBRARY_PATH",
    )?;
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

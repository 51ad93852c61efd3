//! The system's loader of shared libraries.

use std::ffi::{CStr, CString, c_char, c_int, c_void};

/// A shared library that stays loaded.
pub struct Library(*mut c_void);

unsafe extern "C" {
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// The first of `names` that the system's loader finds.
pub fn library(names: &[&str]) -> Option<Library> {
    const RTLD_NOW: c_int = 2;
    names.iter().find_map(|name| {
        let name = CString::new(*name).ok()?;
        // SAFETY: loads a driver library that the backends would load themselves a moment later.
        let handle = unsafe { dlopen(name.as_ptr(), RTLD_NOW) };
        (!handle.is_null()).then_some(Library(handle))
    })
}

impl Library {
    #[cfg_attr(not(feature = "cuda"), allow(dead_code))]
    pub fn function(&self, name: &CStr) -> Result<*mut c_void, String> {
        // SAFETY: the handle came from `dlopen` and is never closed.
        let address = unsafe { dlsym(self.0, name.as_ptr()) };
        if address.is_null() { Err(format!("the driver has no {name:?}: it is too old")) } else { Ok(address) }
    }
}

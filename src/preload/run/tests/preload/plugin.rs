// SPDX-License-Identifier: GPL-2.0

//! The plugin that tests load so that it searches its own libraries first.

use libc::c_int;
use std::{
    ffi::{CStr, CString},
    mem::transmute,
    os::unix::ffi::OsStrExt,
    path::Path,
};

type Instance = extern "C" fn() -> c_int;
type Watch = extern "C" fn(c_int, c_int) -> c_int;

pub struct Plugin {
    instance: Instance,
    watch: Watch,
}

impl Plugin {
    /// Loads the plugin next to this program.
    pub fn load(program: &Path) -> Self {
        let path = program.with_file_name("libplugin.so");
        let path = CString::new(path.as_os_str().as_bytes()).unwrap();
        let flags = libc::RTLD_NOW | libc::RTLD_DEEPBIND;
        // SAFETY: It is the plugin.
        let handle = unsafe { libc::dlopen(path.as_ptr(), flags) };
        assert!(!handle.is_null(), "{path:?}");
        let find = |name: &CStr| {
            // SAFETY: The handle is that of the plugin.
            let found = unsafe { libc::dlsym(handle, name.as_ptr()) };
            assert!(!found.is_null(), "{name:?}");
            found
        };
        // SAFETY: These are their types.
        unsafe {
            Self {
                instance: transmute::<*mut _, Instance>(find(c"plugin_instance")),
                watch: transmute::<*mut _, Watch>(find(c"plugin_watch")),
            }
        }
    }

    /// The instance that the plugin created when it was loaded.
    pub fn instance(&self) -> c_int {
        (self.instance)()
    }

    /// Makes the plugin watch a descriptor on this instance, and wait. Returns the number of
    /// events, or a negated errno.
    pub fn watch(&self, epfd: c_int, fd: c_int) -> c_int {
        (self.watch)(epfd, fd)
    }
}

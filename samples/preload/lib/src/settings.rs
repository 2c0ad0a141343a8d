// SPDX-License-Identifier: GPL-2.0

//! What the environment asks for.

use libc::c_char;
use std::{
    ffi::CStr,
    sync::atomic::{
        AtomicU8,
        Ordering::Relaxed, //
    }, //
};

/// The settings that are switches.
#[derive(Clone, Copy)]
pub(crate) struct Settings(u8);

const LOADED: u8 = 1 << 0;
const STRICT: u8 = 1 << 1;
const IO_URING: u8 = 1 << 2;

static SETTINGS: AtomicU8 = AtomicU8::new(0);

impl Settings {
    /// Whether a program is refused an instance rather than given a native one.
    pub(crate) fn is_strict(self) -> bool {
        self.0 & STRICT != 0
    }

    /// Whether the program may use io_uring.
    pub(crate) fn allows_io_uring(self) -> bool {
        self.0 & IO_URING != 0
    }
}

/// The settings as they were when the program was started, or first looked at
/// by the constructor of a library that comes before this one.
pub(crate) fn settings() -> Settings {
    let settings = Settings(SETTINGS.load(Relaxed));
    if settings.0 & LOADED != 0 {
        return settings;
    }
    load()
}

#[cold]
fn load() -> Settings {
    let bit = |name, bit| if is_on(variable(name)) { bit } else { 0 };
    let settings = LOADED | bit(c"REPOLL_STRICT", STRICT) | bit(c"REPOLL_IO_URING", IO_URING);
    SETTINGS.store(settings, Relaxed);
    Settings(settings)
}

/// A switch is on if it is 1.
pub(crate) fn is_on(value: Option<&CStr>) -> bool {
    value == Some(c"1")
}

/// A variable of the environment. In a program with more rights than its user
/// it is as if there were none.
pub(crate) fn variable(name: &CStr) -> Option<&'static CStr> {
    extern "C" {
        fn secure_getenv(name: *const c_char) -> *const c_char;
    }
    // SAFETY: The name is a C string.
    let value = unsafe { secure_getenv(name.as_ptr()) };
    // SAFETY: Null or a C string. It is read before the program has a chance
    // to change its environment.
    (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) })
}

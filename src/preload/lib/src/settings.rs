// SPDX-License-Identifier: MIT OR Apache-2.0

//! The settings in the environment.

use crate::message;
use core::{
    ffi::CStr,
    ptr,
    sync::atomic::{AtomicU8, Ordering::Relaxed},
};
use libc::c_char;

/// The settings that apply to calls.
#[derive(Clone, Copy)]
pub(crate) struct Settings(u8);

const LOADED: u8 = 1 << 0;
const STRICT: u8 = 1 << 1;
const IO_URING: u8 = 1 << 2;
const FIFO: u8 = 1 << 3;
const ROUND_ROBIN: u8 = 1 << 4;
const GATHER: u8 = 1 << 5;

static SETTINGS: AtomicU8 = AtomicU8::new(0);

impl Settings {
    /// Whether creating an instance fails instead of falling back to epoll.
    pub(crate) fn is_strict(self) -> bool {
        self.0 & STRICT != 0
    }

    /// Whether the program may use io_uring.
    pub(crate) fn allows_io_uring(self) -> bool {
        self.0 & IO_URING != 0
    }

    /// Whether, of several waiters, the one that came first is woken first.
    pub(crate) fn wakes_first_come(self) -> bool {
        self.0 & FIFO != 0
    }

    /// Whether exclusive items on the same file take turns.
    pub(crate) fn takes_turns(self) -> bool {
        self.0 & ROUND_ROBIN != 0
    }

    /// Whether changes are delayed until the next wait.
    pub(crate) fn gathers(self) -> bool {
        self.0 & GATHER != 0
    }
}

/// The settings as they were when the program was started, or when the constructor of an earlier
/// library first needed them.
pub(crate) fn settings() -> Settings {
    let settings = Settings(SETTINGS.load(Relaxed));
    if settings.0 & LOADED != 0 {
        return settings;
    }
    load()
}

#[cold]
fn load() -> Settings {
    if !has_environment() {
        return Settings(0);
    }
    let switch = |name, bit| if is_on(variable(name)) { bit } else { 0 };
    let settings = LOADED
        | switch(c"REPOLL_STRICT", STRICT)
        | switch(c"REPOLL_IO_URING", IO_URING)
        | switch(c"REPOLL_GATHER", GATHER)
        | policy(c"REPOLL_WAKE", c"fifo", FIFO)
        | policy(c"REPOLL_EXCLUSIVE", c"round-robin", ROUND_ROBIN);
    SETTINGS.store(settings, Relaxed);
    Settings(settings)
}

/// A switch is on if its value is 1.
pub(crate) fn is_on(value: Option<&CStr>) -> bool {
    value == Some(c"1")
}

/// The bit of a policy, if the variable has the known value. Any other value prints a message, and
/// epoll's policy stays, as it does without the variable.
fn policy(name: &CStr, known: &CStr, bit: u8) -> u8 {
    match variable(name).filter(|value| !value.is_empty()) {
        None => 0,
        Some(value) if value == known => bit,
        Some(value) => {
            message::unknown_policy(name, value, known);
            0
        }
    }
}

/// Removes the sanitizer's runtime from `LD_PRELOAD` that repoll-run put there only for this
/// program. The programs that it starts were not built for that runtime.
///
/// The string is changed where the kernel put it, so that `environ`, `main`'s third argument and
/// `/proc/self/environ` agree.
pub(crate) fn leave_own_preload() {
    let preload: *mut u8 = address(c"LD_PRELOAD").cast();
    let Some(own) = variable(c"REPOLL_PRELOAD_OWN").filter(|_| !preload.is_null()) else {
        return;
    };
    // SAFETY: It is a C string, which nobody writes to before the last line.
    let text = unsafe { CStr::from_ptr(preload.cast()) }.to_bytes_with_nul();
    let len = text.len();
    let rest = text
        .strip_prefix(own.to_bytes())
        .and_then(|rest| rest.strip_prefix(b":"));
    let Some(rest) = rest.map(<[u8]>::len) else {
        return;
    };
    // SAFETY: The end of the string moves to its start, in the memory that holds the process's
    // environment. The program has not started, so nobody else keeps a pointer into this variable.
    unsafe { ptr::copy(preload.add(len - rest), preload, rest) };
}

/// A variable of the environment. In a program with more rights than its user, all variables count
/// as unset.
pub(crate) fn variable(name: &CStr) -> Option<&'static CStr> {
    let value = address(name);
    // SAFETY: It is null or a C string. It is read before the program can change its environment.
    (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) })
}

/// Whether libc has set up its environment. Functions that a program runs before all libraries
/// (`.preinit_array`) come earlier; for them, nothing is set.
pub(crate) fn has_environment() -> bool {
    extern "C" {
        static environ: *const *const c_char;
    }
    // SAFETY: No thread changes it while the program is loaded, and nobody asks later.
    unsafe { !environ.is_null() }
}

/// The address of the variable's value, or null.
fn address(name: &CStr) -> *mut c_char {
    extern "C" {
        fn secure_getenv(name: *const c_char) -> *mut c_char;
    }
    // SAFETY: The name is a C string.
    unsafe { secure_getenv(name.as_ptr()) }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! The beginning and the end of the process.

use crate::{
    cancel, event, fork, gather,
    kernel::{call, int},
    observer,
    settings::{self, settings},
    stats, symbols, threads,
};
use libc::c_int;

/// Called by the dynamic linker, when the program has one thread and its
/// environment is as it was given.
#[used]
#[link_section = ".init_array"]
static AT_LOAD: extern "C" fn() = {
    extern "C" fn at_load() {
        settings();
        settings::leave_own_preload();
        threads::load();
        cancel::load();
        fork::load();
        stats::load();
        observer::load();
        event::load();
        gather::load();
        symbols::load();
    }
    at_load
};

/// Called by `exit`, after what the program has registered.
#[used]
#[link_section = ".fini_array"]
static AT_EXIT: extern "C" fn() = {
    extern "C" fn at_exit() {
        stats::tell();
    }
    at_exit
};

/// What ends a process without `exit`, as children and daemons do.
fn end(status: c_int) -> ! {
    stats::tell();
    loop {
        // SAFETY: It does not return.
        unsafe { call(libc::SYS_exit_group, &[int(status), 0, 0, 0, 0, 0]) };
    }
}

/// `_exit(2)`.
#[no_mangle]
pub extern "C" fn _exit(status: c_int) -> ! {
    end(status)
}

/// `_Exit(3)`, the same.
#[no_mangle]
pub extern "C" fn _Exit(status: c_int) -> ! {
    end(status)
}

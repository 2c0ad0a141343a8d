// SPDX-License-Identifier: MIT OR Apache-2.0

//! Start and exit of the process.

use crate::{
    cancel, event, fork, gather,
    kernel::{call, int},
    observer,
    settings::{self, settings},
    stats, symbols, threads,
};
use libc::c_int;

/// The dynamic linker calls this while the program has one thread, and the
/// environment that it was started with.
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

/// `exit` calls this, after the functions that the program has registered.
#[used]
#[link_section = ".fini_array"]
static AT_EXIT: extern "C" fn() = {
    extern "C" fn at_exit() {
        stats::tell();
    }
    at_exit
};

/// Ends the process without `exit`, as children and daemons do.
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

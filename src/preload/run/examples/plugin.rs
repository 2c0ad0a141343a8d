// SPDX-License-Identifier: GPL-2.0

//! A plugin for the tests: it uses epoll on its own instance and on the program's.

use libc::{c_int, epoll_event};
use std::{
    io::Error,
    sync::atomic::{AtomicI32, Ordering::Relaxed},
};

static INSTANCE: AtomicI32 = AtomicI32::new(-1);

/// Creates an instance while the plugin is loaded.
#[used]
#[link_section = ".init_array"]
static AT_LOAD: extern "C" fn() = {
    extern "C" fn at_load() {
        // SAFETY: It takes a number.
        INSTANCE.store(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }, Relaxed);
    }
    at_load
};

/// Returns that instance.
#[no_mangle]
pub extern "C" fn plugin_instance() -> c_int {
    INSTANCE.load(Relaxed)
}

/// Adds a descriptor to an instance, waits, and deletes it. Returns the number of events, or a
/// negated errno.
#[no_mangle]
pub extern "C" fn plugin_watch(epfd: c_int, fd: c_int) -> c_int {
    let mut event = epoll_event {
        events: libc::EPOLLIN as u32,
        u64: 1,
    };
    // SAFETY: The event can be read and written.
    let count = unsafe {
        if libc::epoll_ctl(epfd, libc::EPOLL_CTL_ADD, fd, &mut event) < 0 {
            -1
        } else {
            let count = libc::epoll_wait(epfd, &mut event, 1, 0);
            libc::epoll_ctl(epfd, libc::EPOLL_CTL_DEL, fd, &mut event);
            count
        }
    };
    if count < 0 {
        -Error::last_os_error().raw_os_error().unwrap_or(0)
    } else {
        count
    }
}

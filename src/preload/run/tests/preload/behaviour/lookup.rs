// SPDX-License-Identifier: GPL-2.0

//! Functions that programs look up in unusual ways.

use crate::{
    epoll::{close, eventfd, instance, outcome, Call, Way},
    fixture::alone,
    plugin::Plugin,
    subject,
};
use libc::{c_int, c_long, epoll_event};
use std::{
    ffi::{c_void, CStr},
    fs,
    mem::transmute,
    path::PathBuf,
};

/// The kernel's name of the file.
fn kind(fd: c_int) -> PathBuf {
    fs::read_link(format!("/proc/self/fd/{fd}")).unwrap()
}

/// The plugin searches its own libraries first, including libc.
#[test]
fn a_plugin_has_the_programs_epoll() {
    let _alone = alone();
    let plugin = Plugin::load(&subject::program());
    let (ours, theirs, efd) = (instance(), plugin.instance(), eventfd(1));
    assert_eq!(kind(ours), kind(theirs));
    for epfd in [ours, theirs] {
        assert_eq!(plugin.watch(epfd, efd), 1);
        Way::Function.add(epfd, efd, libc::EPOLLIN, 2).unwrap();
        assert_eq!(plugin.watch(epfd, efd), -libc::EEXIST);
        assert_eq!(Way::Function.next(Call::Wait, epfd, -1), Ok(Some(2)));
    }
    for fd in [ours, theirs, efd] {
        close(fd);
    }
}

type Create = unsafe extern "C" fn(c_int) -> c_int;
type Control = unsafe extern "C" fn(c_int, c_int, c_int, *mut epoll_event) -> c_int;
type Wait = unsafe extern "C" fn(c_int, *mut epoll_event, c_int, c_int) -> c_int;
type Syscall = unsafe extern "C" fn(c_long, ...) -> c_long;

/// Interpreters and virtual machines call functions of C this way.
#[test]
fn functions_of_libcs_own() {
    let _alone = alone();
    // SAFETY: It is loaded already.
    let libc = unsafe { libc::dlopen(c"libc.so.6".as_ptr(), libc::RTLD_NOW | libc::RTLD_NOLOAD) };
    assert!(!libc.is_null());
    let find = |name: &CStr| -> *mut c_void {
        // SAFETY: The handle is that of libc.
        let found = unsafe { libc::dlsym(libc, name.as_ptr()) };
        assert!(!found.is_null(), "{name:?}");
        found
    };
    // SAFETY: These are their types.
    let (create, control, wait, syscall) = unsafe {
        (
            transmute::<*mut _, Create>(find(c"epoll_create1")),
            transmute::<*mut _, Control>(find(c"epoll_ctl")),
            transmute::<*mut _, Wait>(find(c"epoll_wait")),
            transmute::<*mut _, Syscall>(find(c"syscall")),
        )
    };
    assert_eq!(find(c"pthread_cancel"), libc::pthread_cancel as *mut c_void);
    let (ours, efd) = (instance(), eventfd(1));
    let expected = kind(ours);
    // SAFETY: They take numbers.
    let made = unsafe { [create(0).into(), syscall(libc::SYS_epoll_create1, 0)] };
    let [by_function, by_number] = made.map(|made| outcome(made).unwrap());
    for epfd in [ours, by_function, by_number] {
        assert_eq!(kind(epfd), expected);
        let mut event = epoll_event {
            events: libc::EPOLLIN as u32,
            u64: 3,
        };
        // SAFETY: The event can be read and written.
        unsafe {
            assert_eq!(control(epfd, libc::EPOLL_CTL_ADD, efd, &mut event), 0);
            event.u64 = 0;
            assert_eq!(wait(epfd, &mut event, 1, -1), 1);
        }
        assert_eq!({ event.u64 }, 3);
        close(epfd);
    }
    close(efd);
}

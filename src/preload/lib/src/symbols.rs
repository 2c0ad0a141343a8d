// SPDX-License-Identifier: MIT OR Apache-2.0

//! Makes lookups in libc itself also find this library's functions.
//!
//! Most callers get the first function with that name in the process, which is the preloaded one.
//! Some do not:
//!
//! * A plugin that was loaded with `RTLD_DEEPBIND`, as by Apache and PHP, searches its own
//!   libraries first, and libc is one of them.
//! * `dlsym` with a handle searches only that library. Python's ctypes, the JVM and .NET call C
//!   functions this way.
//!
//! These callers would use the kernel's epoll despite `REPOLL_STRICT`, would not be counted, and
//! would get `EINVAL` on an instance that the program created. So this module changes libc's own
//! symbol table in the process's memory: the entries of these functions then hold the addresses of
//! this library's functions. Every later lookup finds them, and libc's code stays as it is. The
//! change is made when the library is loaded. It costs two system calls, and a private copy of each
//! page of the table that it writes to.
//!
//! Other methods have these drawbacks:
//!
//! * Replacing `dlopen` to drop `RTLD_DEEPBIND`: a plugin that brings its own version of a library
//!   would call the program's version. Also, libc's `dlopen` searches the `RUNPATH` of its caller,
//!   which would be this library. Lookups by `dlsym` are not covered.
//! * Changing a plugin's references after `dlopen`: the plugin's constructors have already run, and
//!   may have created instances. Lookups by `dlsym` are not covered either.
//! * An auditor of the dynamic linker (`LD_AUDIT`): it runs on a second libc in every process, and
//!   slows down every start.
//!
//! A function that calls libc's function of the same name would find itself if it looked that up
//! after the change. [`crate::observer`] and [`crate::cancel`] look theirs up before. Another
//! preloaded library might do so later, and then each would call the other. So a function of that
//! kind is left unchanged if such a library also has it.
//!
//! `dlmopen` loads another libc into its own namespace, which stays unchanged.

use crate::{cancel, message, object::Object, observer, settings::settings};
use core::ffi::CStr;

/// The functions that do not call libc's.
const FUNCTIONS: [&CStr; 9] = [
    c"epoll_create",
    c"epoll_create1",
    c"epoll_ctl",
    c"epoll_wait",
    c"epoll_pwait",
    c"epoll_pwait2",
    c"syscall",
    c"_exit",
    c"_Exit",
];

/// Changes the table, after [`observer::load`] and [`cancel::load`].
pub(crate) fn load() {
    let here = load as usize;
    // SAFETY: Neither this library nor libc is unloaded.
    let (own, libc) = unsafe { (Object::find(&|object| object.holds(here)), find_libc(here)) };
    let (Some(own), Some(libc)) = (own, libc) else {
        return message::not_in_libc(libc::ENOENT);
    };
    let mut definitions = [(c"", 0); FUNCTIONS.len() + 1 + observer::COUNT];
    let mut count = 0;
    let mut define = |name| {
        // In a program of unit tests, the dynamic linker may not know all of them.
        if let Some(address) = own.address(name) {
            definitions[count] = (name, address);
            count += 1;
        }
    };
    FUNCTIONS.into_iter().for_each(&mut define);
    let mut define_if_libcs = |name, next| {
        if libc.address(name) == Some(next) {
            define(name);
        }
    };
    define_if_libcs(c"pthread_cancel", cancel::next().expose_provenance());
    if settings().gathers() {
        observer::each(define_if_libcs);
    }
    // SAFETY: These functions do what libc's do, and the program has not started.
    if let Err(errno) = unsafe { libc.define(&definitions[..count]) } {
        message::not_in_libc(errno);
    }
}

/// Finds libc: the object that defines both epoll and errno, other than the one at this address.
///
/// # Safety
///
/// libc is never unloaded.
unsafe fn find_libc(here: usize) -> Option<Object> {
    let has = |object: &Object, name| object.address(name).is_some();
    // SAFETY: The caller vouches for it.
    unsafe {
        Object::find(&|object| {
            has(object, c"epoll_create1") && has(object, c"__errno_location") && !object.holds(here)
        })
    }
}

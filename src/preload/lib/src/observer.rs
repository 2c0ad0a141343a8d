// SPDX-License-Identifier: MIT OR Apache-2.0

//! Functions of libc that could reveal that a change was delayed, or that make the
//! records about descriptors wrong.
//!
//! Each first sends the delayed changes, then does what libc's function does. Without
//! `REPOLL_GATHER`, it only does the latter. The function to call is libc's, or that of a
//! library that was preloaded after this one. It is looked up when the library is loaded;
//! if a constructor calls the function earlier, it is looked up then.

use crate::{gather, kernel::Arguments};
use core::{
    ffi::CStr,
    mem,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};
use libc::{
    c_char, c_int, c_long, c_uint, c_void, fd_set, nfds_t, pollfd, pthread_attr_t, pthread_t,
    sigset_t, size_t, timespec, timeval, FILE,
};

/// The functions, each with the action that comes before it.
macro_rules! functions {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? $before:block
    )*) => {
        #[allow(non_upper_case_globals)]
        mod next {
            use super::Next;

            $(pub(super) static $name: Next = Next::new();)*
        }

        $(
            $(#[$doc])*
            ///
            /// # Safety
            ///
            /// That of libc's function.
            #[no_mangle]
            pub unsafe extern "C-unwind" fn $name($($argument: $type),*) $(-> $result)? {
                $before
                let next = next::$name.get(const { name_of(concat!(stringify!($name), "\0")) });
                type Function = extern "C-unwind" fn($($type),*) $(-> $result)?;
                // SAFETY: It is the function with this name, which has this type.
                let next = unsafe { mem::transmute::<usize, Function>(next) };
                next($($argument),*)
            }
        )*

        /// Looks up all of them.
        pub(crate) fn load() {
            each(|_, _| ());
        }

        /// The number of functions.
        pub(crate) const COUNT: usize = [$(stringify!($name)),*].len();

        /// Passes the name of each function, and the address of the function that it
        /// replaces, to `tell`.
        pub(crate) fn each(mut tell: impl FnMut(&'static CStr, usize)) {
            $(
                let name = const { name_of(concat!(stringify!($name), "\0")) };
                tell(name, next::$name.get(name));
            )*
        }
    };
}

/// The address of the function that this library replaces.
struct Next(AtomicUsize);

impl Next {
    const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    #[inline(always)]
    fn get(&self, name: &CStr) -> usize {
        match self.0.load(Relaxed) {
            0 => self.find(name),
            address => address,
        }
    }

    #[cold]
    fn find(&self, name: &CStr) -> usize {
        // SAFETY: The name is a C string.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) }.expose_provenance();
        self.0.store(found, Relaxed);
        found
    }
}

const fn name_of(name: &str) -> &CStr {
    match CStr::from_bytes_with_nul(name.as_bytes()) {
        Ok(name) => name,
        Err(_) => c"",
    }
}

/// A stream is about to lose its descriptor.
fn losing_stream(stream: *mut FILE) {
    if !stream.is_null() {
        // SAFETY: The program guarantees that it is a stream.
        gather::losing(unsafe { libc::fileno(stream) });
    }
}

functions! {
    /// `poll(2)`.
    fn poll(fds: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int {
        gather::send();
    }

    /// `ppoll(2)`.
    fn ppoll(
        fds: *mut pollfd,
        count: nfds_t,
        timeout: *const timespec,
        mask: *const sigset_t
    ) -> c_int {
        gather::send();
    }

    /// `poll(2)` in programs that were compiled with `_FORTIFY_SOURCE`.
    fn __poll_chk(fds: *mut pollfd, count: nfds_t, timeout: c_int, size: size_t) -> c_int {
        gather::send();
    }

    /// `ppoll(2)` in such programs.
    fn __ppoll_chk(
        fds: *mut pollfd,
        count: nfds_t,
        timeout: *const timespec,
        mask: *const sigset_t,
        size: size_t
    ) -> c_int {
        gather::send();
    }

    /// `select(2)`.
    fn select(
        count: c_int,
        read: *mut fd_set,
        write: *mut fd_set,
        except: *mut fd_set,
        timeout: *mut timeval
    ) -> c_int {
        gather::send();
    }

    /// `pselect(2)`.
    fn pselect(
        count: c_int,
        read: *mut fd_set,
        write: *mut fd_set,
        except: *mut fd_set,
        timeout: *const timespec,
        mask: *const sigset_t
    ) -> c_int {
        gather::send();
    }

    /// `close(2)`.
    fn close(fd: c_int) -> c_int {
        gather::losing(fd);
    }

    /// `close_range(2)`.
    fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int {
        gather::losing_range(first, last);
    }

    /// `closefrom(3)`.
    fn closefrom(first: c_int) {
        gather::losing_range(first.max(0) as c_uint, c_uint::MAX);
    }

    /// `dup2(2)`.
    fn dup2(from: c_int, to: c_int) -> c_int {
        gather::losing(to);
    }

    /// `dup3(2)`.
    fn dup3(from: c_int, to: c_int, flags: c_int) -> c_int {
        gather::losing(to);
    }

    /// `fclose(3)`.
    fn fclose(stream: *mut FILE) -> c_int {
        losing_stream(stream);
    }

    /// `pclose(3)`.
    fn pclose(stream: *mut FILE) -> c_int {
        losing_stream(stream);
    }

    /// `freopen(3)`.
    fn freopen(path: *const c_char, mode: *const c_char, stream: *mut FILE) -> *mut FILE {
        losing_stream(stream);
    }

    /// `freopen(3)` in programs with `_FILE_OFFSET_BITS`.
    fn freopen64(path: *const c_char, mode: *const c_char, stream: *mut FILE) -> *mut FILE {
        losing_stream(stream);
    }

    /// `pthread_create(3)`.
    fn pthread_create(
        thread: *mut pthread_t,
        attributes: *const pthread_attr_t,
        start: extern "C-unwind" fn(*mut c_void) -> *mut c_void,
        argument: *mut c_void
    ) -> c_int {
        gather::send();
    }

    /// `thrd_create(3)`.
    fn thrd_create(
        thread: *mut pthread_t,
        start: extern "C-unwind" fn(*mut c_void) -> c_int,
        argument: *mut c_void
    ) -> c_int {
        gather::send();
    }
}

/// The same for system calls that are made with `syscall`.
pub(crate) fn before_call(number: c_long, &[a, b, ..]: &Arguments) {
    match number {
        libc::SYS_poll | libc::SYS_ppoll | libc::SYS_select | libc::SYS_pselect6 => gather::send(),
        libc::SYS_close => gather::losing(a as c_int),
        libc::SYS_close_range => gather::losing_range(a as c_uint, b as c_uint),
        libc::SYS_dup2 | libc::SYS_dup3 => gather::losing(b as c_int),
        libc::SYS_fork | libc::SYS_vfork | libc::SYS_clone | libc::SYS_clone3 => gather::dividing(),
        _ => {}
    }
}

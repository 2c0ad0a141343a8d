// SPDX-License-Identifier: MIT OR Apache-2.0

//! Puts the epoll of unmodified programs on repoll: a library to be preloaded,
//! installed as `librepoll.so`.
//!
//! It stands in for libc's `epoll_create`, `epoll_create1`, `epoll_ctl`,
//! `epoll_wait`, `epoll_pwait` and `epoll_pwait2`, and for `syscall` with the
//! numbers of these; results and errno are those of epoll. `pthread_cancel` is there
//! for their sake. `repoll-run` preloads it into a program. Whoever looks these functions up
//! in libc itself finds the library's, too (see `symbols.rs`): plugins loaded with
//! `RTLD_DEEPBIND`, and callers of `dlsym`.
//!
//! # Environment
//!
//! It is looked at once, when the library is loaded.
//!
//! | variable | |
//! |---|---|
//! | `REPOLL_STRICT=1` | where `/dev/repoll` cannot be opened, creating an instance fails with the errno of that, instead of giving a native one and saying so once on stderr |
//! | `REPOLL_STATS=1` | each process that used epoll tells at its end, on stderr, how many calls were carried out |
//! | `REPOLL_STATS=FILE` | the same, in a line that is added to the file |
//! | `REPOLL_IO_URING=1` | io_uring can be set up |
//! | `REPOLL_GATHER=1` | in a process with one thread, modifications are put off until the wait that follows, and made by the same call, where that cannot be told |
//! | `REPOLL_WAKE=fifo` | of several threads that wait on an instance, the one that came first is woken first; with epoll it is the last |
//! | `REPOLL_PRELOAD_OWN=FILE` | what `LD_PRELOAD` begins with is taken away from it if it is this: it is for this program alone. `repoll-run` so has the runtime of a program's sanitizer come first |
//! | `REPOLL_EXCLUSIVE=round-robin` | instances that watch a file with `EPOLLEXCLUSIVE` are woken in turns; with epoll it is always the first that waits |
//!
//! Another value of the last two is ignored, which is told on stderr. Native
//! instances have epoll's policies.
//!
//! A line of counts is `repoll: pid=1 program=name create=1 ctl=2 wait=3
//! native_create=0 native_ctl=0 native_wait=0 direct=5`. Only calls without an error are
//! counted; `direct` of those that repoll has carried out were direct calls, the others
//! ioctls. With `REPOLL_GATHER` the line ends with ` gathered=4 gather_failed=0`:
//! how many changes were put off, which count among the others, and how many of
//! those could not be made. It is told at `exit`, `_exit` and `_Exit`, not at the end by a
//! signal nor when another program is executed. The file is opened then, with
//! the rights and the root folder that the process has by that time: a daemon
//! that gives up root needs one that it may write to.
//!
//! # What stays on epoll
//!
//! * Programs that the dynamic linker preloads nothing into: those that are
//!   statically linked, have more rights than their user, are of 32 bits or
//!   linked with another libc than glibc, of 2.34 or later, or musl.
//! * System calls that a program makes by itself: those of Go, and of Rust's
//!   rustix.
//! * Code that `dlmopen` loads into another namespace, with a libc of its own.
//! * Instances made where `/dev/repoll` is not there or not open to the process:
//!   after a `chroot`, or with rights given up. The udev rule in `src/udev`
//!   opens it.
//! * Operations on epoll that are handed to io_uring. They do not find a repoll
//!   instance at all, so `syscall` answers to `io_uring_setup` that there is no
//!   such thing, and programs that know how to do without (libuv and with it
//!   Node.js) do. liburing makes its system calls by itself, which is let be: its
//!   users have, as a rule, no epoll beside it, and could not do without it. The
//!   sysctl `kernel.io_uring_disabled` is there for the others.
//!
//! A program that restricts its own system calls has to allow itself `ioctl`, and
//! `rt_tgsigqueueinfo` if it cancels threads. If it allows itself `fadvise64`, too, its
//! calls cost less.
//!
//! # Implementation notes
//!
//! The library remembers nothing about descriptors. Each call asks repoll, by a
//! direct call or an ioctl (`direct.rs` decides), and only if that cannot have been
//! repoll's answer then epoll. So it
//! need not know of `close`, `dup`, `fork`, `exec`, or descriptors that came
//! through a socket, and instances of both kinds can be in one process. There are
//! no allocations and, but for the making of instances in a process with threads, no
//! locks; all can be called in a signal handler and from any thread.
//! The kernel alone reads and writes what is at a program's address, except an event on
//! the caller's stack, which the library reads itself (`event.rs`); a bad address is
//! `EFAULT`, as ever.
//!
//! `REPOLL_GATHER` is the exception: the library then remembers its instances
//! and what they watch, and has to see what becomes of descriptors, for which it
//! stands in for `close`, `dup2`, `poll`, `select`, `pthread_create` and their
//! kin, too. `gather.rs` tells when a change may be put off, and what is not
//! seen; `observer.rs` lists the functions. Without it they are libc's after a
//! jump. There are no locks and no allocations with it either.
//!
//! `epoll_wait` and `epoll_ctl` cost what the direct call costs, but for an event that
//! is not on the stack (`event.rs`): its change costs what the ioctl does. With
//! `REPOLL_EXCLUSIVE`, additions that are not exclusive cost both. `epoll_pwait2` takes
//! one more system call, in which the kernel looks at the timeout. That a wait is a point
//! of cancellation costs none (see `window.rs`).
//!
//! What is installed is without the standard library, so that it needs nothing but libc, of
//! which it takes what glibc and musl have in common. Panics abort there. As workspaces are
//! built and tested with panics that unwind, it has the standard library then.

#![cfg_attr(all(panic = "abort", not(test)), no_std)]

#[cfg(all(panic = "abort", not(test)))]
mod bare;
mod cancel;
mod create;
mod ctl;
mod direct;
mod entry;
mod event;
mod exit;
mod fork;
mod gather;
mod kernel;
mod known;
mod message;
mod object;
mod observer;
mod settings;
mod signals;
mod stats;
mod symbols;
mod threads;
mod uapi;
mod valgrind;
mod wait;
mod window;

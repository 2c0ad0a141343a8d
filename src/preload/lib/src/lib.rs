// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs unmodified programs on repoll instead of epoll: a library to be preloaded, installed as
//! `librepoll.so`.
//!
//! It replaces libc's `epoll_create`, `epoll_create1`, `epoll_ctl`, `epoll_wait`, `epoll_pwait` and
//! `epoll_pwait2`, and `syscall` with the numbers of these; results and errno are those of epoll.
//! It also replaces `pthread_cancel`, for these functions. `repoll-run` preloads the library into a
//! program. Callers that look these functions up in libc itself also get those of the library (see
//! `symbols.rs`): plugins loaded with `RTLD_DEEPBIND`, and callers of `dlsym`.
//!
//! # Environment
//!
//! The environment is read once, when the library is loaded.
//!
//! | variable | effect |
//! |---|---|
//! | `REPOLL_STRICT=1` | if `/dev/repoll` cannot be opened, creating an instance fails with the errno of opening it; otherwise, the library creates a native epoll and prints a message once on stderr |
//! | `REPOLL_STATS=1` | each process that used epoll prints at its exit, on stderr, how many calls succeeded |
//! | `REPOLL_STATS=FILE` | the same, in a line that is appended to the file |
//! | `REPOLL_IO_URING=1` | the program may set up io_uring |
//! | `REPOLL_GATHER=1` | in a process with one thread, modifications are delayed until the next wait and made by the same call, if the program cannot see the difference |
//! | `REPOLL_WAKE=fifo` | of several threads that wait on an instance, the one that came first is woken first; epoll wakes the one that came last |
//! | `REPOLL_PRELOAD_OWN=FILE` | if `LD_PRELOAD` begins with this, it is removed there: it is only for this program. `repoll-run` uses this to load the runtime of a program's sanitizer first |
//! | `REPOLL_EXCLUSIVE=round-robin` | instances that watch a file with `EPOLLEXCLUSIVE` are woken in turn; epoll always wakes the first that was added and has a waiter |
//!
//! Other values of `REPOLL_WAKE` and `REPOLL_EXCLUSIVE` are ignored, with a message on stderr.
//! Native instances have epoll's policies.
//!
//! A line of counts is `repoll: pid=1 program=name create=1 ctl=2 wait=3 native_create=0
//! native_ctl=0 native_wait=0 direct=5`. Only calls without an error count. `direct` is the number
//! of repoll's calls that were direct calls; the others were ioctls. With `REPOLL_GATHER` the line
//! ends with ` gathered=4 gather_failed=0`: the number of delayed changes, which the other counts
//! include, and how many of these failed. The line is printed at `exit`, `_exit` and `_Exit`, but
//! not when a signal ends the process or when it executes another program. The file is opened only
//! then, with the rights and the root folder that the process has at that time: a daemon that drops
//! root needs a file that it may write to.
//!
//! # What stays on epoll
//!
//! * Programs that nothing can be preloaded into: those that are statically linked, have more
//!   rights than their user, are 32-bit, or use a libc other than musl or glibc (2.34 or later).
//! * System calls that a program makes without libc, as those in Go and Rust's rustix do.
//! * Code that `dlmopen` loads into another namespace, with its own libc.
//! * Instances that are created while the process cannot open `/dev/repoll`: after a `chroot`, or
//!   after it dropped its rights. The udev rule in `src/udev` grants access.
//! * epoll operations of io_uring, which do not work on a repoll instance. Therefore `syscall`
//!   reports that `io_uring_setup` does not exist, and programs that have a fallback (libuv and so
//!   Node.js) use it. liburing makes its system calls without libc and is not affected: its users
//!   rarely have an epoll as well, and have no fallback. For other programs, there is the sysctl
//!   `kernel.io_uring_disabled`.
//!
//! A program that restricts its own system calls must allow `ioctl`, and `rt_tgsigqueueinfo` if it
//! cancels threads. If it also allows `fadvise64`, its calls cost less.
//!
//! # Implementation notes
//!
//! The library remembers nothing about descriptors. Each call goes to repoll first, as a direct
//! call or an ioctl (`direct.rs` decides), and to epoll only if the answer cannot have been
//! repoll's. So the library need not observe `close`, `dup`, `fork`, `exec`, or descriptors that
//! came through a socket, and a process can have instances of both kinds. There are no allocations,
//! and no locks except for creating instances in a process with threads. All functions can be
//! called in a signal handler and from any thread. Only the kernel accesses what is at a program's
//! address, except an event on the caller's stack, which the library reads itself (`event.rs`). A
//! bad address gives `EFAULT`, as with epoll.
//!
//! `REPOLL_GATHER` is the exception: the library then remembers its instances and what they watch,
//! and has to observe descriptors. For this it also replaces `close`, `dup2`, `poll`, `select`,
//! `pthread_create` and similar functions. `gather.rs` explains when a change may be delayed, and
//! what the library cannot see; `observer.rs` lists the functions. Without `REPOLL_GATHER`, they
//! only jump to libc's. There are no locks and no allocations with it either.
//!
//! `epoll_wait` and `epoll_ctl` cost what the direct call costs. If the event is not on the stack
//! (`event.rs`), a change costs what the ioctl costs. With `REPOLL_EXCLUSIVE`, additions that are
//! not exclusive cost both. `epoll_pwait2` needs one more system call, in which the kernel checks
//! the timeout. It costs nothing that a wait is a cancellation point (see `window.rs`).
//!
//! The installed library does not use the standard library, so that it needs only libc, and of that
//! only what glibc and musl share. Panics abort in it. When the workspace is built and tested,
//! panics unwind, and the library uses the standard library.

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

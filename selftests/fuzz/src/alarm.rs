// SPDX-License-Identifier: GPL-2.0

//! The signals of a thread: one that programs send, and one that ends waits without a timeout.

use anyhow::{ensure, Result};
use std::{ffi::c_int, io, mem::zeroed, ptr};

/// How often a wait without a timeout is interrupted until it ends, in nanoseconds.
const PERIOD: i64 = 3_000_000;

/// A timer that sends the thread signals.
pub struct Alarm {
    timer: libc::timer_t,
}

// SAFETY: The timer belongs to the process, and sends signals to the thread that it was created
// for.
unsafe impl Send for Alarm {}

extern "C" fn ignore(_: c_int) {}

impl Alarm {
    /// The mask of the signal that ends waits.
    pub const MASK: u64 = 1 << (libc::SIGUSR2 - 1);

    /// Prepares the calling thread: both signals interrupt it and do nothing else, and the one that
    /// programs send is blocked.
    pub fn new() -> Result<Self> {
        // SAFETY: These read and write plain data that lives during the call, and the handler does
        // nothing.
        unsafe {
            let mut action: libc::sigaction = zeroed();
            action.sa_sigaction = ignore as *const () as usize;
            for signal in [libc::SIGUSR1, libc::SIGUSR2] {
                let status = libc::sigaction(signal, &action, ptr::null_mut());
                ensure!(status == 0, io::Error::last_os_error());
            }
            libc::signal(libc::SIGPIPE, libc::SIG_IGN);
            libc::pthread_sigmask(libc::SIG_BLOCK, &sent(), ptr::null_mut());

            let mut event: libc::sigevent = zeroed();
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = libc::SIGUSR2;
            event.sigev_notify_thread_id = libc::gettid();
            let mut timer = ptr::null_mut();
            let status = libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer);
            ensure!(status == 0, io::Error::last_os_error());
            Ok(Self { timer })
        }
    }

    fn arm(&self, period: i64) {
        let span = libc::timespec {
            tv_sec: 0,
            tv_nsec: period,
        };
        let times = libc::itimerspec {
            it_interval: span,
            it_value: span,
        };
        // SAFETY: The timer exists, and the call reads one value.
        unsafe { libc::timer_settime(self.timer, 0, &times, ptr::null_mut()) };
    }

    /// Starts the signals. There are several, because the first one may come before the wait
    /// begins.
    pub fn set(&self) {
        self.arm(PERIOD);
    }

    /// Stops the signals, if they were started.
    pub fn stop_if(&self, set: bool) {
        if set {
            self.arm(0);
        }
    }

    /// Removes signals that the program has sent and nobody has received.
    pub fn drain(&self) {
        // SAFETY: It is plain data that lives during the calls.
        unsafe {
            let now: libc::timespec = zeroed();
            while libc::sigtimedwait(&sent(), ptr::null_mut(), &now) > 0 {}
        }
    }
}

/// The set of the signal that programs send.
fn sent() -> libc::sigset_t {
    // SAFETY: It is an empty set, to which one signal is added.
    unsafe {
        let mut set = zeroed();
        libc::sigaddset(&mut set, libc::SIGUSR1);
        set
    }
}

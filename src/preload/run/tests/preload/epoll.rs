// SPDX-License-Identifier: GPL-2.0

//! epoll as programs call it, and the kernel's own epoll, which no preloaded
//! library can intercept.

use libc::{c_int, c_long, epoll_event, timespec};
use std::{
    arch::asm,
    io::Error,
    ptr::{from_mut, from_ref},
};

/// How a program makes a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// With the function of libc.
    Function,
    /// With `syscall`.
    Syscall,
    /// With its own system call: this is always the kernel's epoll.
    Native,
}

/// The result of a call: its value, or errno.
pub type Outcome = Result<c_int, c_int>;

/// The size of the kernel's signal set.
pub const SIGSET_SIZE: usize = 8;

/// The arguments of a wait, except the descriptor. The addresses may be bad.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    pub events: usize,
    pub maxevents: c_int,
    /// Milliseconds, or an address for `epoll_pwait2`.
    pub timeout: isize,
    pub sigmask: usize,
    /// A function does not take this.
    pub sigsetsize: usize,
}

/// The calls that wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Call {
    Wait,
    Pwait,
    Pwait2,
}

impl Call {
    fn number(self) -> c_long {
        match self {
            Call::Wait => libc::SYS_epoll_wait,
            Call::Pwait => libc::SYS_epoll_pwait,
            Call::Pwait2 => libc::SYS_epoll_pwait2,
        }
    }
}

extern "C-unwind" {
    // Cancellation points, which unwind.
    fn epoll_wait(epfd: c_int, events: usize, maxevents: c_int, timeout: c_int) -> c_int;
    fn epoll_pwait(
        epfd: c_int,
        events: usize,
        maxevents: c_int,
        timeout: c_int,
        sigmask: usize,
    ) -> c_int;
    fn epoll_pwait2(
        epfd: c_int,
        events: usize,
        maxevents: c_int,
        timeout: usize,
        sigmask: usize,
    ) -> c_int;
}

impl Way {
    pub fn create(self, size: c_int) -> Outcome {
        match self {
            // SAFETY: Any size is safe.
            Way::Function => outcome(unsafe { libc::epoll_create(size) }.into()),
            _ => self.call(libc::SYS_epoll_create, [size as usize, 0, 0, 0, 0, 0]),
        }
    }

    pub fn create1(self, flags: c_int) -> Outcome {
        match self {
            // SAFETY: Any flags are safe.
            Way::Function => outcome(unsafe { libc::epoll_create1(flags) }.into()),
            _ => self.call(libc::SYS_epoll_create1, [flags as usize, 0, 0, 0, 0, 0]),
        }
    }

    /// `epoll_ctl` with an address that may be bad.
    pub fn ctl_at(self, epfd: c_int, op: c_int, fd: c_int, event: usize) -> Outcome {
        match self {
            Way::Function => {
                // SAFETY: The test is about bad addresses.
                let value = unsafe { libc::epoll_ctl(epfd, op, fd, event as *mut _) };
                outcome(value.into())
            }
            _ => {
                let arguments = [epfd as usize, op as usize, fd as usize, event, 0, 0];
                self.call(libc::SYS_epoll_ctl, arguments)
            }
        }
    }

    pub fn ctl(self, epfd: c_int, op: c_int, fd: c_int, events: c_int, data: u64) -> Outcome {
        let mut event = epoll_event {
            events: events as u32,
            u64: data,
        };
        self.ctl_at(epfd, op, fd, from_mut(&mut event) as usize)
    }

    pub fn add(self, epfd: c_int, fd: c_int, events: c_int, data: u64) -> Outcome {
        self.ctl(epfd, libc::EPOLL_CTL_ADD, fd, events, data)
    }

    /// Any of the waits, with addresses that may be bad.
    pub fn wait_at(self, call: Call, epfd: c_int, wait: &Wait) -> Outcome {
        let Wait {
            events,
            maxevents,
            timeout,
            sigmask,
            sigsetsize,
        } = *wait;
        if self != Way::Function {
            let arguments = [
                epfd as usize,
                events,
                maxevents as usize,
                timeout as usize,
                sigmask,
                sigsetsize,
            ];
            return self.call(call.number(), arguments);
        }
        // SAFETY: The test is about bad addresses.
        outcome(c_long::from(unsafe {
            match call {
                Call::Wait => epoll_wait(epfd, events, maxevents, timeout as c_int),
                Call::Pwait => epoll_pwait(epfd, events, maxevents, timeout as c_int, sigmask),
                Call::Pwait2 => epoll_pwait2(epfd, events, maxevents, timeout as usize, sigmask),
            }
        }))
    }

    /// Waits for one event for this many milliseconds, and returns its data.
    pub fn next(self, call: Call, epfd: c_int, timeout_ms: c_int) -> Result<Option<u64>, c_int> {
        let mut event = epoll_event { events: 0, u64: 0 };
        let time = timespec {
            tv_sec: i64::from(timeout_ms) / 1000,
            tv_nsec: i64::from(timeout_ms) % 1000 * 1_000_000,
        };
        let timeout = match call {
            Call::Pwait2 if timeout_ms < 0 => 0,
            Call::Pwait2 => from_ref(&time) as isize,
            _ => timeout_ms as isize,
        };
        let wait = Wait {
            events: from_mut(&mut event) as usize,
            maxevents: 1,
            timeout,
            sigmask: 0,
            sigsetsize: SIGSET_SIZE,
        };
        let count = self.wait_at(call, epfd, &wait)?;
        Ok((count == 1).then_some(event.u64))
    }

    fn call(self, number: c_long, a: [usize; 6]) -> Outcome {
        // SAFETY: The test is about bad addresses.
        outcome(unsafe {
            match self {
                Way::Native => native(number, a),
                _ => libc::syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]),
            }
        })
    }
}

/// A system call that cannot be intercepted; the result is in the form of
/// libc's `syscall`.
///
/// # Safety
///
/// That of the system call.
pub unsafe fn native(number: c_long, [a, b, c, d, e, f]: [usize; 6]) -> c_long {
    let answer: c_long;
    // SAFETY: The caller vouches for the call.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => answer,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    if answer >= 0 {
        return answer;
    }
    // SAFETY: It is the thread's own errno.
    unsafe { *libc::__errno_location() = -answer as c_int };
    -1
}

/// The result of a function of libc.
pub fn outcome(value: c_long) -> Outcome {
    if value < 0 {
        Err(Error::last_os_error().raw_os_error().unwrap())
    } else {
        Ok(value as c_int)
    }
}

/// A new instance, created as a program does it.
pub fn instance() -> c_int {
    Way::Function.create1(libc::EPOLL_CLOEXEC).unwrap()
}

/// An eventfd; it is readable from the start if the count is not 0.
pub fn eventfd(count: u32) -> c_int {
    // SAFETY: It takes numbers.
    outcome(unsafe { libc::eventfd(count, libc::EFD_CLOEXEC) }.into()).unwrap()
}

/// Makes an eventfd readable.
pub fn signal(eventfd: c_int) {
    let one = 1u64;
    // SAFETY: Eight bytes are readable.
    let written = unsafe { libc::write(eventfd, from_ref(&one).cast(), 8) };
    assert_eq!(written, 8);
}

pub fn close(fd: c_int) {
    // SAFETY: The tests own what they close.
    outcome(unsafe { libc::close(fd) }.into()).unwrap();
}

/// Runs `what` in a forked child; returns whether it succeeded.
pub fn in_child(what: impl FnOnce()) -> bool {
    // SAFETY: The child has only this thread, and libc lets it allocate.
    let pid = outcome(unsafe { libc::fork() }.into()).unwrap();
    if pid == 0 {
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(what));
        // SAFETY: It does not return.
        unsafe { libc::_exit(c_int::from(ended.is_err())) };
    }
    let mut status = 0;
    // SAFETY: It writes to an int.
    outcome(unsafe { libc::waitpid(pid, &mut status, 0) }.into()).unwrap();
    status == 0
}

// SPDX-License-Identifier: GPL-2.0

//! Processes that are killed while they wait.

use crate::ioctl;
use backend::Backend;
use repoll::Events;
use rustix::process::{
    kill_process, set_parent_process_death_signal, waitpid, Pid, Signal, WaitOptions,
};
use std::{
    ffi::{c_int, c_void},
    fs, io,
    os::fd::AsFd,
    ptr::NonNull,
};

/// A child that waits on an instance of this process once. It does nothing with an event. It shares
/// its parent's memory, because only so it can be created quickly enough, and has a copy of the
/// descriptors. It is killed on drop.
pub(crate) struct Victim<'a> {
    pid: Pid,
    /// From a box. It belongs to the child until that has ended.
    life: NonNull<Life<'a>>,
}

/// What the child uses.
struct Life<'a> {
    poller: &'a Backend,
    by_ioctl: bool,
    events: Events,
    stack: Stack,
}

/// Memory with the alignment that the processor requires.
#[repr(align(16))]
struct Stack([u8; 1 << 16]);

/// The code of the child.
extern "C" fn wait(life: *mut c_void) -> c_int {
    // SAFETY: The parent leaves it to the child as long as that is alive.
    let life = unsafe { &mut *life.cast::<Life<'_>>() };
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let _ = match life.by_ioctl {
        true => ioctl::wait(life.poller.as_fd(), &mut life.events, None),
        false => life.poller.wait(&mut life.events, None),
    };
    0
}

impl<'a> Victim<'a> {
    /// Starts the child, which waits with an ioctl or with a direct call.
    pub(crate) fn new(poller: &'a Backend, by_ioctl: bool) -> io::Result<Self> {
        let mut life = Box::new(Life {
            poller,
            by_ioctl,
            events: Events::with_capacity(1),
            stack: Stack([0; 1 << 16]),
        });
        let top = life.stack.0.as_mut_ptr_range().end.cast();
        let life = NonNull::from(Box::leak(life));
        let flags = libc::CLONE_VM | libc::SIGCHLD;
        // SAFETY: Stack and argument stay in place until the child has ended. The child makes plain
        // system calls, on memory that belongs to it: it allocates nothing, takes no locks, and
        // uses no thread-local variables, which it shares with this thread.
        let pid = unsafe { libc::clone(wait, top, flags, life.as_ptr().cast()) };
        match Pid::from_raw(pid).filter(|_| pid > 0) {
            Some(pid) => Ok(Self { pid, life }),
            None => {
                let error = io::Error::last_os_error();
                // SAFETY: It came from a box, and there is no child.
                drop(unsafe { Box::from_raw(life.as_ptr()) });
                Err(error)
            }
        }
    }

    /// Waits until the child sleeps, or has received an event.
    pub(crate) fn wait_until_asleep(&self) {
        let path = format!("/proc/{}/stat", self.pid.as_raw_nonzero());
        let runs = || fs::read(&path).is_ok_and(|stat| stat.windows(3).any(|word| word == b") R"));
        while runs() {
            std::thread::yield_now();
        }
    }
}

impl Drop for Victim<'_> {
    fn drop(&mut self) {
        // The child exists, even if it has ended already.
        kill_process(self.pid, Signal::KILL).expect("a child can be killed");
        waitpid(Some(self.pid), WaitOptions::empty()).expect("a child can be waited for");
        // SAFETY: It came from a box, and the child has ended.
        drop(unsafe { Box::from_raw(self.life.as_ptr()) });
    }
}

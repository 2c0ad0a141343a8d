// SPDX-License-Identifier: GPL-2.0

//! The current task: signals, its signal mask, sleeping until a deadline.

use crate::bindings;
use core::ptr;
use kernel::{
    error::to_result,
    prelude::*,
    time::NSEC_PER_MSEC, //
};

/// Whether a signal is pending for the current task.
pub(crate) fn signal_pending() -> bool {
    kernel::current!().signal_pending()
}

/// Whether the current task is about to be killed.
pub(crate) fn fatal_signal_pending() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::rp_fatal_signal_pending() }
}

/// The user that the current task's allocations are charged to: the real user ID, in the initial
/// namespace.
pub(crate) fn current_user() -> u32 {
    // SAFETY: No requirements.
    unsafe { bindings::rp_current_user() }
}

/// The user whose rights the current task has, in the initial namespace.
pub(crate) fn current_effective_user() -> u32 {
    // SAFETY: No requirements.
    unsafe { bindings::rp_current_effective_user() }
}

/// The group whose rights the current task has, in the initial namespace.
pub(crate) fn current_effective_group() -> u32 {
    // SAFETY: No requirements.
    unsafe { bindings::rp_current_effective_group() }
}

/// Whether the current task has the rights of only one user and group. A set-user-ID program has
/// the rights of its caller and those of its owner.
pub(crate) fn current_is_one_user() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::rp_current_is_one_user() }
}

/// The number of a user in the current task's namespace.
pub(crate) fn user_number(user: u32) -> u32 {
    // SAFETY: No requirements.
    unsafe { bindings::rp_user_number(user) }
}

/// A number that no other live task has.
pub(crate) fn current_id() -> usize {
    kernel::current!().as_ptr().addr()
}

/// Whether the current task may keep the system from going to sleep: it has `CAP_BLOCK_SUSPEND`,
/// and the kernel has sleep states.
pub(crate) fn may_block_suspend() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::rp_may_block_suspend() }
}

/// Whether the current task has `CAP_NET_ADMIN`.
pub(crate) fn may_administer_network() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::rp_may_administer_network() }
}

/// Whether the current task has `CAP_SYS_ADMIN`.
pub(crate) fn may_administer_system() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::rp_may_administer_system() }
}

/// Bytes of memory that the kernel can address directly.
pub(crate) fn lowmem_bytes() -> usize {
    // SAFETY: No requirements.
    unsafe { bindings::rp_lowmem_bytes() }
}

/// Lets other tasks run, on kernels that do not preempt.
pub(crate) fn cond_resched() {
    // SAFETY: Called from process context without spinlocks.
    unsafe { bindings::rp_cond_resched() };
}

/// Lets other tasks run. Called between the parts of long work, without spinlocks. Returns false if
/// the task is about to be killed, so that it would be useless to continue.
pub(crate) fn go_on() -> bool {
    cond_resched();
    !fatal_signal_pending()
}

/// The latest time at which a wait ends.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    /// The duration in nanoseconds; negative means no limit.
    timeout: i64,
    /// The end in nanoseconds of `CLOCK_MONOTONIC`. Unused if the duration is 0 or unlimited.
    expires: i64,
}

impl Deadline {
    /// The deadline `timeout` nanoseconds from now; a negative number never passes.
    #[inline(always)]
    pub(crate) fn after(timeout: i64) -> Self {
        let expires = match timeout {
            // SAFETY: No requirements outside of NMIs and suspend.
            1.. => unsafe { bindings::ktime_get() }.saturating_add(timeout),
            _ => 0,
        };
        Self { timeout, expires }
    }

    /// Whether no time is left to sleep.
    pub(crate) fn is_now(self) -> bool {
        self.timeout == 0
    }

    /// Sleeps in the state that the task is in. Returns whether the deadline has passed.
    pub(super) fn sleep(mut self) -> bool {
        match self.timeout {
            0 => true,
            ..0 => {
                // SAFETY: A null pointer stands for no timeout.
                unsafe { bindings::schedule_hrtimeout_range(ptr::null_mut(), 0, Self::ABSOLUTE) };
                false
            }
            timeout => {
                let (expires, slack) = (&mut self.expires, slack(timeout));
                // SAFETY: The pointer is valid for the call.
                unsafe { bindings::schedule_hrtimeout_range(expires, slack, Self::ABSOLUTE) == 0 }
            }
        }
    }

    const ABSOLUTE: bindings::hrtimer_mode = bindings::hrtimer_mode_HRTIMER_MODE_ABS;
}

/// The slack that select(2), poll(2) and epoll allow for a timeout: a thousandth of it, at most 100
/// milliseconds and at least the task's own slack.
fn slack(ns: i64) -> u64 {
    // SAFETY: No requirements.
    let own = unsafe { bindings::rp_current_timer_slack() };
    if own == 0 {
        return 0;
    }
    (ns as u64 / 1000).min(100 * NSEC_PER_MSEC as u64).max(own)
}

/// A signal mask that temporarily replaces the task's own.
pub(crate) struct TemporarySigmask(());

impl TemporarySigmask {
    /// Reads the mask, `size` bytes at the user's address `mask`, and applies it.
    ///
    /// # Errors
    ///
    /// `EINVAL` if `size` is wrong, `EFAULT` if the mask cannot be read.
    pub(crate) fn apply(mask: usize, size: usize) -> Result<Self> {
        // SAFETY: The helper checks the address.
        to_result(unsafe { bindings::rp_sigmask_apply(mask, size) })?;
        Ok(Self(()))
    }

    /// Restores the task's own mask: now or, if `interrupted`, after the pending signal was
    /// delivered.
    pub(crate) fn restore(self, interrupted: bool) {
        // SAFETY: `apply` saved the mask of the current task.
        unsafe { bindings::rp_sigmask_restore(interrupted) };
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! System calls that are not made once the thread has been cancelled.
//!
//! `pthread_cancel` marks a thread and sends it a signal, which ends its sleep. The signal may come
//! when the thread has checked the mark and does not sleep yet. It must not be lost then. libc
//! solves this by checking where its handler interrupts the thread, and so does this file:
//!
//! * The handler counts each signal. A thread reads the count before it checks the mark, and
//!   compares it right before it makes the call. Only the instructions from the comparison to the
//!   call remain: the window.
//! * If the handler interrupts the window, it makes the thread continue behind the window. The call
//!   is not made, and the thread checks the mark again.
//! * A handler of the program may have interrupted the window first, and the signal interrupts that
//!   handler. The thread will return to the window without another comparison. So the signal is
//!   blocked until the program's handler returns, and sent again. It then comes inside the window.
//!   A thread-local word shows that the thread is in such a call.
//!
//! The count covers the signals of all threads. A thread that the signal is not for may check its
//! mark once more than necessary.
//!
//! If a handler of the program leaves a call by `longjmp`, the word keeps its value. If the thread
//! is cancelled later, the signal may then stay blocked. This does no harm: the thread is marked by
//! then, and does not need the signal any more.

use crate::{
    kernel::{error, Answer, Arguments, Gate},
    signals,
};
use core::{
    arch::{asm, global_asm},
    ops::Range,
    sync::atomic::{
        AtomicU32,
        Ordering::{Acquire, Relaxed},
    },
};
use libc::{c_int, c_long, ucontext_t};

/// An errno which shows that a call was not made. No system call returns it.
pub(crate) const NOT_MADE: c_int = 4096;

/// How many signals have come, for all threads.
static SIGNALS: AtomicU32 = AtomicU32::new(0);

/// How many signals had come when a thread checked whether it was cancelled.
#[derive(Clone, Copy)]
pub(crate) struct Seen(u32);

// repoll_window: makes the system call if no signal has come since the count was read. That count
// is in ecx, and all other arguments are where the kernel expects them.
//
// Each thread has its own word, which is not 0 while the thread is in here. In a handler that
// waits, the call restores the value of the interrupted one.
//
// Asynchronous cancellation can unwind the frame from any instruction in here.
global_asm!(
    ".pushsection .tbss.repoll_waits, \"awT\", @nobits",
    ".p2align 3",
    ".hidden repoll_waits",
    ".globl repoll_waits",
    ".type repoll_waits, @object",
    "repoll_waits:",
    ".zero 8",
    ".size repoll_waits, 8",
    ".popsection",
    ".pushsection .text.repoll_window, \"ax\", @progbits",
    ".p2align 4",
    ".hidden repoll_window, repoll_window_check, repoll_window_end",
    ".hidden repoll_window_again, repoll_window_last",
    ".globl repoll_window, repoll_window_check, repoll_window_end",
    ".globl repoll_window_again, repoll_window_last",
    ".type repoll_window, @function",
    "repoll_window:",
    ".cfi_startproc",
    "mov r11, qword ptr [rip + repoll_waits@GOTTPOFF]",
    "push qword ptr fs:[r11]",
    ".cfi_adjust_cfa_offset 8",
    "mov qword ptr fs:[r11], 1",
    "repoll_window_check:",
    "cmp ecx, dword ptr [rip + {signals}]",
    "jne 2f",
    "syscall",
    "repoll_window_end:",
    "3:",
    "mov rcx, qword ptr [rip + repoll_waits@GOTTPOFF]",
    "pop qword ptr fs:[rcx]",
    ".cfi_adjust_cfa_offset -8",
    "ret",
    ".cfi_adjust_cfa_offset 8",
    "repoll_window_again:",
    "2:",
    "mov rax, {not_made}",
    "jmp 3b",
    "repoll_window_last:",
    ".cfi_endproc",
    ".size repoll_window, . - repoll_window",
    ".popsection",
    signals = sym SIGNALS,
    not_made = const error(NOT_MADE),
);

extern "C" {
    // Addresses in the code. The first is a function that C cannot call.
    static repoll_window: u8;
    static repoll_window_check: u8;
    static repoll_window_end: u8;
    static repoll_window_again: u8;
    static repoll_window_last: u8;
}

impl Seen {
    /// Call this before the thread checks whether it is cancelled.
    #[inline(always)]
    pub(crate) fn now() -> Self {
        // Nothing that the thread does later may be moved before this.
        Self(SIGNALS.load(Acquire))
    }
}

/// Makes a call if no signal has come since. Otherwise returns [`NOT_MADE`].
impl Gate for Seen {
    #[inline(always)]
    unsafe fn call(self, number: c_long, arguments: &Arguments) -> Answer {
        let [a, b, c, d, e, f] = *arguments;
        let answer;
        // SAFETY: The caller vouches for the call. Neither the function nor the kernel changes
        // registers other than these.
        unsafe {
            asm!(
                "call {window}",
                window = sym repoll_window,
                inlateout("rax") number as Answer => answer,
                in("rdi") a,
                in("rsi") b,
                in("rdx") c,
                in("r10") d,
                in("r8") e,
                in("r9") f,
                inlateout("rcx") u64::from(self.0) => _,
                lateout("r11") _,
            );
        }
        answer
    }
}

/// Counts a signal, and prevents the interrupted thread from falling asleep.
///
/// # Safety
///
/// The signal's handler calls this with its third argument. The signal is blocked while the handler
/// runs.
pub(crate) unsafe fn interrupted(signal: c_int, context: *mut ucontext_t) {
    SIGNALS.fetch_add(1, Relaxed);
    // SAFETY: It belongs to the handler while that runs.
    let place = unsafe { &raw mut (*context).uc_mcontext.gregs[libc::REG_RIP as usize] };
    // SAFETY: As before.
    let at = unsafe { place.read() } as usize;
    if window().contains(&at) {
        let again = (&raw const repoll_window_again).expose_provenance();
        // SAFETY: As before. Between any place in the window and that address, neither the stack
        // nor the registers that the caller needs are changed.
        unsafe { place.write(again as i64) };
    } else if !function().contains(&at) && take_word() {
        signals::send(signal, signals::thread());
        // SAFETY: As before. The kernel's set is at the beginning of libc's.
        unsafe {
            let blocked = (&raw mut (*context).uc_sigmask).cast::<u64>();
            blocked.write(blocked.read() | signals::set_of(signal));
        }
    }
}

/// From the comparison to the call, inclusive.
fn window() -> Range<usize> {
    (&raw const repoll_window_check).addr()..(&raw const repoll_window_end).addr()
}

/// The whole function. Outside of the window it needs no help.
fn function() -> Range<usize> {
    (&raw const repoll_window).addr()..(&raw const repoll_window_last).addr()
}

/// Whether the thread's word shows that it is in such a call. Sets the word to 0, so that a stale
/// word counts only once.
fn take_word() -> bool {
    let mut word = 0usize;
    // SAFETY: It is the thread's own word.
    unsafe {
        asm!(
            "mov {offset}, qword ptr [rip + repoll_waits@GOTTPOFF]",
            "xchg {word}, qword ptr fs:[{offset}]",
            offset = out(reg) _,
            word = inout(reg) word,
            options(nostack, preserves_flags),
        );
    }
    word != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::zeroed;

    /// Where a thread continues that a signal interrupts there.
    fn goes_on_at(place: usize) -> usize {
        // SAFETY: It consists of numbers and addresses that may be null.
        let mut context: ucontext_t = unsafe { zeroed() };
        context.uc_mcontext.gregs[libc::REG_RIP as usize] = place as i64;
        // SAFETY: It is like the one of a handler.
        unsafe { interrupted(libc::SIGUSR1, &mut context) };
        context.uc_mcontext.gregs[libc::REG_RIP as usize] as usize
    }

    #[test]
    fn a_signal_comes_before_a_call_or_ends_it() {
        let pid = || {
            let seen = Seen::now();
            // SAFETY: It takes no arguments.
            move || unsafe { seen.call(libc::SYS_getpid, &[0; 6]) }
        };
        let [before, after] = [pid(), pid()];
        assert!(before() > 0);
        let again = (&raw const repoll_window_again).addr();
        let Range { start, end } = window();
        assert_eq!(goes_on_at(start), again);
        assert_eq!(goes_on_at(end - 1), again);
        for place in [start - 1, end, again, 0] {
            assert_eq!(goes_on_at(place), place);
        }
        assert_eq!(after(), error(NOT_MADE));
        assert!(pid()() > 0);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

//! System calls that are not made once the thread has been cancelled.
//!
//! `pthread_cancel` marks a thread and sends it a signal, which ends its sleep. The signal may
//! come when the thread has looked for the mark and does not sleep yet. It must not be lost
//! then. libc solves this by the place where its handler interrupts the thread, and so does
//! this file:
//!
//! * The handler counts each signal. A thread notes the count before it looks for the mark, and
//!   compares it right before it makes the call. What is left are the instructions from the
//!   comparison to the call: the window.
//! * If the handler interrupts the window, it has the thread go on behind it. The call
//!   is not made, and the thread looks for the mark again.
//! * A handler of the program's may have interrupted the window first, and the signal interrupts
//!   that handler. The thread will return to the window, and compare nothing any more. So
//!   the signal is blocked until the program's handler returns, and sent again. It then comes in
//!   the window. A word of the thread's own tells that the thread is in such a call.
//!
//! The count is of all threads' signals. A thread that a signal is not for may look for its
//! mark once more.
//!
//! A handler of the program's that leaves a call by `longjmp` leaves the word as it is. If the
//! thread is cancelled later, the signal may then stay blocked. That does no harm: the thread is
//! marked by then, and needs no signal any more.

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

/// An errno that says that a call was not made. No system call says so.
pub(crate) const NOT_MADE: c_int = 4096;

/// How many signals have come, of all threads.
static SIGNALS: AtomicU32 = AtomicU32::new(0);

/// How many signals had come when a thread looked whether it is cancelled.
#[derive(Clone, Copy)]
pub(crate) struct Seen(u32);

// repoll_window: makes the system call if as many signals have come as have been seen. It is called
// with the number of these in ecx, and all else where the kernel wants it.
//
// Each thread has a word of its own that is not 0 while the thread is in here. In a handler that
// waits, the call restores what the interrupted one has set.
//
// Asynchronous cancellation unwinds the frame from anywhere in here.
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
    // Places in the code. The first is a function, which C cannot call.
    static repoll_window: u8;
    static repoll_window_check: u8;
    static repoll_window_end: u8;
    static repoll_window_again: u8;
    static repoll_window_last: u8;
}

impl Seen {
    /// To be asked for before the thread looks whether it is cancelled.
    #[inline(always)]
    pub(crate) fn now() -> Self {
        // Nothing that the thread does later may come before it.
        Self(SIGNALS.load(Acquire))
    }
}

/// Makes a call if no signal has come since. Otherwise the answer is [`NOT_MADE`].
impl Gate for Seen {
    #[inline(always)]
    unsafe fn call(self, number: c_long, arguments: &Arguments) -> Answer {
        let [a, b, c, d, e, f] = *arguments;
        let answer;
        // SAFETY: The caller vouches for the call; of the registers, neither the function nor the
        // kernel changes others than these.
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

/// Counts a signal, and keeps the thread that it has interrupted from falling asleep.
///
/// # Safety
///
/// The signal's handler calls this, with its third argument. While that runs, the signal is blocked.
pub(crate) unsafe fn interrupted(signal: c_int, context: *mut ucontext_t) {
    SIGNALS.fetch_add(1, Relaxed);
    // SAFETY: It is the handler's own for as long as that runs.
    let place = unsafe { &raw mut (*context).uc_mcontext.gregs[libc::REG_RIP as usize] };
    // SAFETY: As before.
    let at = unsafe { place.read() } as usize;
    if window().contains(&at) {
        let again = (&raw const repoll_window_again).expose_provenance();
        // SAFETY: As before. From the whole of the window to there neither the stack nor the
        // registers that the caller wants to keep are changed.
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

/// From the comparison to the call, that included.
fn window() -> Range<usize> {
    (&raw const repoll_window_check).addr()..(&raw const repoll_window_end).addr()
}

/// All of the function. Outside of the window it needs nothing.
fn function() -> Range<usize> {
    (&raw const repoll_window).addr()..(&raw const repoll_window_last).addr()
}

/// Whether the thread is in such a call, by its word. The word is 0 from then on, so that one
/// that was left behind is taken for true only once.
fn take_word() -> bool {
    let mut word = 0usize;
    // SAFETY: The word is the thread's own.
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

    /// Where a signal lets the thread go on that it has interrupted there.
    fn goes_on_at(place: usize) -> usize {
        // SAFETY: Numbers and addresses that may be null.
        let mut context: ucontext_t = unsafe { zeroed() };
        context.uc_mcontext.gregs[libc::REG_RIP as usize] = place as i64;
        // SAFETY: It is as a handler has it.
        unsafe { interrupted(libc::SIGUSR1, &mut context) };
        context.uc_mcontext.gregs[libc::REG_RIP as usize] as usize
    }

    #[test]
    fn a_signal_comes_before_a_call_or_ends_it() {
        let pid = || {
            let seen = Seen::now();
            // SAFETY: It takes nothing.
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

// SPDX-License-Identifier: GPL-2.0

//! Runs a thread instruction by instruction, with the processor's trap flag: to stop it at any
//! instruction and unwind its stack there, and to count its system calls.
//!
//! Only one thread at a time can run this way.

use crate::pthread::Start;
use libc::{c_int, c_void, siginfo_t, ucontext_t};
use std::{
    arch::asm,
    mem::zeroed,
    ptr::{from_mut, from_ref, null_mut},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
};

/// The bit in the flags register.
const TRAP: i64 = 1 << 8;

/// The instruction that makes a system call.
const SYSCALL: [u8; 2] = [0x0f, 0x05];

/// The number of instructions after which the thread stops.
static STOP_AT: AtomicUsize = AtomicUsize::new(usize::MAX);
static STEPS: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);
static STOPPED: AtomicBool = AtomicBool::new(false);
/// Whether the stack could be unwound from where the thread stopped, up to its function.
static UNWOUND: AtomicBool = AtomicBool::new(false);
static FUNCTION: AtomicUsize = AtomicUsize::new(0);
static RELEASED: AtomicBool = AtomicBool::new(false);

/// Whether other signals can come while the thread is stopped: they are then handled on top of a
/// handler, otherwise when the thread continues.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Signals {
    AtOnce,
    Later,
}

/// A request to stop a thread.
pub struct Stop(());

impl Stop {
    /// After this many instructions, or never.
    pub fn at(steps: usize, signals: Signals) -> Self {
        STOP_AT.store(steps, SeqCst);
        for count in [&STEPS, &CALLS] {
            count.store(0, SeqCst);
        }
        for flag in [&STOPPED, &UNWOUND, &RELEASED] {
            flag.store(false, SeqCst);
        }
        handle_traps(signals);
        Self(())
    }

    /// Returns true when the thread has stopped, or false if it sleeps before.
    pub fn is_reached(&self, is_asleep: impl Fn() -> bool) -> bool {
        loop {
            if STOPPED.load(SeqCst) {
                assert!(UNWOUND.load(SeqCst));
                return true;
            }
            if is_asleep() {
                return false;
            }
            thread::yield_now();
        }
    }

    /// Lets the thread continue without steps.
    pub fn release(&self) {
        RELEASED.store(true, SeqCst);
    }
}

/// Makes the calling thread run in steps, in its function.
#[inline(always)]
pub fn begin(function: Start) {
    FUNCTION.store(function as *const () as usize, SeqCst);
    // SAFETY: The handler of the traps changes no state of the thread.
    unsafe { asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
}

/// Ends the steps, and returns how many system calls the thread has made.
#[inline(always)]
pub fn end() -> usize {
    // SAFETY: It restores the previous state.
    unsafe { asm!("pushfq", "and qword ptr [rsp], ~0x100", "popfq") };
    CALLS.load(SeqCst)
}

extern "C-unwind" fn trapped(_signal: c_int, _information: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: It belongs to the handler while that runs.
    let registers = unsafe { &mut (*context.cast::<ucontext_t>()).uc_mcontext.gregs };
    let next = registers[libc::REG_RIP as usize] as *const [u8; 2];
    // SAFETY: It is the address of the next instruction.
    if unsafe { next.read_unaligned() } == SYSCALL {
        CALLS.fetch_add(1, SeqCst);
    }
    if RELEASED.load(SeqCst) {
        registers[libc::REG_EFL as usize] &= !TRAP;
    } else if STEPS.fetch_add(1, SeqCst) + 1 == STOP_AT.load(SeqCst) {
        registers[libc::REG_EFL as usize] &= !TRAP;
        UNWOUND.store(is_in_function(), SeqCst);
        STOPPED.store(true, SeqCst);
        while !RELEASED.load(SeqCst) {
            thread::yield_now();
        }
        // A pending signal is delivered at the end of a system call at the latest.
        thread::yield_now();
    }
}

/// Whether the stack leads to the function that runs in steps.
fn is_in_function() -> bool {
    type Visit = extern "C" fn(*mut c_void, *mut bool) -> c_int;
    extern "C" {
        fn _Unwind_Backtrace(visit: Visit, found: *mut bool) -> c_int;
        fn _Unwind_GetIP(frame: *mut c_void) -> usize;
        fn _Unwind_FindEnclosingFunction(place: usize) -> usize;
    }
    extern "C" fn visit(frame: *mut c_void, found: *mut bool) -> c_int {
        // SAFETY: It is a frame, and the value that is passed below.
        unsafe {
            // It returns to the instruction after a call.
            let place = _Unwind_GetIP(frame).wrapping_sub(1);
            let function = _Unwind_FindEnclosingFunction(place);
            *found |= function == FUNCTION.load(SeqCst);
        }
        0
    }

    let mut found = false;
    // SAFETY: It writes to a bool.
    unsafe { _Unwind_Backtrace(visit, &mut found) };
    found
}

fn handle_traps(signals: Signals) {
    /// The kernel's `struct sigaction`: libc does not let some signals be blocked.
    #[derive(Default)]
    #[repr(C)]
    struct Action {
        handler: usize,
        flags: u64,
        restorer: usize,
        mask: u64,
    }

    // SAFETY: The handler takes all three arguments.
    unsafe {
        let mut action: libc::sigaction = zeroed();
        action.sa_sigaction = trapped as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(libc::SIGTRAP, &action, null_mut()), 0);
    }
    let mut action = Action::default();
    let change = |new: *const Action, old: *mut Action| {
        // SAFETY: One is read, or the other is written.
        let result =
            unsafe { libc::syscall(libc::SYS_rt_sigaction, libc::SIGTRAP, new, old, 8usize) };
        assert_eq!(result, 0);
    };
    change(null_mut(), from_mut(&mut action));
    action.mask = match signals {
        Signals::AtOnce => 0,
        Signals::Later => u64::MAX,
    };
    change(from_ref(&action), null_mut());
}

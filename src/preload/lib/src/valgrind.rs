// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tells valgrind which memory the kernel has filled, and checks whether valgrind is running.
//!
//! Valgrind knows what the system calls of epoll write, but not what the ioctls of repoll write.
//! Without this, memcheck reports each event that a program reads as uninitialised.
//!
//! Links:
//!     - "The Client Request mechanism" in valgrind's manual, and its `valgrind.h`

use crate::kernel::Answer;
use core::mem::size_of;
use libc::epoll_event;

/// Reports the events that a wait has filled, if any, and returns the wait's answer.
#[inline(always)]
pub(crate) fn filled(events: usize, answer: Answer) -> Answer {
    if answer > 0 {
        request([
            MAKE_MEM_DEFINED,
            events,
            answer as usize * size_of::<epoll_event>(),
            0,
            0,
            0,
        ]);
    }
    answer
}

/// Whether the program runs under valgrind.
pub(crate) fn is_running() -> bool {
    request([RUNNING_ON_VALGRIND, 0, 0, 0, 0, 0]) != 0
}

/// From `valgrind.h`: queries how many valgrinds there are, one inside the other.
const RUNNING_ON_VALGRIND: usize = 0x1001;

/// From memcheck's `memcheck.h`. Valgrind's other tools ignore it.
const MAKE_MEM_DEFINED: usize = ((b'M' as usize) << 24) + ((b'C' as usize) << 16) + 2;

/// Makes a request with its arguments. Without valgrind it does nothing and returns 0.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn request(request: [usize; 6]) -> usize {
    use core::arch::asm;

    let answer;
    // SAFETY: The rotations are by 128 bits in total, and the exchange is of a register with
    // itself. Valgrind recognises this sequence, reads the request and answers in `rdx`.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") request.as_ptr(),
            inout("rdx") 0usize => answer,
            options(nostack, readonly),
        );
    }
    answer
}

/// Other processors have other sequences.
#[cfg(not(target_arch = "x86_64"))]
fn request(_: [usize; 6]) -> usize {
    0
}

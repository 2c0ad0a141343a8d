// SPDX-License-Identifier: MIT OR Apache-2.0

//! Replacements for parts of the standard library.

use core::panic::PanicInfo;
use libc::c_int;

#[link(name = "c")]
extern "C" {}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: It does not return.
    unsafe { libc::abort() }
}

/// What to do with a frame when the stack is unwound: nothing, so that unwinding continues with the
/// next frame.
///
/// The standard library's function does the same when libc unwinds a thread that is cancelled.
/// Nothing else unwinds frames of this library: the library does not panic across them, and no
/// function that it calls throws.
#[no_mangle]
extern "C" fn rust_eh_personality() -> c_int {
    const URC_CONTINUE_UNWIND: c_int = 8;
    URC_CONTINUE_UNWIND
}

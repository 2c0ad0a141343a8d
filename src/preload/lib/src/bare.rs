// SPDX-License-Identifier: MIT OR Apache-2.0

//! What takes the place of the standard library.

use core::panic::PanicInfo;
use libc::c_int;

#[link(name = "c")]
extern "C" {}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: It does not return.
    unsafe { libc::abort() }
}

/// What is done with a frame when the stack is unwound: nothing, and go on with the next.
///
/// That is what the standard library's does when libc unwinds a thread that is cancelled. Nothing
/// else unwinds frames of this library: it does not, and nobody that it calls throws.
#[no_mangle]
extern "C" fn rust_eh_personality() -> c_int {
    const URC_CONTINUE_UNWIND: c_int = 8;
    URC_CONTINUE_UNWIND
}

// SPDX-License-Identifier: GPL-2.0

//! Memory barriers, in place: [`kernel::sync::barrier`] calls a function for each.
//!
//! C header: [`include/asm-generic/barrier.h`](srctree/include/asm-generic/barrier.h)

/// `smp_mb()`.
#[inline(always)]
pub(crate) fn smp_mb() {
    #[cfg(CONFIG_X86_64)]
    // SAFETY: It adds 0 to a word below the stack, where nothing of value is.
    unsafe {
        core::arch::asm!("lock add dword ptr [rsp - 4], 0", options(nostack))
    };
    #[cfg(not(CONFIG_X86_64))]
    kernel::sync::barrier::smp_mb(kernel::sync::barrier::Full);
}

/// `smp_rmb()`. This processor does not pass loads by others.
#[inline(always)]
pub(crate) fn smp_rmb() {
    #[cfg(CONFIG_X86_64)]
    // SAFETY: It does nothing, but keeps the compiler from moving accesses.
    unsafe {
        core::arch::asm!("", options(nostack, preserves_flags))
    };
    #[cfg(not(CONFIG_X86_64))]
    kernel::sync::barrier::smp_rmb(kernel::sync::barrier::Read);
}

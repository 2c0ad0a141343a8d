// SPDX-License-Identifier: GPL-2.0

//! Inline memory barriers; [`kernel::sync::barrier`] calls a function for each.
//!
//! C header: [`include/asm-generic/barrier.h`](srctree/include/asm-generic/barrier.h)

/// `smp_mb()`.
#[inline(always)]
pub(crate) fn smp_mb() {
    #[cfg(CONFIG_X86_64)]
    // SAFETY: The instruction adds 0 to a word below the stack, which nothing uses.
    unsafe {
        core::arch::asm!("lock add dword ptr [rsp - 4], 0", options(nostack))
    };
    #[cfg(not(CONFIG_X86_64))]
    kernel::sync::barrier::smp_mb(kernel::sync::barrier::Full);
}

/// `smp_rmb()`. This processor does not reorder loads.
#[inline(always)]
pub(crate) fn smp_rmb() {
    #[cfg(CONFIG_X86_64)]
    // SAFETY: It does nothing, except that the compiler may not move accesses.
    unsafe {
        core::arch::asm!("", options(nostack, preserves_flags))
    };
    #[cfg(not(CONFIG_X86_64))]
    kernel::sync::barrier::smp_rmb(kernel::sync::barrier::Read);
}

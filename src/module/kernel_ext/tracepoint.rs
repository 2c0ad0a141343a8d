// SPDX-License-Identifier: GPL-2.0

//! The module's own tracepoints, which `src/module/trace.h` describes.
//!
//! [`kernel::tracepoint`] supports only tracepoints that are in the kernel's bindings. Here, as
//! there, a disabled tracepoint costs one instruction that does nothing; enabling it patches a jump
//! in its place.
//!
//! C header: [`include/linux/tracepoint.h`](srctree/include/linux/tracepoint.h)

/// Defines a function for each tracepoint. Only if the tracepoint is enabled, the function calls
/// its argument, which returns the fields of one or several hits. The argument should be a `move`
/// closure: values that are captured by reference have to be in memory even while the tracepoint is
/// disabled.
macro_rules! tracepoints {
    ($($name:ident($($field:ident: $type:ty),+ $(,)?);)+) => {$(
        #[doc = concat!("`", stringify!($name), "`, with those fields.")]
        #[inline(always)]
        #[cfg_attr(not(CONFIG_TRACEPOINTS), allow(unused_variables))]
        pub(crate) fn $name<I>(hits: impl FnOnce() -> I)
        where
            I: IntoIterator<Item = ($($type,)+)>,
        {
            #[cfg(CONFIG_TRACEPOINTS)]
            kernel::macros::paste! {
                // SAFETY: The symbol is the tracepoint's key, which C has defined.
                if unsafe {
                    kernel::jump_label::static_branch_unlikely!(
                        crate::bindings::[<__tracepoint_ $name>],
                        kernel::bindings::tracepoint,
                        key
                    )
                } {
                    out_of_line(move || {
                        for ($($field,)+) in hits() {
                            // SAFETY: Numbers can have any value.
                            unsafe { crate::bindings::[<rust_do_trace_ $name>]($($field),+) };
                        }
                    });
                }
            }
        }
    )+};
}

/// Keeps code that runs only if a tracepoint is enabled out of the hot path.
#[cfg(CONFIG_TRACEPOINTS)]
#[cold]
#[inline(never)]
fn out_of_line(act: impl FnOnce()) {
    act();
}

tracepoints! {
    repoll_create(instance: u64, fifo: bool);
    repoll_release(instance: u64);
    repoll_add(instance: u64, fd: i32, ino: u64, events: u32, data: u64, found: u32);
    repoll_mod(instance: u64, fd: i32, ino: u64, events: u32, data: u64, found: u32);
    repoll_del(instance: u64, fd: i32, ino: u64);
    repoll_drop(instance: u64, fd: i32, ino: u64, data: u64, held: bool);
    repoll_callback(
        instance: u64,
        fd: i32,
        ino: u64,
        data: u64,
        events: u32,
        interest: u32,
        result: u32,
    );
    repoll_wake(instance: u64, sync: bool);
    repoll_wait_enter(instance: u64, maxevents: i32, timeout: i64);
    repoll_deliver(instance: u64, fd: i32, events: u32, data: u64);
    repoll_wait_exit(instance: u64, ret: i32);
}

// SPDX-License-Identifier: GPL-2.0

//! The C symbols for which the kernel crate has no binding. Only [`crate::kernel_ext`] and the
//! modules that own an ABI structure may use this.

#![allow(
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    non_snake_case,
    improper_ctypes,
    unreachable_pub,
    unused_imports,
    unsafe_op_in_unsafe_fn
)]

use kernel::ffi;

include!(env!("REPOLL_BINDINGS"));

// SPDX-License-Identifier: GPL-2.0

//! The kernel interface, as the crate has it.

#![allow(missing_docs, dead_code, non_camel_case_types, non_upper_case_globals)]

include!(env!("REPOLL_UAPI"));

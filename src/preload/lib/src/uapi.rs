// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel interface, as in the crate. The library cannot link with the crate, which
//! needs the standard library.

#![allow(missing_docs, dead_code, non_camel_case_types, non_upper_case_globals)]

include!("../../../repoll/src/bindings.rs");

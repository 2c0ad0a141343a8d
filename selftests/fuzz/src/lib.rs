// SPDX-License-Identifier: GPL-2.0

//! Tests repoll with random programs, guided by coverage of the module.
//!
//! A program ([`program`]) is a short list of operations on a dozen files and instances, with valid
//! and invalid arguments ([`argument`], [`arena`]). Two threads execute parts of it at the same
//! time ([`machine`], [`thread`]), and some of its calls are made to fail ([`fault_injection`]).
//! libFuzzer derives programs from programs, by rules of this crate ([`mutate`]), and keeps those
//! that reach something new: a block of the module, which KCOV records ([`kcov`], [`module`]), or a
//! new answer to a call ([`coverage`]).
//!
//! A program has failed if the kernel has reported something ([`log`]) or died, or if the kernel
//! wrote something to user memory that it must not write ([`oracle`]).

pub mod alarm;
pub mod arena;
pub mod argument;
pub mod coverage;
pub mod fault_injection;
pub mod fuse;
pub mod kcov;
pub mod log;
pub mod machine;
pub mod module;
pub mod mutate;
pub mod open;
pub mod oracle;
pub mod program;
pub mod report;
pub mod seeds;
pub mod shrink;
pub mod table;
pub mod thread;

// SPDX-License-Identifier: GPL-2.0

//! Random programs against repoll, guided by what they reach in the module.
//!
//! A program ([`program`]) is a short list of operations on a dozen files and instances, with good
//! and bad arguments ([`argument`], [`arena`]). Two threads carry out parts of it at the same time
//! ([`machine`], [`thread`]), and some of its calls are made to fail ([`fault_injection`]). libFuzzer
//! makes programs out of programs, by our rules ([`mutate`]), and keeps those that reach something
//! new: a block of the module, recorded by KCOV ([`kcov`], [`module`]), or another answer to a call
//! ([`coverage`]).
//!
//! A program has failed if the kernel has reported something ([`log`]), or died, or if what it wrote
//! to user memory is not what may be there ([`oracle`]).

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

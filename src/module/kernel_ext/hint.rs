// SPDX-License-Identifier: GPL-2.0

//! Hints for the compiler, which cannot know which way a branch usually goes.

/// Marks the branch that calls this as rarely taken: `core::hint::cold_path()`, for compilers that
/// do not have it yet.
#[cold]
#[inline]
pub(crate) fn cold_path() {}

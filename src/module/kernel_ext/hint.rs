// SPDX-License-Identifier: GPL-2.0

//! Hints for the compiler, which cannot know which way a branch mostly goes.

/// Says that the branch in which this is called is taken rarely: `core::hint::cold_path()`, for
/// compilers that do not have it yet.
#[cold]
#[inline]
pub(crate) fn cold_path() {}

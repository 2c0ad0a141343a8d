// SPDX-License-Identifier: MIT OR Apache-2.0

//! One ioctl of the kernel interface.

use rustix::{
    fd::AsFd,
    ioctl::{Ioctl, IoctlOutput, Opcode},
};
use std::{ffi::c_void, ptr};

/// An ioctl that takes the address of a `T` and returns a number.
pub(crate) struct Command<'a, const OPCODE: Opcode, T> {
    argument: &'a mut T,
}

impl<'a, const OPCODE: Opcode, T> Command<'a, OPCODE, T> {
    /// The ioctl stores its results in `argument`, also when it fails.
    #[inline]
    pub(crate) fn new(argument: &'a mut T) -> Self {
        Self { argument }
    }

    /// Issues the ioctl on `fd`. The result is not negative.
    ///
    /// # Safety
    ///
    /// `OPCODE` must take a `T`, and every address in the argument must be good
    /// for what the ioctl does with it.
    #[inline]
    pub(crate) unsafe fn run(self, fd: impl AsFd) -> rustix::io::Result<IoctlOutput> {
        // SAFETY: The caller vouches for the argument.
        unsafe { rustix::ioctl::ioctl(fd, self) }
    }
}

// SAFETY: `as_ptr` returns the address of a `T`, which `OPCODE` accepts, as the
// caller of `run` promises. The output is what the ioctl returned.
unsafe impl<const OPCODE: Opcode, T> Ioctl for Command<'_, OPCODE, T> {
    type Output = IoctlOutput;

    // REPOLL_WAIT writes to the array that its argument points to, other ioctls
    // to the argument itself.
    const IS_MUTATING: bool = true;

    #[inline]
    fn opcode(&self) -> Opcode {
        OPCODE
    }

    #[inline]
    fn as_ptr(&mut self) -> *mut c_void {
        ptr::from_mut(self.argument).cast()
    }

    #[inline]
    unsafe fn output_from_ptr(
        output: IoctlOutput,
        _argument: *mut c_void,
    ) -> rustix::io::Result<IoctlOutput> {
        Ok(output)
    }
}

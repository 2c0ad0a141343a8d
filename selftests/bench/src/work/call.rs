// SPDX-License-Identifier: GPL-2.0

//! The cost of any system call, for reference: the same on both.

use crate::{backend::Poller, clock::each, measure::Work};
use anyhow::{ensure, Result};
use repoll::{Interest, Mode};
use rustix::process::getppid;
use std::{
    fs::File,
    hint::black_box,
    os::fd::{AsFd, FromRawFd, IntoRawFd},
};

const TIMES: usize = 10_000;

/// The smallest system call.
pub struct Getppid;

impl Work for Getppid {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        each(TIMES, || {
            black_box(getppid());
            Ok(())
        })
    }
}

/// A call of the crate on a file that has no such ioctl.
pub struct BadIoctl;

impl Work for BadIoctl {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        let file = File::open("/dev/null")?;
        // SAFETY: This owns the descriptor and gives it up here. /dev/null has
        // no ioctls with repoll's numbers.
        let wrong = unsafe { repoll::Poller::from_raw_fd(file.try_clone()?.into_raw_fd()) };
        each(TIMES, || {
            let result = wrong.modify(file.as_fd(), Interest::READABLE, Mode::LEVEL, 0);
            ensure!(result.is_err(), "/dev/null answers as a repoll instance");
            Ok(())
        })
    }
}

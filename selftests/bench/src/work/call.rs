// SPDX-License-Identifier: GPL-2.0

//! What any system call costs: the same on both, for reference.

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

/// The call that does least.
pub struct Getppid;

impl Work for Getppid {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        each(TIMES, || {
            black_box(getppid());
            Ok(())
        })
    }
}

/// A call of the crate's on a file that has no such ioctl.
pub struct BadIoctl;

impl Work for BadIoctl {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        let file = File::open("/dev/null")?;
        // SAFETY: A descriptor that is ours, given up here. /dev/null has no
        // ioctls that could take repoll's for their own.
        let wrong = unsafe { repoll::Poller::from_raw_fd(file.try_clone()?.into_raw_fd()) };
        each(TIMES, || {
            let result = wrong.modify(file.as_fd(), Interest::READABLE, Mode::LEVEL, 0);
            ensure!(result.is_err(), "/dev/null is a repoll");
            Ok(())
        })
    }
}

// SPDX-License-Identifier: GPL-2.0

//! FIFOs, which have a name: a poller hears of their close in another way than of that
//! of sockets.

use super::{ctl::instance, sockets::Pair};
use crate::{backend::Poller, clock::each, measure::Work};
use anyhow::{Context, Result};
use repoll::Mode;
use rustix::fs::{mknodat, open, unlink, FileType, Mode as Permissions, OFlags, CWD};
use std::{
    env,
    ffi::CString,
    fs,
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
    process,
};

/// What is freed later, by others, is to be spread over many.
const TIMES: usize = 4_000;

/// A folder of their own.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let path = env::temp_dir().join(format!("bench-{}", process::id()));
        fs::create_dir(&path).context("no folder for FIFOs")?;
        Ok(Self(path))
    }

    fn name(&self, name: &str) -> Result<CString> {
        let path = self.0.join(name).into_os_string();
        Ok(CString::new(path.into_encoded_bytes())?)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The one who measures can do nothing about it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[inline(always)]
fn make(name: &CString) -> Result<()> {
    let permissions = Permissions::RUSR | Permissions::WUSR;
    Ok(mknodat(CWD, name, FileType::Fifo, permissions, 0)?)
}

#[inline(always)]
fn open_fifo(name: &CString) -> Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(open(name, flags, Permissions::empty())?)
}

/// One after the other is made, opened, added, closed and unlinked: each has an inode of
/// its own, of which nobody has heard before.
pub struct Churn {
    companion: Pair,
    folder: Folder,
}

impl Churn {
    pub fn new() -> Result<Self> {
        Ok(Self {
            companion: Pair::tcp()?,
            folder: Folder::new()?,
        })
    }
}

impl Work for Churn {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        let poller: P = instance(&self.companion)?;
        let name = self.folder.name("fifo")?;
        each(TIMES, || {
            make(&name)?;
            let fifo = open_fifo(&name)?;
            poller.add(fifo.as_fd(), Mode::LEVEL, 1)?;
            drop(fifo);
            Ok(unlink(&name)?)
        })
    }
}

/// One is opened and closed that nobody watches, while another one on its file system
/// is watched.
pub struct Neighbour(Folder);

impl Neighbour {
    pub fn new() -> Result<Self> {
        Ok(Self(Folder::new()?))
    }
}

impl Work for Neighbour {
    fn sample<P: Poller>(&mut self) -> Result<f64> {
        let [watched, other] = [self.0.name("watched")?, self.0.name("other")?];
        make(&watched)?;
        make(&other)?;
        let fifo = open_fifo(&watched)?;
        let poller = P::open()?;
        poller.add(fifo.as_fd(), Mode::LEVEL, 1)?;
        let cost = each(TIMES, || {
            drop(open_fifo(&other)?);
            Ok(())
        });
        unlink(&watched)?;
        unlink(&other)?;
        cost
    }
}

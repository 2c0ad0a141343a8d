// SPDX-License-Identifier: GPL-2.0

//! FIFOs, which have a name: a poller notices their close in a different way than that of
//! sockets.

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

/// The cost of memory that is freed later is spread over this many repetitions.
const TIMES: usize = 4_000;

/// A folder for the FIFOs.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let path = env::temp_dir().join(format!("bench-{}", process::id()));
        fs::create_dir(&path).context("cannot create a folder for FIFOs")?;
        Ok(Self(path))
    }

    fn name(&self, name: &str) -> Result<CString> {
        let path = self.0.join(name).into_os_string();
        Ok(CString::new(path.into_encoded_bytes())?)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The benchmark cannot do anything about a failure.
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

/// FIFOs are created, opened, added, closed and unlinked one after the other. Each has a
/// new inode.
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

/// A FIFO that nobody watches is opened and closed, while another one on its file system
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

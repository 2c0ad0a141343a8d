// SPDX-License-Identifier: GPL-2.0

//! The names of watched files, from `/proc`.

use crate::inet;
use repoll::info::Item;
use rustix::fs::{AtFlags, StatxFlags, CWD};
use std::{collections::HashMap, fs};

/// The open files of a process.
pub struct Files {
    pid: i32,
    /// Sockets by their inode numbers.
    sockets: HashMap<u64, String>,
}

impl Files {
    /// The files of this process. They have no names if the process has exited or belongs
    /// to another user.
    pub fn of(pid: i32) -> Self {
        Self {
            pid,
            sockets: if pid > 0 {
                inet::sockets(pid)
            } else {
                HashMap::new()
            },
        }
    }

    /// The name of an item's file, if the process still has this file open under the same
    /// number.
    pub fn name(&self, item: &Item) -> Option<String> {
        let path = format!("/proc/{}/fd/{}", self.pid, item.fd);
        // A file system in user space must not delay this.
        let known = AtFlags::STATX_DONT_SYNC;
        let status = rustix::fs::statx(CWD, &path, known, StatxFlags::INO).ok()?;
        if status.stx_ino != item.inode {
            return None;
        }
        let name = fs::read_link(&path).ok()?.to_string_lossy().into_owned();
        if name.starts_with("socket:[") {
            if let Some(socket) = self.sockets.get(&item.inode) {
                return Some(socket.clone());
            }
        }
        Some(name)
    }
}

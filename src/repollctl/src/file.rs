// SPDX-License-Identifier: GPL-2.0

//! What the watched files are, as far as `/proc` tells.

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
    /// Those of that process, which may be over, or be another user's: then they
    /// have no names.
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

    /// The name of an item's file, if the process has it under the same number.
    pub fn name(&self, item: &Item) -> Option<String> {
        let path = format!("/proc/{}/fd/{}", self.pid, item.fd);
        // Not to be kept waiting by a file system that is a program of somebody's.
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

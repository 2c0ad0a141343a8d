// SPDX-License-Identifier: GPL-2.0

//! A file system whose files answer polls in unexpected ways, and whose inodes die and come back: a
//! FUSE server in its own thread.

use crate::table;
use anyhow::{ensure, Context, Result};
use rand::{rngs::SmallRng, Rng, SeedableRng};
use std::{
    ffi::{CStr, CString},
    fs::{self, File},
    io::{self, ErrorKind, Read, Write},
    os::fd::AsRawFd,
    thread,
    time::Duration,
};

const FOLDER: &CStr = c"/tmp/fuzz/fuse";

/// The first of two names of a FIFO that has no links: its inode dies with the last dentry.
pub const FIFO: &CStr = c"/tmp/fuzz/fuse/fifo";
/// The second name.
pub const ALIAS: &CStr = c"/tmp/fuzz/fuse/alias";
/// A file whose polls go to the server.
pub const FILE: &CStr = c"/tmp/fuzz/fuse/file";

// The kernel's numbers of the supported requests.
const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const OPEN: u32 = 14;
const RELEASE: u32 = 18;
const INIT: u32 = 26;
const INTERRUPT: u32 = 36;
const POLL: u32 = 40;
const BATCH_FORGET: u32 = 42;

/// A notification to the kernel: it should poll a file again.
const NOTIFY_POLL: i32 = 1;

/// The version of the protocol, since which the messages have had these lengths.
const VERSION: [u32; 2] = [7, 31];

/// The room that the kernel requires for a request.
const LONGEST: usize = 8192;

const REQUEST_HEADER: usize = 40;

const FIFO_NODE: u64 = 2;
const FILE_NODE: u64 = 3;

/// A message to the kernel, in parts.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_ne_bytes());
        self
    }

    fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_ne_bytes());
        self
    }

    fn zeros(mut self, count: usize) -> Self {
        self.0.resize(self.0.len() + count, 0);
        self
    }

    /// The attributes of the file, which the kernel must not cache.
    fn attributes(self, node: u64) -> Self {
        let (mode, links) = match node {
            FIFO_NODE => (libc::S_IFIFO | 0o600, 0),
            FILE_NODE => (libc::S_IFREG | 0o600, 1),
            _ => (libc::S_IFDIR | 0o700, 2),
        };
        let times_and_size = 52;
        let rest = 20;
        self.u64(node)
            .zeros(times_and_size)
            .u32(mode)
            .u32(links)
            .zeros(rest)
    }
}

/// A request of the kernel.
struct Request<'a>(&'a [u8]);

impl Request<'_> {
    fn u32(&self, at: usize) -> u32 {
        let bytes = self.0[at..at + 4].try_into();
        u32::from_ne_bytes(bytes.expect("it is long enough"))
    }

    fn u64(&self, at: usize) -> u64 {
        let bytes = self.0[at..at + 8].try_into();
        u64::from_ne_bytes(bytes.expect("it is long enough"))
    }

    fn operation(&self) -> u32 {
        self.u32(4)
    }

    fn unique(&self) -> u64 {
        self.u64(8)
    }

    fn node(&self) -> u64 {
        self.u64(16)
    }

    fn name(&self) -> &[u8] {
        let body = &self.0[REQUEST_HEADER..];
        body.split(|byte| *byte == 0).next().unwrap_or(body)
    }

    /// The kernel's identifier of a polled file.
    fn handle(&self) -> u64 {
        self.u64(REQUEST_HEADER + 8)
    }
}

/// The server.
struct Server {
    device: File,
    chance: SmallRng,
}

impl Server {
    fn send(&mut self, unique: u64, error: i32, body: Message) {
        let header = Message::default()
            .u32(16 + body.0.len() as u32)
            .u32(error as u32)
            .u64(unique);
        // The caller may have been interrupted, or the file closed.
        let _ = self.device.write(&[header.0, body.0].concat());
    }

    fn look_up(&mut self, request: &Request<'_>) {
        let node = match request.name() {
            b"fifo" | b"alias" => FIFO_NODE,
            b"file" => FILE_NODE,
            _ => return self.send(request.unique(), -libc::ENOENT, Message::default()),
        };
        let generation = 1;
        let valid = 24;
        let entry = Message::default().u64(node).u64(generation).zeros(valid);
        self.send(request.unique(), 0, entry.attributes(node));
    }

    /// Mostly answers at once, sometimes after a while, sometimes incorrectly. May request another
    /// poll of the file soon.
    fn poll(&mut self, request: &Request<'_>) {
        if self.chance.random_ratio(1, 8) {
            thread::sleep(Duration::from_micros(self.chance.random_range(0..2000)));
        }
        if self.chance.random_ratio(1, 16) {
            return self.send(request.unique(), -libc::EIO, Message::default());
        }
        let events = self.chance.random::<u32>() & (libc::POLLIN | libc::POLLOUT) as u32;
        self.send(request.unique(), 0, Message::default().u32(events).u32(0));
        if self.chance.random_ratio(1, 4) {
            let handle = Message::default().u64(request.handle());
            self.send(0, NOTIFY_POLL, handle);
        }
    }

    fn answer(&mut self, request: &Request<'_>) {
        let unique = request.unique();
        match request.operation() {
            INIT => {
                let [major, minor] = VERSION;
                let rest = 56;
                let init = Message::default().u32(major).u32(minor).zeros(rest);
                self.send(unique, 0, init);
            }
            LOOKUP => self.look_up(request),
            GETATTR => {
                let valid = 16;
                let attributes = Message::default().zeros(valid).attributes(request.node());
                self.send(unique, 0, attributes);
            }
            OPEN => self.send(unique, 0, Message::default().zeros(16)),
            RELEASE => self.send(unique, 0, Message::default()),
            POLL => self.poll(request),
            FORGET | BATCH_FORGET | INTERRUPT => (),
            _ => self.send(unique, -libc::ENOSYS, Message::default()),
        }
    }

    /// Serves until the process ends.
    fn serve(mut self) {
        let mut buffer = [0; LONGEST];
        loop {
            match self.device.read(&mut buffer) {
                Ok(len) if len >= REQUEST_HEADER => self.answer(&Request(&buffer[..len])),
                // The kernel may withdraw a request before it is read.
                Err(error) if error.kind() == ErrorKind::NotFound => (),
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                _ => return,
            }
        }
    }
}

/// Mounts the file system, replacing one whose server has ended, and serves it.
pub fn prepare() -> Result<()> {
    let device = File::options().read(true).write(true).open("/dev/fuse");
    let device: File = table::keep(device.context("/dev/fuse")?)?.into();
    let options = format!(
        "fd={},rootmode={:o},user_id=0,group_id=0",
        device.as_raw_fd(),
        libc::S_IFDIR
    );
    let options = CString::new(options)?;
    // SAFETY: It reads a string that ends with a zero byte.
    unsafe { libc::umount2(FOLDER.as_ptr(), libc::MNT_DETACH) };
    fs::create_dir_all(FOLDER.to_str()?)?;
    // SAFETY: It reads strings that end with a zero byte.
    let status = unsafe {
        libc::mount(
            c"fuse".as_ptr(),
            FOLDER.as_ptr(),
            c"fuse.fuzz".as_ptr(),
            libc::MS_NOSUID | libc::MS_NODEV,
            options.as_ptr().cast(),
        )
    };
    ensure!(status == 0, io::Error::last_os_error());
    let chance = SmallRng::seed_from_u64(0);
    thread::spawn(|| Server { device, chance }.serve());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_as_long_as_the_kernels() {
        assert_eq!(Message::default().attributes(FIFO_NODE).0.len(), 88);
    }

    #[test]
    fn a_name_ends_with_its_zero() {
        let mut bytes = vec![0; REQUEST_HEADER];
        bytes.extend(b"fifo\0more");
        assert_eq!(Request(&bytes).name(), b"fifo");
    }
}

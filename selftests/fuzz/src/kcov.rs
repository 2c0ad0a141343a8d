// SPDX-License-Identifier: GPL-2.0

//! Records the blocks that a thread executes in the kernel.
//!
//! C header: `include/uapi/linux/kcov.h`

use crate::table;
use anyhow::{ensure, Result};
use std::{
    fs::File,
    io,
    mem::size_of,
    os::fd::{AsRawFd, OwnedFd},
    ptr::{self, NonNull},
    sync::atomic::{AtomicU64, Ordering},
};

const KCOV: &str = "/sys/kernel/debug/kcov";

// _IOR('c', 1, unsigned long), _IO('c', 100)
const KCOV_INIT_TRACE: libc::Ioctl = 0x8008_6301;
const KCOV_ENABLE: libc::Ioctl = 0x6364;
const KCOV_TRACE_PC: libc::c_ulong = 0;

/// The size of a buffer in words; if a program executes more blocks, the others are ignored.
const WORDS: usize = 1 << 16;

/// A buffer that the kernel fills with the number of blocks, and the address of each.
#[derive(Clone, Copy)]
pub struct Buffer {
    words: NonNull<AtomicU64>,
}

// SAFETY: The mapping is never removed, and its words are atomic.
unsafe impl Send for Buffer {}

impl Buffer {
    fn words(&self) -> &[AtomicU64] {
        // SAFETY: This many words are mapped, as long as the process lives.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr(), WORDS) }
    }

    /// Forgets the recorded blocks.
    pub fn clear(&self) {
        self.words()[0].store(0, Ordering::Relaxed);
    }

    /// The recorded addresses in the kernel.
    pub fn passed(&self) -> impl Iterator<Item = u64> + '_ {
        let (count, words) = self.words().split_first().expect("it is longer");
        let count = count.load(Ordering::Relaxed) as usize;
        words[..count.min(words.len())]
            .iter()
            .map(|word| word.load(Ordering::Relaxed))
    }
}

/// Makes the kernel record the blocks that the calling thread executes from now on; `None` if the
/// kernel was built without KCOV. The descriptor must stay open as long as the thread lives.
pub fn enable() -> Result<Option<(OwnedFd, Buffer)>> {
    let file = match File::options().read(true).write(true).open(KCOV) {
        Ok(file) => table::keep(file)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let fd = file.as_raw_fd();
    // SAFETY: The ioctls take numbers, and the mapping is new, with the requested size.
    unsafe {
        ensure!(
            libc::ioctl(fd, KCOV_INIT_TRACE, WORDS) == 0,
            io::Error::last_os_error()
        );
        let words = libc::mmap(
            ptr::null_mut(),
            WORDS * size_of::<u64>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            fd,
            0,
        );
        ensure!(words != libc::MAP_FAILED, io::Error::last_os_error());
        ensure!(
            libc::ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC) == 0,
            io::Error::last_os_error()
        );
        let words = NonNull::new(words.cast()).expect("the mapping is not at zero");
        Ok(Some((file, Buffer { words })))
    }
}

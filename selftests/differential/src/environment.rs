// SPDX-License-Identifier: GPL-2.0

//! What all sequences of a process share: names in the file system, signals, memory.

use crate::{barrier::Barrier, poller::Event};
use anyhow::{bail, Context, Result};
use std::{
    ffi::{CStr, CString},
    ptr,
};

/// The greatest number of events that a wait has room for.
pub(crate) const ROOM: usize = 32;

/// What the sequences of this process share.
pub(crate) struct Environment {
    folder: CString,
    /// A FIFO.
    pub(crate) fifo: CString,
    /// A regular file, which inotify watches.
    pub(crate) file: CString,
    /// Two buffers for events, each before an inaccessible page.
    pub(crate) buffers: [*mut Event; 2],
    /// Sockets are connected over the wire, if there is one.
    pub(crate) barrier: Option<Barrier>,
}

/// The signals that are sent and received as events.
pub(crate) const SIGNALS: [i32; 2] = [libc::SIGUSR1, libc::SIGUSR2];

impl Environment {
    /// Prepares everything; it lasts as long as the process.
    pub(crate) fn new(wire: bool) -> Result<Self> {
        let mut template = *b"/tmp/differential.XXXXXX\0";
        // SAFETY: The template ends with a zero, and is modified in place.
        if unsafe { libc::mkdtemp(template.as_mut_ptr().cast()) }.is_null() {
            bail!(
                "cannot create a temporary folder: {}",
                std::io::Error::last_os_error()
            );
        }
        let folder = CStr::from_bytes_until_nul(&template)?.to_owned();
        let name = |name: &str| {
            CString::new(format!("{}/{name}", folder.to_str()?)).map_err(anyhow::Error::from)
        };
        let (fifo, file) = (name("fifo")?, name("file")?);
        // SAFETY: The name ends with a zero.
        if unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) } != 0 {
            bail!("no FIFO: {}", std::io::Error::last_os_error());
        }
        std::fs::write(file.to_str()?, b"").context("cannot create a file")?;
        block_signals();
        Ok(Self {
            fifo,
            file,
            folder,
            buffers: [guarded_buffer()?, guarded_buffer()?],
            barrier: wire.then(Barrier::new).transpose()?,
        })
    }

    /// Makes the contents of both buffers equal.
    pub(crate) fn level_buffers(&self) {
        for buffer in self.buffers {
            // SAFETY: The buffers are this large, and nobody else uses them now.
            unsafe { buffer.write_bytes(0, ROOM) };
        }
    }

    /// Discards pending signals.
    pub(crate) fn forget_signals(&self) {
        let set = signal_set();
        let now = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: All arguments are valid; the information is not requested.
        while unsafe { libc::sigtimedwait(&set, ptr::null_mut(), &now) } > 0 {}
    }

    /// Removes the files. The environment cannot be used afterwards.
    pub(crate) fn remove(&self) {
        // SAFETY: The names end with a zero.
        unsafe {
            libc::unlink(self.fifo.as_ptr());
            libc::unlink(self.file.as_ptr());
            libc::rmdir(self.folder.as_ptr());
        }
    }
}

/// The set of [`SIGNALS`].
pub(crate) fn signal_set() -> libc::sigset_t {
    // SAFETY: Any bits are a valid set, and emptying it initialises it.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        for signal in SIGNALS {
            libc::sigaddset(&mut set, signal);
        }
        set
    }
}

fn block_signals() {
    // SAFETY: The set is valid, and the old one is not requested; ignoring a signal calls nothing.
    unsafe {
        libc::sigprocmask(libc::SIG_BLOCK, &signal_set(), ptr::null_mut());
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
    }
}

/// Room for [`ROOM`] events that ends at an inaccessible page.
fn guarded_buffer() -> Result<*mut Event> {
    // SAFETY: There are no requirements.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    // SAFETY: It is new memory, whose second half becomes inaccessible.
    unsafe {
        let start = libc::mmap(
            ptr::null_mut(),
            2 * page,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if start == libc::MAP_FAILED
            || libc::mprotect(start.byte_add(page), page, libc::PROT_NONE) != 0
        {
            bail!(
                "cannot allocate memory: {}",
                std::io::Error::last_os_error()
            );
        }
        Ok(start.byte_add(page).cast::<Event>().sub(ROOM))
    }
}

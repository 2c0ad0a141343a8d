// SPDX-License-Identifier: MIT OR Apache-2.0

//! Lines of text, put together without an allocation.

use crate::{kernel::call, uapi};
use core::{
    ffi::CStr,
    fmt::{self, Write},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};
use libc::c_int;

/// A line in the making. What does not fit is cut.
pub(crate) struct Line {
    text: [u8; Self::ROOM],
    len: usize,
}

impl Line {
    const ROOM: usize = 512;

    /// A line with this text, ended by a newline.
    pub(crate) fn new(text: fmt::Arguments<'_>) -> Self {
        let mut line = Self {
            text: [0; Self::ROOM],
            len: 0,
        };
        // It does not fail.
        let _ = line.write_fmt(text);
        line.text[line.len] = b'\n';
        line.len += 1;
        line
    }

    /// Writes it, in one piece.
    pub(crate) fn write_to(&self, fd: c_int) {
        let text = self.text.as_ptr().expose_provenance();
        // SAFETY: So many bytes are there to read.
        unsafe { call(libc::SYS_write, &[fd as usize, text, self.len, 0, 0, 0]) };
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The newline always has room.
        let room = Self::ROOM - 1 - self.len;
        let text = &text.as_bytes()[..text.len().min(room)];
        self.text[self.len..][..text.len()].copy_from_slice(text);
        self.len += text.len();
        Ok(())
    }
}

/// Tells, once, that the device cannot be opened and what follows from that.
#[cold]
pub(crate) fn no_device(errno: c_int) {
    static TOLD: AtomicBool = AtomicBool::new(false);

    if TOLD.swap(true, Relaxed) {
        return;
    }
    let reason = match errno {
        libc::EACCES | libc::EPERM => "permission denied",
        libc::EINVAL => "it is too old for what is asked of it",
        libc::ENOENT => "no such file",
        libc::ENODEV | libc::ENXIO => "no such device",
        libc::ENOTTY => "this is something else",
        _ => "it cannot be opened",
    };
    Line::new(format_args!(
        "repoll: {device}: {reason} (errno {errno}); using epoll instead",
        device = uapi::REPOLL_DEVICE.to_str().unwrap_or_default(),
    ))
    .write_to(libc::STDERR_FILENO);
}

/// Tells that a variable asks for something that there is not.
#[cold]
pub(crate) fn unknown_policy(name: &CStr, value: &CStr, known: &CStr) {
    let [name, value, known] = [name, value, known].map(|text| text.to_str().unwrap_or("?"));
    Line::new(format_args!(
        "repoll: {name}={value} is ignored: only {known} is known"
    ))
    .write_to(libc::STDERR_FILENO);
}

/// Tells that libc's own functions are left to those who look them up there.
#[cold]
pub(crate) fn not_in_libc(errno: c_int) {
    Line::new(format_args!(
        "repoll: libc's table of symbols cannot be changed (errno {errno}); \
         what is looked up in libc itself is epoll"
    ))
    .write_to(libc::STDERR_FILENO);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_with_a_newline() {
        let line = Line::new(format_args!("{} and {}", 1, "two"));
        assert_eq!(&line.text[..line.len], b"1 and two\n");
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        let line = Line::new(format_args!("{}{}", "x".repeat(300), "y".repeat(300)));
        assert_eq!(line.len, Line::ROOM);
        assert_eq!(line.text[Line::ROOM - 2], b'y');
        assert_eq!(line.text[Line::ROOM - 1], b'\n');
    }
}

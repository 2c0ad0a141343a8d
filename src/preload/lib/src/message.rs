// SPDX-License-Identifier: MIT OR Apache-2.0

//! Lines of text, composed without allocations.

use crate::{kernel::call, uapi};
use core::{
    ffi::CStr,
    fmt::{self, Write},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};
use libc::c_int;

/// A line under construction. Text that does not fit is cut off.
pub(crate) struct Line {
    text: [u8; Self::ROOM],
    len: usize,
}

impl Line {
    const ROOM: usize = 512;

    /// A line with this text and a newline.
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

    /// Writes the line with one system call.
    pub(crate) fn write_to(&self, fd: c_int) {
        let text = self.text.as_ptr().expose_provenance();
        // SAFETY: This many bytes are readable.
        unsafe { call(libc::SYS_write, &[fd as usize, text, self.len, 0, 0, 0]) };
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // There is always room for the newline.
        let room = Self::ROOM - 1 - self.len;
        let text = &text.as_bytes()[..text.len().min(room)];
        self.text[self.len..][..text.len()].copy_from_slice(text);
        self.len += text.len();
        Ok(())
    }
}

/// Prints, once, why the device cannot be used and that epoll is used instead.
#[cold]
pub(crate) fn no_device(errno: c_int) {
    static TOLD: AtomicBool = AtomicBool::new(false);

    if TOLD.swap(true, Relaxed) {
        return;
    }
    let reason = match errno {
        libc::EACCES | libc::EPERM => "permission denied",
        libc::EINVAL => "the module is too old for REPOLL_WAKE",
        libc::ENOENT => "no such file",
        libc::ENODEV | libc::ENXIO => "no such device",
        libc::ENOTTY => "it is not the module's device",
        _ => "it cannot be opened",
    };
    Line::new(format_args!(
        "repoll: {device}: {reason} (errno {errno}); using epoll instead",
        device = uapi::REPOLL_DEVICE.to_str().unwrap_or_default(),
    ))
    .write_to(libc::STDERR_FILENO);
}

/// Prints that the value of a variable is unknown.
#[cold]
pub(crate) fn unknown_policy(name: &CStr, value: &CStr, known: &CStr) {
    let [name, value, known] = [name, value, known].map(|text| text.to_str().unwrap_or("?"));
    Line::new(format_args!(
        "repoll: {name}={value} is ignored: only {known} is known"
    ))
    .write_to(libc::STDERR_FILENO);
}

/// Prints that lookups in libc itself still find libc's own functions.
#[cold]
pub(crate) fn not_in_libc(errno: c_int) {
    Line::new(format_args!(
        "repoll: cannot change libc's table of symbols (errno {errno}); \
         lookups in libc itself still find epoll"
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

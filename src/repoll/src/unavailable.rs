// SPDX-License-Identifier: MIT OR Apache-2.0

//! Why an instance cannot be created.

use crate::uapi;
use rustix::io::Errno;
use std::{error::Error, fmt, io};

/// Why an instance could not be created. A program can print it and give up, or
/// fall back to the kernel's epoll.
///
/// `?` and `into()` convert it to an [`io::Error`] with the same `errno`.
///
/// ```
/// use repoll::{Poller, Unavailable};
///
/// match Poller::try_new() {
///     Ok(_) => println!("on repoll"),
///     Err(Unavailable::NoModule(_)) => println!("on epoll"),
///     Err(error) => println!("{error}: on epoll"),
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Unavailable {
    /// The module is not loaded: there is no `/dev/repoll` (`ENOENT`), or there
    /// is no driver behind it (`ENXIO`, `ENODEV`).
    NoModule(io::Error),
    /// This user may not open `/dev/repoll` (`EACCES`, `EPERM`).
    NoPermission(io::Error),
    /// Anything else: the limit on open files is reached (`EMFILE`, `ENFILE`),
    /// there is not enough memory (`ENOMEM`), `/dev/repoll` is another file
    /// (`ENOTTY`), and so on.
    Other(io::Error),
}

impl Unavailable {
    /// Classifies an error of opening the control node.
    pub(crate) fn from_open(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NXIO | Errno::NODEV => Self::NoModule(errno.into()),
            Errno::ACCESS | Errno::PERM => Self::NoPermission(errno.into()),
            _ => Self::Other(errno.into()),
        }
    }

    /// The error of the system call.
    #[inline]
    pub fn as_io_error(&self) -> &io::Error {
        match self {
            Self::NoModule(error) | Self::NoPermission(error) | Self::Other(error) => error,
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device = uapi::REPOLL_DEVICE.to_string_lossy();
        match self {
            Self::NoModule(_) => write!(f, "no {device} (is the repoll module loaded?)"),
            Self::NoPermission(_) => write!(
                f,
                "no permission to open {device} (only root may, unless a udev rule changes that)"
            ),
            Self::Other(_) => write!(f, "cannot create an instance through {device}"),
        }
    }
}

impl Error for Unavailable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.as_io_error())
    }
}

impl From<Unavailable> for io::Error {
    fn from(unavailable: Unavailable) -> Self {
        match unavailable {
            Unavailable::NoModule(error)
            | Unavailable::NoPermission(error)
            | Unavailable::Other(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_opening_are_told_apart() {
        use Unavailable::{NoModule, NoPermission, Other};

        let from = Unavailable::from_open;
        for errno in [Errno::NOENT, Errno::NXIO, Errno::NODEV] {
            assert!(matches!(from(errno), NoModule(_)), "{errno}");
        }
        for errno in [Errno::ACCESS, Errno::PERM] {
            assert!(matches!(from(errno), NoPermission(_)), "{errno}");
        }
        for errno in [Errno::MFILE, Errno::NOMEM, Errno::INTR] {
            assert!(matches!(from(errno), Other(_)), "{errno}");
        }
    }

    #[test]
    fn the_error_of_the_system_is_kept() {
        for errno in [Errno::NODEV, Errno::ACCESS, Errno::MFILE] {
            let unavailable = Unavailable::from_open(errno);
            let source = unavailable.source().unwrap().to_string();
            assert_eq!(source, io::Error::from(errno).to_string());
            let error = io::Error::from(unavailable);
            assert_eq!(Errno::from_io_error(&error), Some(errno));
        }
    }

    #[test]
    fn what_can_be_done_is_said() {
        let said = |errno| Unavailable::from_open(errno).to_string();
        assert!(said(Errno::NOENT).contains("module loaded"));
        assert!(said(Errno::ACCESS).contains("root"));
        assert!(said(Errno::MFILE).contains("/dev/repoll"));
    }
}

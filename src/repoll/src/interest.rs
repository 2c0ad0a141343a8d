// SPDX-License-Identifier: MIT OR Apache-2.0

//! Interests: what a file is watched for.

use rustix::event::epoll::EventFlags;

bitflags::bitflags! {
    /// What to watch a file for.
    ///
    /// Combine interests with `|`. Every interest includes errors and hang-ups;
    /// the [empty](Interest::empty) one watches only for these.
    ///
    /// For bits of `struct epoll_event` that have no name here, use
    /// [`Interest::from_bits_retain`].
    #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
    pub struct Interest: u32 {
        /// There is something to read or to accept, or the end has been reached
        /// (`EPOLLIN`).
        const READABLE = EventFlags::IN.bits();
        /// There is room to write, or an attempt to connect has ended
        /// (`EPOLLOUT`).
        const WRITABLE = EventFlags::OUT.bits();
        /// There is an exceptional condition, such as a socket's urgent data
        /// (`EPOLLPRI`).
        const PRIORITY = EventFlags::PRI.bits();
        /// The peer will send no more (`EPOLLRDHUP`). Only sockets report this.
        const READ_CLOSED = EventFlags::RDHUP.bits();
        /// There is normal data to read (`EPOLLRDNORM`). For most files this is
        /// the same as [`READABLE`](Self::READABLE).
        const READ_NORMAL = EventFlags::RDNORM.bits();
        /// There is data of a priority band to read (`EPOLLRDBAND`).
        const READ_BAND = EventFlags::RDBAND.bits();
        /// There is room to write normal data (`EPOLLWRNORM`). For most files
        /// this is the same as [`WRITABLE`](Self::WRITABLE).
        const WRITE_NORMAL = EventFlags::WRNORM.bits();
        /// There is room to write data of a priority band (`EPOLLWRBAND`).
        const WRITE_BAND = EventFlags::WRBAND.bits();
        /// `EPOLLMSG`. It is accepted, but no file reports it.
        const MESSAGE = EventFlags::MSG.bits();
    }
}

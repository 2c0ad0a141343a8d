// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a file is watched for.

use rustix::event::epoll::EventFlags;

bitflags::bitflags! {
    /// What to watch a file for.
    ///
    /// Interests are combined by `|`. Errors and hang-ups are part of all of
    /// them, so the [empty](Interest::empty) one watches for these alone.
    ///
    /// [`Interest::from_bits_retain`] takes any bits of `struct epoll_event` as
    /// they are, for those who are after what the names do not offer.
    #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
    pub struct Interest: u32 {
        /// There is something to read, or to accept, or the end is reached
        /// (`EPOLLIN`).
        const READABLE = EventFlags::IN.bits();
        /// There is room to write, or a connection was made or refused
        /// (`EPOLLOUT`).
        const WRITABLE = EventFlags::OUT.bits();
        /// Something out of the ordinary, such as a socket's urgent data
        /// (`EPOLLPRI`).
        const PRIORITY = EventFlags::PRI.bits();
        /// The peer will send no more (`EPOLLRDHUP`). Sockets alone tell.
        const READ_CLOSED = EventFlags::RDHUP.bits();
        /// Normal data to read (`EPOLLRDNORM`): for most files the same as
        /// [`READABLE`](Self::READABLE).
        const READ_NORMAL = EventFlags::RDNORM.bits();
        /// Data of a priority band to read (`EPOLLRDBAND`).
        const READ_BAND = EventFlags::RDBAND.bits();
        /// Room to write normal data (`EPOLLWRNORM`): for most files the same
        /// as [`WRITABLE`](Self::WRITABLE).
        const WRITE_NORMAL = EventFlags::WRNORM.bits();
        /// Room to write data of a priority band (`EPOLLWRBAND`).
        const WRITE_BAND = EventFlags::WRBAND.bits();
        /// `EPOLLMSG`, which can be asked for though no file tells it.
        const MESSAGE = EventFlags::MSG.bits();
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The watched files: a fixed number of places for descriptors.
//!
//! A step refers to a place, so that the other steps keep their meaning when shrinking removes one.
//! The kernel chooses the descriptor numbers. It reuses them, as it reuses the addresses of files.

use crate::{environment::Environment, poller::errno, program::Program, witness::Witness};
use std::os::fd::RawFd;

/// How many places there are.
pub(crate) const SLOTS: usize = 16;

/// The kind of file behind a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    /// The place is empty.
    Closed,
    Eventfd,
    PipeReader,
    PipeWriter,
    UnixStream,
    /// A datagram or sequenced-packet socket of the UNIX family.
    UnixPackets,
    UnixListener,
    Tcp,
    /// A TCP socket that is neither connected nor listening.
    TcpIdle,
    TcpListener,
    Udp,
    Timer,
    Signals,
    Inotify,
    TtyMaster,
    TtySlave,
    /// A file whose state nothing here changes, or that cannot be polled.
    Still,
}

/// A place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// The descriptor, or -1.
    pub(crate) fd: RawFd,
    pub(crate) end: End,
    /// The same number for all ends of a connection.
    pub(crate) link: u32,
}

const EMPTY: Slot = Slot {
    fd: -1,
    end: End::Closed,
    link: 0,
};

/// All places and the shared state.
pub(crate) struct World {
    slots: [Slot; SLOTS],
    links: u32,
    pub(crate) environment: &'static Environment,
    pub(crate) witness: Witness,
    pub(crate) program: Program,
}

impl World {
    pub(crate) fn new(environment: &'static Environment, program: Program) -> Self {
        Self {
            slots: [EMPTY; SLOTS],
            links: 0,
            environment,
            witness: Witness::new(),
            program,
        }
    }

    /// The place that a random number selects.
    pub(crate) fn place(number: u8) -> usize {
        usize::from(number) % SLOTS
    }

    /// The place that a random number selects or, mostly, the next one that is not empty.
    pub(crate) fn full_place(&self, number: u8) -> usize {
        let place = Self::place(number);
        if number > 0xf0 {
            return place;
        }
        let mut places = (place..SLOTS).chain(0..place);
        places.find(|&place| self.fd(place) >= 0).unwrap_or(place)
    }

    pub(crate) fn slot(&self, place: usize) -> Slot {
        self.slots[place]
    }

    /// The descriptor in a place. If the place is empty, this is -1, for which every call fails.
    pub(crate) fn fd(&self, place: usize) -> RawFd {
        self.slots[place].fd
    }

    /// A number for the ends of a new connection.
    pub(crate) fn new_link(&mut self) -> u32 {
        self.links += 1;
        self.links
    }

    /// Puts the descriptor of a new file into an empty place.
    pub(crate) fn put(&mut self, place: usize, fd: RawFd, end: End, link: u32) {
        assert!(fd >= 0, "cannot create a {end:?}: error {}", errno());
        self.witness.watch(fd, end);
        self.slots[place] = Slot { fd, end, link };
    }

    /// Changes the kind of all descriptors of a file.
    pub(crate) fn becomes(&mut self, place: usize, end: End, link: u32) {
        let old = self.slots[place];
        for slot in &mut self.slots {
            if slot.end == old.end && slot.link == old.link {
                (slot.end, slot.link) = (end, link);
            }
        }
    }

    /// Whether a descriptor may be closed in the middle of a sequence.
    ///
    /// `src/module/DIFFERENCES.md`: repoll holds a closed pseudo-terminal master for some
    /// milliseconds, and the slave sees the hang-up that much later.
    fn may_close(&self, place: usize) -> bool {
        self.slots[place].end != End::TtyMaster
    }

    /// Empties a place. Returns whether it is empty now.
    pub(crate) fn close(&mut self, place: usize) -> bool {
        if !self.may_close(place) {
            return false;
        }
        if self.fd(place) >= 0 {
            self.program
                .line(|| format!("close(f[{place}]); f[{place}] = -1;"));
            self.close_now(place);
            self.quicken(self.slots[place].link);
        }
        self.slots[place] = EMPTY;
        true
    }

    fn close_now(&mut self, place: usize) {
        // SAFETY: The place owns the descriptor.
        unsafe { libc::close(self.fd(place)) };
        self.witness.stir();
    }

    /// Puts a duplicate of one place's descriptor into another place: under the number in that
    /// place, or a new one.
    pub(crate) fn duplicate(&mut self, from: usize, to: usize) {
        let (old, new) = (self.fd(from), self.fd(to));
        if old < 0 || from == to || !self.may_close(to) {
            return;
        }
        // Closing the duplicates of a master one by one would finally close the master.
        if self.slots[from].end == End::TtyMaster {
            return;
        }
        let fd = if new >= 0 {
            self.program
                .line(|| format!("dup3(f[{from}], f[{to}], O_CLOEXEC);"));
            // SAFETY: The places own both descriptors.
            unsafe { libc::dup3(old, new, libc::O_CLOEXEC) }
        } else {
            self.program.line(|| format!("f[{to}] = dup(f[{from}]);"));
            // SAFETY: The place owns the descriptor.
            unsafe { libc::dup(old) }
        };
        assert!(fd >= 0, "cannot duplicate: error {}", errno());
        self.witness.stir();
        let replaced = self.slots[to].link;
        self.slots[to] = Slot {
            fd,
            ..self.slots[from]
        };
        self.quicken(replaced);
    }

    /// Waits until everything that was done to the files has had its effect.
    pub(crate) fn settle(&mut self) {
        if let (Some(barrier), true) = (&self.environment.barrier, self.witness.is_stirred()) {
            barrier.pass();
        }
        self.witness.settle();
    }

    /// Makes all TCP ends of a connection acknowledge at once what they have received.
    pub(crate) fn quicken(&mut self, link: u32) {
        for place in 0..SLOTS {
            let slot = self.slots[place];
            if slot.end == End::Tcp && slot.link == link {
                self.set_option(place, libc::IPPROTO_TCP, libc::TCP_QUICKACK, 1);
                self.program.line(|| format!("quickack(f[{place}]);"));
            }
        }
    }

    /// Sets an option of a socket to a number.
    pub(crate) fn set_option(&mut self, place: usize, level: i32, option: i32, value: i32) {
        set_option(self.fd(place), level, option, &value);
        self.witness.stir();
    }
}

/// Sets an option of a socket. That may fail, for example after a reset.
pub(crate) fn set_option<T>(fd: RawFd, level: i32, option: i32, value: &T) {
    // SAFETY: It only reads the value, with its size.
    unsafe {
        libc::setsockopt(
            fd,
            level,
            option,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
}

/// Makes the close of a TCP socket reset the connection.
pub(crate) const RESET: libc::linger = libc::linger {
    l_onoff: 1,
    l_linger: 0,
};

impl Drop for World {
    fn drop(&mut self) {
        for place in 0..SLOTS {
            let slot = self.slots[place];
            if matches!(slot.end, End::Tcp | End::TcpIdle) {
                // Then nothing of it stays in the network.
                set_option(slot.fd, libc::SOL_SOCKET, libc::SO_LINGER, &RESET);
            }
            if slot.fd >= 0 {
                self.close_now(place);
            }
        }
        self.environment.forget_signals();
    }
}

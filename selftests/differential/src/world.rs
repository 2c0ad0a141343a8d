// SPDX-License-Identifier: GPL-2.0

//! The files that are watched: a fixed number of places for descriptors.
//!
//! A step names a place, so that what the other steps mean does not change when shrinking takes one
//! out. The numbers of the descriptors are those that the kernel gives: they are used again, as
//! the addresses of files are.

use crate::{environment::Environment, poller::errno, program::Program, witness::Witness};
use std::os::fd::RawFd;

/// How many places there are.
pub(crate) const SLOTS: usize = 16;

/// What a descriptor is for.
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
    /// The number, or -1.
    pub(crate) fd: RawFd,
    pub(crate) end: End,
    /// The same for all ends of a connection.
    pub(crate) link: u32,
}

const EMPTY: Slot = Slot {
    fd: -1,
    end: End::Closed,
    link: 0,
};

/// All places, and what goes with them.
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

    /// The place that a random number stands for.
    pub(crate) fn place(number: u8) -> usize {
        usize::from(number) % SLOTS
    }

    /// The place that a random number stands for or, mostly, the next that is not empty.
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

    /// The number in a place: -1 if it is empty, an error for every call.
    pub(crate) fn fd(&self, place: usize) -> RawFd {
        self.slots[place].fd
    }

    /// A name for the ends of a new connection.
    pub(crate) fn new_link(&mut self) -> u32 {
        self.links += 1;
        self.links
    }

    /// Puts a descriptor of a new file into a place, which is empty.
    pub(crate) fn put(&mut self, place: usize, fd: RawFd, end: End, link: u32) {
        assert!(fd >= 0, "cannot make a {end:?}: error {}", errno());
        self.witness.watch(fd, end);
        self.slots[place] = Slot { fd, end, link };
    }

    /// Changes what the descriptors of a file are for.
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
    /// `src/module/DIFFERENCES.md`: a closed pseudo-terminal master is held for some
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
        // SAFETY: The descriptor is the place's own.
        unsafe { libc::close(self.fd(place)) };
        self.witness.stir();
    }

    /// Puts a duplicate of one place's descriptor into another: under the number that is there,
    /// or a new one.
    pub(crate) fn duplicate(&mut self, from: usize, to: usize) {
        let (old, new) = (self.fd(from), self.fd(to));
        if old < 0 || from == to || !self.may_close(to) {
            return;
        }
        // A master whose duplicates are closed one by one would be closed in the end.
        if self.slots[from].end == End::TtyMaster {
            return;
        }
        let fd = if new >= 0 {
            self.program
                .line(|| format!("dup3(f[{from}], f[{to}], O_CLOEXEC);"));
            // SAFETY: Both descriptors are places' own.
            unsafe { libc::dup3(old, new, libc::O_CLOEXEC) }
        } else {
            self.program.line(|| format!("f[{to}] = dup(f[{from}]);"));
            // SAFETY: The descriptor is the place's own.
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

    /// Has all TCP ends of a connection acknowledge at once what they have received.
    pub(crate) fn quicken(&mut self, link: u32) {
        for place in 0..SLOTS {
            let slot = self.slots[place];
            if slot.end == End::Tcp && slot.link == link {
                self.set_option(place, libc::IPPROTO_TCP, libc::TCP_QUICKACK, 1);
                self.program.line(|| format!("quickack(f[{place}]);"));
            }
        }
    }

    /// Sets an option of a socket that is a number.
    pub(crate) fn set_option(&mut self, place: usize, level: i32, option: i32, value: i32) {
        set_option(self.fd(place), level, option, &value);
        self.witness.stir();
    }
}

/// Sets an option of a socket. That may fail, as on one that was reset.
pub(crate) fn set_option<T>(fd: RawFd, level: i32, option: i32, value: &T) {
    // SAFETY: The value is only read, with its size.
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

/// Resets a TCP socket on its close.
pub(crate) const RESET: libc::linger = libc::linger {
    l_onoff: 1,
    l_linger: 0,
};

impl Drop for World {
    fn drop(&mut self) {
        for place in 0..SLOTS {
            let slot = self.slots[place];
            if matches!(slot.end, End::Tcp | End::TcpIdle) {
                // Nothing of it is left behind in the network then.
                set_option(slot.fd, libc::SOL_SOCKET, libc::SO_LINGER, &RESET);
            }
            if slot.fd >= 0 {
                self.close_now(place);
            }
        }
        self.environment.forget_signals();
    }
}

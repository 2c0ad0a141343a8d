// SPDX-License-Identifier: GPL-2.0

//! Actions on open files, according to their kind.

use crate::{
    environment::SIGNALS,
    file::{accept, prepare_tcp, Address},
    world::{set_option, End, World, RESET},
};
use libc::{MSG_OOB, SHUT_RD, SHUT_RDWR, SHUT_WR};
use std::os::fd::RawFd;

/// The number of bytes that one write uses to fill a file, or one read to drain it.
pub(crate) const CHUNK: usize = 4096;

/// The greatest number of repetitions: a full semaphore could be drained for ever.
pub(crate) const REPEAT: usize = 32;

/// The actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    /// Write one byte, or the smallest unit.
    Put,
    /// Read the smallest unit.
    Get,
    /// Write until there is no room.
    Fill,
    /// Read until there is nothing.
    Drain,
    ShutWriting,
    ShutReading,
    ShutBoth,
    /// Send one byte of out-of-band data.
    Urgent,
    /// Close so that the peer receives a reset.
    Reset,
    /// Connect to the listener in the other place.
    Connect,
    /// Accept into the other place.
    Accept,
    /// Let the timer expire.
    Expire,
    /// Set the timer to a time that never comes.
    Arm,
    Disarm,
    /// Send a signal to this process.
    Signal,
    /// Change the attributes of the file that inotify watches.
    Touch,
}

use Act::*;

impl End {
    /// The possible actions on it, the simplest first. Actions that are listed more often are more
    /// likely.
    fn acts(self) -> &'static [Act] {
        match self {
            Self::Closed | Self::Still => &[],
            Self::Eventfd => &[Put, Get, Put, Get, Fill, Drain],
            Self::PipeReader => &[Get, Drain, Get, Drain],
            Self::PipeWriter => &[Put, Fill, Put],
            Self::UnixStream => &[
                Put,
                Get,
                Put,
                Get,
                Fill,
                Drain,
                Put,
                Get,
                Drain,
                ShutWriting,
                ShutReading,
                ShutBoth,
                Urgent,
            ],
            Self::UnixPackets => &[
                Put,
                Get,
                Put,
                Get,
                Fill,
                Drain,
                Put,
                Get,
                Drain,
                ShutWriting,
                ShutReading,
                ShutBoth,
            ],
            Self::UnixListener | Self::TcpListener => &[Accept, Accept, ShutReading],
            Self::Tcp => &[
                Put,
                Get,
                Put,
                Get,
                Fill,
                Drain,
                Put,
                Get,
                Put,
                Get,
                Drain,
                Fill,
                Put,
                Get,
                Drain,
                ShutWriting,
                ShutReading,
                ShutBoth,
                Urgent,
                Reset,
            ],
            Self::TcpIdle => &[Connect, Connect, Put],
            Self::Udp => &[
                Put,
                Get,
                Put,
                Get,
                Put,
                Drain,
                Fill,
                ShutWriting,
                ShutReading,
            ],
            Self::Timer => &[Expire, Get, Disarm, Arm],
            Self::Signals => &[Signal, Get, Signal, Drain],
            Self::Inotify => &[Touch, Get, Touch, Drain],
            Self::TtyMaster | Self::TtySlave => &[Put, Get, Put, Drain],
        }
    }
}

impl World {
    /// Performs the action on the file in `place` that a random number selects. Returns the action,
    /// if there was one.
    pub(crate) fn act(&mut self, place: usize, number: u16, other: usize) -> Option<(End, Act)> {
        let slot = self.slot(place);
        let acts = slot.end.acts();
        let act = *acts.get(usize::from(number) % acts.len().max(1))?;
        self.witness.stir();
        self.perform(act, place, number, other);
        self.quicken(slot.link);
        Some((slot.end, act))
    }

    fn perform(&mut self, act: Act, place: usize, number: u16, other: usize) {
        let slot = self.slot(place);
        let fd = slot.fd;
        match act {
            Put if matches!(slot.end, End::TtyMaster | End::TtySlave) => self.type_one(place),
            Put => self.put_one(place),
            Get => {
                self.program
                    .line(|| format!("get(f[{place}], {});", smallest(slot.end)));
                read(fd, smallest(slot.end));
            }
            Fill if slot.end == End::Eventfd => {
                self.program
                    .line(|| format!("put(f[{place}], UINT64_MAX - 1, 8);"));
                write(fd, &(u64::MAX - 1).to_ne_bytes());
            }
            // Datagrams that find no room are dropped, so there is always room.
            Fill if slot.end == End::Udp => {
                self.program.line(|| format!("fill(f[{place}], 1024, 4);"));
                for _ in 0..4 {
                    write(fd, &[0; 1024]);
                }
            }
            Fill => {
                self.program
                    .line(|| format!("fill(f[{place}], {CHUNK}, {REPEAT});"));
                let _ = (0..REPEAT).all(|_| write(fd, &[0; CHUNK]));
            }
            Drain => {
                self.program.line(|| format!("drain(f[{place}]);"));
                let _ = (0..REPEAT).all(|_| read(fd, CHUNK));
            }
            ShutWriting => self.shutdown(place, SHUT_WR, "SHUT_WR"),
            ShutReading => self.shutdown(place, SHUT_RD, "SHUT_RD"),
            ShutBoth => self.shutdown(place, SHUT_RDWR, "SHUT_RDWR"),
            Urgent => {
                self.program
                    .line(|| format!("send(f[{place}], buf, 1, MSG_OOB);"));
                // SAFETY: It reads one byte.
                unsafe { libc::send(fd, [0u8].as_ptr().cast(), 1, MSG_OOB) };
            }
            Reset => {
                self.program.line(|| format!("reset_on_close(f[{place}]);"));
                set_option(fd, libc::SOL_SOCKET, libc::SO_LINGER, &RESET);
                self.close(place);
            }
            Connect => self.connect(place, other),
            Accept if number & 0x100 == 0 => self.accept(place, other),
            Accept => self.connect_to(place, other),
            Expire => self.expire(place),
            Arm => self.set_timer(place, 0, 1_000_000),
            Disarm => self.set_timer(place, 0, 0),
            Signal => {
                let signal = SIGNALS[usize::from(number >> 8) % SIGNALS.len()];
                self.program.line(|| format!("raise({signal});"));
                // SAFETY: The signal is blocked.
                unsafe { libc::raise(signal) };
            }
            Touch => {
                self.program.line(|| "touch_file();".to_owned());
                // SAFETY: The name ends with a zero.
                unsafe { libc::chmod(self.environment.file.as_ptr(), 0o600) };
            }
        }
    }

    fn put_one(&mut self, place: usize) {
        let slot = self.slot(place);
        if slot.end == End::Eventfd {
            self.program.line(|| format!("put(f[{place}], 1, 8);"));
            write(slot.fd, &1u64.to_ne_bytes());
        } else {
            self.program.line(|| format!("put(f[{place}], 0, 1);"));
            write(slot.fd, &[0]);
        }
    }

    /// Writes to one end of a terminal. The work item that passes the byte on has run once a poll
    /// of the other end has waited for it; the poll waits only if there was nothing to read before.
    fn type_one(&mut self, place: usize) {
        let slot = self.slot(place);
        let Some(peer) = self.other_end(place) else {
            return;
        };
        let peer = self.fd(peer);
        if readable(peer, 0) {
            return;
        }
        self.put_one(place);
        if slot.fd >= 0 {
            readable(peer, 0);
        }
    }

    /// The place of another end of the same connection.
    fn other_end(&self, place: usize) -> Option<usize> {
        let here = self.slot(place);
        (0..crate::world::SLOTS).find(|&there| {
            let slot = self.slot(there);
            slot.link == here.link && slot.end != here.end && slot.fd >= 0
        })
    }

    fn shutdown(&mut self, place: usize, how: i32, name: &str) {
        self.program
            .line(|| format!("shutdown(f[{place}], {name});"));
        // SAFETY: No memory is passed.
        unsafe { libc::shutdown(self.fd(place), how) };
    }

    /// Connects an idle socket to a listener.
    fn connect(&mut self, place: usize, listener: usize) {
        let there = self.slot(listener);
        if there.end != End::TcpListener {
            return;
        }
        self.program
            .line(|| format!("connect_to(f[{place}], f[{listener}]);"));
        let fd = self.fd(place);
        prepare_tcp(fd);
        Address::of(there.fd).connect(fd);
        self.becomes(place, End::Tcp, there.link);
        self.quicken(there.link);
    }

    /// Connects a new socket to a listener.
    fn connect_to(&mut self, listener: usize, place: usize) {
        if place == listener || !self.close(place) {
            return;
        }
        let there = self.slot(listener);
        let (family, name, end) = if there.end == End::TcpListener {
            (libc::AF_INET, "AF_INET", End::Tcp)
        } else {
            (libc::AF_UNIX, "AF_UNIX", End::UnixStream)
        };
        self.program.line(|| {
            format!("f[{place}] = socket({name}, SOCK_STREAM | SOCK_NONBLOCK, 0); connect_to(f[{place}], f[{listener}]);")
        });
        // SAFETY: No memory is passed.
        let fd = unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0) };
        if end == End::Tcp {
            prepare_tcp(fd);
        }
        Address::of(there.fd).connect(fd);
        self.put(place, fd, end, there.link);
    }

    fn accept(&mut self, listener: usize, place: usize) {
        if place == listener || !self.close(place) {
            return;
        }
        let there = self.slot(listener);
        self.program
            .line(|| format!("f[{place}] = accept_from(f[{listener}]);"));
        let fd = accept(there.fd);
        if fd < 0 {
            return;
        }
        if there.end == End::TcpListener {
            prepare_tcp(fd);
            self.put(place, fd, End::Tcp, there.link);
        } else {
            self.put(place, fd, End::UnixStream, there.link);
        }
    }

    /// Sets a timer to the first nanosecond of the clock, and waits for the interrupt.
    fn expire(&mut self, place: usize) {
        self.set_timer(place, 1, 0);
        self.program.line(|| format!("await(f[{place}]);"));
        readable(self.fd(place), -1);
    }

    fn set_timer(&mut self, place: usize, nanoseconds: i64, seconds: i64) {
        self.program
            .line(|| format!("set_timer(f[{place}], {seconds}, {nanoseconds});"));
        let time = libc::itimerspec {
            it_interval: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: libc::timespec {
                tv_sec: seconds,
                tv_nsec: nanoseconds,
            },
        };
        let mode = if nanoseconds != 0 {
            libc::TFD_TIMER_ABSTIME
        } else {
            0
        };
        // SAFETY: It only reads the time; the old time is not requested.
        unsafe { libc::timerfd_settime(self.fd(place), mode, &time, std::ptr::null_mut()) };
    }
}

/// The smallest number of bytes that can be read from a file of this kind.
fn smallest(end: End) -> usize {
    match end {
        End::Eventfd | End::Timer => 8,
        End::Signals => size_of::<libc::signalfd_siginfo>(),
        End::Inotify => size_of::<libc::inotify_event>(),
        _ => 1,
    }
}

/// Whether everything was written.
fn write(fd: RawFd, bytes: &[u8]) -> bool {
    // SAFETY: It only reads the bytes.
    unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) > 0 }
}

/// Whether anything was read.
fn read(fd: RawFd, size: usize) -> bool {
    let mut bytes = std::mem::MaybeUninit::<[u8; CHUNK]>::uninit();
    // SAFETY: There is room for all sizes that are used.
    unsafe { libc::read(fd, bytes.as_mut_ptr().cast(), size) > 0 }
}

/// Whether there is something to read within a time in milliseconds.
fn readable(fd: RawFd, timeout: i32) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: It points to one structure.
    unsafe { libc::poll(&mut poll, 1, timeout) > 0 }
}

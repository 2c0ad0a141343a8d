// SPDX-License-Identifier: GPL-2.0

//! Creates files of each kind. All are non-blocking.

use crate::{
    barrier,
    environment::signal_set,
    poller::errno,
    world::{set_option, End, World},
};
use libc::{
    AF_INET, AF_UNIX, IPPROTO_TCP, O_CLOEXEC, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY, SOCK_DGRAM,
    SOCK_NONBLOCK, SOCK_SEQPACKET, SOCK_STREAM, SOL_SOCKET,
};
use std::{ffi::CStr, os::fd::RawFd};

/// A kind of file, or of connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Eventfd,
    Semaphore,
    Pipe,
    Fifo,
    UnixStream,
    UnixDatagram,
    UnixSeqpacket,
    UnixListener,
    Tcp,
    TcpListener,
    TcpIdle,
    Udp,
    UdpAlone,
    Timer,
    Signals,
    Inotify,
    Tty,
    Mounts,
    Random,
    NotPollable,
}

/// The kinds, the simplest first. Kinds that are listed more often occur more often.
pub(crate) const KINDS: [Kind; 32] = [
    Kind::Eventfd,
    Kind::Pipe,
    Kind::UnixStream,
    Kind::Tcp,
    Kind::Eventfd,
    Kind::Pipe,
    Kind::UnixStream,
    Kind::Tcp,
    Kind::Eventfd,
    Kind::Pipe,
    Kind::UnixStream,
    Kind::Tcp,
    Kind::Tcp,
    Kind::TcpListener,
    Kind::TcpListener,
    Kind::TcpIdle,
    Kind::UnixDatagram,
    Kind::UnixSeqpacket,
    Kind::UnixListener,
    Kind::Udp,
    Kind::Udp,
    Kind::UdpAlone,
    Kind::Fifo,
    Kind::Fifo,
    Kind::Semaphore,
    Kind::Timer,
    Kind::Signals,
    Kind::Inotify,
    Kind::Tty,
    Kind::Mounts,
    Kind::Random,
    Kind::NotPollable,
];

/// Small, so that a few writes fill the buffers.
pub(crate) const BUFFER: i32 = 4096;

impl World {
    /// Creates a file in `place`, and its other end, if it has one, in `other`. Both places are
    /// emptied before.
    pub(crate) fn open(&mut self, kind: Kind, place: usize, other: usize) {
        if !self.close(place) {
            return;
        }
        match kind {
            Kind::Eventfd => self.one(place, End::Eventfd, "eventfd(0, EFD_NONBLOCK)", |_| {
                // SAFETY: No memory is passed.
                unsafe { libc::eventfd(0, libc::EFD_NONBLOCK) }
            }),
            Kind::Semaphore => {
                let call = "eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE)";
                self.one(place, End::Eventfd, call, |_| {
                    // SAFETY: As above.
                    unsafe { libc::eventfd(2, libc::EFD_NONBLOCK | libc::EFD_SEMAPHORE) }
                });
            }
            Kind::Pipe => {
                let ends = [End::PipeReader, End::PipeWriter];
                self.two(place, other, ends, "pipe2(fds, O_NONBLOCK)", |_| {
                    let mut fds = [-1; 2];
                    // SAFETY: There is room for two.
                    unsafe { libc::pipe2(fds.as_mut_ptr(), O_NONBLOCK) };
                    fds
                });
            }
            Kind::Fifo => self.two(
                place,
                other,
                [End::PipeReader, End::PipeWriter],
                "open_fifo(fds)",
                |world| {
                    [O_RDONLY, O_WRONLY]
                        .map(|mode| open(&world.environment.fifo, mode | O_NONBLOCK))
                },
            ),
            Kind::UnixStream => self.unix_pair(place, other, SOCK_STREAM, "SOCK_STREAM"),
            Kind::UnixDatagram => self.unix_pair(place, other, SOCK_DGRAM, "SOCK_DGRAM"),
            Kind::UnixSeqpacket => self.unix_pair(place, other, SOCK_SEQPACKET, "SOCK_SEQPACKET"),
            Kind::UnixListener => {
                self.one(place, End::UnixListener, "listening(AF_UNIX)", |_| {
                    listening(AF_UNIX)
                });
            }
            Kind::Tcp => {
                self.two(place, other, [End::Tcp; 2], "tcp_pair(fds)", Self::tcp_pair);
                self.quicken(self.slot(place).link);
            }
            Kind::TcpListener => {
                self.one(place, End::TcpListener, "listening(AF_INET)", |_| {
                    listening(AF_INET)
                });
            }
            Kind::TcpIdle => {
                let call = "socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)";
                self.one(place, End::TcpIdle, call, |_| socket(AF_INET, SOCK_STREAM));
            }
            Kind::Udp => self.two(place, other, [End::Udp; 2], "udp_pair(fds)", Self::udp_pair),
            Kind::UdpAlone => {
                let call = "socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)";
                self.one(place, End::Udp, call, |_| socket(AF_INET, SOCK_DGRAM));
            }
            Kind::Timer => {
                let call = "timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)";
                self.one(place, End::Timer, call, |_| {
                    // SAFETY: No memory is passed.
                    unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK) }
                });
            }
            Kind::Signals => {
                let call = "signalfd(-1, &signals, SFD_NONBLOCK)";
                self.one(place, End::Signals, call, |_| {
                    // SAFETY: It only reads the set.
                    unsafe { libc::signalfd(-1, &signal_set(), libc::SFD_NONBLOCK) }
                });
            }
            Kind::Inotify => self.one(place, End::Inotify, "watch_file()", |world| {
                // SAFETY: The name ends with a zero.
                unsafe {
                    let fd = libc::inotify_init1(libc::IN_NONBLOCK);
                    libc::inotify_add_watch(fd, world.environment.file.as_ptr(), libc::IN_ATTRIB);
                    fd
                }
            }),
            Kind::Tty => {
                let ends = [End::TtyMaster, End::TtySlave];
                self.two(place, other, ends, "open_tty(fds)", |_| tty());
            }
            Kind::Mounts => self.still(place, c"/proc/self/mounts"),
            Kind::Random => self.still(place, c"/dev/urandom"),
            Kind::NotPollable => self.still(place, c"/"),
        }
    }

    fn one(&mut self, place: usize, end: End, call: &str, make: impl FnOnce(&Self) -> RawFd) {
        self.program.line(|| format!("f[{place}] = {call};"));
        let fd = make(self);
        let link = self.new_link();
        self.put(place, fd, end, link);
    }

    fn two(
        &mut self,
        place: usize,
        other: usize,
        ends: [End; 2],
        call: &str,
        make: impl FnOnce(&Self) -> [RawFd; 2],
    ) {
        if place == other || !self.close(other) {
            return;
        }
        self.program
            .line(|| format!("{call}; f[{place}] = fds[0]; f[{other}] = fds[1];"));
        let fds = make(self);
        let link = self.new_link();
        self.put(place, fds[0], ends[0], link);
        self.put(other, fds[1], ends[1], link);
    }

    fn unix_pair(&mut self, place: usize, other: usize, kind: i32, name: &str) {
        let end = if kind == SOCK_STREAM {
            End::UnixStream
        } else {
            End::UnixPackets
        };
        self.two(
            place,
            other,
            [end; 2],
            &format!("unix_pair({name}, fds)"),
            |_| {
                let mut fds = [-1; 2];
                // SAFETY: There is room for two.
                unsafe { libc::socketpair(AF_UNIX, kind | SOCK_NONBLOCK, 0, fds.as_mut_ptr()) };
                for fd in fds {
                    set_option(fd, SOL_SOCKET, libc::SO_SNDBUF, &BUFFER);
                }
                fds
            },
        );
    }

    fn still(&mut self, place: usize, name: &CStr) {
        self.program
            .line(|| format!("f[{place}] = open({name:?}, O_RDONLY);"));
        let fd = open(name, O_RDONLY);
        let link = self.new_link();
        self.put(place, fd, End::Still, link);
    }
}

fn open(name: &CStr, mode: i32) -> RawFd {
    // SAFETY: The name ends with a zero.
    unsafe { libc::open(name.as_ptr(), mode | O_CLOEXEC) }
}

fn socket(family: i32, kind: i32) -> RawFd {
    // SAFETY: No memory is passed.
    unsafe { libc::socket(family, kind | SOCK_NONBLOCK, 0) }
}

/// An address of any family, with its length.
pub(crate) struct Address {
    storage: libc::sockaddr_storage,
    length: libc::socklen_t,
}

impl Address {
    /// An address of this family with any free port or name.
    fn any(family: i32) -> Self {
        // SAFETY: Zeros are a valid address.
        let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
        storage.ss_family = family as libc::sa_family_t;
        let length = if family == AF_INET {
            let address = (&raw mut storage).cast::<libc::sockaddr_in>();
            // SAFETY: The storage is large enough for every family.
            unsafe { (*address).sin_addr.s_addr = libc::INADDR_LOOPBACK.to_be() };
            size_of::<libc::sockaddr_in>()
        } else {
            // So short that the kernel chooses a name.
            size_of::<libc::sa_family_t>()
        };
        Self {
            storage,
            length: length as libc::socklen_t,
        }
    }

    /// The address of a socket.
    pub(crate) fn of(fd: RawFd) -> Self {
        let mut address = Self::any(AF_UNIX);
        address.length = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        // SAFETY: The address has room for the length that is passed.
        unsafe { libc::getsockname(fd, (&raw mut address.storage).cast(), &mut address.length) };
        address
    }

    fn bind(&self, fd: RawFd) {
        // SAFETY: The address is valid, with its length.
        let result = unsafe { libc::bind(fd, (&raw const self.storage).cast(), self.length) };
        assert!(result == 0, "cannot bind: error {}", errno());
    }

    /// Connects a socket to the address. That may fail, because any two sockets may be connected.
    pub(crate) fn connect(&self, fd: RawFd) {
        // SAFETY: As above.
        unsafe { libc::connect(fd, (&raw const self.storage).cast(), self.length) };
    }
}

fn listening(family: i32) -> RawFd {
    let fd = socket(family, SOCK_STREAM);
    Address::any(family).bind(fd);
    // SAFETY: No memory is passed.
    unsafe { libc::listen(fd, 64) };
    fd
}

/// Small buffers, and no delay before sending.
pub(crate) fn prepare_tcp(fd: RawFd) {
    set_option(fd, SOL_SOCKET, libc::SO_SNDBUF, &BUFFER);
    set_option(fd, SOL_SOCKET, libc::SO_RCVBUF, &BUFFER);
    set_option(fd, IPPROTO_TCP, libc::TCP_NODELAY, &1i32);
}

impl World {
    fn tcp_pair(&self) -> [RawFd; 2] {
        let ends = match self.environment.barrier {
            Some(_) => barrier::connection().expect("the wire is there"),
            None => local_pair(),
        };
        ends.map(prepare_tcp);
        ends
    }

    fn udp_pair(&self) -> [RawFd; 2] {
        let ends = match self.environment.barrier {
            Some(_) => barrier::datagram_pair().expect("the wire is there"),
            None => local_datagrams(),
        };
        for fd in ends {
            set_option(fd, SOL_SOCKET, libc::SO_SNDBUF, &BUFFER);
            set_option(fd, SOL_SOCKET, libc::SO_RCVBUF, &BUFFER);
        }
        ends
    }
}

fn local_pair() -> [RawFd; 2] {
    let listener = listening(AF_INET);
    let client = socket(AF_INET, SOCK_STREAM);
    Address::of(listener).connect(client);
    let server = accept(listener);
    // SAFETY: This function owns the descriptor.
    unsafe { libc::close(listener) };
    [client, server]
}

/// Accepts a connection, if there is one.
pub(crate) fn accept(listener: RawFd) -> RawFd {
    // SAFETY: The address of the peer is not requested.
    unsafe {
        libc::accept4(
            listener,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            SOCK_NONBLOCK,
        )
    }
}

fn local_datagrams() -> [RawFd; 2] {
    let fds = [socket(AF_INET, SOCK_DGRAM), socket(AF_INET, SOCK_DGRAM)];
    for fd in fds {
        Address::any(AF_INET).bind(fd);
    }
    Address::of(fds[1]).connect(fds[0]);
    Address::of(fds[0]).connect(fds[1]);
    fds
}

/// A pseudo-terminal that passes bytes on unchanged.
fn tty() -> [RawFd; 2] {
    let mut fds = [-1; 2];
    // SAFETY: There is room for two descriptors and one set of attributes; name and size are not
    // requested.
    unsafe {
        let mut attributes: libc::termios = std::mem::zeroed();
        libc::cfmakeraw(&mut attributes);
        libc::openpty(
            &mut fds[0],
            &mut fds[1],
            std::ptr::null_mut(),
            &attributes,
            std::ptr::null(),
        );
        for fd in fds {
            libc::fcntl(fd, libc::F_SETFL, O_NONBLOCK | O_RDWR);
        }
    }
    fds
}

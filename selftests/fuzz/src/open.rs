// SPDX-License-Identifier: GPL-2.0

//! Opens files of each kind. No file ever blocks a program: all that could are non-blocking.

use crate::{fuse, program::Kind};
use repoll::uapi;
use std::{
    ffi::{c_int, CStr},
    fs, io,
    mem::{size_of, zeroed},
    os::fd::{IntoRawFd, RawFd},
    ptr,
};

/// A folder for the files that need a name.
const FOLDER: &CStr = c"/tmp/fuzz";
const FIFO: &CStr = c"/tmp/fuzz/fifo";

const PATH_FLAGS: c_int = libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY;

/// One or two descriptors; negative if there is none.
type Pair = [RawFd; 2];

/// Creates the files that need a name.
pub fn prepare() -> io::Result<()> {
    fs::create_dir_all("/tmp/fuzz")?;
    // SAFETY: It reads a string that ends with a zero byte.
    let status = unsafe { libc::mkfifo(FIFO.as_ptr(), 0o600) };
    match io::Error::last_os_error() {
        error if status != 0 && error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Opens one or two files.
pub fn open(kind: Kind) -> Pair {
    let one = |fd| [fd, -1];
    // SAFETY: Each of these creates descriptors, and accesses only the strings and masks whose
    // addresses it gets.
    unsafe {
        match kind {
            Kind::Eventfd => one(libc::eventfd(0, libc::EFD_NONBLOCK)),
            Kind::Pipe => two(|fds| libc::pipe2(fds, libc::O_NONBLOCK)),
            Kind::Fifo => one(path(FIFO, libc::O_RDWR)),
            Kind::UnixStream => unix(libc::SOCK_STREAM),
            Kind::UnixDatagram => unix(libc::SOCK_DGRAM),
            Kind::UnixSeqpacket => unix(libc::SOCK_SEQPACKET),
            Kind::Tcp => tcp(true),
            Kind::TcpListener => tcp(false),
            Kind::Udp => udp(),
            Kind::Pty => pty(),
            Kind::Timer => one(libc::timerfd_create(
                libc::CLOCK_MONOTONIC,
                libc::TFD_NONBLOCK,
            )),
            Kind::Signal => {
                let mut mask = zeroed();
                libc::sigaddset(&mut mask, libc::SIGUSR1);
                one(libc::signalfd(-1, &mask, libc::SFD_NONBLOCK))
            }
            Kind::Inotify => {
                let fd = libc::inotify_init1(libc::IN_NONBLOCK);
                libc::inotify_add_watch(fd, FOLDER.as_ptr(), libc::IN_OPEN | libc::IN_CLOSE);
                one(fd)
            }
            Kind::Fanotify => one(libc::fanotify_init(libc::FAN_NONBLOCK, 0)),
            Kind::Pid => one(libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0) as RawFd),
            Kind::Epoll => one(libc::epoll_create1(0)),
            Kind::Uring => {
                // A struct io_uring_params without any settings.
                let mut params = [0u32; 30];
                one(libc::syscall(libc::SYS_io_uring_setup, 1, params.as_mut_ptr()) as RawFd)
            }
            Kind::Mounts => one(path(c"/proc/self/mountinfo", libc::O_RDONLY)),
            Kind::Control => one(control()),
            Kind::ControlPath => one(path(uapi::REPOLL_DEVICE, libc::O_PATH)),
            Kind::Null => one(path(c"/dev/null", libc::O_RDWR)),
            Kind::Regular => one(libc::memfd_create(c"fuzz".as_ptr(), 0)),
            Kind::Folder => one(path(FOLDER, libc::O_RDONLY)),
            Kind::FuseFifo => [fuse::FIFO, fuse::ALIAS].map(|name| path(name, libc::O_RDWR)),
            Kind::FuseFile => one(path(fuse::FILE, libc::O_RDWR)),
            Kind::Wire => over_wire(),
        }
    }
}

/// Opens the control node.
pub fn control() -> RawFd {
    path(uapi::REPOLL_DEVICE, libc::O_RDWR)
}

fn path(name: &CStr, flags: c_int) -> RawFd {
    // SAFETY: It reads a string that ends with a zero byte.
    unsafe { libc::open(name.as_ptr(), flags | PATH_FLAGS) }
}

fn two(call: impl FnOnce(*mut RawFd) -> c_int) -> Pair {
    let mut fds = [-1; 2];
    call(fds.as_mut_ptr());
    fds
}

fn unix(kind: c_int) -> Pair {
    // SAFETY: It writes two descriptors, for which there is room.
    two(|fds| unsafe { libc::socketpair(libc::AF_UNIX, kind | libc::SOCK_NONBLOCK, 0, fds) })
}

/// An internet socket, bound to its own port on the loopback device.
fn bound(kind: c_int) -> (RawFd, libc::sockaddr_in) {
    // SAFETY: These read and write only the address, which is plain data of the given length.
    unsafe {
        let fd = libc::socket(libc::AF_INET, kind | libc::SOCK_NONBLOCK, 0);
        let mut address: libc::sockaddr_in = zeroed();
        address.sin_family = libc::AF_INET as u16;
        address.sin_addr.s_addr = libc::INADDR_LOOPBACK.to_be();
        let mut len = size_of::<libc::sockaddr_in>() as u32;
        libc::bind(fd, ptr::from_ref(&address).cast(), len);
        libc::getsockname(fd, ptr::from_mut(&mut address).cast(), &mut len);
        (fd, address)
    }
}

fn connect(fd: RawFd, address: &libc::sockaddr_in) {
    let len = size_of::<libc::sockaddr_in>() as u32;
    // SAFETY: It reads an address of this length.
    unsafe { libc::connect(fd, ptr::from_ref(address).cast(), len) };
}

/// Both ends of a connection; or the listener, and the end that has connected or is connecting.
fn tcp(accept: bool) -> Pair {
    let (listener, address) = bound(libc::SOCK_STREAM);
    // SAFETY: These access no memory except the option, which has the given length. The listener
    // that is closed was just opened here.
    unsafe {
        libc::listen(listener, 1);
        let client = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0);
        connect(client, &address);
        if !accept {
            return [listener, client];
        }
        let server = libc::accept4(
            listener,
            ptr::null_mut(),
            ptr::null_mut(),
            libc::SOCK_NONBLOCK,
        );
        libc::close(listener);
        [client, server]
    }
}

fn over_wire() -> Pair {
    let Ok((left, right)) = wire::connection() else {
        return [-1; 2];
    };
    [left, right].map(|end| {
        // It stays blocking if that fails, and its file is closed with the program in any case.
        let _ = end.set_nonblocking(true);
        end.into_raw_fd()
    })
}

fn udp() -> Pair {
    let (left, address) = bound(libc::SOCK_DGRAM);
    let (right, other) = bound(libc::SOCK_DGRAM);
    connect(left, &other);
    connect(right, &address);
    [left, right]
}

fn pty() -> Pair {
    let master = path(c"/dev/ptmx", libc::O_RDWR);
    let mut unlock: c_int = 0;
    // SAFETY: The first one reads an integer, the second one takes its argument by value.
    unsafe {
        libc::ioctl(master, libc::TIOCSPTLCK, &mut unlock);
        let slave = libc::ioctl(master, libc::TIOCGPTPEER, libc::O_RDWR | PATH_FLAGS);
        [master, slave]
    }
}

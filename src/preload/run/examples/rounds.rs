// SPDX-License-Identifier: GPL-2.0

//! rounds - measures two event loops that modify before they wait. Run it directly, on repoll, and
//! with --gather. If the clock counts instructions, the printed nanoseconds are instructions.

use libc::{c_int, c_void, epoll_event};
use std::{array, hint::black_box, io::Error, time::Instant};

/// How often each connection is served in one measurement, and before it.
const TIMES: usize = 32_000;

/// The result of a function of libc, which must not be an error.
fn good(value: impl Into<i64>) -> c_int {
    let value = value.into();
    assert!(value >= 0, "{}", Error::last_os_error());
    value as c_int
}

/// An event loop with its connections, both ends of each.
struct Server {
    epfd: c_int,
    connections: Vec<[c_int; 2]>,
}

impl Server {
    fn new(connections: usize) -> Self {
        // SAFETY: It takes a number.
        let epfd = good(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) });
        let connections = (0..connections).map(|_| {
            let mut pair = [0; 2];
            let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
            // SAFETY: It writes to two ints.
            good(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, pair.as_mut_ptr()) });
            pair
        });
        Self {
            epfd,
            connections: connections.collect(),
        }
    }

    fn change(&self, op: c_int, fd: c_int, events: c_int) {
        let mut event = epoll_event {
            events: events as u32,
            u64: fd as u64,
        };
        // SAFETY: The event is readable.
        good(unsafe { libc::epoll_ctl(self.epfd, op, fd, &mut event) });
    }

    fn add(&self, events: c_int) {
        for &[_, theirs] in &self.connections {
            self.change(libc::EPOLL_CTL_ADD, theirs, events);
        }
    }

    /// Waits, and serves each connection that has an event.
    fn wait(&self, deal: impl Fn(c_int)) {
        let mut events = [epoll_event { events: 0, u64: 0 }; 64];
        // SAFETY: It writes to the array of events.
        let count = good(unsafe {
            libc::epoll_wait(self.epfd, events.as_mut_ptr(), events.len() as c_int, -1)
        });
        assert_eq!(count as usize, self.connections.len());
        for event in &events[..count as usize] {
            deal(event.u64 as c_int);
        }
    }

    /// All clients send, or receive.
    fn clients(&self, what: fn(c_int)) {
        for &[ours, _] in &self.connections {
            what(ours);
        }
    }
}

fn send(fd: c_int) {
    let message = [1u8; 64];
    // SAFETY: The bytes are readable.
    let sent = unsafe { libc::send(fd, message.as_ptr().cast::<c_void>(), 64, 0) };
    assert_eq!(good(sent as i64), 64);
}

fn receive(fd: c_int) {
    let mut message = [0u8; 64];
    // SAFETY: It writes to the bytes.
    let received = unsafe { libc::recv(fd, message.as_mut_ptr().cast::<c_void>(), 64, 0) };
    assert_eq!(good(received as i64), 64);
    black_box(message);
}

/// Prints the cost of a round for each connection: the median, as other work may interfere.
fn measure(name: &str, connections: usize, round: impl Fn()) {
    let rounds = || {
        let began = Instant::now();
        for _ in 0..TIMES / connections {
            round();
        }
        began.elapsed().as_nanos() as f64 / TIMES as f64
    };
    rounds();
    let mut costs: [f64; 5] = array::from_fn(|_| rounds());
    costs.sort_by(f64::total_cmp);
    let cost = costs[costs.len() / 2];
    println!("{name}, connections: {connections}: {cost:.0}");
}

fn main() {
    let modify = libc::EPOLL_CTL_MOD;
    for connections in [1, 4, 16, 64] {
        let server = Server::new(connections);
        let once = libc::EPOLLIN | libc::EPOLLONESHOT;
        server.add(once);
        server.clients(send);
        measure("one-shot, re-armed", connections, || {
            server.wait(|fd| server.change(modify, fd, once));
        });
    }
    for connections in [1, 4, 16, 64] {
        let server = Server::new(connections);
        server.add(libc::EPOLLIN);
        measure("request, answer when there is room", connections, || {
            server.clients(send);
            server.wait(|fd| {
                receive(fd);
                server.change(modify, fd, libc::EPOLLOUT);
            });
            server.wait(|fd| {
                send(fd);
                server.change(modify, fd, libc::EPOLLIN);
            });
            server.clients(receive);
        });
    }
}

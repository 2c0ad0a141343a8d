// SPDX-License-Identifier: MIT OR Apache-2.0

//! The descriptor of an instance.

use crate::{errno, pair, ready, EPOLLIN, EPOLLOUT};
use repoll::{BusyPoll, Interest, Mode, Poller};
use rustix::{
    event::{poll, PollFd, PollFlags, Timespec},
    io::Errno,
};
use std::{
    io::Write,
    os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd},
    time::Duration,
};

#[test]
fn an_instance_can_be_watched_itself() {
    let poller = Poller::new().unwrap();
    let (a, mut b) = pair();
    poller.add(&a, Interest::READABLE, Mode::LEVEL, 1).unwrap();
    let outer = Poller::new().unwrap();
    outer
        .add(&poller, Interest::READABLE, Mode::LEVEL, 2)
        .unwrap();

    let readable = || {
        let mut fds = [PollFd::new(&poller, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).unwrap();
        fds[0].revents() == PollFlags::IN
    };
    assert!(!readable());
    assert_eq!(ready(&outer), []);
    b.write_all(b"x").unwrap();
    assert!(readable());
    assert_eq!(ready(&outer), [(2, EPOLLIN)]);
}

#[test]
fn a_descriptor_can_be_taken_out_and_put_back() {
    let poller = Poller::new().unwrap();
    let (a, _b) = pair();
    poller.add(&a, Interest::WRITABLE, Mode::LEVEL, 5).unwrap();
    let number = poller.as_raw_fd();
    let fd = OwnedFd::from(poller);
    assert_eq!(fd.as_raw_fd(), number);
    // SAFETY: It is the descriptor of an instance, and given up here.
    let poller = unsafe { Poller::from_raw_fd(fd.into_raw_fd()) };
    assert_eq!(ready(&poller), [(5, EPOLLOUT)]);
    assert_eq!(poller.into_raw_fd(), number);
    // SAFETY: The instance gave it up.
    drop(unsafe { OwnedFd::from_raw_fd(number) });
}

#[test]
fn busy_polling_is_as_it_was_set() {
    let poller = Poller::new().unwrap();
    assert_eq!(poller.busy_poll().unwrap(), BusyPoll::default());
    let busy = BusyPoll {
        time: Duration::from_micros(50),
        budget: 16,
        prefer: true,
    };
    poller.set_busy_poll(busy).unwrap();
    assert_eq!(poller.busy_poll().unwrap(), busy);
    let too_long = BusyPoll {
        time: Duration::from_secs(3600),
        ..busy
    };
    assert_eq!(errno(poller.set_busy_poll(too_long)), Some(Errno::INVAL));
    assert_eq!(poller.busy_poll().unwrap(), busy);
}

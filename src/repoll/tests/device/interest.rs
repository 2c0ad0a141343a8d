// SPDX-License-Identifier: MIT OR Apache-2.0

//! Interests and modes.

use crate::{errno, pair, ready, EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT};
use repoll::{AddMode, Events, Exclusive, Interest, Mode, Poller};
use rustix::{io::Errno, pipe::pipe};
use std::{
    fs::{self, File},
    io::Write,
    net::Shutdown,
    os::fd::AsRawFd,
};

/// The bits that the kernel watches `fd` for.
fn watched(poller: &Poller, fd: &impl AsRawFd) -> u32 {
    let path = format!("/proc/self/fdinfo/{}", poller.as_raw_fd());
    let number = fd.as_raw_fd().to_string();
    let info = fs::read_to_string(path).unwrap();
    let mut lines = info.lines().map(str::split_whitespace);
    let mut line = lines
        .find(|line| line.clone().take(2).eq(["tfd:", &number]))
        .unwrap();
    u32::from_str_radix(line.nth(3).unwrap(), 16).unwrap()
}

#[test]
fn an_event_carries_its_data_and_flags() {
    let poller = Poller::new().unwrap();
    let (a, mut b) = pair();
    poller
        .add(&a, Interest::READABLE, Mode::LEVEL, u64::MAX - 1)
        .unwrap();
    assert_eq!(ready(&poller), []);
    b.write_all(b"x").unwrap();
    assert_eq!(ready(&poller), [(u64::MAX - 1, EPOLLIN)]);
    // Level-triggered: the event stays as long as there is something to read.
    assert_eq!(ready(&poller), [(u64::MAX - 1, EPOLLIN)]);
}

#[test]
fn edges_are_told_once() {
    let poller = Poller::new().unwrap();
    let (a, mut b) = pair();
    poller.add(&a, Interest::READABLE, Mode::EDGE, 1).unwrap();
    b.write_all(b"x").unwrap();
    assert_eq!(ready(&poller), [(1, EPOLLIN)]);
    assert_eq!(ready(&poller), []);
    b.write_all(b"y").unwrap();
    assert_eq!(ready(&poller), [(1, EPOLLIN)]);
}

#[test]
fn modify_changes_interest_and_data() {
    let poller = Poller::new().unwrap();
    let (a, _b) = pair();
    poller.add(&a, Interest::READABLE, Mode::LEVEL, 1).unwrap();
    poller
        .modify(&a, Interest::WRITABLE, Mode::LEVEL, 2)
        .unwrap();
    assert_eq!(ready(&poller), [(2, EPOLLOUT)]);
}

#[test]
fn modify_arms_a_one_shot_again() {
    for mode in [Mode::ONE_SHOT, Mode::EDGE_ONE_SHOT] {
        let poller = Poller::new().unwrap();
        let (a, _b) = pair();
        poller.add(&a, Interest::WRITABLE, mode, 1).unwrap();
        assert_eq!(ready(&poller), [(1, EPOLLOUT)]);
        assert_eq!(ready(&poller), []);
        poller.modify(&a, Interest::WRITABLE, mode, 2).unwrap();
        assert_eq!(ready(&poller), [(2, EPOLLOUT)]);
    }
}

#[test]
fn the_end_of_what_the_peer_sends_is_told_to_who_asks() {
    let poller = Poller::new().unwrap();
    let (a, b) = pair();
    let (c, d) = pair();
    let both = Interest::READABLE | Interest::READ_CLOSED;
    poller.add(&a, both, Mode::LEVEL, 1).unwrap();
    poller.add(&c, Interest::READABLE, Mode::LEVEL, 2).unwrap();
    // Closed ends would have hung up, which every item watches for.
    for end in [&b, &d] {
        end.shutdown(Shutdown::Write).unwrap();
    }
    let mut events = Events::with_capacity(2);
    assert_eq!(poller.wait(&mut events, None).unwrap(), 2);
    for event in &events {
        assert!(event.is_readable() && !event.is_hang_up());
        assert_eq!(event.is_read_closed(), event.data() == 1);
    }
}

#[test]
fn errors_and_hang_ups_are_told_to_who_asks_for_nothing() {
    let poller = Poller::new().unwrap();
    let (reader, writer) = pipe().unwrap();
    let (a, b) = pair();
    poller
        .add(&writer, Interest::empty(), Mode::LEVEL, 1)
        .unwrap();
    poller.add(&a, Interest::empty(), Mode::LEVEL, 2).unwrap();
    assert_eq!(ready(&poller), []);
    drop((reader, b));
    assert_eq!(ready(&poller), [(1, EPOLLERR), (2, EPOLLHUP)]);
}

#[test]
fn what_is_deleted_is_not_told() {
    let poller = Poller::new().unwrap();
    let (a, b) = pair();
    for (data, end) in [(1, &a), (2, &b)] {
        poller
            .add(end, Interest::WRITABLE, Mode::LEVEL, data)
            .unwrap();
    }
    poller.delete(&a).unwrap();
    assert_eq!(ready(&poller), [(2, EPOLLOUT)]);
}

#[test]
fn what_is_closed_is_not_told() {
    let poller = Poller::new().unwrap();
    let (a, b) = pair();
    for (data, end) in [(1, &a), (2, &b)] {
        poller
            .add(end, Interest::WRITABLE, Mode::LEVEL, data)
            .unwrap();
    }
    drop(a);
    assert_eq!(ready(&poller), [(2, EPOLLOUT | EPOLLHUP)]);
}

#[test]
fn errors_tell_what_is_wrong() {
    let poller = Poller::new().unwrap();
    let (a, b) = pair();
    let directory = File::open("/").unwrap();
    let (interest, mode) = (Interest::READABLE, Mode::LEVEL);
    poller.add(&a, interest, mode, 1).unwrap();

    let again = poller.add(&a, interest, mode, 1);
    assert_eq!(errno(again), Some(Errno::EXIST));
    let unknown = poller.modify(&b, interest, mode, 1);
    assert_eq!(errno(unknown), Some(Errno::NOENT));
    assert_eq!(errno(poller.delete(&b)), Some(Errno::NOENT));
    let unpollable = poller.add(&directory, interest, mode, 1);
    assert_eq!(errno(unpollable), Some(Errno::PERM));
    let itself = poller.add(&poller, interest, mode, 1);
    assert_eq!(errno(itself), Some(Errno::INVAL));
}

#[test]
fn the_kernel_watches_as_it_is_told_to() {
    let poller = Poller::new().unwrap();
    let (a, _b) = pair();
    let modes = [Mode::LEVEL, Mode::EDGE, Mode::ONE_SHOT, Mode::EDGE_ONE_SHOT];
    // Root may keep the system awake.
    let modes = modes.map(|mode| [mode, mode.keep_awake()]);
    poller.add(&a, Interest::empty(), Mode::LEVEL, 0).unwrap();
    for mode in modes.into_iter().flatten() {
        for interest in [Interest::empty(), Interest::PRIORITY, Interest::all()] {
            poller.modify(&a, interest, mode, 0).unwrap();
            let bits = interest.bits() | mode.bits() | EPOLLERR | EPOLLHUP;
            assert_eq!(watched(&poller, &a), bits, "{interest:?} {mode:?}");
        }
    }
}

#[test]
fn what_is_exclusive_is_watched_so() {
    let (a, mut b) = pair();
    let modes = [Exclusive::LEVEL, Exclusive::EDGE];
    let modes = modes.map(|mode| [mode, mode.keep_awake()]).into_iter();
    let modes = modes.flatten().map(|mode| [mode, mode.round_robin()]);
    b.write_all(b"x").unwrap();
    for mode in modes.flatten() {
        let poller = Poller::new().unwrap();
        poller.add(&a, Interest::READABLE, mode, 1).unwrap();
        let bits = EPOLLIN | AddMode::from(mode).events() | EPOLLERR | EPOLLHUP;
        assert_eq!(watched(&poller, &a), bits, "{mode:?}");
        assert_eq!(ready(&poller), [(1, EPOLLIN)]);
    }
}

#[test]
fn what_does_not_go_with_exclusive_is_refused() {
    let poller = Poller::new().unwrap();
    let other = Poller::new().unwrap();
    let (a, _b) = pair();
    let exclusive = Exclusive::LEVEL;
    let eventpoll = poller.add(&other, Interest::READABLE, exclusive, 1);
    assert_eq!(errno(eventpoll), Some(Errno::INVAL));
    for interest in [Interest::PRIORITY, Interest::READ_CLOSED] {
        let result = poller.add(&a, interest, exclusive, 1);
        assert_eq!(errno(result), Some(Errno::INVAL));
    }
    poller.add(&a, Interest::READABLE, exclusive, 1).unwrap();
    let modify = poller.modify(&a, Interest::READABLE, Mode::LEVEL, 1);
    assert_eq!(errno(modify), Some(Errno::INVAL));
}

/// Raw bits can express combinations that the types do not allow; the kernel
/// refuses these.
#[test]
fn raw_bits_come_to_the_kernel() {
    let poller = Poller::new().unwrap();
    let (a, _b) = pair();
    let exclusive = AddMode::from(Exclusive::LEVEL).events();
    let one_shot = Mode::ONE_SHOT.bits();
    for (events, flags) in [(exclusive | one_shot, 0), (0, 1), (exclusive, 1 << 31)] {
        let mode = AddMode::from_bits_retain(events, flags);
        let result = poller.add(&a, Interest::READABLE, mode, 1);
        assert_eq!(errno(result), Some(Errno::INVAL), "{mode:?}");
    }
    let bits = Interest::WRITABLE.bits() | one_shot;
    let interest = Interest::from_bits_retain(bits);
    poller.add(&a, interest, Mode::LEVEL, 1).unwrap();
    let result = poller.modify(&a, Interest::READABLE, Mode::from_bits_retain(exclusive), 1);
    assert_eq!(errno(result), Some(Errno::INVAL));
    assert_eq!(ready(&poller), [(1, EPOLLOUT)]);
    assert_eq!(ready(&poller), []);
}

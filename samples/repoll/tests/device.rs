// SPDX-License-Identifier: GPL-2.0

//! The crate on the module itself: it wants a `/dev/repoll` that may be opened.

use repoll::{
    CreateFlags,
    Event,
    EventFlags,
    Repoll, //
};
use rustix::{
    event::{
        poll,
        PollFd,
        PollFlags,
        Timespec, //
    },
    io::{
        fcntl_getfd,
        Errno,
        FdFlags, //
    },
};
use std::{
    fs::File,
    io::{
        self,
        ErrorKind,
        Read,
        Write, //
    },
    os::{
        fd::{
            AsFd,
            AsRawFd,
            FromRawFd,
            IntoRawFd,
            OwnedFd, //
        },
        unix::net::UnixStream,
    },
    thread,
    time::{
        Duration,
        Instant, //
    },
};

fn instance() -> Repoll {
    Repoll::new(CreateFlags::CLOEXEC).unwrap()
}

/// What is ready now, as (data, flags), in the order of the data.
fn ready(repoll: &Repoll) -> Vec<(u64, EventFlags)> {
    let mut events = Vec::with_capacity(16);
    repoll.wait(&mut events, Some(Duration::ZERO)).unwrap();
    let mut ready: Vec<_> = events
        .iter()
        .map(|&Event { flags, data }| (data.u64(), flags))
        .collect();
    ready.sort_by_key(|&(data, _)| data);
    ready
}

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

#[test]
fn close_on_exec_is_as_asked_for() {
    let with = Repoll::new(CreateFlags::CLOEXEC).unwrap();
    let without = Repoll::new(CreateFlags::empty()).unwrap();
    assert_eq!(fcntl_getfd(&with).unwrap(), FdFlags::CLOEXEC);
    assert_eq!(fcntl_getfd(&without).unwrap(), FdFlags::empty());
}

#[test]
fn unknown_flags_are_refused() {
    let error = Repoll::new(CreateFlags::from_bits_retain(1 << 31)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn an_event_carries_its_data_and_flags() {
    let repoll = instance();
    let (a, mut b) = pair();
    repoll.add(a.as_fd(), EventFlags::IN, u64::MAX - 1).unwrap();
    assert_eq!(ready(&repoll), []);
    b.write_all(b"x").unwrap();
    assert_eq!(ready(&repoll), [(u64::MAX - 1, EventFlags::IN)]);
    // Level-triggered: it stays as long as there is something to read.
    assert_eq!(ready(&repoll), [(u64::MAX - 1, EventFlags::IN)]);
}

#[test]
fn edges_are_told_once() {
    let repoll = instance();
    let (a, mut b) = pair();
    let interest = EventFlags::IN | EventFlags::ET;
    repoll.add(a.as_fd(), interest, 1).unwrap();
    b.write_all(b"x").unwrap();
    assert_eq!(ready(&repoll), [(1, EventFlags::IN)]);
    assert_eq!(ready(&repoll), []);
    b.write_all(b"y").unwrap();
    assert_eq!(ready(&repoll), [(1, EventFlags::IN)]);
}

#[test]
fn modify_changes_interest_and_data() {
    let repoll = instance();
    let (a, _b) = pair();
    repoll.add(a.as_fd(), EventFlags::IN, 1).unwrap();
    repoll.modify(a.as_fd(), EventFlags::OUT, 2).unwrap();
    assert_eq!(ready(&repoll), [(2, EventFlags::OUT)]);
}

#[test]
fn modify_arms_a_one_shot_again() {
    let repoll = instance();
    let (a, _b) = pair();
    let interest = EventFlags::OUT | EventFlags::ONESHOT;
    repoll.add(a.as_fd(), interest, 1).unwrap();
    assert_eq!(ready(&repoll).len(), 1);
    assert_eq!(ready(&repoll).len(), 0);
    repoll.modify(a.as_fd(), interest, 1).unwrap();
    assert_eq!(ready(&repoll).len(), 1);
}

#[test]
fn what_is_deleted_is_not_told() {
    let repoll = instance();
    let (a, b) = pair();
    repoll.add(a.as_fd(), EventFlags::OUT, 1).unwrap();
    repoll.add(b.as_fd(), EventFlags::OUT, 2).unwrap();
    repoll.delete(a.as_fd()).unwrap();
    assert_eq!(ready(&repoll), [(2, EventFlags::OUT)]);
}

#[test]
fn what_is_closed_is_not_told() {
    let repoll = instance();
    let (a, b) = pair();
    repoll.add(a.as_fd(), EventFlags::OUT, 1).unwrap();
    repoll.add(b.as_fd(), EventFlags::OUT, 2).unwrap();
    drop(a);
    let hung_up = ready(&repoll);
    assert_eq!(hung_up.len(), 1);
    assert_eq!(hung_up[0].0, 2);
    assert!(hung_up[0].1.contains(EventFlags::HUP));
}

#[test]
fn errors_tell_what_is_wrong() {
    let repoll = instance();
    let (a, b) = pair();
    let directory = File::open("/").unwrap();
    repoll.add(a.as_fd(), EventFlags::IN, 1).unwrap();

    let errno = |result: io::Result<()>| {
        let error = result.unwrap_err();
        Errno::from_io_error(&error).unwrap()
    };
    let again = repoll.add(a.as_fd(), EventFlags::IN, 1);
    assert_eq!(errno(again), Errno::EXIST);
    let unknown = repoll.modify(b.as_fd(), EventFlags::IN, 1);
    assert_eq!(errno(unknown), Errno::NOENT);
    assert_eq!(errno(repoll.delete(b.as_fd())), Errno::NOENT);
    let unpollable = repoll.add(directory.as_fd(), EventFlags::IN, 1);
    assert_eq!(errno(unpollable), Errno::PERM);
    let itself = repoll.add(repoll.as_fd(), EventFlags::IN, 1);
    assert_eq!(errno(itself), Errno::INVAL);
}

#[test]
fn a_wait_gives_no_more_than_the_vector_holds() {
    let repoll = instance();
    let pairs: Vec<_> = (0..3).map(|_| pair()).collect();
    for (data, (a, _)) in pairs.iter().enumerate() {
        let interest = EventFlags::OUT | EventFlags::ET;
        repoll.add(a.as_fd(), interest, data as u64).unwrap();
    }
    let mut events = Vec::with_capacity(2);
    repoll.wait(&mut events, None).unwrap();
    assert_eq!((events.len(), events.capacity()), (2, 2));
    repoll.wait(&mut events, None).unwrap();
    assert_eq!(events.len(), 1);
    repoll.wait(&mut events, Some(Duration::ZERO)).unwrap();
    assert!(events.is_empty());
}

#[test]
fn a_vector_without_capacity_is_refused() {
    let error = instance().wait(&mut Vec::new(), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_timeout_is_waited_for() {
    let timeout = Duration::from_millis(20);
    let begin = Instant::now();
    let mut events = Vec::with_capacity(1);
    instance().wait(&mut events, Some(timeout)).unwrap();
    assert!(events.is_empty());
    assert!(begin.elapsed() >= timeout);
}

/// Two threads, each watching its end, send a byte to and fro: every wait is
/// ended by the other one.
#[test]
fn a_waiting_thread_is_woken() {
    let play = |mut stream: UnixStream, begins: bool| {
        let repoll = instance();
        repoll.add(stream.as_fd(), EventFlags::IN, 7).unwrap();
        let mut events = Vec::with_capacity(4);
        let mut byte = [b'x'];
        if begins {
            stream.write_all(&byte).unwrap();
        }
        for _ in 0..1000 {
            repoll.wait(&mut events, None).unwrap();
            assert_eq!(events.len(), 1);
            assert_eq!(events[0].data.u64(), 7);
            stream.read_exact(&mut byte).unwrap();
            stream.write_all(&byte).unwrap();
        }
        // The peer must find its last byte, not the end of the stream.
        stream
    };
    let (a, b) = pair();
    thread::scope(|scope| {
        let ends = [
            scope.spawn(move || play(a, true)),
            scope.spawn(move || play(b, false)),
        ];
        for end in ends {
            end.join().unwrap();
        }
    });
}

#[test]
fn an_instance_can_be_watched_itself() {
    let repoll = instance();
    let (a, mut b) = pair();
    repoll.add(a.as_fd(), EventFlags::IN, 1).unwrap();

    let readable = |repoll: &Repoll| {
        let mut fds = [PollFd::new(repoll, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).unwrap();
        fds[0].revents() == PollFlags::IN
    };
    assert!(!readable(&repoll));
    b.write_all(b"x").unwrap();
    assert!(readable(&repoll));
}

#[test]
fn a_descriptor_can_be_taken_out_and_put_back() {
    let repoll = instance();
    let (a, _b) = pair();
    repoll.add(a.as_fd(), EventFlags::OUT, 5).unwrap();
    let number = repoll.as_raw_fd();
    let fd = OwnedFd::from(repoll);
    assert_eq!(fd.as_raw_fd(), number);
    // SAFETY: The descriptor is of an instance, and given up here.
    let repoll = unsafe { Repoll::from_raw_fd(fd.into_raw_fd()) };
    assert_eq!(ready(&repoll), [(5, EventFlags::OUT)]);
}

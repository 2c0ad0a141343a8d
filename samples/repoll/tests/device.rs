// SPDX-License-Identifier: GPL-2.0

//! The crate on the module itself: it wants a `/dev/repoll` that may be opened.

use repoll::{
    Batch,
    Change,
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

/// What a change came to: `None` for success.
fn errno(change: &Change<'_>) -> Option<Errno> {
    let error = change.result().err()?;
    Errno::from_io_error(&error)
}

#[test]
fn a_batch_makes_all_changes_in_order() {
    let repoll = instance();
    let (a, b) = pair();
    let mut changes = [
        Change::add(a.as_fd(), EventFlags::OUT, 1),
        Change::add(b.as_fd(), EventFlags::OUT, 2),
        Change::modify(a.as_fd(), EventFlags::OUT, 3),
        Change::delete(b.as_fd()),
    ];
    let batch = repoll.batch(&mut changes).unwrap();
    assert_eq!(batch, Batch { done: 4, failed: 0 });
    assert!(changes.iter().all(|change| change.result().is_ok()));
    assert_eq!(ready(&repoll), [(3, EventFlags::OUT)]);
}

#[test]
fn a_change_that_fails_does_not_stop_the_batch() {
    let repoll = instance();
    let (a, b) = pair();
    let mut changes = [
        Change::delete(a.as_fd()),
        Change::add(a.as_fd(), EventFlags::OUT, 1),
        Change::add(a.as_fd(), EventFlags::OUT, 2),
        Change::add(b.as_fd(), EventFlags::OUT, 3),
    ];
    let batch = repoll.batch(&mut changes).unwrap();
    assert_eq!(batch, Batch { done: 4, failed: 2 });
    let results = changes.each_ref().map(errno);
    assert_eq!(
        results,
        [Some(Errno::NOENT), None, Some(Errno::EXIST), None]
    );
    assert_eq!(ready(&repoll), [(1, EventFlags::OUT), (3, EventFlags::OUT)]);
}

#[test]
fn an_empty_batch_does_nothing() {
    let batch = instance().batch(&mut []).unwrap();
    assert_eq!(batch, Batch { done: 0, failed: 0 });
}

#[test]
fn a_batch_is_made_before_the_wait() {
    let repoll = instance();
    let (a, _b) = pair();
    let interest = EventFlags::OUT | EventFlags::ONESHOT;
    repoll.add(a.as_fd(), interest, 1).unwrap();
    assert_eq!(ready(&repoll).len(), 1);
    let mut events = Vec::with_capacity(4);
    for data in 2..5 {
        let mut arm = [Change::modify(a.as_fd(), interest, data)];
        let batch = repoll.batch_wait(&mut arm, &mut events, None).unwrap();
        assert_eq!(batch, Batch { done: 1, failed: 0 });
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].data.u64(), data);
    }
}

#[test]
fn after_a_change_that_failed_there_is_no_sleep() {
    let repoll = instance();
    let (a, _b) = pair();
    let mut changes = [Change::delete(a.as_fd())];
    let mut events = Vec::with_capacity(4);
    let batch = repoll.batch_wait(&mut changes, &mut events, None).unwrap();
    assert_eq!(batch, Batch { done: 1, failed: 1 });
    assert_eq!(errno(&changes[0]), Some(Errno::NOENT));
    assert!(events.is_empty());
}

#[test]
fn a_wait_after_changes_has_a_timeout() {
    let repoll = instance();
    let (a, _b) = pair();
    let mut changes = [Change::add(a.as_fd(), EventFlags::IN, 1)];
    let timeout = Duration::from_millis(20);
    let begin = Instant::now();
    let mut events = Vec::with_capacity(1);
    let batch = repoll
        .batch_wait(&mut changes, &mut events, Some(timeout))
        .unwrap();
    assert_eq!(batch, Batch { done: 1, failed: 0 });
    assert!(events.is_empty());
    assert!(begin.elapsed() >= timeout);
}

#[test]
fn turns_are_for_exclusive_additions() {
    let interest = EventFlags::IN | EventFlags::EXCLUSIVE;
    let repoll = instance();
    let (a, b) = pair();
    repoll.add_round_robin(a.as_fd(), interest, 1).unwrap();
    let error = repoll
        .add_round_robin(b.as_fd(), EventFlags::IN, 1)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let mut changes = [
        Change::add(b.as_fd(), interest, 1).round_robin(),
        Change::delete(b.as_fd()).round_robin(),
    ];
    let batch = repoll.batch(&mut changes).unwrap();
    assert_eq!(batch, Batch { done: 2, failed: 1 });
    assert_eq!(errno(&changes[1]), Some(Errno::INVAL));
}

#[test]
fn exclusive_items_may_take_turns() {
    let (a, mut b) = pair();
    let repoll = instance();
    let add = |interest| repoll.add_round_robin(a.as_fd(), interest, 1);
    let error = add(EventFlags::IN).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    add(EventFlags::IN | EventFlags::EXCLUSIVE).unwrap();
    b.write_all(b"x").unwrap();
    assert_eq!(ready(&repoll), [(1, EventFlags::IN)]);
}

#[test]
fn an_instance_may_be_first_come_first_woken() {
    let repoll = Repoll::new(CreateFlags::CLOEXEC | CreateFlags::FIFO).unwrap();
    let (a, _b) = pair();
    repoll.add(a.as_fd(), EventFlags::OUT, 1).unwrap();
    assert_eq!(ready(&repoll), [(1, EventFlags::OUT)]);
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

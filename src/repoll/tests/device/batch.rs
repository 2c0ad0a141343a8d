// SPDX-License-Identifier: MIT OR Apache-2.0

//! Batches of changes, with and without a wait.

use crate::{errno, pair, ready, EPOLLOUT};
use repoll::{Batch, Change, Events, Exclusive, Interest, Mode, Poller};
use rustix::io::Errno;
use std::{
    os::fd::AsFd,
    time::{Duration, Instant},
};

const OUT: Interest = Interest::WRITABLE;

#[test]
fn a_batch_makes_all_changes_in_order() {
    let poller = Poller::new().unwrap();
    let (a, b) = pair();
    let mut changes = [
        Change::add(a.as_fd(), OUT, Mode::LEVEL, 1),
        Change::add(b.as_fd(), OUT, Mode::LEVEL, 2),
        Change::modify(a.as_fd(), OUT, Mode::LEVEL, 3),
        Change::delete(b.as_fd()),
    ];
    let batch = poller.batch(&mut changes).unwrap();
    assert_eq!(batch, Batch { done: 4, failed: 0 });
    assert_eq!(batch.into_result(&changes).unwrap(), 4);
    assert_eq!(ready(&poller), [(3, EPOLLOUT)]);
}

#[test]
fn a_change_that_fails_does_not_stop_the_batch() {
    let poller = Poller::new().unwrap();
    let (a, b) = pair();
    let mut changes = [
        Change::delete(a.as_fd()),
        Change::add(a.as_fd(), OUT, Mode::LEVEL, 1),
        Change::add(a.as_fd(), OUT, Mode::LEVEL, 2),
        Change::add(b.as_fd(), OUT, Mode::LEVEL, 3),
    ];
    let batch = poller.batch(&mut changes).unwrap();
    assert_eq!(batch, Batch { done: 4, failed: 2 });
    let results = changes.each_ref().map(|change| errno(change.result()));
    assert_eq!(
        results,
        [Some(Errno::NOENT), None, Some(Errno::EXIST), None]
    );
    assert_eq!(batch.into_result(&changes).unwrap_err().index, 0);
    assert_eq!(ready(&poller), [(1, EPOLLOUT), (3, EPOLLOUT)]);
}

#[test]
fn an_empty_batch_does_nothing() {
    let batch = Poller::new().unwrap().batch(&mut []).unwrap();
    assert_eq!(batch, Batch { done: 0, failed: 0 });
}

#[test]
fn additions_in_a_batch_may_be_exclusive() {
    let poller = Poller::new().unwrap();
    let (a, b) = pair();
    let turns = Exclusive::LEVEL.round_robin();
    let mut changes = [
        Change::add(a.as_fd(), OUT, turns, 1),
        Change::modify(a.as_fd(), OUT, Mode::LEVEL, 2),
        Change::add(b.as_fd(), Interest::PRIORITY, turns, 3),
    ];
    let batch = poller.batch(&mut changes).unwrap();
    assert_eq!(batch, Batch { done: 3, failed: 2 });
    let results = changes.each_ref().map(|change| errno(change.result()));
    assert_eq!(results, [None, Some(Errno::INVAL), Some(Errno::INVAL)]);
    assert_eq!(ready(&poller), [(1, EPOLLOUT)]);
}

#[test]
fn a_batch_is_made_before_the_wait() {
    let poller = Poller::new().unwrap();
    let (a, _b) = pair();
    poller.add(&a, OUT, Mode::ONE_SHOT, 1).unwrap();
    assert_eq!(ready(&poller).len(), 1);
    let mut events = Events::with_capacity(4);
    for data in 2..5 {
        let mut arm = [Change::modify(a.as_fd(), OUT, Mode::ONE_SHOT, data)];
        let batch = poller.batch_wait(&mut arm, &mut events, None).unwrap();
        assert_eq!(batch, Batch { done: 1, failed: 0 });
        assert_eq!(events.len(), 1);
        assert_eq!(events.get(0).unwrap().data(), data);
    }
}

#[test]
fn after_a_change_that_failed_there_is_no_sleep() {
    let poller = Poller::new().unwrap();
    let (a, _b) = pair();
    let mut changes = [Change::delete(a.as_fd())];
    let mut events = Events::with_capacity(4);
    let batch = poller.batch_wait(&mut changes, &mut events, None).unwrap();
    assert_eq!(batch, Batch { done: 1, failed: 1 });
    assert_eq!(errno(changes[0].result()), Some(Errno::NOENT));
    assert!(events.is_empty());
}

#[test]
fn a_wait_after_changes_has_a_timeout() {
    let poller = Poller::new().unwrap();
    let (a, _b) = pair();
    let mut changes = [Change::add(a.as_fd(), Interest::READABLE, Mode::LEVEL, 1)];
    let timeout = Duration::from_millis(20);
    let begin = Instant::now();
    let mut events = Events::with_capacity(1);
    let batch = poller
        .batch_wait(&mut changes, &mut events, Some(timeout))
        .unwrap();
    assert_eq!(batch, Batch { done: 1, failed: 0 });
    assert!(events.is_empty());
    assert!(begin.elapsed() >= timeout);
}

#[test]
fn a_wait_without_room_comes_after_the_changes() {
    let poller = Poller::new().unwrap();
    let (a, _b) = pair();
    let mut changes = [Change::add(a.as_fd(), OUT, Mode::LEVEL, 1)];
    let result = poller.batch_wait(&mut changes, &mut Events::default(), None);
    assert_eq!(errno(result), Some(Errno::INVAL));
    assert!(changes[0].result().is_ok());
    assert_eq!(ready(&poller), [(1, EPOLLOUT)]);
}

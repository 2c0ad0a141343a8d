// SPDX-License-Identifier: MIT OR Apache-2.0

//! Waits, and what ends them.

use crate::{errno, pair};
use repoll::{Change, Events, Interest, Mode, Poller};
use rustix::io::Errno;
use std::{
    ffi::c_int,
    io::{Read, Write},
    mem,
    os::{
        fd::AsFd,
        unix::{net::UnixStream, thread::JoinHandleExt},
    },
    ptr, thread,
    time::{Duration, Instant},
};

#[test]
fn a_wait_gives_no_more_than_there_is_room_for() {
    let poller = Poller::new().unwrap();
    let pairs: Vec<_> = (0..3).map(|_| pair()).collect();
    for (data, (a, _)) in pairs.iter().enumerate() {
        poller
            .add(a, Interest::WRITABLE, Mode::EDGE, data as u64)
            .unwrap();
    }
    let mut events = Events::with_capacity(2);
    assert_eq!(poller.wait(&mut events, None).unwrap(), 2);
    assert_eq!((events.len(), events.capacity()), (2, 2));
    assert!(events.iter().all(|event| event.is_writable()));
    assert_eq!(poller.wait(&mut events, None).unwrap(), 1);
    assert_eq!(events.len(), 1);
    let none = poller.wait(&mut events, Some(Duration::ZERO)).unwrap();
    assert_eq!(none, 0);
    assert!(events.is_empty());
}

#[test]
fn a_wait_without_room_is_refused() {
    let poller = Poller::new().unwrap();
    let result = poller.wait(&mut Events::default(), None);
    assert_eq!(errno(result), Some(Errno::INVAL));
}

#[test]
fn a_timeout_is_waited_for() {
    let timeout = Duration::from_millis(20);
    let poller = Poller::new().unwrap();
    let mut events = Events::with_capacity(1);
    let begin = Instant::now();
    assert_eq!(poller.wait(&mut events, Some(timeout)).unwrap(), 0);
    assert!(events.is_empty());
    assert!(begin.elapsed() >= timeout);
}

extern "C" fn ignore(_: c_int) {}

/// The result of a wait that a signal interrupts before there is an event. It
/// does not matter whether the handler restarts other calls.
fn interrupted<T: Send + 'static>(
    wait: impl FnOnce(&Poller, &UnixStream, &mut Events) -> T + Send + 'static,
) -> (T, Events) {
    // SAFETY: Zeros are a valid action; the handler does nothing.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = ignore as usize;
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut()), 0);
    }
    let poller = Poller::new().unwrap();
    let (a, mut b) = pair();
    poller.add(&a, Interest::READABLE, Mode::EDGE, 1).unwrap();
    b.write_all(b"x").unwrap();
    let mut events = Events::with_capacity(1);
    assert_eq!(poller.wait(&mut events, None).unwrap(), 1);

    let waiter = thread::spawn(move || (wait(&poller, &a, &mut events), events));
    // A signal that comes before the wait has no effect.
    while !waiter.is_finished() {
        // SAFETY: The thread has not been joined yet.
        unsafe { libc::pthread_kill(waiter.as_pthread_t(), libc::SIGUSR1) };
        thread::yield_now();
    }
    waiter.join().unwrap()
}

#[test]
fn a_signal_ends_a_wait() {
    let (result, events) = interrupted(|poller, _, events| poller.wait(events, None));
    assert_eq!(errno(result), Some(Errno::INTR));
    assert!(events.is_empty());
}

#[test]
fn a_signal_ends_a_wait_after_changes() {
    for count in [1, 2] {
        let (made, events) = interrupted(move |poller, a, events| {
            let mut changes = [
                Change::delete(a.as_fd()),
                Change::add(a.as_fd(), Interest::PRIORITY, Mode::LEVEL, 1),
            ];
            let changes = &mut changes[..count];
            let result = poller.batch_wait(changes, events, None);
            assert_eq!(errno(result), Some(Errno::INTR));
            changes.iter().all(|change| change.result().is_ok())
        });
        assert!(made && events.is_empty());
    }
}

/// Two threads send a byte back and forth. Each watches its own end, and the
/// other one ends each of its waits.
#[test]
fn a_waiting_thread_is_woken() {
    let play = |mut stream: UnixStream, begins: bool| {
        let poller = Poller::new().unwrap();
        poller
            .add(&stream, Interest::READABLE, Mode::LEVEL, 7)
            .unwrap();
        let mut events = Events::with_capacity(4);
        let mut byte = [b'x'];
        if begins {
            stream.write_all(&byte).unwrap();
        }
        for _ in 0..1000 {
            assert_eq!(poller.wait(&mut events, None).unwrap(), 1);
            let event = events.get(0).unwrap();
            assert!(event.is_readable() && event.data() == 7);
            stream.read_exact(&mut byte).unwrap();
            stream.write_all(&byte).unwrap();
        }
        // The peer must receive its last byte before the end of the stream.
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

/// Several threads wait on one instance: each event goes to one of them.
#[test]
fn an_event_goes_to_one_of_the_threads_that_wait() {
    const THREADS: u64 = 3;
    let poller = Poller::new().unwrap();
    let pairs: Vec<_> = (0..THREADS).map(|_| pair()).collect();
    for (data, (a, _)) in pairs.iter().enumerate() {
        poller
            .add(a, Interest::READABLE, Mode::ONE_SHOT, data as u64)
            .unwrap();
    }
    let mut told: Vec<u64> = thread::scope(|scope| {
        let wait = || {
            let mut events = Events::with_capacity(1);
            assert_eq!(poller.wait(&mut events, None).unwrap(), 1);
            events.get(0).unwrap().data()
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(wait)).collect();
        for (_, b) in &pairs {
            (&mut &*b).write_all(b"x").unwrap();
        }
        threads.into_iter().map(|one| one.join().unwrap()).collect()
    });
    told.sort();
    assert_eq!(told, [0, 1, 2]);
}

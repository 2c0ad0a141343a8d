// SPDX-License-Identifier: GPL-2.0

//! Several threads on one instance.

use crate::{
    epoll::{close, eventfd, instance, signal, Call, Way},
    fixture::{alone, WAITS, WAYS},
    pthread::{is_asleep, thread_id},
};
use libc::{c_int, pid_t};
use std::{
    os::unix::thread::JoinHandleExt,
    sync::mpsc,
    thread::{self, JoinHandle},
};

/// Returns when the thread sleeps in a wait of either kind.
pub fn until_asleep(tid: pid_t) {
    while !is_asleep(tid) {
        thread::yield_now();
    }
}

/// A thread that sleeps in a wait.
pub struct Sleeper<T>(JoinHandle<T>);

impl<T: Send + 'static> Sleeper<T> {
    /// Starts the thread, and returns when it sleeps.
    pub fn start(wait: impl FnOnce() -> T + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::spawn(move || {
            sender.send(thread_id()).unwrap();
            wait()
        });
        until_asleep(receiver.recv().unwrap());
        Self(thread)
    }

    /// Sends the thread a signal.
    pub fn kill(&self, signal: c_int) {
        // SAFETY: It has not been joined.
        unsafe { libc::pthread_kill(self.0.as_pthread_t(), signal) };
    }

    /// Joins the thread.
    pub fn end(self) -> T {
        self.0.join().unwrap()
    }
}

#[test]
fn another_thread_adds_what_wakes_a_waiter() {
    let _alone = alone();
    let efd = eventfd(1);
    for way in WAYS {
        for call in WAITS {
            let epfd = instance();
            let sleeper = Sleeper::start(move || way.next(call, epfd, -1));
            way.add(epfd, efd, libc::EPOLLIN, 4).unwrap();
            assert_eq!(sleeper.end(), Ok(Some(4)), "{way:?} {call:?}");
            close(epfd);
        }
    }
    close(efd);
}

/// There are as many edges as waiters, and each waiter gets one.
#[test]
fn waiters_share_the_events() {
    let _alone = alone();
    let epfd = instance();
    let efds: Vec<_> = (0..4).map(|_| eventfd(0)).collect();
    for (data, &efd) in efds.iter().enumerate() {
        let edges = libc::EPOLLIN | libc::EPOLLET;
        Way::Function.add(epfd, efd, edges, data as u64).unwrap();
    }
    let sleepers: Vec<_> = efds
        .iter()
        .map(|_| Sleeper::start(move || Way::Function.next(Call::Wait, epfd, -1)))
        .collect();
    efds.iter().for_each(|&efd| signal(efd));
    let mut data: Vec<_> = sleepers
        .into_iter()
        .map(|sleeper| sleeper.end().unwrap().unwrap())
        .collect();
    data.sort();
    assert_eq!(data, [0, 1, 2, 3]);
    efds.into_iter().chain([epfd]).for_each(close);
}

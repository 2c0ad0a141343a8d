// SPDX-License-Identifier: GPL-2.0

//! Which of several waiters is woken: as with epoll, or according to a policy
//! of repoll.

use crate::{
    behaviour::threads::Sleeper,
    epoll::{close, eventfd, instance, signal, Call, Way},
    fixture::alone,
};
use libc::c_int;
use std::{
    env, fs,
    sync::mpsc::{channel, Sender},
};

/// Whether an instance follows a policy from the environment.
fn follows(epfd: c_int, variable: &str, policy: &str) -> bool {
    let link = fs::read_link(format!("/proc/self/fd/{epfd}")).unwrap();
    link.as_os_str() == "anon_inode:[repoll]" && env::var(variable).as_deref() == Ok(policy)
}

/// A thread that waits on an instance for one event, and then sends its index.
fn sleeper(epfd: c_int, index: usize, woken: &Sender<usize>) -> Sleeper<()> {
    let woken = woken.clone();
    Sleeper::start(move || {
        Way::Function.next(Call::Wait, epfd, -1).unwrap().unwrap();
        woken.send(index).unwrap();
    })
}

#[test]
fn of_the_waiters_on_an_instance() {
    let _alone = alone();
    let (epfd, efd) = (instance(), eventfd(0));
    let edges = libc::EPOLLIN | libc::EPOLLET;
    Way::Function.add(epfd, efd, edges, 1).unwrap();
    let (sender, woken) = channel();
    let sleepers = [0, 1, 2].map(|index| sleeper(epfd, index, &sender));
    let order = [0, 1, 2].map(|_| {
        signal(efd);
        woken.recv().unwrap()
    });
    let expected = if follows(epfd, "REPOLL_WAKE", "fifo") {
        [0, 1, 2]
    } else {
        [2, 1, 0]
    };
    assert_eq!(order, expected);
    sleepers.map(Sleeper::end);
    [epfd, efd].map(close);
}

#[test]
fn of_the_exclusive_items_on_a_file() {
    let _alone = alone();
    let efd = eventfd(0);
    let epfds = [(); 3].map(|()| instance());
    for epfd in epfds {
        let interest = libc::EPOLLIN | libc::EPOLLET | libc::EPOLLEXCLUSIVE;
        Way::Function.add(epfd, efd, interest, 1).unwrap();
    }
    let (sender, woken) = channel();
    let start = |index| sleeper(epfds[index], index, &sender);
    let mut sleepers = [0, 1, 2].map(start);
    let order = [(); 6].map(|()| {
        signal(efd);
        let index = woken.recv().unwrap();
        sleepers[index] = start(index);
        index
    });
    let expected = if follows(epfds[0], "REPOLL_EXCLUSIVE", "round-robin") {
        [0, 1, 2, 0, 1, 2]
    } else {
        [0; 6]
    };
    assert_eq!(order, expected);

    let end = eventfd(1);
    for epfd in epfds {
        Way::Function.add(epfd, end, libc::EPOLLIN, 2).unwrap();
    }
    sleepers.map(Sleeper::end);
    epfds.map(close);
    [efd, end].map(close);
}

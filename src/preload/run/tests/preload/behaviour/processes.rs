// SPDX-License-Identifier: GPL-2.0

//! Instances that another process created, and that were inherited or sent.

use crate::{
    epoll::{close, eventfd, in_child, instance, signal, Call, Way},
    fixture::{alone, WAITS, WAYS},
    subject,
};
use libc::c_int;
use std::{
    fs,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

#[test]
fn a_forked_child_shares_the_instance() {
    let _alone = alone();
    let (epfd, efd, other) = (instance(), eventfd(0), eventfd(1));
    Way::Function.add(epfd, efd, libc::EPOLLIN, 1).unwrap();
    assert!(in_child(|| {
        assert_eq!(Way::Function.next(Call::Wait, epfd, 0), Ok(None));
        signal(efd);
        for way in WAYS {
            for call in WAITS {
                assert_eq!(way.next(call, epfd, -1), Ok(Some(1)));
            }
        }
        let del = libc::EPOLL_CTL_DEL;
        Way::Function.ctl_at(epfd, del, efd, 0).unwrap();
        Way::Function.add(epfd, other, libc::EPOLLIN, 2).unwrap();
        // Its own instance, which the parent does not see.
        let own = instance();
        Way::Function.add(own, other, libc::EPOLLIN, 3).unwrap();
        assert_eq!(Way::Function.next(Call::Wait, own, -1), Ok(Some(3)));
    }));
    assert_eq!(Way::Function.next(Call::Wait, epfd, 0), Ok(Some(2)));
    for fd in [epfd, efd, other] {
        close(fd);
    }
}

/// What the descriptors of this process refer to.
fn descriptors() -> Vec<PathBuf> {
    let entries = fs::read_dir("/proc/self/fd").unwrap();
    // The descriptor of the folder itself is closed by now.
    entries
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .collect()
}

fn blocked_signals() -> String {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let blocked = status.lines().find(|line| line.starts_with("SigBlk:"));
    blocked.unwrap().to_owned()
}

/// Another thread creates instances. Whenever the process forks, the child has such an instance
/// under one number or none, and no other part of it. The child can create its own.
#[test]
fn a_child_has_no_part_of_an_instance_in_the_making() {
    let _alone = alone();
    let before = descriptors().len();
    let blocked = blocked_signals();
    let stopped = AtomicBool::new(false);
    let good = thread::scope(|scope| {
        scope.spawn(|| {
            while !stopped.load(Relaxed) {
                close(instance());
            }
        });
        let good = (0..300).all(|_| {
            in_child(|| {
                let found = descriptors();
                assert!(found.len() <= before + 1, "{found:?}");
                assert!(!found.contains(&PathBuf::from("/dev/repoll")), "{found:?}");
                assert_eq!(blocked_signals(), blocked);
                close(instance());
            })
        });
        stopped.store(true, Relaxed);
        good
    });
    assert!(good);
    assert_eq!(blocked_signals(), blocked);
}

/// Runs a program that waits on the descriptor with this number.
fn execute(epfd: c_int) -> String {
    subject::output(subject::command("inherited").arg(epfd.to_string()))
}

#[test]
fn an_executed_program_inherits_the_instance() {
    let _alone = alone();
    let efd = eventfd(1);
    for way in WAYS {
        let epfd = way.create1(0).unwrap();
        way.add(epfd, efd, libc::EPOLLIN, 8).unwrap();
        let output = execute(epfd);
        assert!(output.contains("inherited: Ok(Some(8))"), "{output}");
        close(epfd);

        let epfd = way.create1(libc::EPOLL_CLOEXEC).unwrap();
        let output = execute(epfd);
        let expected = format!("inherited: Err({})", libc::EBADF);
        assert!(output.contains(&expected), "{output}");
        close(epfd);
    }
    close(efd);
}

/// A program without the library sends its epoll.
#[test]
fn an_instance_of_a_stranger() {
    let _alone = alone();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let output = subject::output(
        subject::command("sender")
            .env_remove("LD_PRELOAD")
            .stdin(Stdio::from(OwnedFd::from(theirs))),
    );
    let epfd = subject::receive(&ours);
    let efd = eventfd(1);
    for way in WAYS {
        for call in WAITS {
            assert_eq!(way.next(call, epfd, 0), Ok(None), "{output}");
            way.add(epfd, efd, libc::EPOLLIN, 2).unwrap();
            assert_eq!(way.next(call, epfd, -1), Ok(Some(2)));
            let del = libc::EPOLL_CTL_DEL;
            assert_eq!(way.ctl_at(epfd, del, efd, 0), Ok(0));
        }
    }
    close(epfd);
    close(efd);
}

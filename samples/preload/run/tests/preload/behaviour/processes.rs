// SPDX-License-Identifier: GPL-2.0

//! Instances that other processes have made, inherited or been sent.

use crate::{
    epoll::{
        close,
        eventfd,
        in_child,
        instance,
        signal,
        Call,
        Way, //
    },
    fixture::{
        alone,
        WAITS,
        WAYS, //
    },
    subject,
};
use libc::c_int;
use std::{
    os::{
        fd::OwnedFd,
        unix::net::UnixStream, //
    },
    process::Stdio,
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
        // One of its own, which the parent does not see.
        let own = instance();
        Way::Function.add(own, other, libc::EPOLLIN, 3).unwrap();
        assert_eq!(Way::Function.next(Call::Wait, own, -1), Ok(Some(3)));
    }));
    assert_eq!(Way::Function.next(Call::Wait, epfd, 0), Ok(Some(2)));
    for fd in [epfd, efd, other] {
        close(fd);
    }
}

/// Runs a program that waits on a descriptor with that number.
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

/// A program into which nothing is preloaded sends its epoll.
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

// SPDX-License-Identifier: GPL-2.0

//! Descriptors: which number an instance gets, and what happens when a
//! descriptor is copied, closed in any way, or replaced.

use crate::{
    epoll::{close, eventfd, in_child, instance, outcome, signal, Way},
    fixture::{alone, WAITS, WAYS},
};
use libc::{c_int, c_uint};

fn dup(fd: c_int) -> c_int {
    // SAFETY: It takes a number.
    outcome(unsafe { libc::dup(fd) }.into()).unwrap()
}

/// An instance takes the lowest free number, and no other.
#[test]
fn numbers() {
    let _alone = alone();
    for way in WAYS {
        let fds: Vec<_> = (0..6).map(|_| eventfd(0)).collect();
        // Two holes, the lower one first.
        let (low, high) = (fds[1], fds[4]);
        close(high);
        close(low);
        let epfd = way.create1(0).unwrap();
        assert_eq!(epfd, low);
        let next = eventfd(0);
        assert_eq!(next, high);
        let last = eventfd(0);
        assert_eq!(last, fds[5] + 1);
        for fd in [fds[0], fds[2], fds[3], fds[5], epfd, next, last] {
            close(fd);
        }
    }
}

/// If no descriptor is left, nothing is created and nothing is lost.
#[test]
fn full_table() {
    let _alone = alone();
    assert!(in_child(|| {
        let first = eventfd(0);
        let limit = libc::rlimit {
            rlim_cur: first as u64 + 1,
            rlim_max: first as u64 + 1,
        };
        // SAFETY: The limits are readable.
        outcome(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }.into()).unwrap();
        for way in WAYS {
            assert_eq!(way.create1(0), Err(libc::EMFILE), "{way:?}");
            assert_eq!(way.create(1), Err(libc::EMFILE), "{way:?}");
        }
        close(first);
        assert_eq!(eventfd(0), first);
    }));
}

#[test]
fn copies_are_the_same_instance() {
    let _alone = alone();
    let (epfd, efd) = (instance(), eventfd(1));
    let copy = dup(epfd);
    Way::Function.add(epfd, efd, libc::EPOLLIN, 5).unwrap();
    close(epfd);
    for way in WAYS {
        for call in WAITS {
            assert_eq!(way.next(call, copy, 0), Ok(Some(5)));
        }
    }
    assert_eq!(
        Way::Function.add(copy, efd, libc::EPOLLIN, 5),
        Err(libc::EEXIST)
    );
    close(copy);
    close(efd);
}

/// A number that belonged to an instance refers to whatever file has it next.
#[test]
fn closed_by_any_means() {
    let _alone = alone();
    let means: [fn(c_int); 4] = [
        close,
        |fd| {
            // SAFETY: The test owns it.
            outcome(unsafe { libc::syscall(libc::SYS_close, fd) }).unwrap();
        },
        |fd| {
            let fd = fd as c_uint;
            // SAFETY: As above.
            outcome(unsafe { libc::close_range(fd, fd, 0) }.into()).unwrap();
        },
        |fd| {
            let other = eventfd(0);
            // SAFETY: As above.
            outcome(unsafe { libc::dup2(other, fd) }.into()).unwrap();
            close(other);
            close(fd);
        },
    ];
    let efd = eventfd(1);
    for end in means {
        for way in WAYS {
            let epfd = way.create1(0).unwrap();
            way.add(epfd, efd, libc::EPOLLIN, 1).unwrap();
            end(epfd);
            assert_eq!(way.add(epfd, efd, libc::EPOLLIN, 1), Err(libc::EBADF));
            for call in WAITS {
                assert_eq!(way.next(call, epfd, 0), Err(libc::EBADF));
            }

            let native = Way::Native.create1(0).unwrap();
            assert_eq!(native, epfd);
            assert_eq!(way.add(native, efd, libc::EPOLLIN, 2), Ok(0));
            for call in WAITS {
                assert_eq!(way.next(call, native, 0), Ok(Some(2)));
            }
            close(native);

            let other = eventfd(0);
            assert_eq!(other, epfd);
            assert_eq!(way.add(other, efd, libc::EPOLLIN, 3), Err(libc::EINVAL));
            for call in WAITS {
                assert_eq!(way.next(call, other, 0), Err(libc::EINVAL));
            }
            close(other);
        }
    }
    close(efd);
}

/// A process may have both kinds; each call uses the right one.
#[test]
fn beside_a_native_instance() {
    let _alone = alone();
    let (native, mine) = (Way::Native.create1(0).unwrap(), instance());
    for way in WAYS {
        let (a, b) = (eventfd(0), eventfd(0));
        way.add(native, a, libc::EPOLLIN, 1).unwrap();
        way.add(mine, b, libc::EPOLLIN, 2).unwrap();
        signal(a);
        for call in WAITS {
            assert_eq!(way.next(call, native, -1), Ok(Some(1)));
            assert_eq!(way.next(call, mine, 0), Ok(None));
        }
        signal(b);
        for call in WAITS {
            assert_eq!(way.next(call, mine, -1), Ok(Some(2)));
        }
        let del = libc::EPOLL_CTL_DEL;
        assert_eq!(way.ctl_at(mine, del, a, 0), Err(libc::ENOENT));
        assert_eq!(way.ctl_at(native, del, b, 0), Err(libc::ENOENT));
        assert_eq!(way.ctl_at(native, del, a, 0), Ok(0));
        assert_eq!(way.ctl_at(mine, del, b, 0), Ok(0));
        close(a);
        close(b);
    }
    close(native);
    close(mine);
}

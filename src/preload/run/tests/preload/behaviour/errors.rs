// SPDX-License-Identifier: GPL-2.0

//! Bad arguments in all combinations: the answers are those of the kernel's own
//! epoll.

use crate::{
    epoll::{close, eventfd, Call, Outcome, Wait, Way, SIGSET_SIZE},
    fixture::{alone, hole, KERNEL_ADDRESS, WAITS, WAYS},
};
use libc::{c_int, epoll_event, timespec};
use std::{collections::BTreeSet, ffi::CStr, ptr::from_ref};

#[test]
fn creating() {
    let _alone = alone();
    let free = eventfd(0);
    close(free);
    let close_on_exec = |outcome: Outcome| {
        outcome.map(|fd| {
            // SAFETY: It takes numbers.
            let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
            close(fd);
            (fd, flags)
        })
    };
    for way in WAYS {
        for size in [c_int::MIN, -1, 0, 1, c_int::MAX] {
            assert_eq!(
                close_on_exec(way.create(size)),
                close_on_exec(Way::Native.create(size)),
                "{way:?} {size}"
            );
        }
        for flags in [
            0,
            1,
            -1,
            libc::EPOLL_CLOEXEC,
            libc::EPOLL_CLOEXEC | 1,
            libc::O_NONBLOCK,
        ] {
            assert_eq!(
                close_on_exec(way.create1(flags)),
                close_on_exec(Way::Native.create1(flags)),
                "{way:?} {flags:#x}"
            );
        }
    }
    // Nothing is left behind.
    assert_eq!(eventfd(0), free);
    close(free);
}

/// Files that an instance could be confused with, and files that cannot be
/// watched.
struct Others {
    closed: c_int,
    all: Vec<(&'static str, c_int)>,
}

impl Others {
    fn new() -> Self {
        let open = |path: &CStr, flags: c_int| {
            // SAFETY: The path is a C string.
            let fd = unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC) };
            assert!(fd >= 0, "{path:?}");
            fd
        };
        // SAFETY: It takes numbers.
        let socket = unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0) };
        // Far from the numbers that are opened later.
        let closed = 900;
        let all = vec![
            ("none", -1),
            ("closed", closed),
            ("huge", c_int::MAX),
            ("file", open(c"/proc/self/exe", libc::O_RDONLY)),
            ("directory", open(c"/", libc::O_RDONLY)),
            ("path", open(c"/", libc::O_PATH)),
            ("null", open(c"/dev/null", libc::O_RDWR)),
            ("terminal", open(c"/dev/ptmx", libc::O_RDWR)),
            ("socket", socket),
            ("eventfd", eventfd(0)),
        ];
        Self { closed, all }
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        for &(_, fd) in &self.all {
            if (0..self.closed).contains(&fd) {
                close(fd);
            }
        }
    }
}

/// One call on a new instance with two items, or on another file.
fn ctl_once(
    way: Way,
    on: Option<c_int>,
    op: c_int,
    target: Target,
    event: Result<u32, usize>,
) -> Outcome {
    let epfd = way.create1(0).unwrap();
    let watched = [eventfd(0), eventfd(0)];
    way.add(epfd, watched[0], libc::EPOLLIN, 0).unwrap();
    way.add(epfd, watched[1], libc::EPOLLIN | libc::EPOLLEXCLUSIVE, 0)
        .unwrap();
    let fd = match target {
        Target::Fd(fd) => fd,
        Target::Itself => epfd,
        Target::Watched => watched[0],
        Target::WatchedExclusively => watched[1],
    };
    let on = on.unwrap_or(epfd);
    let outcome = match event {
        Ok(events) => way.ctl(on, op, fd, events as c_int, 0),
        Err(address) => way.ctl_at(on, op, fd, address),
    };
    for fd in [epfd, watched[0], watched[1]] {
        close(fd);
    }
    outcome
}

#[derive(Clone, Copy, Debug)]
enum Target {
    Fd(c_int),
    Itself,
    Watched,
    WatchedExclusively,
}

#[test]
fn changing() {
    let _alone = alone();
    let others = Others::new();
    let instances = others
        .all
        .iter()
        .map(|&(name, fd)| (name, Some(fd)))
        .chain([("instance", None)]);
    let targets: Vec<_> = others
        .all
        .iter()
        .map(|&(_, fd)| Target::Fd(fd))
        .chain([Target::Itself, Target::Watched, Target::WatchedExclusively])
        .collect();
    let exclusive = libc::EPOLLEXCLUSIVE as u32;
    let events = [
        Ok(libc::EPOLLIN as u32),
        Ok(0),
        Ok(u32::MAX),
        Ok(exclusive | libc::EPOLLIN as u32),
        Ok(exclusive | libc::EPOLLPRI as u32),
        Err(0),
        Err(KERNEL_ADDRESS),
        Err(hole()),
    ];
    let ops = [
        libc::EPOLL_CTL_ADD,
        libc::EPOLL_CTL_DEL,
        libc::EPOLL_CTL_MOD,
        0,
        4,
        -1,
    ];
    let mut seen = BTreeSet::new();
    for (name, on) in instances {
        for &target in &targets {
            for op in ops {
                for event in events {
                    let expected = ctl_once(Way::Native, on, op, target, event);
                    seen.insert(expected);
                    for way in WAYS {
                        assert_eq!(
                            ctl_once(way, on, op, target, event),
                            expected,
                            "{way:?} on {name}: op {op}, {target:?}, {event:x?}"
                        );
                    }
                }
            }
        }
    }
    // All errors except those about a lack of resources.
    let errors = [
        libc::EPERM,
        libc::ENOENT,
        libc::EBADF,
        libc::EFAULT,
        libc::EEXIST,
        libc::EINVAL,
    ];
    let errors = errors.into_iter().map(Err).chain([Ok(0)]);
    assert_eq!(seen, errors.collect());
}

#[test]
fn waiting() {
    let _alone = alone();
    let others = Others::new();
    let ready = eventfd(1);
    let array = [epoll_event { events: 0, u64: 0 }];
    let mask = 0u64;
    let time = |tv_sec, tv_nsec| timespec { tv_sec, tv_nsec };
    let times = [
        time(0, 0),
        time(-1, 0),
        time(0, -1),
        time(0, 999_999_999),
        time(0, 1_000_000_000),
        time(i64::MAX, 0),
        time(i64::MIN, 0),
    ];
    let bad = [KERNEL_ADDRESS, hole()];
    let max = c_int::MAX / size_of::<epoll_event>() as c_int;

    let arrays = [from_ref(&array) as usize, 0, bad[0], bad[1]];
    let masks = [(0, 0), (0, 1), (from_ref(&mask) as usize, SIGSET_SIZE)]
        .into_iter()
        .chain([4, 16, usize::MAX, (1 << 32) + 8].map(|size| (from_ref(&mask) as usize, size)))
        .chain(bad.map(|address| (address, SIGSET_SIZE)));
    let masks: Vec<_> = masks.collect();

    let mut expectations = BTreeSet::new();
    for call in WAITS {
        let timeouts: Vec<isize> = if call == Call::Pwait2 {
            let good = times.iter().map(|time| from_ref(time) as isize);
            good.chain(bad.map(|address| address as isize)).collect()
        } else {
            vec![0, 1]
        };
        for way in WAYS {
            for instance in others.all.iter().map(|&(_, fd)| Some(fd)).chain([None]) {
                // One item is ready, so that no wait lasts until its timeout.
                let [native, mine] = [Way::Native, way].map(|way| {
                    let epfd = way.create1(0).unwrap();
                    way.add(epfd, ready, libc::EPOLLIN, 7).unwrap();
                    epfd
                });
                for &events in &arrays {
                    for &(sigmask, sigsetsize) in &masks {
                        // A function of libc does not take another size.
                        if way == Way::Function && sigsetsize != SIGSET_SIZE {
                            continue;
                        }
                        for maxevents in [c_int::MIN, -1, 0, 1, max, max + 1, c_int::MAX] {
                            for &timeout in &timeouts {
                                let wait = Wait {
                                    events,
                                    maxevents,
                                    timeout,
                                    sigmask,
                                    sigsetsize,
                                };
                                let expected =
                                    Way::Native.wait_at(call, instance.unwrap_or(native), &wait);
                                expectations.insert(expected);
                                assert_eq!(
                                    way.wait_at(call, instance.unwrap_or(mine), &wait),
                                    expected,
                                    "{way:?} {call:?} on {instance:?}: {wait:x?}"
                                );
                            }
                        }
                    }
                }
                close(native);
                close(mine);
            }
        }
    }
    close(ready);
    let errors = [libc::EBADF, libc::EFAULT, libc::EINVAL];
    let errors = errors.into_iter().map(Err).chain([Ok(1)]);
    assert_eq!(expectations, errors.collect());
}

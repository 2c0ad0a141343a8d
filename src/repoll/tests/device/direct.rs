// SPDX-License-Identifier: MIT OR Apache-2.0

//! Direct calls: the crate makes them, and everything works where they are
//! refused.

use crate::{errno, filter::refuse, pair, ready, EPOLLOUT};
use repoll::{Batch, Change, Events, Exclusive, Features, Interest, Mode, Poller};
use rustix::io::Errno;
use std::{
    env,
    ffi::c_long,
    fs::File,
    os::{
        fd::{AsFd, FromRawFd, IntoRawFd},
        unix::process::CommandExt,
    },
    process::Command,
    thread,
    time::Duration,
};

const OUT: Interest = Interest::WRITABLE;

/// The system call for direct calls.
#[cfg(not(target_arch = "x86"))]
const DIRECT: c_long = libc::SYS_fadvise64;
#[cfg(target_arch = "x86")]
const DIRECT: c_long = libc::SYS_fadvise64_64;

/// Runs `act` on a new thread for which one system call fails.
pub fn without<T: Send>(number: c_long, errno: Errno, act: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let filtered = scope.spawn(|| {
            refuse(number, errno).unwrap();
            act()
        });
        filtered.join().unwrap()
    })
}

/// Makes every call that has a direct form.
fn everything(poller: &Poller) {
    let (a, b) = pair();
    let batch = |done| Batch { done, failed: 0 };
    poller.add(&a, OUT, Mode::LEVEL, 1).unwrap();
    assert_eq!(ready(poller), [(1, EPOLLOUT)]);
    poller.modify(&a, OUT, Mode::ONE_SHOT, 2).unwrap();
    let mut events = Events::with_capacity(4);
    let fraction = Some(Duration::from_nanos(1_500_000));
    assert_eq!(poller.wait(&mut events, fraction).unwrap(), 1);
    assert_eq!(events.get(0).unwrap().data(), 2);

    let mut one = [Change::modify(a.as_fd(), OUT, Mode::ONE_SHOT, 3)];
    for timeout in [None, Some(Duration::from_millis(20)), fraction] {
        let made = poller.batch_wait(&mut one, &mut events, timeout).unwrap();
        assert_eq!((made, one[0].result().is_ok()), (batch(1), true));
        assert_eq!(events.get(0).unwrap().data(), 3);
    }
    let mut two = [
        Change::add(b.as_fd(), OUT, Mode::LEVEL, 4),
        Change::delete(a.as_fd()),
    ];
    let made = poller.batch_wait(&mut two, &mut events, None).unwrap();
    assert_eq!((made, events.len()), (batch(2), 1));
    let mut none = [];
    let made = poller.batch_wait(&mut none, &mut events, None).unwrap();
    assert_eq!((made, events.len()), (batch(0), 1));
    let mut delete = [Change::delete(b.as_fd())];
    assert_eq!(poller.batch(&mut delete).unwrap(), batch(1));
    assert_eq!(errno(poller.delete(&b)), Some(Errno::NOENT));
    assert_eq!(poller.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
}

fn is_by_direct_calls(poller: &Poller) -> bool {
    without(libc::SYS_ioctl, Errno::PERM, || {
        poller
            .wait(&mut Events::with_capacity(1), Some(Duration::ZERO))
            .is_ok()
    })
}

#[test]
fn all_goes_by_direct_calls() {
    let poller = Poller::new().unwrap();
    assert!(poller.features().unwrap().contains(Features::DIRECT));
    without(libc::SYS_ioctl, Errno::PERM, || everything(&poller));

    // SAFETY: It is the descriptor of an instance, and given up here.
    let poller = unsafe { Poller::from_raw_fd(poller.into_raw_fd()) };
    without(libc::SYS_ioctl, Errno::PERM, || everything(&poller));
}

#[test]
fn all_goes_by_ioctls_where_direct_calls_are_refused() {
    for refusal in [Errno::PERM, Errno::NOSYS] {
        // The filter may come before or after the instance is created.
        without(DIRECT, refusal, || everything(&Poller::new().unwrap()));
        let poller = Poller::new().unwrap();
        everything(&poller);
        without(DIRECT, refusal, || everything(&poller));
        assert!(!is_by_direct_calls(&poller));
        everything(&poller);
    }
}

/// Any of the calls may be the first one to be refused.
#[test]
fn each_call_finds_out_that_it_is_refused() {
    let refused = |act: &(dyn Fn(&Poller) + Sync)| {
        let poller = Poller::new().unwrap();
        without(DIRECT, Errno::PERM, || act(&poller));
        assert!(!is_by_direct_calls(&poller));
    };
    let (a, _b) = pair();
    let watch = |poller: &Poller| poller.add(&a, OUT, Mode::LEVEL, 1).unwrap();
    refused(&|poller| watch(poller));
    refused(&|poller| assert_eq!(ready(poller), []));
    refused(&|poller| assert_eq!(errno(poller.delete(&a)), Some(Errno::NOENT)));
    let modify = Change::modify(a.as_fd(), OUT, Mode::LEVEL, 1);
    refused(&|poller| {
        let result = poller.modify(&a, OUT, Mode::LEVEL, 1);
        assert_eq!(errno(result), Some(Errno::NOENT));
    });
    refused(&|poller| {
        let batch = poller.batch(&mut [modify]).unwrap();
        assert_eq!(batch, Batch { done: 1, failed: 1 });
    });
    refused(&|poller| {
        let mut events = Events::with_capacity(1);
        let batch = poller.batch_wait(&mut [modify], &mut events, None).unwrap();
        assert_eq!(batch, Batch { done: 1, failed: 1 });
    });
}

/// The module returns `EPERM` for files that cannot be polled.
#[test]
fn the_modules_own_refusal_is_no_filters() {
    let poller = Poller::new().unwrap();
    let file = File::open("/proc/self/exe").unwrap();
    let add = || poller.add(&file, OUT, Mode::LEVEL, 1);
    assert_eq!(errno(add()), Some(Errno::PERM));
    let mut change = [Change::add(file.as_fd(), OUT, Mode::LEVEL, 1)];
    let mut events = Events::with_capacity(1);
    let batch = poller.batch_wait(&mut change, &mut events, None).unwrap();
    assert_eq!(batch, Batch { done: 1, failed: 1 });
    assert_eq!(errno(change[0].result()), Some(Errno::PERM));
    assert!(is_by_direct_calls(&poller));

    without(DIRECT, Errno::PERM, || {
        assert_eq!(errno(add()), Some(Errno::PERM));
        everything(&poller);
    });
}

/// A change that fails ends the direct call, but not [`Poller::batch_wait`].
#[test]
fn events_come_after_one_change_that_failed() {
    let poller = Poller::new().unwrap();
    let (a, b) = pair();
    poller.add(&a, OUT, Mode::LEVEL, 1).unwrap();
    let exclusive = Exclusive::LEVEL.round_robin();
    for (change, expected) in [
        (Change::delete(b.as_fd()), Errno::NOENT),
        (Change::add(a.as_fd(), OUT, Mode::LEVEL, 2), Errno::EXIST),
        (
            Change::add(b.as_fd(), Interest::PRIORITY, exclusive, 2),
            Errno::INVAL,
        ),
    ] {
        let mut events = Events::with_capacity(4);
        let mut change = [change];
        let batch = poller.batch_wait(&mut change, &mut events, None).unwrap();
        assert_eq!(batch, Batch { done: 1, failed: 1 });
        assert_eq!(errno(change[0].result()), Some(expected));
        assert_eq!((events.len(), events.get(0).unwrap().data()), (1, 1));
    }
    let mut change = [Change::add(b.as_fd(), OUT, exclusive, 2)];
    let mut events = Events::with_capacity(4);
    let batch = poller.batch_wait(&mut change, &mut events, None).unwrap();
    assert_eq!(batch, Batch { done: 1, failed: 0 });
    assert_eq!(events.len(), 2);
}

/// Runs all other tests of this program again.
#[test]
fn all_else_is_the_same_by_ioctls() {
    let mut again = Command::new(env::current_exe().unwrap());
    again.args(["--skip", "direct::"]);
    // SAFETY: It only makes system calls.
    unsafe { again.pre_exec(|| refuse(DIRECT, Errno::NOSYS)) };
    let output = again.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {said}", output.status);
    assert!(said.contains("a_signal_ends_a_wait ... ok"), "{said}");
}

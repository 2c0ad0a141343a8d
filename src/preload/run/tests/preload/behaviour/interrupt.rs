// SPDX-License-Identifier: GPL-2.0

//! Signals: a handler may use epoll, and a wait may have a mask.

use crate::{
    epoll::{close, eventfd, instance, outcome, Call, Wait, SIGSET_SIZE},
    fixture::{alone, signal_set, WAITS, WAYS},
};
use libc::{c_int, epoll_event, timespec};
use std::{
    mem::zeroed,
    ptr::{from_mut, from_ref, null_mut},
    sync::atomic::{AtomicI32, AtomicU32, Ordering::SeqCst},
};

/// The instance that the handler uses, and how far the handler came.
static EPFD: AtomicI32 = AtomicI32::new(-1);
static READY: AtomicI32 = AtomicI32::new(-1);
static HANDLED: AtomicU32 = AtomicU32::new(0);

/// Adds a file that is ready, waits for it and deletes it.
extern "C" fn handler(_signal: c_int) {
    let (epfd, ready) = (EPFD.load(SeqCst), READY.load(SeqCst));
    for way in WAYS {
        let added = way.add(epfd, ready, libc::EPOLLIN, 9);
        let seen = way.next(Call::Wait, epfd, -1);
        let removed = way.ctl_at(epfd, libc::EPOLL_CTL_DEL, ready, 0);
        if (added, seen, removed) == (Ok(0), Ok(Some(9)), Ok(0)) {
            HANDLED.fetch_add(1, SeqCst);
        }
    }
}

fn handle(signal: c_int) {
    // SAFETY: The handler takes a number.
    unsafe {
        let mut action: libc::sigaction = zeroed();
        action.sa_sigaction = handler as *const () as usize;
        outcome(libc::sigaction(signal, &action, null_mut()).into()).unwrap();
    }
}

/// Sends the thread a signal that it has blocked.
fn blocked(signal: c_int) {
    let set = signal_set(signal);
    // SAFETY: The set is readable; the signal goes to this thread.
    unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, null_mut());
        libc::pthread_kill(libc::pthread_self(), signal);
    }
}

fn is_blocked(signal: c_int) -> bool {
    // SAFETY: It writes to a set.
    unsafe {
        let mut set = zeroed();
        libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &mut set);
        libc::sigismember(&set, signal) == 1
    }
}

/// A mask unblocks a signal during the wait, and the signal ends it. The
/// signal's handler uses the instance that the thread waits on.
#[test]
fn masks_and_handlers() {
    let _alone = alone();
    let signal = libc::SIGUSR1;
    let (epfd, ready) = (instance(), eventfd(1));
    EPFD.store(epfd, SeqCst);
    READY.store(ready, SeqCst);
    handle(signal);

    let nothing = 0u64;
    let mut event = epoll_event { events: 0, u64: 0 };
    let hour = timespec {
        tv_sec: 3600,
        tv_nsec: 0,
    };
    for way in WAYS {
        for call in [Call::Pwait, Call::Pwait2] {
            HANDLED.store(0, SeqCst);
            blocked(signal);
            let mut wait = Wait {
                events: from_mut(&mut event) as usize,
                maxevents: 1,
                timeout: 0,
                sigmask: 0,
                sigsetsize: SIGSET_SIZE,
            };
            if call == Call::Pwait2 {
                wait.timeout = from_ref(&timespec {
                    tv_sec: 0,
                    tv_nsec: 0,
                }) as isize;
            }
            assert_eq!(way.wait_at(call, epfd, &wait), Ok(0), "{way:?} {call:?}");
            assert_eq!(HANDLED.load(SeqCst), 0, "{way:?} {call:?}");

            wait.sigmask = from_ref(&nothing) as usize;
            wait.timeout = match call {
                Call::Pwait2 => from_ref(&hour) as isize,
                _ => -1,
            };
            assert_eq!(way.wait_at(call, epfd, &wait), Err(libc::EINTR));
            assert_eq!(HANDLED.load(SeqCst), 2, "{way:?} {call:?}");
            assert!(is_blocked(signal));
        }
    }
    unblock(signal);
    close(epfd);
    close(ready);
}

fn unblock(signal: c_int) {
    let set = signal_set(signal);
    // SAFETY: The set is readable.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, null_mut()) };
}

/// A sleeping wait ends with EINTR, even if the handler restarts system calls.
#[test]
fn a_signal_ends_the_wait() {
    let _alone = alone();
    let (epfd, ready) = (instance(), eventfd(1));
    EPFD.store(epfd, SeqCst);
    READY.store(ready, SeqCst);
    // SAFETY: The handler takes a number.
    unsafe {
        let mut action: libc::sigaction = zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        outcome(libc::sigaction(libc::SIGALRM, &action, null_mut()).into()).unwrap();
    }
    unblock(libc::SIGALRM);
    for way in WAYS {
        for call in WAITS {
            HANDLED.store(0, SeqCst);
            let wait = super::threads::Sleeper::start(move || way.next(call, epfd, -1));
            wait.kill(libc::SIGALRM);
            assert_eq!(wait.end(), Err(libc::EINTR), "{way:?} {call:?}");
            assert_eq!(HANDLED.load(SeqCst), 2);
        }
    }
    close(epfd);
    close(ready);
}

// SPDX-License-Identifier: GPL-2.0

//! Modifications that a library may delay, and everything that could reveal the
//! delay. The output is the same on epoll, on repoll, and with gathered
//! changes.

use crate::epoll::{
    close, eventfd, in_child, instance, native, outcome, signal, Call, Outcome, Wait, Way,
    SIGSET_SIZE,
};
use libc::{c_int, epoll_event, pollfd};
use std::{
    mem::zeroed,
    ptr::{from_mut, null_mut},
    sync::atomic::{AtomicI32, AtomicU64, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

const ONCE: c_int = libc::EPOLLIN | libc::EPOLLONESHOT;

fn modify(epfd: c_int, fd: c_int, events: c_int, data: u64) -> Outcome {
    Way::Function.ctl(epfd, libc::EPOLL_CTL_MOD, fd, events, data)
}

fn next(epfd: c_int) -> Result<Option<u64>, c_int> {
    Way::Function.next(Call::Wait, epfd, 0)
}

fn dup(fd: c_int) -> c_int {
    // SAFETY: It takes a number.
    outcome(unsafe { libc::dup(fd) }.into()).unwrap()
}

/// An instance with an item for no events, on a file that is ready.
fn watching() -> (c_int, c_int) {
    let (epfd, fd) = (instance(), eventfd(1));
    Way::Function.add(epfd, fd, 0, 1).unwrap();
    (epfd, fd)
}

pub fn all() {
    waits();
    shots();
    many();
    closes();
    other_changes();
    errors();
    numbers();
    pollers();
    handlers();
    processes();
    threads();
}

/// Any wait reports the modified item, and its duration does not change.
fn waits() {
    for call in [Call::Wait, Call::Pwait, Call::Pwait2] {
        let (epfd, fd) = watching();
        let modified = modify(epfd, fd, libc::EPOLLIN, 2);
        let seen = Way::Function.next(call, epfd, -1);
        let again = modify(epfd, fd, 0, 3);
        let began = Instant::now();
        let nothing = Way::Syscall.next(call, epfd, 30);
        let in_time = began.elapsed() >= Duration::from_millis(30);
        println!("{call:?}: {modified:?} {seen:?}, {again:?} {nothing:?} {in_time}");
        close(fd);
        close(epfd);
    }
}

fn shots() {
    let (epfd, fd) = watching();
    for shot in 0..3 {
        let armed = modify(epfd, fd, ONCE, shot);
        println!("shot: {armed:?} {:?} {:?}", next(epfd), next(epfd));
    }
    // Of two modifications, the last one counts.
    let both = (modify(epfd, fd, ONCE, 7), modify(epfd, fd, 0, 8));
    println!("twice: {both:?} {:?}", next(epfd));
    close(fd);
    close(epfd);
}

/// More than any library delays at a time.
fn many() {
    let epfd = instance();
    let fds: Vec<_> = (0..200).map(|_| eventfd(1)).collect();
    for &fd in &fds {
        Way::Function.add(epfd, fd, 0, 0).unwrap();
    }
    for (&fd, data) in fds.iter().zip(0..) {
        modify(epfd, fd, ONCE, data).unwrap();
    }
    let mut seen: Vec<_> = std::iter::from_fn(|| next(epfd).unwrap()).collect();
    seen.sort();
    println!("many: {}", seen == (0..200).collect::<Vec<_>>());
    fds.into_iter().chain([epfd]).for_each(close);
}

/// The modified file is closed, once while a copy keeps it open.
fn closes() {
    let ends: [fn(c_int); 5] = [
        close,
        |fd| {
            // SAFETY: The test owns it.
            outcome(unsafe { libc::syscall(libc::SYS_close, fd) }).unwrap();
        },
        |fd| {
            // SAFETY: As above.
            outcome(unsafe { libc::close_range(fd as u32, fd as u32, 0) }.into()).unwrap();
        },
        |fd| {
            let other = eventfd(0);
            // SAFETY: As above.
            outcome(unsafe { libc::dup2(other, fd) }.into()).unwrap();
            close(other);
            close(fd);
        },
        |fd| {
            // SAFETY: As above.
            unsafe {
                let stream = libc::fdopen(fd, c"r+".as_ptr());
                outcome(libc::fclose(stream).into()).unwrap();
            }
        },
    ];
    for end in ends {
        let (epfd, fd) = watching();
        let modified = modify(epfd, fd, libc::EPOLLIN, 2);
        end(fd);
        println!("closed: {modified:?} {:?}", next(epfd));
        println!("and modified: {:?}", modify(epfd, fd, 0, 0));
        close(epfd);

        let (epfd, fd) = watching();
        let copy = dup(fd);
        let modified = modify(epfd, fd, libc::EPOLLIN, 2);
        end(fd);
        println!("kept: {modified:?} {:?}", next(epfd));
        close(copy);
        println!("not any more: {:?}", next(epfd));
        close(epfd);
    }
}

fn other_changes() {
    let (epfd, fd) = watching();
    let modified = modify(epfd, fd, libc::EPOLLIN, 2);
    let deleted = Way::Function.ctl_at(epfd, libc::EPOLL_CTL_DEL, fd, 0);
    println!("deleted: {modified:?} {deleted:?} {:?}", next(epfd));
    let absent = modify(epfd, fd, libc::EPOLLIN, 2);
    let added = Way::Function.add(epfd, fd, libc::EPOLLIN, 3);
    println!("absent: {absent:?} {added:?} {:?}", next(epfd));
    let modified = modify(epfd, fd, libc::EPOLLIN, 4);
    let added = Way::Function.add(epfd, fd, 0, 5);
    println!("added: {modified:?} {added:?} {:?}", next(epfd));
    close(fd);
    close(epfd);
}

fn errors() {
    let (epfd, fd) = watching();
    let alone = eventfd(1);
    let exclusive = libc::EPOLLIN | libc::EPOLLEXCLUSIVE;
    Way::Function.add(epfd, alone, exclusive, 9).unwrap();
    println!("exclusive: {:?}", modify(epfd, alone, 0, 0));
    println!("to exclusive: {:?}", modify(epfd, fd, exclusive, 0));
    let modify_at = |address| Way::Function.ctl_at(epfd, libc::EPOLL_CTL_MOD, fd, address);
    println!(
        "bad addresses: {:?}",
        [0, 1, usize::MAX - 4095].map(modify_at)
    );
    close(alone);

    let modified = modify(epfd, fd, libc::EPOLLIN, 2);
    let mut event = epoll_event { events: 0, u64: 0 };
    let mut wait = Wait {
        events: from_mut(&mut event) as usize,
        maxevents: 0,
        timeout: -1,
        sigmask: 0,
        sigsetsize: SIGSET_SIZE,
    };
    let none = Way::Function.wait_at(Call::Wait, epfd, &wait);
    modify(epfd, fd, libc::EPOLLIN, 3).unwrap();
    (wait.maxevents, wait.events) = (1, 0);
    let nowhere = Way::Function.wait_at(Call::Wait, epfd, &wait);
    println!(
        "bad waits: {modified:?} {none:?} {nowhere:?} {:?}",
        next(epfd)
    );
    close(fd);
    close(epfd);
}

/// Numbers that are reused.
fn numbers() {
    let (epfd, fd) = watching();
    modify(epfd, fd, libc::EPOLLIN, 2).unwrap();
    close(fd);
    assert_eq!(eventfd(1), fd);
    let modified = modify(epfd, fd, libc::EPOLLIN, 3);
    println!("a number used again: {modified:?} {:?}", next(epfd));
    Way::Function.add(epfd, fd, 0, 4).unwrap();
    let modified = modify(epfd, fd, libc::EPOLLIN, 5);
    println!("and added: {modified:?} {:?}", next(epfd));

    modify(epfd, fd, libc::EPOLLIN, 6).unwrap();
    close(epfd);
    let closed = modify(epfd, fd, libc::EPOLLIN, 6);
    assert_eq!(instance(), epfd);
    let absent = modify(epfd, fd, libc::EPOLLIN, 6);
    println!("an instance's: {closed:?} {absent:?} {:?}", next(epfd));
    close(fd);
    close(epfd);
}

/// Pollers check for events.
fn pollers() {
    let (epfd, fd) = watching();
    let (other, copy) = (instance(), dup(epfd));
    Way::Function.add(other, epfd, libc::EPOLLIN, 10).unwrap();
    let poll = || {
        let mut asked = pollfd {
            fd: epfd,
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: It points to one structure.
        outcome(unsafe { libc::poll(&mut asked, 1, 0) }.into())
    };
    let select = || {
        // SAFETY: The sets are emptied first.
        unsafe {
            let (mut set, mut now): (libc::fd_set, libc::timeval) = (zeroed(), zeroed());
            libc::FD_SET(epfd, &mut set);
            let value = libc::select(epfd + 1, &mut set, null_mut(), null_mut(), &mut now);
            outcome(value.into())
        }
    };
    let nested = || next(other).map(|data| data.unwrap_or(0) as c_int);
    let copied = || next(copy).map(|data| data.unwrap_or(0) as c_int);
    let ways: [(&str, &dyn Fn() -> Outcome); 4] = [
        ("poll", &poll),
        ("select", &select),
        ("nested", &nested),
        ("copy", &copied),
    ];
    for (name, way) in ways {
        modify(epfd, fd, libc::EPOLLIN, 2).unwrap();
        let yes = way();
        modify(epfd, fd, 0, 2).unwrap();
        println!("{name}: {yes:?} {:?}", way());
    }
    [fd, epfd, other, copy].map(close);
}

static EPFD: AtomicI32 = AtomicI32::new(-1);
static FD: AtomicI32 = AtomicI32::new(-1);
static SEEN: AtomicU64 = AtomicU64::new(0);

/// Fetches an event, and re-arms its item.
extern "C" fn handler(_: c_int) {
    let (epfd, fd) = (EPFD.load(SeqCst), FD.load(SeqCst));
    let data = next(epfd).unwrap().unwrap_or(99);
    SEEN.store(data, SeqCst);
    if data != 99 {
        modify(epfd, fd, ONCE, data + 1).unwrap();
    }
}

fn handlers() {
    let (epfd, fd) = watching();
    EPFD.store(epfd, SeqCst);
    FD.store(fd, SeqCst);
    // SAFETY: The handler takes a number, and the sets are emptied first.
    unsafe {
        let mut action: libc::sigaction = zeroed();
        action.sa_sigaction = handler as *const () as usize;
        outcome(libc::sigaction(libc::SIGUSR1, &action, null_mut()).into()).unwrap();
    }
    modify(epfd, fd, ONCE, 20).unwrap();
    // SAFETY: The signal has a handler.
    unsafe { libc::raise(libc::SIGUSR1) };
    let seen = SEEN.load(SeqCst);
    println!("handler: {seen} {:?} {:?}", next(epfd), next(epfd));

    // A signal that interrupts a wait, whose mask unblocks it.
    let mut none = 0u64;
    // SAFETY: The sets are emptied first; the signal has a handler.
    unsafe {
        let mut set = zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGUSR1);
        libc::sigprocmask(libc::SIG_BLOCK, &set, null_mut());
        libc::raise(libc::SIGUSR1);
    }
    let mut event = epoll_event { events: 0, u64: 0 };
    let wait = Wait {
        events: from_mut(&mut event) as usize,
        maxevents: 1,
        timeout: -1,
        sigmask: from_mut(&mut none) as usize,
        sigsetsize: SIGSET_SIZE,
    };
    modify(epfd, fd, 0, 30).unwrap();
    let interrupted = Way::Function.wait_at(Call::Pwait, epfd, &wait);
    println!("interrupted: {interrupted:?} {}", SEEN.load(SeqCst));

    // A timer's signal, at any instant: each shot is fetched exactly once.
    storm(epfd, fd);
    close(fd);
    close(epfd);
}

static FETCHED: AtomicU64 = AtomicU64::new(0);

/// Fetches an event if there is one, and does not re-arm.
extern "C" fn fetch(_: c_int) {
    if next(EPFD.load(SeqCst)) != Ok(None) {
        FETCHED.fetch_add(1, SeqCst);
    }
}

/// Arms and fetches, while a timer's handler also fetches. If the numbers of
/// arms and fetches differ, a change was made twice or never.
fn storm(epfd: c_int, fd: c_int) {
    let interval = libc::timeval {
        tv_sec: 0,
        tv_usec: 50,
    };
    let every = |interval| {
        let timer = libc::itimerval {
            it_interval: interval,
            it_value: interval,
        };
        // SAFETY: The timer is readable.
        let set = unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, null_mut()) };
        outcome(set.into()).unwrap();
    };
    // SAFETY: The handler takes a number.
    unsafe {
        let mut action: libc::sigaction = zeroed();
        action.sa_sigaction = fetch as *const () as usize;
        outcome(libc::sigaction(libc::SIGALRM, &action, null_mut()).into()).unwrap();
    }
    every(interval);
    let (mut armed, mut wrong) = (0, 0);
    let end = Instant::now() + Duration::from_secs(1);
    loop {
        FETCHED.store(0, SeqCst);
        modify(epfd, fd, ONCE, armed).unwrap();
        armed += 1;
        let mut mine = 0;
        for _ in 0..2 {
            mine += u64::from(matches!(next(epfd), Ok(Some(_))));
        }
        wrong += u64::from(mine + FETCHED.load(SeqCst) != 1);
        if Instant::now() >= end {
            break;
        }
    }
    every(libc::timeval {
        tv_sec: 0,
        tv_usec: 0,
    });
    println!("storm: {wrong} wrong");
}

fn processes() {
    let (epfd, fd) = watching();
    modify(epfd, fd, ONCE, 2).unwrap();
    let child = in_child(|| assert_eq!(next(epfd), Ok(Some(2))));
    println!("child: {child} {:?}", next(epfd));
    // Both share the instance from now on: nothing can be delayed.
    let (ours, theirs) = (eventfd(0), eventfd(0));
    let both = in_child(|| {
        let grandchild = || {
            let mut count = 0u64;
            // SAFETY: It writes to eight bytes.
            unsafe { libc::read(theirs, from_mut(&mut count).cast(), 8) };
            assert_eq!(next(epfd), Ok(Some(3)));
            signal(ours);
        };
        // SAFETY: The child has this one thread.
        if unsafe { libc::fork() } == 0 {
            grandchild();
            // SAFETY: It does not return.
            unsafe { libc::_exit(0) };
        }
        modify(epfd, fd, ONCE, 3).unwrap();
        signal(theirs);
        let mut count = 0u64;
        // SAFETY: It writes to eight bytes.
        unsafe { libc::read(ours, from_mut(&mut count).cast(), 8) };
        assert_eq!(next(epfd), Ok(None));
    });
    println!("shared: {both}");
    [fd, epfd, ours, theirs].map(close);
}

/// The last test, because a process with threads stays one.
fn threads() {
    let (epfd, fd) = watching();
    modify(epfd, fd, ONCE, 2).unwrap();
    let wait = move || Way::Function.next(Call::Wait, epfd, -1);
    let seen = thread::spawn(wait).join().unwrap();
    println!("thread: {seen:?} {:?}", next(epfd));
    let sleeper = thread::spawn(wait);
    modify(epfd, fd, ONCE, 3).unwrap();
    println!("woken: {:?}", sleeper.join().unwrap());
    close(fd);
    close(epfd);
}

/// Two files are closed where no library sees it. Then another file has one of
/// the numbers, and a third file is modified correctly.
pub fn unseen() {
    let (epfd, fd) = watching();
    let (reused, good) = (eventfd(1), eventfd(0));
    Way::Function.add(epfd, reused, 0, 2).unwrap();
    Way::Function.add(epfd, good, 0, 3).unwrap();
    for fd in [fd, reused] {
        // SAFETY: The test owns it.
        outcome(unsafe { native(libc::SYS_close, [fd as usize, 0, 0, 0, 0, 0]) }).unwrap();
    }
    let file = eventfd(1);
    assert_eq!(file, fd);
    for fd in [fd, reused, good] {
        println!("modified: {:?}", modify(epfd, fd, libc::EPOLLIN, 4));
    }
    let began = Instant::now();
    let nothing = Way::Function.next(Call::Wait, epfd, 30);
    let in_time = began.elapsed() >= Duration::from_millis(30);
    println!("waited: {nothing:?} {in_time}");
    signal(good);
    println!("good: {:?}", next(epfd));
    println!("known now: {:?}", modify(epfd, fd, libc::EPOLLIN, 4));
    [file, good, epfd].map(close);
}

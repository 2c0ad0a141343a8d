// SPDX-License-Identifier: GPL-2.0

//! subject ROLE [DESCRIPTOR] - a program for the tests to run, preloaded or not.

#[path = "../../tests/preload/epoll.rs"]
mod epoll;
#[path = "../../../../repoll/tests/device/filter.rs"]
mod filter;
mod gathering;
#[path = "../../tests/preload/plugin.rs"]
mod plugin;
#[path = "../../tests/preload/pthread.rs"]
mod pthread;
#[path = "../../tests/preload/stepping.rs"]
mod stepping;

use epoll::{close, eventfd, in_child, instance, native, outcome, signal, Call, Way};
use filter::{filter, refuse};
use libc::c_void;
use plugin::Plugin;
use pthread::{cancel, create, is_asleep, join, thread_id, CANCELED};
use rustix::{
    io::Errno,
    net::{sendmsg, SendAncillaryBuffer, SendAncillaryMessage, SendFlags},
};
use std::{
    env,
    fs::File,
    io::{stdin, IoSlice},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::process::CommandExt,
    },
    process::Command,
    ptr::null_mut,
    sync::atomic::{AtomicI32, Ordering::SeqCst},
    thread,
};
use stepping::{Signals, Stop};

/// A call before any library is initialised. It fails and has no consequences.
#[used]
#[link_section = ".preinit_array"]
static EARLY: extern "C" fn() = {
    extern "C" fn early() {
        // SAFETY: No event is read.
        unsafe { libc::epoll_ctl(-1, libc::EPOLL_CTL_DEL, -1, std::ptr::null_mut()) };
    }
    early
};

fn main() {
    let role = env::args().nth(1).unwrap_or_default();
    match role.as_str() {
        "sender" => sender(),
        "inherited" => inherited(),
        "creating" => creating(),
        "counted" => counted(),
        "counted_without_exit" => counted_without_exit(),
        "counted_apart" => counted_apart(),
        "with_closed_descriptors" => with_closed_descriptors(),
        "filtered" => filtered(),
        "refused_once" => refused_once(),
        "handed_on" => handed_on(),
        "io_uring" => io_uring(),
        "cancelling" => cancelling(),
        "with_plugin" => with_plugin(),
        "gathering" => gathering::all(),
        "gathering_unseen" => gathering::unseen(),
        _ => panic!("unknown role: '{role}'"),
    }
}

fn sender() {
    let epfd = instance();
    // SAFETY: It is open until the process ends.
    let fds = [unsafe { BorrowedFd::borrow_raw(epfd) }];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    let data = [IoSlice::new(b"x")];
    sendmsg(stdin().as_fd(), &data, &mut control, SendFlags::empty()).unwrap();
}

fn inherited() {
    let epfd = env::args().nth(2).unwrap().parse().unwrap();
    println!("inherited: {:?}", Way::Function.next(Call::Wait, epfd, 0));
}

fn creating() {
    for _ in 0..2 {
        println!("created: {:?}", Way::Function.create1(0).map(|_| ()));
    }
}

/// Two creates, three changes and four waits that succeed; as many that fail; and one of each on a
/// native instance.
fn call_some() {
    let efd = eventfd(1);
    let epfd = Way::Function.create1(0).unwrap();
    close(Way::Syscall.create(1).unwrap());
    for way in [Way::Function, Way::Syscall] {
        way.create1(-1).unwrap_err();
        way.ctl_at(epfd, libc::EPOLL_CTL_DEL, efd, 0).unwrap_err();
        way.ctl_at(-1, libc::EPOLL_CTL_DEL, efd, 0).unwrap_err();
        way.next(Call::Wait, efd, 0).unwrap_err();
    }
    assert_eq!(Way::Function.next(Call::Wait, epfd, 0), Ok(None));
    Way::Function.add(epfd, efd, libc::EPOLLIN, 1).unwrap();
    let modify = libc::EPOLL_CTL_MOD;
    Way::Syscall
        .ctl(epfd, modify, efd, libc::EPOLLIN, 2)
        .unwrap();
    for call in [Call::Wait, Call::Pwait, Call::Pwait2] {
        assert_eq!(Way::Function.next(call, epfd, -1), Ok(Some(2)));
    }
    let del = libc::EPOLL_CTL_DEL;
    Way::Function.ctl_at(epfd, del, efd, 0).unwrap();

    let other = Way::Native.create1(0).unwrap();
    Way::Syscall.add(other, efd, libc::EPOLLIN, 3).unwrap();
    assert_eq!(Way::Syscall.next(Call::Pwait2, other, -1), Ok(Some(3)));
    for fd in [efd, epfd, other] {
        close(fd);
    }
}

fn counted() {
    call_some();
}

fn counted_without_exit() {
    call_some();
    // SAFETY: It does not return.
    unsafe { libc::_exit(0) };
}

fn counted_apart() {
    call_some();
    // A process that does not use epoll prints nothing, not even about its parent.
    assert!(in_child(|| ()));
    assert!(in_child(|| {
        let (epfd, efd) = (instance(), eventfd(0));
        Way::Function.add(epfd, efd, libc::EPOLLIN, 1).unwrap();
        signal(efd);
        assert_eq!(Way::Function.next(Call::Wait, epfd, -1), Ok(Some(1)));
    }));
}

fn with_closed_descriptors() {
    assert!(in_child(|| {
        // SAFETY: Only this thread uses what is closed, and only before.
        let efd = unsafe {
            let efd = outcome(libc::dup2(eventfd(1), 100).into()).unwrap();
            outcome(libc::close_range(3, 99, 0).into()).unwrap();
            outcome(libc::close(0).into()).unwrap();
            efd
        };
        let epfd = Way::Function.create1(0).unwrap();
        assert_eq!(epfd, 0);
        Way::Function.add(epfd, efd, libc::EPOLLIN, 1).unwrap();
        assert_eq!(Way::Function.next(Call::Wait, epfd, -1), Ok(Some(1)));
    }));
}

/// One create, two changes and a wait, all in a plugin.
fn with_plugin() {
    let plugin = Plugin::load(&env::current_exe().unwrap());
    assert_eq!(plugin.watch(plugin.instance(), eventfd(1)), 1);
}

/// A change and a wait, then two of each without one system call, and calls that fail in both
/// cases.
fn filtered() {
    let words: Vec<_> = env::args().skip(2).collect();
    let number = match words[0].as_str() {
        "fadvise64" => libc::SYS_fadvise64,
        "ioctl" => libc::SYS_ioctl,
        other => panic!("unknown system call '{other}'"),
    };
    let (epfd, efd) = (instance(), eventfd(1));
    let file = File::open("/proc/self/exe").unwrap();
    let unwatchable = || Way::Function.add(epfd, file.as_raw_fd(), libc::EPOLLIN, 0);
    let next = || Way::Function.next(Call::Wait, epfd, -1);
    Way::Function.add(epfd, efd, libc::EPOLLIN, 1).unwrap();
    assert_eq!(unwatchable(), Err(libc::EPERM));
    assert_eq!(next(), Ok(Some(1)));
    refuse(number, Errno::from_raw_os_error(words[1].parse().unwrap())).unwrap();
    for data in [2, 3] {
        let modify = libc::EPOLL_CTL_MOD;
        assert_eq!(unwatchable(), Err(libc::EPERM));
        Way::Function
            .ctl(epfd, modify, efd, libc::EPOLLIN, data)
            .unwrap();
        assert_eq!(next(), Ok(Some(data)));
    }
}

/// A change whose direct call is refused; then all calls, on this instance and on a later one, by
/// this thread and by another one. A second direct call would kill the process.
fn refused_once() {
    let errno = env::args().nth(2).unwrap().parse().unwrap();
    let (epfd, efd) = (instance(), eventfd(1));
    let modify =
        |epfd, data| Way::Function.ctl(epfd, libc::EPOLL_CTL_MOD, efd, libc::EPOLLIN, data);
    Way::Function.add(epfd, efd, libc::EPOLLIN, 1).unwrap();
    refuse(libc::SYS_fadvise64, Errno::from_raw_os_error(errno)).unwrap();
    modify(epfd, 2).unwrap();
    filter(libc::SYS_fadvise64, libc::SECCOMP_RET_KILL_PROCESS).unwrap();
    let other = instance();
    Way::Function.add(other, efd, libc::EPOLLIN, 1).unwrap();
    let use_all = || {
        for epfd in [epfd, other] {
            for (call, data) in [(Call::Wait, 3), (Call::Pwait, 4), (Call::Pwait2, 5)] {
                modify(epfd, data).unwrap();
                assert_eq!(Way::Function.next(call, epfd, -1), Ok(Some(data)));
            }
        }
    };
    use_all();
    thread::scope(|scope| scope.spawn(use_all).join()).unwrap();
}

/// Executes the same program again, which waits on an instance that it has not created.
fn handed_on() {
    let Some(epfd) = env::args().nth(2) else {
        let epfd = Way::Function.create1(0).unwrap();
        let efd = eventfd(1);
        Way::Function.add(epfd, efd, libc::EPOLLIN, 1).unwrap();
        // SAFETY: It takes a number. The copy stays open, and its file is watched.
        outcome(unsafe { libc::dup(efd) }.into()).unwrap();
        let mut again = Command::new(env::current_exe().unwrap());
        panic!("{}", again.arg("handed_on").arg(epfd.to_string()).exec());
    };
    let epfd = epfd.parse().unwrap();
    for call in [Call::Wait, Call::Pwait, Call::Pwait2] {
        assert_eq!(Way::Function.next(call, epfd, -1), Ok(Some(1)));
    }
}

static EPFD: AtomicI32 = AtomicI32::new(-1);
static TID: AtomicI32 = AtomicI32::new(0);

/// Waits in steps, after everything that happens only once.
extern "C-unwind" fn wait_by_steps(_: *mut c_void) -> *mut c_void {
    let epfd = EPFD.load(SeqCst);
    assert_eq!(Way::Function.next(Call::Wait, epfd, 0), Ok(None));
    TID.store(thread_id(), SeqCst);
    stepping::begin(wait_by_steps);
    let _ = Way::Function.next(Call::Wait, epfd, -1);
    stepping::end();
    null_mut()
}

fn start_by_steps() -> libc::pthread_t {
    TID.store(0, SeqCst);
    let thread = create(wait_by_steps, null_mut());
    while TID.load(SeqCst) == 0 {
        thread::yield_now();
    }
    thread
}

/// A waiter is the first thread that a process cancels, after each of its instructions until it
/// sleeps.
fn cancelling() {
    EPFD.store(instance(), SeqCst);
    for signals in [Signals::AtOnce, Signals::Later] {
        let (other, over) = (instance(), eventfd(0));
        Way::Function.add(other, over, libc::EPOLLIN, 1).unwrap();
        let mut steps = 0;
        while Way::Function.next(Call::Wait, other, 0) == Ok(None) {
            steps += 1;
            let cancelled = in_child(|| {
                let stop = Stop::at(steps, signals);
                let thread = start_by_steps();
                if !stop.is_reached(|| is_asleep(TID.load(SeqCst))) {
                    signal(over);
                }
                cancel(thread);
                stop.release();
                assert_eq!(join(thread), CANCELED);
            });
            assert!(cancelled, "{signals:?} {steps}");
        }
    }
}

fn io_uring() {
    // SAFETY: Neither call has an address to write to, so nothing is created.
    let (asked, native) = unsafe {
        (
            outcome(libc::syscall(libc::SYS_io_uring_setup, 0, 0)),
            outcome(native(libc::SYS_io_uring_setup, [0; 6])),
        )
    };
    println!("the same: {}", asked == native);
    println!("ENOSYS: {}", asked == Err(libc::ENOSYS));
}

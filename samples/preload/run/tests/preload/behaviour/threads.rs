// SPDX-License-Identifier: GPL-2.0

//! Several threads on one instance, and the end of one that waits.

use crate::{
    epoll::{
        close,
        eventfd,
        instance,
        signal,
        Call,
        Way, //
    },
    fixture::{
        alone,
        WAITS,
        WAYS, //
    }, //
};
use libc::{
    c_int,
    c_void,
    pid_t,
    pthread_t, //
};
use std::{
    fs,
    mem::MaybeUninit,
    os::unix::thread::JoinHandleExt,
    ptr::{
        null,
        null_mut, //
    },
    sync::{
        atomic::{
            AtomicI32,
            AtomicU64,
            Ordering::SeqCst, //
        },
        mpsc,
    },
    thread::{
        self,
        JoinHandle, //
    },
    time::{
        Duration,
        SystemTime,
        UNIX_EPOCH, //
    },
};

fn thread_id() -> pid_t {
    // SAFETY: It takes nothing.
    unsafe { libc::gettid() }
}

/// Returns when the thread sleeps in a wait of either kind.
fn until_asleep(tid: pid_t) {
    let waits = [
        libc::SYS_epoll_wait,
        libc::SYS_epoll_pwait,
        libc::SYS_epoll_pwait2,
        libc::SYS_ioctl,
    ];
    let path = format!("/proc/self/task/{tid}/syscall");
    loop {
        // It says "running" unless the thread sleeps.
        let call = fs::read_to_string(&path).unwrap();
        let number = call.split(' ').next().unwrap().parse();
        if number.is_ok_and(|number| waits.contains(&number)) {
            return;
        }
        thread::yield_now();
    }
}

/// A thread that sleeps in a wait.
pub struct Sleeper<T>(JoinHandle<T>);

impl<T: Send + 'static> Sleeper<T> {
    /// Starts it and sees it asleep.
    pub fn start(wait: impl FnOnce() -> T + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::spawn(move || {
            sender.send(thread_id()).unwrap();
            wait()
        });
        until_asleep(receiver.recv().unwrap());
        Self(thread)
    }

    /// Sends it a signal.
    pub fn kill(&self, signal: c_int) {
        // SAFETY: It has not been joined.
        unsafe { libc::pthread_kill(self.0.as_pthread_t(), signal) };
    }

    /// Waits for its end.
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

/// Each of several waiters gets one of as many edges.
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

/// Never waited for in full unless a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

const CANCEL_ENABLE: c_int = 0;
const CANCEL_DISABLE: c_int = 1;
/// What a cancelled thread is joined with.
const CANCELED: *mut c_void = -1isize as *mut c_void;

extern "C-unwind" {
    fn pthread_create(
        thread: *mut pthread_t,
        attributes: *const libc::pthread_attr_t,
        start: extern "C-unwind" fn(*mut c_void) -> *mut c_void,
        argument: *mut c_void,
    ) -> c_int;
    fn pthread_timedjoin_np(
        thread: pthread_t,
        result: *mut *mut c_void,
        until: *const libc::timespec,
    ) -> c_int;
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
    fn pthread_testcancel();
}

/// What a thread does that is to be cancelled. It has nothing to drop.
#[derive(Clone, Copy)]
struct Task {
    way: Way,
    call: Call,
    epfd: c_int,
    timeout_ms: c_int,
    /// Cancellation is not possible before the wait is over.
    disabled: bool,
}

static TID: AtomicI32 = AtomicI32::new(0);
static DATA: AtomicU64 = AtomicU64::new(0);

extern "C-unwind" fn run(task: *mut c_void) -> *mut c_void {
    // SAFETY: The task outlives the thread.
    let task = unsafe { *task.cast::<Task>() };
    if task.disabled {
        // SAFETY: It takes a number.
        unsafe { pthread_setcancelstate(CANCEL_DISABLE, null_mut()) };
    }
    TID.store(thread_id(), SeqCst);
    // The signal by which libc cancels may end a wait that is not to be cancelled.
    let mut next = Err(libc::EINTR);
    while next == Err(libc::EINTR) {
        next = task.way.next(task.call, task.epfd, task.timeout_ms);
    }
    if let Ok(Some(data)) = next {
        DATA.store(data, SeqCst);
    }
    // SAFETY: The thread's own state; nothing is to be dropped.
    unsafe {
        pthread_setcancelstate(CANCEL_ENABLE, null_mut());
        pthread_testcancel();
    }
    null_mut()
}

/// Starts the task in a thread of its own and waits until it sleeps.
fn start(task: &mut Task) -> pthread_t {
    TID.store(0, SeqCst);
    DATA.store(0, SeqCst);
    let mut thread = MaybeUninit::uninit();
    let argument = std::ptr::from_mut(task).cast();
    // SAFETY: The caller keeps the task until the thread is joined.
    let thread = unsafe {
        assert_eq!(
            pthread_create(thread.as_mut_ptr(), null(), run, argument),
            0
        );
        thread.assume_init()
    };
    while TID.load(SeqCst) == 0 {
        thread::yield_now();
    }
    thread
}

fn cancel(thread: pthread_t) {
    // SAFETY: It has not been joined.
    assert_eq!(unsafe { libc::pthread_cancel(thread) }, 0);
}

/// Waits for its end, and not for ever: a thread that cannot be cancelled has none.
fn join(thread: pthread_t) -> *mut c_void {
    let until = SystemTime::now() + PATIENCE;
    let until = libc::timespec {
        tv_sec: until.duration_since(UNIX_EPOCH).unwrap().as_secs() as i64,
        tv_nsec: 0,
    };
    let mut result = null_mut();
    // SAFETY: It has not been joined.
    let error = unsafe { pthread_timedjoin_np(thread, &mut result, &until) };
    assert_eq!(error, 0);
    result
}

#[test]
fn a_sleeping_waiter_can_be_cancelled() {
    let _alone = alone();
    let epfd = instance();
    for call in WAITS {
        let mut task = Task {
            way: Way::Function,
            call,
            epfd,
            timeout_ms: -1,
            disabled: false,
        };
        let thread = start(&mut task);
        until_asleep(TID.load(SeqCst));
        cancel(thread);
        assert_eq!(join(thread), CANCELED, "{call:?}");
    }
    close(epfd);
}

#[test]
fn a_waiter_that_forbids_it_is_not_cancelled() {
    let _alone = alone();
    for call in WAITS {
        let (epfd, efd) = (instance(), eventfd(0));
        Way::Function.add(epfd, efd, libc::EPOLLIN, 6).unwrap();
        let mut task = Task {
            way: Way::Function,
            call,
            epfd,
            timeout_ms: -1,
            disabled: true,
        };
        let thread = start(&mut task);
        until_asleep(TID.load(SeqCst));
        cancel(thread);
        signal(efd);
        assert_eq!(join(thread), CANCELED, "{call:?}");
        assert_eq!(DATA.load(SeqCst), 6, "{call:?}");
        close(epfd);
        close(efd);
    }
}

/// `syscall` is no point of cancellation: the wait gets its event first.
#[test]
fn a_system_call_is_not_cancelled() {
    let _alone = alone();
    for call in WAITS {
        let (epfd, efd) = (instance(), eventfd(0));
        Way::Function.add(epfd, efd, libc::EPOLLIN, 6).unwrap();
        let mut task = Task {
            way: Way::Syscall,
            call,
            epfd,
            timeout_ms: -1,
            disabled: false,
        };
        let thread = start(&mut task);
        until_asleep(TID.load(SeqCst));
        cancel(thread);
        signal(efd);
        assert_eq!(join(thread), CANCELED, "{call:?}");
        assert_eq!(DATA.load(SeqCst), 6, "{call:?}");
        close(epfd);
        close(efd);
    }
}

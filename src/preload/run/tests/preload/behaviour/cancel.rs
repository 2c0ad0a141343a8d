// SPDX-License-Identifier: GPL-2.0

//! Threads that are cancelled before, during or after a wait.

use super::threads::until_asleep;
use crate::{
    epoll::{close, eventfd, instance, signal, Call, Wait, Way, SIGSET_SIZE},
    fixture::{alone, WAITS},
    pthread::{cancel, create, is_asleep, join, thread_id, Start, CANCELED},
    stepping::{self, Signals, Stop},
    subject::is_preloaded,
};
use libc::{c_int, c_void, epoll_event, pthread_t};
use std::{
    arch::global_asm,
    cell::UnsafeCell,
    fs, hint,
    mem::zeroed,
    ptr::{from_mut, from_ref, null_mut},
    sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::SeqCst},
    thread,
};

const CANCEL_ENABLE: c_int = 0;
const CANCEL_DISABLE: c_int = 1;
const CANCEL_DEFERRED: c_int = 0;
const CANCEL_ASYNCHRONOUS: c_int = 1;

extern "C-unwind" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
    fn pthread_setcanceltype(kind: c_int, before: *mut c_int) -> c_int;
    fn pthread_testcancel();
    fn _pthread_cleanup_push(
        buffer: *mut CleanupBuffer,
        routine: extern "C" fn(*mut c_void),
        argument: *mut c_void,
    );
    fn _pthread_cleanup_pop(buffer: *mut CleanupBuffer, execute: c_int);
    fn siglongjmp(place: *mut c_void, value: c_int) -> !;
}

/// It is larger than libc's. The caller's stack provides the memory.
#[repr(C, align(16))]
struct CleanupBuffer([u64; 8]);

/// What the thread does that will be cancelled. It has nothing to drop.
#[derive(Clone, Copy)]
struct Task {
    way: Way,
    call: Call,
    epfd: c_int,
    /// The wait has its own mask, which blocks nothing.
    masked: bool,
    /// Cancellation is disabled until the wait ends.
    disabled: bool,
    /// Cancellation is asynchronous.
    asynchronous: bool,
}

impl Task {
    fn new(way: Way, call: Call, epfd: c_int) -> Self {
        Self {
            way,
            call,
            epfd,
            masked: false,
            disabled: false,
            asynchronous: false,
        }
    }
}

static TID: AtomicI32 = AtomicI32::new(0);
static DATA: AtomicU64 = AtomicU64::new(0);
static CLEANED: AtomicBool = AtomicBool::new(false);
static AT_WORK: AtomicBool = AtomicBool::new(false);
static RELEASED: AtomicBool = AtomicBool::new(false);
static DONE: AtomicBool = AtomicBool::new(false);
static KIND: AtomicI32 = AtomicI32::new(-1);

/// Waits for one event without a timeout, with this mask if the call takes one.
fn next_with_mask(task: &Task, mask: &u64) -> Result<Option<u64>, c_int> {
    let mut event = epoll_event { events: 0, u64: 0 };
    let wait = Wait {
        events: from_mut(&mut event) as usize,
        maxevents: 1,
        timeout: if task.call == Call::Pwait2 { 0 } else { -1 },
        sigmask: from_ref(mask) as usize,
        sigsetsize: SIGSET_SIZE,
    };
    let count = task.way.wait_at(task.call, task.epfd, &wait)?;
    Ok((count == 1).then_some(event.u64))
}

extern "C-unwind" fn run(task: *mut c_void) -> *mut c_void {
    // SAFETY: The task outlives the thread.
    let task = unsafe { *task.cast::<Task>() };
    if task.disabled {
        // SAFETY: It takes a number.
        unsafe { pthread_setcancelstate(CANCEL_DISABLE, null_mut()) };
    }
    if task.asynchronous {
        // SAFETY: As before; there is nothing to drop.
        unsafe { pthread_setcanceltype(CANCEL_ASYNCHRONOUS, null_mut()) };
    }
    TID.store(thread_id(), SeqCst);
    // libc's signal for cancellation may end a wait that must not be cancelled.
    let mask = 0u64;
    let mut next = Err(libc::EINTR);
    while next == Err(libc::EINTR) {
        next = if task.masked {
            next_with_mask(&task, &mask)
        } else {
            task.way.next(task.call, task.epfd, -1)
        };
    }
    if let Ok(Some(data)) = next {
        DATA.store(data, SeqCst);
    }
    // SAFETY: It is the thread's own state; there is nothing to drop.
    unsafe {
        pthread_setcancelstate(CANCEL_ENABLE, null_mut());
        pthread_testcancel();
    }
    null_mut()
}

/// Starts the task in a new thread, and returns when it has begun.
fn start(task: &mut Task) -> pthread_t {
    start_in(run, task)
}

/// The same with another function, which reports that it has begun.
fn start_in(function: Start, task: &mut Task) -> pthread_t {
    TID.store(0, SeqCst);
    DATA.store(0, SeqCst);
    // The caller keeps the task until the thread is joined.
    let thread = create(function, from_mut(task).cast());
    while TID.load(SeqCst) == 0 {
        thread::yield_now();
    }
    thread
}

#[test]
fn a_sleeping_waiter_can_be_cancelled() {
    let _alone = alone();
    let epfd = instance();
    for call in WAITS {
        for masked in [false, true] {
            let mut task = Task::new(Way::Function, call, epfd);
            task.masked = masked;
            let thread = start(&mut task);
            until_asleep(TID.load(SeqCst));
            cancel(thread);
            assert_eq!(join(thread), CANCELED, "{call:?} {masked}");
        }
    }
    close(epfd);
}

/// Whenever the thread is cancelled, it either takes the edge or leaves it to others.
#[test]
fn a_cancelled_waiter_takes_no_event_with_it() {
    let _alone = alone();
    let (epfd, efd) = (instance(), eventfd(0));
    let edges = libc::EPOLLIN | libc::EPOLLET;
    Way::Function.add(epfd, efd, edges, 6).unwrap();
    for round in 0..300 {
        for call in WAITS {
            let mut task = Task::new(Way::Function, call, epfd);
            let thread = start(&mut task);
            match round % 3 {
                0 => until_asleep(TID.load(SeqCst)),
                1 => thread::yield_now(),
                _ => {}
            }
            signal(efd);
            cancel(thread);
            let result = join(thread);
            let left = Way::Function.next(Call::Wait, epfd, 0).unwrap();
            let had = DATA.load(SeqCst) == 6;
            assert_eq!(had, left.is_none(), "{call:?} {round}");
            // A thread with the event may have finished before it was cancelled.
            assert!(result == CANCELED || had, "{call:?} {round}");
        }
    }
    close(epfd);
    close(efd);
}

/// Cancels a thread that is about to wait, at some moment.
#[test]
fn a_waiter_can_be_cancelled_at_any_moment() {
    let _alone = alone();
    let epfd = instance();
    let mut random = 1u32;
    for round in 0..350 {
        for call in WAITS {
            let mut task = Task::new(Way::Function, call, epfd);
            task.masked = round % 2 == 1;
            let thread = start(&mut task);
            random = random.wrapping_mul(1664525).wrapping_add(1013904223);
            for _ in 0..random >> 22 {
                hint::spin_loop();
            }
            cancel(thread);
            assert_eq!(join(thread), CANCELED, "{call:?} {round}");
        }
    }
    close(epfd);
}

/// Runs the task in steps.
extern "C-unwind" fn step(task: *mut c_void) -> *mut c_void {
    // SAFETY: The task outlives the thread.
    let Task {
        way, call, epfd, ..
    } = unsafe { *task.cast::<Task>() };
    // Not in steps: lookups of the first call.
    assert_eq!(way.next(call, epfd, 0), Ok(None));
    TID.store(thread_id(), SeqCst);
    stepping::begin(step);
    run(task);
    stepping::end();
    null_mut()
}

/// Runs the task again and again, and cancels the thread one instruction later each time, until the
/// thread sleeps. Passes the number of instructions to `cancelled`.
fn cancel_at_each_step(task: &mut Task, signals: Signals, cancelled: impl Fn(pthread_t, usize)) {
    for steps in 1.. {
        let stop = Stop::at(steps, signals);
        let thread = start_in(step, task);
        let reached = stop.is_reached(|| is_asleep(TID.load(SeqCst)));
        cancel(thread);
        stop.release();
        cancelled(thread, steps);
        if !reached {
            break;
        }
    }
}

/// Waits that are made in different ways.
fn waits_by_steps(epfd: c_int) -> [Task; 2] {
    let plain = Task::new(Way::Function, Call::Wait, epfd);
    let mut masked = Task::new(Way::Function, Call::Pwait2, epfd);
    masked.masked = true;
    [plain, masked]
}

/// Cancels waits that are made in different ways.
fn cancel_waits_at_each_step(signals: Signals) {
    let _alone = alone();
    let epfd = instance();
    for mut task in waits_by_steps(epfd) {
        let call = task.call;
        cancel_at_each_step(&mut task, signals, |thread, steps| {
            assert_eq!(join(thread), CANCELED, "{call:?} {steps}");
        });
    }
    close(epfd);
}

#[test]
fn a_waiter_can_be_cancelled_at_each_instruction() {
    cancel_waits_at_each_step(Signals::Later);
}

/// At that time, a handler of the program has interrupted the thread. glibc's own waits miss the
/// cancellation then.
#[test]
fn a_waiter_can_be_cancelled_while_it_handles_a_signal() {
    if is_preloaded() {
        cancel_waits_at_each_step(Signals::AtOnce);
    }
}

#[test]
fn a_waiter_can_be_cancelled_asynchronously() {
    let _alone = alone();
    let epfd = instance();
    let mut task = Task::new(Way::Function, Call::Wait, epfd);
    task.asynchronous = true;
    cancel_at_each_step(&mut task, Signals::Later, |thread, steps| {
        assert_eq!(join(thread), CANCELED, "{steps}");
    });
    close(epfd);
}

/// A wait that sleeps makes no more system calls than one that does not.
#[test]
fn a_wait_that_sleeps_is_one_system_call() {
    extern "C-unwind" fn count(task: *mut c_void) -> *mut c_void {
        // SAFETY: The task outlives the thread.
        let Task {
            way, call, epfd, ..
        } = unsafe { *task.cast::<Task>() };
        TID.store(thread_id(), SeqCst);
        stepping::begin(count);
        let next = way.next(call, epfd, -1);
        let calls = stepping::end();
        assert_eq!(next, Ok(Some(6)));
        DATA.store(calls as u64, SeqCst);
        null_mut()
    }

    let _alone = alone();
    for call in WAITS {
        let (epfd, efd) = (instance(), eventfd(0));
        Way::Function.add(epfd, efd, libc::EPOLLIN, 6).unwrap();
        let kind = fs::read_link(format!("/proc/self/fd/{epfd}")).unwrap();
        // The library first finds out that it did not create this instance.
        let is_found_out = is_preloaded() && kind.ends_with("anon_inode:[eventpoll]");
        for sleeps in [true, false] {
            let _stop = Stop::at(usize::MAX, Signals::Later);
            let mut task = Task::new(Way::Function, call, epfd);
            let thread = start_in(count, &mut task);
            if sleeps {
                until_asleep(TID.load(SeqCst));
                signal(efd);
            }
            assert_eq!(join(thread), null_mut(), "{call:?} {sleeps}");
            let calls = DATA.load(SeqCst);
            assert_eq!(calls, 1 + u64::from(is_found_out), "{call:?} {sleeps}");
        }
        close(epfd);
        close(efd);
    }
}

/// A cancellation that came earlier ends the thread in the wait, even if the wait would not sleep.
#[test]
fn a_cancelled_thread_does_not_begin_to_wait() {
    extern "C-unwind" fn late(task: *mut c_void) -> *mut c_void {
        // SAFETY: The task outlives the thread.
        let task = unsafe { *task.cast::<Task>() };
        // SAFETY: It takes a number.
        unsafe { pthread_setcancelstate(CANCEL_DISABLE, null_mut()) };
        TID.store(thread_id(), SeqCst);
        while !RELEASED.load(SeqCst) {
            thread::yield_now();
        }
        // SAFETY: As before.
        unsafe { pthread_setcancelstate(CANCEL_ENABLE, null_mut()) };
        let _ = task.way.next(task.call, task.epfd, 0);
        DATA.store(1, SeqCst);
        null_mut()
    }

    let _alone = alone();
    let epfd = instance();
    for call in WAITS {
        RELEASED.store(false, SeqCst);
        let mut task = Task::new(Way::Function, call, epfd);
        let thread = start_in(late, &mut task);
        cancel(thread);
        RELEASED.store(true, SeqCst);
        assert_eq!(join(thread), CANCELED, "{call:?}");
        assert_eq!(DATA.load(SeqCst), 0, "{call:?}");
    }
    close(epfd);
}

#[test]
fn what_is_to_be_cleaned_up_is() {
    extern "C" fn clean(_: *mut c_void) {
        CLEANED.store(true, SeqCst);
    }
    extern "C-unwind" fn wait(task: *mut c_void) -> *mut c_void {
        let mut buffer = CleanupBuffer([0; 8]);
        // SAFETY: The buffer lives until the pop, or until the thread ends.
        unsafe { _pthread_cleanup_push(&mut buffer, clean, null_mut()) };
        run(task);
        // SAFETY: As above.
        unsafe { _pthread_cleanup_pop(&mut buffer, 0) };
        null_mut()
    }

    let _alone = alone();
    let epfd = instance();
    for call in WAITS {
        CLEANED.store(false, SeqCst);
        let mut task = Task::new(Way::Function, call, epfd);
        let thread = start_in(wait, &mut task);
        until_asleep(TID.load(SeqCst));
        cancel(thread);
        assert_eq!(join(thread), CANCELED, "{call:?}");
        assert!(CLEANED.load(SeqCst), "{call:?}");
    }
    close(epfd);
}

/// Runs for a while. It could not finish if it could be cancelled anywhere.
fn compute() {
    AT_WORK.store(true, SeqCst);
    while !RELEASED.load(SeqCst) {
        thread::yield_now();
    }
    // A pending signal is delivered at the end of a system call at the latest.
    thread::yield_now();
    DONE.store(true, SeqCst);
}

/// Cancels the thread while it computes, and returns what joining it returns.
fn cancel_at_work(thread: pthread_t) -> *mut c_void {
    while !AT_WORK.load(SeqCst) {
        thread::yield_now();
    }
    cancel(thread);
    RELEASED.store(true, SeqCst);
    join(thread)
}

fn handle(signal: c_int, handler: usize) {
    for flag in [&AT_WORK, &RELEASED, &DONE] {
        flag.store(false, SeqCst);
    }
    // SAFETY: The handler takes a number.
    unsafe {
        let mut action: libc::sigaction = zeroed();
        action.sa_sigaction = handler;
        assert_eq!(libc::sigaction(signal, &action, null_mut()), 0);
    }
}

#[test]
fn a_handler_that_interrupts_a_wait_comes_to_its_end() {
    extern "C-unwind" fn handler(_signal: c_int) {
        compute();
    }

    let _alone = alone();
    let epfd = instance();
    for call in WAITS {
        handle(libc::SIGUSR2, handler as *const () as usize);
        let mut task = Task::new(Way::Function, call, epfd);
        let thread = start(&mut task);
        until_asleep(TID.load(SeqCst));
        // SAFETY: It has not been joined.
        unsafe { libc::pthread_kill(thread, libc::SIGUSR2) };
        assert_eq!(cancel_at_work(thread), CANCELED, "{call:?}");
        assert!(DONE.load(SeqCst), "{call:?}");
    }
    close(epfd);
}

// unsigned long until_left(void *place, void (*function)(void *), void *argument): calls the
// function; returns 1 if siglongjmp(place) leaves it. The compiler does not know that sigsetjmp()
// returns twice, so this is in assembly.
global_asm!(
    ".pushsection .text",
    ".type until_left, @function",
    "until_left:",
    "push rbx",
    "push r12",
    "push r13",
    "mov r12, rsi",
    "mov r13, rdx",
    "mov esi, 1",
    "call __sigsetjmp@PLT",
    "mov ebx, eax",
    "test eax, eax",
    "jnz 1f",
    "mov rdi, r13",
    "call r12",
    "1:",
    "mov eax, ebx",
    "pop r13",
    "pop r12",
    "pop rbx",
    "ret",
    ".size until_left, . - until_left",
    ".popsection",
);

extern "C-unwind" {
    fn until_left(place: *mut c_void, function: Start, argument: *mut c_void) -> u64;
}

/// Memory for a `sigjmp_buf`.
#[repr(align(16))]
struct Place(UnsafeCell<[u64; 64]>);

// SAFETY: Only one thread at a time uses it.
unsafe impl Sync for Place {}

static PLACE: Place = Place(UnsafeCell::new([0; 64]));

/// If a handler leaves a wait by `siglongjmp`, the thread is cancelled at the next cancellation
/// point and not before.
#[test]
fn a_handler_that_leaves_a_wait_leaves_the_thread_as_it_was() {
    extern "C-unwind" fn handler(_signal: c_int) {
        // SAFETY: It leads to the function that was called on this thread.
        unsafe { siglongjmp(PLACE.0.get().cast(), 1) }
    }
    extern "C-unwind" fn wait(task: *mut c_void) -> *mut c_void {
        // SAFETY: There is nothing to drop between there and here.
        let left = unsafe { until_left(PLACE.0.get().cast(), run, task) };
        DATA.store(left, SeqCst);
        compute();
        let mut kind = -1;
        // SAFETY: It is the thread's own state; there is nothing to drop.
        unsafe {
            pthread_setcanceltype(CANCEL_DEFERRED, &mut kind);
            KIND.store(kind, SeqCst);
            pthread_testcancel();
        }
        null_mut()
    }

    let _alone = alone();
    let epfd = instance();
    for call in WAITS {
        handle(libc::SIGUSR2, handler as *const () as usize);
        let mut task = Task::new(Way::Function, call, epfd);
        let thread = start_in(wait, &mut task);
        until_asleep(TID.load(SeqCst));
        // SAFETY: It has not been joined.
        unsafe { libc::pthread_kill(thread, libc::SIGUSR2) };
        assert_eq!(cancel_at_work(thread), CANCELED, "{call:?}");
        assert_eq!(DATA.load(SeqCst), 1, "{call:?}");
        assert!(DONE.load(SeqCst), "{call:?}");
        assert_eq!(KIND.load(SeqCst), CANCEL_DEFERRED, "{call:?}");
    }
    close(epfd);
}

#[test]
fn a_waiter_that_forbids_it_is_not_cancelled() {
    let _alone = alone();
    for call in WAITS {
        let (epfd, efd) = (instance(), eventfd(0));
        Way::Function.add(epfd, efd, libc::EPOLLIN, 6).unwrap();
        let mut task = Task::new(Way::Function, call, epfd);
        task.disabled = true;
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

/// A signal that comes before the thread sleeps does not cancel it, and the thread continues to
/// sleep.
#[test]
fn a_waiter_that_forbids_it_goes_on_at_each_instruction() {
    let _alone = alone();
    let (epfd, efd) = (instance(), eventfd(0));
    let edges = libc::EPOLLIN | libc::EPOLLET;
    Way::Function.add(epfd, efd, edges, 6).unwrap();
    let mut task = Task::new(Way::Function, Call::Wait, epfd);
    task.disabled = true;
    cancel_at_each_step(&mut task, Signals::Later, |thread, steps| {
        signal(efd);
        assert_eq!(join(thread), CANCELED, "{steps}");
        assert_eq!(DATA.load(SeqCst), 6, "{steps}");
    });
    close(epfd);
    close(efd);
}

/// `syscall` is not a cancellation point: the wait returns its event first.
#[test]
fn a_system_call_is_not_cancelled() {
    let _alone = alone();
    for call in WAITS {
        let (epfd, efd) = (instance(), eventfd(0));
        Way::Function.add(epfd, efd, libc::EPOLLIN, 6).unwrap();
        let mut task = Task::new(Way::Syscall, call, epfd);
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

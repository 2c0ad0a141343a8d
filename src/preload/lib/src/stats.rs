// SPDX-License-Identifier: MIT OR Apache-2.0

//! Counts of the calls that repoll and native epoll handled, printed at the exit of the process.
//!
//! The counters are in memory that the kernel wipes in a child, however it was forked. A child of
//! `vfork` shares them, so it counts for its parent until it executes a program.

use crate::{
    direct::Told,
    kernel::{call, int, Answer},
    message::Line,
    settings::{has_environment, is_on, settings, variable},
};
use core::{
    ffi::CStr,
    fmt,
    mem::size_of,
    ptr,
    sync::atomic::{
        AtomicI32, AtomicPtr, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
};
use libc::c_int;

/// The calls that are counted.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Create,
    Ctl,
    Wait,
}

/// The counters of repoll or of native epoll, indexed by [`Kind`].
type Counts = [AtomicU64; 3];

/// A part of memory that is wiped in a forked child.
#[repr(C, align(4096))]
struct Counters {
    /// The process that the counters belong to, or 0 until it counts something.
    owner: AtomicI32,
    repoll: Counts,
    native: Counts,
    /// How many of repoll's calls were direct calls.
    direct: AtomicU64,
    /// Delayed changes, and how many of these failed.
    gathered: [AtomicU64; 2],
}

/// Values from the time when the library was loaded, because programs overwrite their arguments and
/// their environment.
#[repr(C)]
struct Identity {
    /// The program's name.
    program: [u8; 64],
    /// The file to append to; empty for stderr.
    file: [u8; libc::PATH_MAX as usize],
}

/// The whole structure; zeros are valid.
#[repr(C)]
struct Stats {
    counters: Counters,
    identity: Identity,
}

/// Stands for: no counts were requested.
static OFF: AtomicU64 = AtomicU64::new(0);

/// Null until the environment has been read.
static STATS: AtomicPtr<Stats> = AtomicPtr::new(ptr::null_mut());

fn off() -> *mut Stats {
    (&raw const OFF).cast::<Stats>().cast_mut()
}

/// Counts an instance of repoll.
pub(crate) fn created() {
    count(Kind::Create, |counters| &counters.repoll);
}

/// Counts a call that repoll answered, if it succeeded.
#[inline(always)]
pub(crate) fn repoll(kind: Kind, told: Told) -> Answer {
    if told.answer >= 0 {
        let counters = count(kind, |counters| &counters.repoll);
        if let (true, Some(counters)) = (told.directly, counters) {
            counters.direct.fetch_add(1, Relaxed);
        }
    }
    told.answer
}

/// Counts a call that native epoll answered, if it succeeded.
pub(crate) fn native(kind: Kind, answer: Answer) -> Answer {
    if answer >= 0 {
        count(kind, |counters| &counters.native);
    }
    answer
}

/// Counts a delayed change, which also counts as a successful call.
#[inline(always)]
pub(crate) fn gathered() {
    if let Some(counters) = count(Kind::Ctl, |counters| &counters.repoll) {
        counters.gathered[0].fetch_add(1, Relaxed);
    }
}

/// Counts delayed changes that failed.
#[cold]
pub(crate) fn gather_failed(changes: u32) {
    if let Some(Stats { counters, .. }) = stats() {
        counters.gathered[1].fetch_add(changes.into(), Relaxed);
    }
}

#[inline(always)]
fn count(kind: Kind, counts: impl FnOnce(&Counters) -> &Counts) -> Option<&'static Counters> {
    let Stats { counters, .. } = stats()?;
    if counters.owner.load(Relaxed) == 0 {
        counters.owner.store(pid(), Relaxed);
    }
    counts(counters)[kind as usize].fetch_add(1, Relaxed);
    Some(counters)
}

#[inline(always)]
fn stats() -> Option<&'static Stats> {
    let mut stats = STATS.load(Acquire);
    if stats.is_null() {
        stats = look();
    }
    if stats == off() {
        return None;
    }
    // SAFETY: The mapping is never removed.
    Some(unsafe { &*stats })
}

/// Reads the environment, unless that has been done.
pub(crate) fn load() {
    stats();
}

/// Reads the environment, if it is set up. Returns the new value of `STATS`, or `OFF`.
#[cold]
fn look() -> *mut Stats {
    if !has_environment() {
        return off();
    }
    let made = match variable(c"REPOLL_STATS") {
        Some(value) if !matches!(value.to_bytes(), b"" | b"0") => map(value),
        _ => off(),
    };
    match STATS.compare_exchange(ptr::null_mut(), made, AcqRel, Acquire) {
        Ok(_) => made,
        Err(first) => {
            unmap(made);
            first
        }
    }
}

fn map(value: &CStr) -> *mut Stats {
    // SAFETY: It creates a new mapping.
    let memory = unsafe {
        call(
            libc::SYS_mmap,
            &[
                0,
                size_of::<Stats>(),
                int(libc::PROT_READ | libc::PROT_WRITE),
                int(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS),
                int(-1),
                0,
            ],
        )
    };
    if memory < 0 {
        return off();
    }
    // SAFETY: The counters are the first page of the mapping.
    unsafe {
        call(
            libc::SYS_madvise,
            &[
                memory as usize,
                size_of::<Counters>(),
                int(libc::MADV_WIPEONFORK),
                0,
                0,
                0,
            ],
        )
    };
    let stats: *mut Stats = ptr::with_exposed_provenance_mut(memory as usize);
    // SAFETY: Nobody else has the mapping yet, and it is zeroed.
    let identity = unsafe { &mut (*stats).identity };
    copy(&mut identity.program, program_name());
    if !is_on(Some(value)) {
        copy(&mut identity.file, value);
    }
    stats
}

fn unmap(stats: *mut Stats) {
    if stats != off() {
        let memory = stats.expose_provenance();
        // SAFETY: `map` created it, and nobody else has it.
        unsafe { call(libc::SYS_munmap, &[memory, size_of::<Stats>(), 0, 0, 0, 0]) };
    }
}

/// Copies as much as fits, and leaves a zero at the end.
fn copy(to: &mut [u8], from: &CStr) {
    let from = from.to_bytes();
    let len = from.len().min(to.len() - 1);
    to[..len].copy_from_slice(&from[..len]);
}

fn program_name() -> &'static CStr {
    extern "C" {
        static program_invocation_short_name: *const libc::c_char;
    }
    // SAFETY: libc sets it to a C string before any constructor runs.
    unsafe {
        if program_invocation_short_name.is_null() {
            return c"";
        }
        CStr::from_ptr(program_invocation_short_name)
    }
}

fn pid() -> c_int {
    // SAFETY: It takes no arguments and cannot fail.
    unsafe { call(libc::SYS_getpid, &[0; 6]) as c_int }
}

/// Prints the counts once, if this process has any.
pub(crate) fn tell() {
    let Some(Stats { counters, identity }) = stats() else {
        return;
    };
    let pid = pid();
    // A child of vfork is not the owner.
    if counters
        .owner
        .compare_exchange(pid, 0, Relaxed, Relaxed)
        .is_err()
    {
        return;
    }
    let program = CStr::from_bytes_until_nul(&identity.program).unwrap_or_default();
    let of = |counts: &Counts, kind: Kind| counts[kind as usize].load(Relaxed);
    let [gathered, failed] = counters.gathered.each_ref().map(|n| n.load(Relaxed));
    let gathered = Gathered(settings().gathers().then_some((gathered, failed)));
    let line = Line::new(format_args!(
        "repoll: pid={pid} program={program} \
         create={} ctl={} wait={} native_create={} native_ctl={} native_wait={} \
         direct={}{gathered}",
        of(&counters.repoll, Kind::Create),
        of(&counters.repoll, Kind::Ctl),
        of(&counters.repoll, Kind::Wait),
        of(&counters.native, Kind::Create),
        of(&counters.native, Kind::Ctl),
        of(&counters.native, Kind::Wait),
        counters.direct.load(Relaxed),
        program = program.to_str().unwrap_or("?"),
    ));
    match CStr::from_bytes_until_nul(&identity.file) {
        Ok(file) if !file.is_empty() => add_to(file, &line),
        _ => line.write_to(libc::STDERR_FILENO),
    }
}

/// The end of the line if changes are gathered.
struct Gathered(Option<(u64, u64)>);

impl fmt::Display for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((gathered, failed)) => write!(f, " gathered={gathered} gather_failed={failed}"),
            None => Ok(()),
        }
    }
}

/// The file is opened only now: programs that close all descriptors would also close one that is
/// kept open, and its number would then belong to another file.
fn add_to(file: &CStr, line: &Line) {
    let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC;
    let path = file.as_ptr().expose_provenance();
    // SAFETY: The path is a C string.
    let fd = unsafe {
        call(
            libc::SYS_openat,
            &[int(libc::AT_FDCWD), path, int(flags), 0o666, 0, 0],
        )
    };
    if fd >= 0 {
        line.write_to(fd as c_int);
        // SAFETY: It was just opened.
        unsafe { call(libc::SYS_close, &[fd as usize, 0, 0, 0, 0, 0]) };
    }
}

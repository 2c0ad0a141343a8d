// SPDX-License-Identifier: GPL-2.0

//! A thread that executes operations.

mod calls;
mod direct;
mod questions;

use crate::{
    alarm::Alarm,
    arena::{Arena, Region},
    argument::TICK,
    coverage::{answered, Call},
    fault_injection::FaultInjector,
    kcov, open,
    oracle::{self, Handed},
    program::{Fault, Kind, Op, Slot},
    table::Table,
};
use anyhow::Result;
use repoll::uapi;
use std::{ffi::c_int, fs, io, os::fd::OwnedFd, ptr, sync::Arc, thread};

/// What the threads of a program share.
pub struct Shared {
    /// The program's files.
    pub table: Table,
    /// The data that events may have.
    pub handed: Handed,
}

/// Executes operations; it must be created, used and dropped by the same thread.
pub struct Thread {
    shared: Arc<Shared>,
    arena: Arena,
    alarm: Alarm,
    injector: FaultInjector,
    /// Makes the next operation fail.
    fault: Option<Fault>,
    /// Where the last query for items stopped.
    cursor: [u64; 2],
    _kcov: Option<OwnedFd>,
    /// The blocks that the thread executes.
    pub blocks: Option<kcov::Buffer>,
}

impl Thread {
    /// Prepares the calling thread.
    pub fn new(shared: Arc<Shared>) -> Result<Self> {
        let alarm = Alarm::new()?;
        let kcov = kcov::enable()?;
        Ok(Self {
            shared,
            arena: Arena::new(&oracle::event(libc::EPOLLIN as u32, oracle::data(0)))?,
            alarm,
            injector: FaultInjector::new()?,
            fault: None,
            cursor: [0; 2],
            blocks: kcov.as_ref().map(|(_, blocks)| *blocks),
            _kcov: kcov.map(|(fd, _)| fd),
        })
    }

    /// Executes operations.
    pub fn run(&mut self, ops: &[Op]) {
        for op in ops {
            if let Op::Inject(fault) = op {
                self.fault = Some(*fault);
                continue;
            }
            self.carry_out(op);
        }
        self.fault = None;
        self.alarm.drain();
    }

    /// Makes a system call, with the requested failure, if there is one. Returns its errno, or 0,
    /// and its result.
    fn call(&mut self, call: impl FnOnce() -> c_int) -> (i32, c_int) {
        let Some(fault) = self.fault.take() else {
            return errno(call());
        };
        self.injector.inject(fault);
        let answer = errno(call());
        self.injector.undo(fault);
        answer
    }

    fn ioctl(&mut self, on: Slot, command: u32, argument: u64) -> (i32, c_int) {
        let fd = self.shared.table.get(on);
        // SAFETY: The kernel accesses only the arena, to which there is no reference now, or
        // unmapped memory.
        self.call(|| unsafe { libc::ioctl(fd, command as libc::Ioctl, argument) })
    }

    fn carry_out(&mut self, op: &Op) {
        let table = &self.shared.table;
        match *op {
            Op::Create {
                slot,
                cloexec,
                fifo,
                flags,
                padding,
                argument,
            } => {
                let mut create = uapi::repoll_create {
                    flags: flags.0,
                    __pad: padding.0,
                };
                if cloexec {
                    create.flags |= uapi::REPOLL_CLOEXEC;
                }
                if fifo {
                    create.flags |= uapi::REPOLL_FIFO;
                }
                self.create(slot, &create, argument);
            }
            Op::Ctl {
                on,
                ref request,
                event,
                argument,
            } => self.ctl(on, request, event, argument),
            Op::Wait {
                on,
                ref wait,
                way,
                argument,
            } => self.wait(on, wait, way, argument),
            Op::Batch {
                on,
                ref batch,
                interrupted,
                way,
                argument,
            } => self.batch(on, batch, interrupted, way, argument),
            Op::BatchWait {
                on,
                ref batch,
                ref wait,
                way,
                argument,
            } => self.batch_wait(on, (batch, wait), way, argument),
            Op::DirectWait {
                on,
                max,
                timeout,
                events,
            } => self.direct_wait(on, max, timeout, events),
            Op::DirectChange { on, ref request } => self.direct_change(on, request),
            Op::ChangeWait {
                on,
                ref request,
                max,
                timeout,
                events,
                argument,
            } => self.change_wait(on, request, (max, timeout, events), argument),
            Op::Advise {
                on,
                operation,
                words,
            } => self.advise(on, operation, words),
            Op::List {
                ref query,
                interrupted,
                argument,
            } => self.list(query, interrupted, argument),
            Op::Items {
                ref query,
                interrupted,
                argument,
            } => self.items(query, interrupted, argument),
            Op::Info {
                on,
                ref telling,
                argument,
            } => self.info(on, telling, argument),
            Op::Features {
                on,
                word,
                shift,
                padding,
                argument,
            } => {
                let features = uapi::repoll_features {
                    word: u32::from(word) << (shift % 32),
                    __pad: padding.0,
                    bits: u64::MAX,
                };
                self.features(on, &features, argument);
            }
            Op::SetParams {
                on,
                params,
                padding,
                argument,
            } => self.set_params(on, &params.params(padding.0 as u8), argument),
            Op::GetParams { on, argument } => self.get_params(on, argument),
            Op::Ioctl {
                on,
                command,
                argument,
            } => {
                // Everything is zero, so that a known operation has little effect.
                self.arena.region(Region::Argument).fill(0);
                let argument = self.arena.place(argument, Region::Argument, 64);
                let (errno, _) = self.ioctl(on, command.number(), argument.address);
                answered(Call::Ioctl, errno);
            }
            Op::Open { slot, kind } => {
                let mut pair = [-1; 2];
                // That would fail in this program, which starts threads to connect.
                if kind == Kind::Wire {
                    self.fault = None;
                }
                self.call(|| {
                    pair = open::open(kind);
                    pair[0]
                });
                let table = &self.shared.table;
                table.put(slot, pair[0]);
                if pair[1] >= 0 {
                    table.put(slot.next(), pair[1]);
                }
            }
            Op::Dup { from, to } => {
                let fd = table.get(from);
                // SAFETY: It duplicates a descriptor of the programs.
                let (_, copy) = self.call(|| unsafe { libc::dup(fd) });
                self.shared.table.put(to, copy);
            }
            Op::Close { slot } => table.put(slot, -1),
            Op::EpollCtl {
                on,
                change,
                target,
                interest,
            } => {
                let mut event = libc::epoll_event {
                    events: interest.0,
                    u64: 0,
                };
                let (on, op, fd) = (table.get(on), change.operation(), table.get(target));
                // SAFETY: It reads one event.
                self.call(|| unsafe { libc::epoll_ctl(on, op, fd, &mut event) });
            }
            Op::EpollWait { on } => {
                let fd = table.get(on);
                let mut events = [libc::epoll_event { events: 0, u64: 0 }; 8];
                // SAFETY: It writes at most as many events as there is room for.
                self.call(|| unsafe { libc::epoll_wait(fd, events.as_mut_ptr(), 8, 0) });
            }
            Op::Poll {
                on,
                events,
                patient,
            } => {
                let mut poll = libc::pollfd {
                    fd: table.get(on),
                    events: events as i16,
                    revents: 0,
                };
                // SAFETY: It reads and writes one entry.
                self.call(|| unsafe { libc::poll(&mut poll, 1, c_int::from(patient)) });
            }
            Op::Read { on, len } => {
                let fd = table.get(on);
                let mut buffer = [0u8; 256];
                // SAFETY: It writes at most as many bytes as there is room for.
                self.call(|| unsafe {
                    libc::read(fd, buffer.as_mut_ptr().cast(), usize::from(len) + 1) as c_int
                });
            }
            Op::Write { on, len } => {
                let fd = table.get(on);
                // An eventfd takes exactly eight bytes.
                let buffer = [1u8; 256];
                let len = if len % 2 == 0 {
                    8
                } else {
                    usize::from(len) + 1
                };
                // SAFETY: It reads at most as many bytes as there are.
                self.call(|| unsafe { libc::write(fd, buffer.as_ptr().cast(), len) as c_int });
            }
            Op::Shutdown { on, how } => {
                let fd = table.get(on);
                // SAFETY: It accesses no memory.
                self.call(|| unsafe { libc::shutdown(fd, c_int::from(how % 3)) });
            }
            Op::SetTimer { on, ticks, again } => {
                let fd = table.get(on);
                let span = libc::timespec {
                    tv_sec: 0,
                    tv_nsec: i64::from(ticks) * TICK,
                };
                let mut timer = libc::itimerspec {
                    it_interval: span,
                    it_value: span,
                };
                if !again {
                    timer.it_interval.tv_nsec = 0;
                }
                // SAFETY: It reads one value.
                self.call(|| unsafe { libc::timerfd_settime(fd, 0, &timer, ptr::null_mut()) });
            }
            Op::Signal => {
                // SAFETY: It sends a signal that is blocked or has a handler.
                self.call(|| unsafe { libc::raise(libc::SIGUSR1) });
            }
            Op::Fdinfo { on } => {
                let path = format!("/proc/thread-self/fdinfo/{}", table.get(on));
                self.call(|| {
                    if let Ok(text) = fs::read(path) {
                        oracle::check_text(&text);
                    }
                    0
                });
            }
            Op::Inject(_) => {}
            Op::Yield => thread::yield_now(),
        }
    }
}

/// The errno of a system call, or 0, and its result.
fn errno(answer: c_int) -> (i32, c_int) {
    let errno = match answer {
        -1 => io::Error::last_os_error().raw_os_error().unwrap_or(0),
        _ => 0,
    };
    (errno, answer)
}

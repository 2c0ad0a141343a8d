// SPDX-License-Identifier: GPL-2.0

//! A thread that carries out operations.

use crate::{
    alarm::Alarm,
    arena::{
        Arena,
        Place,
        Region,
        CANARY, //
    },
    argument::{
        Change,
        Mask,
        Pointer,
        Target,
        Timeout,
        TICK, //
    },
    coverage::{
        answered,
        Call, //
    },
    hinder::Hinderer,
    kcov,
    open,
    oracle::{
        self,
        Handed, //
    },
    program::{
        Hindrance,
        Op,
        Slot, //
    },
    table::{
        Table,
        CLOSED, //
    }, //
};
use anyhow::Result;
use repoll::uapi;
use std::{
    ffi::c_int,
    fs,
    io,
    mem::size_of,
    os::fd::{
        OwnedFd,
        RawFd, //
    },
    ptr,
    sync::Arc,
    thread, //
};

/// What the threads of a program share.
pub struct Shared {
    /// Its files.
    pub table: Table,
    /// The data that events may have.
    pub handed: Handed,
}

/// One that carries out operations; to be made, used and dropped by the same thread.
pub struct Thread {
    shared: Arc<Shared>,
    arena: Arena,
    alarm: Alarm,
    hinderer: Hinderer,
    /// Makes the next operation fail.
    hindrance: Option<Hindrance>,
    _kcov: Option<OwnedFd>,
    /// The blocks that the thread passes.
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
            hinderer: Hinderer::new()?,
            hindrance: None,
            blocks: kcov.as_ref().map(|(_, blocks)| *blocks),
            _kcov: kcov.map(|(fd, _)| fd),
        })
    }

    /// Carries out operations.
    pub fn run(&mut self, ops: &[Op]) {
        for op in ops {
            if let Op::Hinder(hindrance) = op {
                self.hindrance = Some(*hindrance);
                continue;
            }
            self.carry_out(op);
        }
        self.hindrance = None;
        self.alarm.drain();
    }

    /// A system call, with the next thing that goes wrong, if one was asked for: its errno, or 0,
    /// and what it returned.
    fn call(&mut self, call: impl FnOnce() -> c_int) -> (i32, c_int) {
        let Some(hindrance) = self.hindrance.take() else {
            return errno(call());
        };
        self.hinderer.hinder(hindrance);
        let answer = errno(call());
        self.hinderer.relent(hindrance);
        answer
    }

    fn ioctl(&mut self, on: Slot, command: u32, argument: u64) -> (i32, c_int) {
        let fd = self.shared.table.get(on);
        // SAFETY: What the kernel reads and writes is in the arena, where no reference is held to
        // now, or else nowhere.
        self.call(|| unsafe { libc::ioctl(fd, command as libc::Ioctl, argument) })
    }

    fn carry_out(&mut self, op: &Op) {
        let table = &self.shared.table;
        match *op {
            Op::Create {
                slot,
                cloexec,
                flags,
                padding,
                argument,
            } => self.create(slot, u32::from(cloexec) | flags.0, padding.0, argument),
            Op::Ctl {
                on,
                change,
                target,
                interest,
                data,
                event,
                flags,
                padding,
                argument,
            } => {
                let data = self.shared.handed.hand(data);
                let event = self
                    .arena
                    .put(event, Region::Event, &oracle::event(interest.0, data));
                let ctl = uapi::repoll_ctl {
                    op: change.operation(),
                    fd: self.descriptor(target),
                    flags: flags.0,
                    __pad: padding.0,
                    event: event.address,
                };
                let argument = self.arena.put(argument, Region::Argument, bytes(&ctl));
                let (errno, _) = self.ioctl(on, uapi::REPOLL_CTL, argument.address);
                let call = match change {
                    Change::Add => Call::Add,
                    Change::Modify => Call::Modify,
                    Change::Delete => Call::Delete,
                    Change::Unknown(_) => Call::UnknownChange,
                };
                answered(call, errno);
            }
            Op::Wait {
                on,
                max,
                timeout,
                events,
                mask,
                flags,
                padding,
                argument,
            } => {
                let wait = uapi::repoll_wait {
                    maxevents: max.number(),
                    flags: flags.0,
                    __pad: padding.0,
                    ..Default::default()
                };
                self.wait(on, wait, timeout, events, mask, argument);
            }
            Op::SetParams {
                on,
                params,
                padding,
                argument,
            } => {
                let params = params.params(padding.0 as u8);
                let argument = self.arena.put(argument, Region::Argument, bytes(&params));
                let (errno, _) = self.ioctl(on, libc::EPIOCSPARAMS as u32, argument.address);
                answered(Call::SetParams, errno);
            }
            Op::GetParams { on, argument } => self.get_params(on, argument),
            Op::Ioctl {
                on,
                command,
                argument,
            } => {
                // All is zero, so that what is known does nothing much.
                self.arena.region(Region::Argument).fill(0);
                let argument = self.arena.place(argument, Region::Argument, 64);
                let (errno, _) = self.ioctl(on, command.number(), argument.address);
                answered(Call::Ioctl, errno);
            }
            Op::Open { slot, kind } => {
                let mut pair = [-1; 2];
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
                // SAFETY: A descriptor of the programs' becomes another.
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
                // SAFETY: Reads one event.
                self.call(|| unsafe { libc::epoll_ctl(on, op, fd, &mut event) });
            }
            Op::EpollWait { on } => {
                let fd = table.get(on);
                let mut events = [libc::epoll_event { events: 0, u64: 0 }; 8];
                // SAFETY: Writes as many events as there is room for.
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
                // SAFETY: Reads and writes one entry.
                self.call(|| unsafe { libc::poll(&mut poll, 1, c_int::from(patient)) });
            }
            Op::Read { on, len } => {
                let fd = table.get(on);
                let mut buffer = [0u8; 256];
                // SAFETY: Writes no more bytes than there is room for.
                self.call(|| unsafe {
                    libc::read(fd, buffer.as_mut_ptr().cast(), usize::from(len) + 1) as c_int
                });
            }
            Op::Write { on, len } => {
                let fd = table.get(on);
                // An eventfd takes eight bytes, and no other number.
                let buffer = [1u8; 256];
                let len = if len % 2 == 0 {
                    8
                } else {
                    usize::from(len) + 1
                };
                // SAFETY: Reads no more bytes than there are.
                self.call(|| unsafe { libc::write(fd, buffer.as_ptr().cast(), len) as c_int });
            }
            Op::Shutdown { on, how } => {
                let fd = table.get(on);
                // SAFETY: Touches no memory.
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
                // SAFETY: Reads one value.
                self.call(|| unsafe { libc::timerfd_settime(fd, 0, &timer, ptr::null_mut()) });
            }
            Op::Signal => {
                // SAFETY: Sends a signal that is blocked, or has a handler.
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
            Op::Hinder(_) => {}
            Op::Yield => thread::yield_now(),
        }
    }

    fn create(&mut self, slot: Slot, flags: u32, padding: u32, argument: Pointer) {
        let create = uapi::repoll_create {
            flags,
            __pad: padding,
        };
        let argument = self.arena.put(argument, Region::Argument, bytes(&create));
        let control = open::control();
        // SAFETY: What the kernel reads is in the arena, or nowhere.
        let (errno, fd) = self.call(|| unsafe {
            libc::ioctl(
                control,
                uapi::REPOLL_CREATE as libc::Ioctl,
                argument.address,
            )
        });
        answered(Call::Create, errno);
        let table = &self.shared.table;
        table.put(slot, fd);
        // SAFETY: It was opened here, and nobody else has it.
        unsafe { libc::close(control) };
    }

    fn wait(
        &mut self,
        on: Slot,
        mut wait: uapi::repoll_wait,
        timeout: Timeout,
        events: Pointer,
        mask: Mask,
        argument: Pointer,
    ) {
        let max = usize::try_from(wait.maxevents).unwrap_or(0);
        // With more than fit, a good place is one that the kernel will not reach the end of.
        let events = self
            .arena
            .place(events, Region::Events, max.saturating_mul(oracle::EVENT));
        wait.events = events.address;
        wait.timeout_ns = timeout.nanoseconds();
        (wait.sigmask, wait.sigsetsize) = self.mask(mask);
        self.arena.region(Region::Events).fill(CANARY);
        let argument = self.arena.put(argument, Region::Argument, bytes(&wait));

        let endless = timeout.is_endless();
        if endless || matches!(mask, Mask::Empty(_)) {
            // A signal may come, and a fault while it does would end the process.
            self.hindrance
                .take_if(|hindrance| matches!(hindrance, Hindrance::Fault(_)));
        }
        if endless {
            self.alarm.set();
        }
        let (errno, count) = self.ioctl(on, uapi::REPOLL_WAIT, argument.address);
        if endless {
            self.alarm.stop();
        }
        answered(Call::Wait, errno);
        let count = usize::try_from(count).unwrap_or(0);
        let memory = self.arena.region(Region::Events);
        match events {
            Place {
                offset: Some(offset),
                ..
            } => oracle::check_events(memory, offset, max, count, &self.shared.handed),
            Place { offset: None, .. } => {
                assert!(count == 0, "{count} events in memory that is not there");
                oracle::check_untouched(memory);
            }
        }
    }

    /// The address and size of a signal mask.
    fn mask(&mut self, mask: Mask) -> (u64, u32) {
        let (pointer, bits, size) = match mask {
            Mask::Same => return (0, 0),
            Mask::Empty(pointer) => (pointer, 0, size_of::<u64>() as u32),
            Mask::Full(pointer) => (pointer, !Alarm::MASK, size_of::<u64>() as u32),
            Mask::Sized(size) => (Pointer::Good, 0, size),
        };
        let place = self.arena.put(pointer, Region::Mask, &bits.to_ne_bytes());
        (place.address, size)
    }

    fn get_params(&mut self, on: Slot, argument: Pointer) {
        let size = size_of::<libc::epoll_params>();
        self.arena.region(Region::Argument).fill(CANARY);
        let place = self.arena.place(argument, Region::Argument, size);
        let (errno, _) = self.ioctl(on, libc::EPIOCGPARAMS as u32, place.address);
        answered(Call::GetParams, errno);
        let memory = self.arena.region(Region::Argument);
        let (Some(offset), 0) = (place.offset, errno) else {
            return;
        };
        assert!(
            offset + size <= memory.len(),
            "parameters in memory that is not there"
        );
        // SAFETY: So many bytes are there, and any make one.
        let params = unsafe { ptr::read_unaligned(memory[offset..].as_ptr().cast()) };
        oracle::check_params(&params);
        oracle::check_untouched(&memory[..offset]);
        oracle::check_untouched(&memory[offset + size..]);
    }

    fn descriptor(&self, target: Target) -> RawFd {
        match target {
            Target::Slot(slot) => self.shared.table.get(slot),
            Target::Closed => CLOSED,
            Target::Negative => -1,
            Target::Huge => RawFd::MAX,
            Target::Cwd => libc::AT_FDCWD,
        }
    }
}

/// What a system call says: its errno, or 0, and what it has returned.
fn errno(answer: c_int) -> (i32, c_int) {
    let errno = match answer {
        -1 => io::Error::last_os_error().raw_os_error().unwrap_or(0),
        _ => 0,
    };
    (errno, answer)
}

/// The bytes of a structure of the interface.
fn bytes<T: Copy>(structure: &T) -> &[u8] {
    // SAFETY: The interface's structures are integers without padding.
    unsafe { std::slice::from_raw_parts(ptr::from_ref(structure).cast(), size_of::<T>()) }
}

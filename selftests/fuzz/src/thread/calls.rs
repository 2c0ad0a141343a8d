// SPDX-License-Identifier: GPL-2.0

//! The calls to the module: where their arguments are, and what they may have written.

use super::Thread;
use crate::{
    alarm::Alarm,
    arena::{Place, Region, CANARY},
    argument::{Batch, Change, Mask, MaxEvents, Pointer, Request, Target, Waiting, Way},
    coverage::{answered, Call},
    open,
    oracle::{self, Progress},
    program::{Fault, Slot},
    table::CLOSED,
};
use repoll::uapi;
use std::{mem::size_of, os::fd::RawFd, ptr};

/// The memory of a batch before the call.
struct Before {
    argument: Vec<u8>,
    changes: Vec<u8>,
}

impl Thread {
    pub(super) fn create(&mut self, slot: Slot, create: &uapi::repoll_create, argument: Pointer) {
        let argument = self.arena.put(argument, Region::Argument, bytes(create));
        let control = open::control();
        // SAFETY: The kernel reads the arena, or unmapped memory.
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
        // SAFETY: It was opened here, and nobody else uses it.
        unsafe { libc::close(control) };
    }

    pub(super) fn ctl(&mut self, on: Slot, request: &Request, event: Pointer, argument: Pointer) {
        let data = self.shared.handed.hand(request.data);
        let event = self.arena.put(
            event,
            Region::Event,
            &oracle::event(request.interest.0, data),
        );
        let ctl = uapi::repoll_ctl {
            op: request.change.operation(),
            fd: self.descriptor(request.target),
            flags: request.flags(),
            __pad: request.padding.0,
            event: event.address,
        };
        let argument = self.arena.put(argument, Region::Argument, bytes(&ctl));
        let (errno, _) = self.ioctl(on, uapi::REPOLL_CTL, argument.address);
        let call = match request.change {
            Change::Add => Call::Add,
            Change::Modify => Call::Modify,
            Change::Delete => Call::Delete,
            Change::Unknown(_) => Call::UnknownChange,
        };
        answered(call, errno);
    }

    pub(super) fn wait(&mut self, on: Slot, waiting: &Waiting, way: Way, argument: Pointer) {
        let (wait, events) = self.put_wait(waiting);
        let argument = self.arena.put(argument, Region::Argument, bytes(&wait));
        let interrupted = waiting.timeout.is_endless();
        self.expect_signals(interrupted, waiting.mask);
        let calls = (uapi::REPOLL_WAIT, uapi::REPOLL_DIRECT_PWAIT);
        let (errno, count) = self.call_with(on, way, calls, argument.address);
        self.alarm.stop_if(interrupted);
        answered(Call::Wait, errno);
        self.check_events(events, wait.maxevents, count);
    }

    pub(super) fn batch(
        &mut self,
        on: Slot,
        batch: &Batch,
        interrupted: bool,
        way: Way,
        argument: Pointer,
    ) {
        let (args, changes) = self.put_batch(batch);
        let (argument, before) = self.put_batch_argument(argument, bytes(&args));
        self.expect_signals(interrupted, Mask::Same);
        let calls = (uapi::REPOLL_BATCH, uapi::REPOLL_DIRECT_BATCH);
        let (errno, done) = self.call_with(on, way, calls, argument.address);
        self.alarm.stop_if(interrupted);
        answered(Call::Batch, errno);
        let progress = self.check_batch(&before, argument, changes, args.count);
        match (errno, progress) {
            (0, Some(progress)) => assert_eq!(done as u32, progress.done, "another number"),
            (0, None) => panic!("{done} changes that the argument does not report"),
            (_, progress) => assert!(
                progress.is_none_or(|progress| progress.done == 0),
                "changes despite error {errno}"
            ),
        }
    }

    pub(super) fn batch_wait(
        &mut self,
        on: Slot,
        (batch, waiting): (&Batch, &Waiting),
        way: Way,
        argument: Pointer,
    ) {
        let (batch, changes) = self.put_batch(batch);
        let (wait, events) = self.put_wait(waiting);
        let args = uapi::repoll_batch_wait { batch, wait };
        let (argument, before) = self.put_batch_argument(argument, bytes(&args));
        let interrupted = waiting.timeout.is_endless();
        self.expect_signals(interrupted, waiting.mask);
        let calls = (uapi::REPOLL_BATCH_WAIT, uapi::REPOLL_DIRECT_BATCH_WAIT);
        let (errno, count) = self.call_with(on, way, calls, argument.address);
        self.alarm.stop_if(interrupted);
        answered(Call::BatchWait, errno);
        let progress = self.check_batch(&before, argument, changes, batch.count);
        let whole = progress
            .as_ref()
            .is_some_and(|progress| progress.done == batch.count && progress.failed == 0);
        assert!(
            progress.is_some() || errno != 0,
            "a wait after changes that the argument does not report"
        );
        assert!(
            whole || errno != libc::EINTR,
            "a sleep although not all changes were made"
        );
        self.check_events(events, wait.maxevents, count);
    }

    pub(super) fn set_params(&mut self, on: Slot, params: &libc::epoll_params, argument: Pointer) {
        let argument = self.arena.put(argument, Region::Argument, bytes(params));
        let (errno, _) = self.ioctl(on, libc::EPIOCSPARAMS as u32, argument.address);
        answered(Call::SetParams, errno);
    }

    /// Puts the changes of a batch into their place, and returns the argument for the kernel.
    fn put_batch(&mut self, batch: &Batch) -> (uapi::repoll_batch, Place) {
        const SIZE: usize = size_of::<uapi::repoll_change>();

        let unset = u32::from_ne_bytes([CANARY; 4]);
        let count = batch.count.number(batch.requests.len());
        let listed: Vec<_> = batch
            .requests
            .iter()
            .map(|request| uapi::repoll_change {
                op: request.change.operation(),
                fd: self.descriptor(request.target),
                flags: request.flags(),
                events: request.interest.0,
                data: self.shared.handed.hand(request.data),
                result: unset as i32,
                __pad: request.padding.0,
            })
            .collect();
        let size = (count as usize).saturating_mul(SIZE);
        let changes = self.arena.place(batch.changes, Region::Changes, size);
        let memory = self.arena.region(Region::Changes);
        memory.fill(CANARY);
        if let Some(offset) = changes.offset {
            // The changes that are completely in memory, and the beginning of the next.
            let room = memory[offset..].chunks_mut(SIZE).take(count as usize);
            for (room, change) in room.zip(listed.iter().cycle()) {
                room.copy_from_slice(&bytes(change)[..room.len()]);
            }
        }
        let args = uapi::repoll_batch {
            changes: changes.address,
            count,
            flags: batch.flags.0,
            done: unset,
            failed: unset,
        };
        (args, changes)
    }

    /// Puts the argument of a batch into its place, which nothing else uses.
    fn put_batch_argument(&mut self, pointer: Pointer, args: &[u8]) -> (Place, Before) {
        self.arena.region(Region::Argument).fill(CANARY);
        let place = self.arena.put(pointer, Region::Argument, args);
        let before = Before {
            argument: self.arena.region(Region::Argument).to_vec(),
            changes: self.arena.region(Region::Changes).to_vec(),
        };
        (place, before)
    }

    /// Checks what was written to the changes. Returns the result in the argument, if there is one.
    fn check_batch(
        &mut self,
        before: &Before,
        argument: Place,
        changes: Place,
        count: u32,
    ) -> Option<Progress> {
        let after = self.arena.region(Region::Argument);
        let progress = oracle::check_argument(&before.argument, after, argument.offset);
        let none = Progress { done: 0, failed: 0 };
        let told = progress.as_ref().unwrap_or(&none);
        assert!(told.done <= count, "{} changes of {count}", told.done);
        let after = self.arena.region(Region::Changes);
        for result in oracle::check_changes(&before.changes, after, changes.offset, told) {
            answered(Call::Batched, result);
        }
        progress
    }

    /// The place for the events of a wait, and the argument for the kernel.
    fn put_wait(&mut self, waiting: &Waiting) -> (uapi::repoll_wait, Place) {
        let maxevents = waiting.max.number();
        let events = self.put_events(waiting.events, waiting.max);
        let (sigmask, sigsetsize) = self.mask(waiting.mask);
        let wait = uapi::repoll_wait {
            events: events.address,
            sigmask,
            timeout_ns: waiting.timeout.nanoseconds(),
            maxevents,
            sigsetsize,
            flags: waiting.flags.0,
            __pad: waiting.padding.0,
        };
        (wait, events)
    }

    /// The place for the events of a wait.
    pub(super) fn put_events(&mut self, events: Pointer, max: MaxEvents) -> Place {
        // If more events are requested than fit, the kernel will not reach the end of a valid
        // place.
        let size = elements(max.number()).saturating_mul(oracle::EVENT);
        self.arena.region(Region::Events).fill(CANARY);
        self.arena.place(events, Region::Events, size)
    }

    /// Signals may interrupt the next call, with this mask; the signals that end it come if
    /// `interrupted`.
    pub(super) fn expect_signals(&mut self, interrupted: bool, mask: Mask) {
        if interrupted || matches!(mask, Mask::Empty(_)) {
            // A fault while a signal is delivered would end the process.
            self.fault.take_if(|fault| matches!(fault, Fault::Nth(_)));
        }
        if interrupted {
            self.alarm.set();
        }
    }

    /// Checks the events of a wait that has returned `count` events or an error.
    pub(super) fn check_events(&mut self, events: Place, maxevents: i32, count: i32) {
        let count = elements(count);
        let memory = self.arena.region(Region::Events);
        match events.offset {
            Some(offset) => oracle::check_events(
                memory,
                offset,
                elements(maxevents),
                count,
                &self.shared.handed,
            ),
            None => {
                assert!(count == 0, "{count} events in unmapped memory");
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

    pub(super) fn get_params(&mut self, on: Slot, argument: Pointer) {
        let command = libc::EPIOCGPARAMS as u32;
        let answer = self.fetch::<libc::epoll_params>(on, command, Call::GetParams, argument);
        if let Some(params) = answer {
            oracle::check_params(&params);
        }
    }

    /// Makes an instance fill an argument of integers. Returns the argument, if it is mapped.
    fn fetch<T: Copy>(
        &mut self,
        on: Slot,
        command: u32,
        call: Call,
        argument: Pointer,
    ) -> Option<T> {
        let size = size_of::<T>();
        self.arena.region(Region::Argument).fill(CANARY);
        let place = self.arena.place(argument, Region::Argument, size);
        let (errno, _) = self.ioctl(on, command, place.address);
        answered(call, errno);
        self.stored(place, errno)
    }

    /// What an ioctl has stored in an argument of integers, if it has.
    pub(super) fn stored<T: Copy>(&mut self, place: Place, errno: i32) -> Option<T> {
        let size = size_of::<T>();
        let memory = self.arena.region(Region::Argument);
        let (Some(offset), 0) = (place.offset, errno) else {
            return None;
        };
        assert!(
            offset + size <= memory.len(),
            "an answer in unmapped memory"
        );
        oracle::check_untouched(&memory[..offset]);
        oracle::check_untouched(&memory[offset + size..]);
        // SAFETY: This many bytes are mapped, and any bytes are valid.
        Some(unsafe { ptr::read_unaligned(memory[offset..].as_ptr().cast()) })
    }

    pub(super) fn descriptor(&self, target: Target) -> RawFd {
        match target {
            Target::Slot(slot) => self.shared.table.get(slot),
            Target::Closed => CLOSED,
            Target::Negative => -1,
            Target::Huge => RawFd::MAX,
            Target::Cwd => libc::AT_FDCWD,
        }
    }
}

/// A length, where a negative number counts as 0.
pub(super) fn elements(count: i32) -> usize {
    usize::try_from(count).unwrap_or(0)
}

/// The bytes of a structure of the interface.
pub(super) fn bytes<T: Copy>(structure: &T) -> &[u8] {
    // SAFETY: The interface's structures are integers without padding.
    unsafe { std::slice::from_raw_parts(ptr::from_ref(structure).cast(), size_of::<T>()) }
}

// SPDX-License-Identifier: GPL-2.0

//! Direct calls: their words, and what they may have written.

use super::{calls::bytes, Thread};
use crate::{
    arena::Region,
    argument::{pair, Change, Mask, MaxEvents, Operation, Pointer, Request, Timeout, Way, Word},
    coverage::{answered, Call},
    program::Slot,
};
use repoll::uapi;
use std::ffi::c_int;

impl Thread {
    fn direct(&mut self, on: Slot, operation: u32, first: u64, second: u64) -> (i32, c_int) {
        let fd = self.shared.table.get(on);
        // SAFETY: The kernel accesses only the arena, to which there is no reference now, or
        // unmapped memory.
        self.call(|| unsafe {
            libc::syscall(libc::SYS_fadvise64, fd, first, second, operation) as c_int
        })
    }

    /// A call whose argument is a structure at this address, as an ioctl or a direct call.
    pub(super) fn call_with(
        &mut self,
        on: Slot,
        way: Way,
        (command, operation): (u32, u32),
        argument: u64,
    ) -> (i32, c_int) {
        match way {
            Way::Ioctl => self.ioctl(on, command, argument),
            Way::Direct(second) => self.direct(on, operation, argument, second.0),
        }
    }

    pub(super) fn direct_wait(
        &mut self,
        on: Slot,
        max: MaxEvents,
        timeout: Timeout,
        events: Pointer,
    ) {
        let place = self.put_events(events, max);
        let second = pair(max.number(), timeout.milliseconds());
        let interrupted = timeout.is_endless();
        self.expect_signals(interrupted, Mask::Same);
        let (errno, count) = self.direct(on, uapi::REPOLL_DIRECT_WAIT, place.address, second);
        self.alarm.stop_if(interrupted);
        answered(Call::DirectWait, errno);
        self.check_events(place, max.number(), count);
    }

    pub(super) fn direct_change(&mut self, on: Slot, request: &Request) {
        let data = self.shared.handed.hand(request.data);
        let (fd, events) = (self.descriptor(request.target), request.interest.0 as i32);
        let (operation, first, second) = match request.change {
            Change::Add => (uapi::REPOLL_DIRECT_ADD, data, pair(fd, events)),
            Change::Modify => (uapi::REPOLL_DIRECT_MOD, data, pair(fd, events)),
            // Fields that must be zero here.
            _ => (
                uapi::REPOLL_DIRECT_DEL,
                request.flags.0.into(),
                pair(fd, request.padding.0 as i32),
            ),
        };
        let (errno, result) = self.direct(on, operation, first, second);
        answered(Call::DirectChange, errno);
        assert!(result <= 0, "a change returns {result}");
    }

    pub(super) fn change_wait(
        &mut self,
        on: Slot,
        request: &Request,
        (max, timeout, events): (MaxEvents, Timeout, Pointer),
        argument: Pointer,
    ) {
        let place = self.put_events(events, max);
        let change = uapi::repoll_change_wait {
            op: request.change.operation(),
            fd: self.descriptor(request.target),
            flags: request.flags(),
            events: request.interest.0,
            data: self.shared.handed.hand(request.data),
            to: place.address,
        };
        let argument = self.arena.put(argument, Region::Argument, bytes(&change));
        let before = self.arena.region(Region::Argument).to_vec();
        let second = pair(max.number(), timeout.milliseconds());
        let interrupted = timeout.is_endless();
        self.expect_signals(interrupted, Mask::Same);
        let operation = uapi::REPOLL_DIRECT_CHANGE_WAIT;
        let (errno, count) = self.direct(on, operation, argument.address, second);
        self.alarm.stop_if(interrupted);
        answered(Call::ChangeWait, errno);
        self.check_events(place, max.number(), count);
        assert!(
            before == self.arena.region(Region::Argument),
            "the kernel has written to a change"
        );
    }

    /// Any call. Little more is certain than that it ends.
    pub(super) fn advise(&mut self, on: Slot, operation: Operation, words: [Word; 2]) {
        self.arena.region(Region::Argument).fill(0);
        let [first, second] = words.map(|word| match word {
            Word::Address(pointer) => self.arena.place(pointer, Region::Argument, 64).address,
            Word::Pair(low, high) => pair(low.into(), high.into()),
            Word::Bit(bit) => 1 << (bit % 64),
            Word::Full => u64::MAX,
        });
        self.expect_signals(true, Mask::Same);
        let (errno, _) = self.direct(on, operation.number(), first, second);
        self.alarm.stop_if(true);
        answered(Call::Advise, errno);
    }
}

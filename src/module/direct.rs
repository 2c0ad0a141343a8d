// SPDX-License-Identifier: GPL-2.0

//! Direct calls: operations on an instance through `fadvise64(2)`.
//!
//! That system call finds the file, and passes it two words and a number. Nothing happens in
//! between: no argument is copied and, unlike for an ioctl, no security module is consulted.
//! epoll's own calls consult none either. If security modules must check every operation, load the
//! module with `direct=0`.
//!
//! `src/uapi/repoll.h` defines the operations and their words.

use crate::{
    eventpoll::{
        Eventpoll,
        Mutexes, //
    },
    module_parameters,
    trace,
    uapi::{
        self,
        direct,
        op,
        Buffer,
        Change,
        ChangeWait, //
    }, //
};
use kernel::{
    ffi::c_int,
    fs::File,
    prelude::*, //
};

/// Nanoseconds of a millisecond.
const MILLISECOND: i64 = 1_000_000;

/// Whether new instances answer direct calls.
pub(crate) fn are_answered() -> bool {
    module_parameters::direct.value()
}

/// The return value of a system call.
#[inline(always)]
fn outcome(result: Result<u32>) -> c_int {
    result.map_or_else(Error::to_errno, |value| value as c_int)
}

/// The two numbers in a word, the low half first.
#[inline]
fn pair(word: u64) -> (u32, u32) {
    (word as u32, (word >> 32) as u32)
}

/// The room for events, and the timeout in nanoseconds, of a wait.
#[inline(always)]
fn room_and_timeout(how: u64) -> (i32, i64) {
    let (room, timeout) = pair(how);
    (room as i32, i64::from(timeout as i32) * MILLISECOND)
}

/// Refuses a word that is not zero.
#[inline]
fn zero(word: u64) -> Result {
    match word {
        0 => Ok(()),
        _ => Err(EINVAL),
    }
}

/// The address of a structure, which is the only argument of the call.
#[inline]
fn structure(first: u64, second: u64) -> Result<usize> {
    zero(second)?;
    uapi::address(first)
}

impl Eventpoll {
    /// Makes a direct call on the instance, whose file is `me`. Returns its result, or the negative
    /// error; `None` if the operation is unknown.
    #[inline(always)]
    pub(crate) fn direct(
        &self,
        me: &File,
        first: u64,
        second: u64,
        operation: u32,
    ) -> Option<c_int> {
        if !self.answers_direct_calls {
            return None;
        }
        Some(match operation {
            direct::WAIT => self.direct_wait(first, second),
            direct::ADD => self.direct_add(me, first, second),
            direct::MODIFY => self.direct_modify(me, first, second),
            direct::DELETE => self.direct_delete(me, first, second),
            direct::CHANGE_WAIT => self.direct_change_wait(me, first, second),
            direct::PWAIT => self.direct_pwait(first, second),
            direct::BATCH => self.direct_batch(me, first, second),
            direct::BATCH_WAIT => self.direct_batch_wait(me, first, second),
            _ => return None,
        })
    }

    #[inline(never)]
    fn direct_wait(&self, events: u64, how: u64) -> c_int {
        let how = room_and_timeout(how);
        outcome(self.wait_into(events, how, Self::wait_here))
    }

    /// Waits for events, which go to the user's array at this address.
    #[inline(always)]
    fn wait_into(
        &self,
        events: u64,
        (room, timeout): (i32, i64),
        wait: impl FnOnce(&Self, Buffer, i64) -> Result<u32>,
    ) -> Result<u32> {
        trace::wait_enter(move || self.ready.id, room, timeout);
        let result = Buffer::new(events, room).and_then(|buffer| wait(self, buffer, timeout));
        trace::wait_exit(move || self.ready.id, result);
        result
    }

    #[inline(never)]
    fn direct_add(&self, me: &File, data: u64, what: u64) -> c_int {
        outcome(self.direct_change(me, op::ADD, data, what))
    }

    #[inline(never)]
    fn direct_modify(&self, me: &File, data: u64, what: u64) -> c_int {
        outcome(self.direct_change(me, op::MODIFY, data, what))
    }

    #[inline(never)]
    fn direct_delete(&self, me: &File, first: u64, what: u64) -> c_int {
        let zeros = zero(first).and_then(|()| zero(what >> 32));
        outcome(zeros.and_then(|()| self.direct_change(me, op::DELETE, 0, what)))
    }

    #[inline(always)]
    fn direct_change(&self, me: &File, op: i32, data: u64, what: u64) -> Result<u32> {
        let (fd, events) = pair(what);
        let change = Change {
            op,
            fd: fd as i32,
            events,
            data,
            ..Default::default()
        };
        self.change(&mut Mutexes::new(self), me, &change)?;
        Ok(0)
    }

    #[inline(never)]
    fn direct_change_wait(&self, me: &File, at: u64, how: u64) -> c_int {
        outcome(self.change_and_wait(me, at, how))
    }

    #[inline(always)]
    fn change_and_wait(&self, me: &File, at: u64, how: u64) -> Result<u32> {
        let both: ChangeWait = uapi::read_often(uapi::address(at)?)?;
        let (room, timeout) = room_and_timeout(how);
        Buffer::check_room(room)?;
        let change = Change {
            op: both.op,
            fd: both.fd,
            flags: both.flags,
            events: both.events,
            data: both.data,
            ..Default::default()
        };
        self.change(&mut Mutexes::new(self), me, &change)?;
        self.wait_into(both.to, (room, timeout), Self::wait)
    }

    #[inline(never)]
    fn direct_pwait(&self, first: u64, second: u64) -> c_int {
        outcome(structure(first, second).and_then(|at| self.call_wait(at)))
    }

    #[inline(never)]
    fn direct_batch(&self, me: &File, first: u64, second: u64) -> c_int {
        outcome(structure(first, second).and_then(|at| self.call_batch(me, at)))
    }

    #[inline(never)]
    fn direct_batch_wait(&self, me: &File, first: u64, second: u64) -> c_int {
        outcome(structure(first, second).and_then(|at| self.call_batch_wait(me, at)))
    }
}

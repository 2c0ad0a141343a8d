// SPDX-License-Identifier: GPL-2.0

//! Direct calls: what an instance answers to `fadvise64(2)`.
//!
//! That system call finds the file, and hands it two words and a number. There is nothing in between:
//! no copy of an argument, and, unlike before an ioctl, no security module. epoll's own calls have
//! none either; who wants every operation to be seen loads the module with `direct=0`.
//!
//! `src/uapi/repoll.h` has the operations, and what their words are.

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
    fs::File,
    prelude::*, //
};

/// Nanoseconds of a millisecond.
const MILLISECOND: i64 = 1_000_000;

/// Whether direct calls are answered, while the module is loaded.
#[inline]
pub(crate) fn are_answered() -> bool {
    module_parameters::direct.value()
}

/// The two numbers of a word, the lower one first.
#[inline]
fn pair(word: u64) -> (u32, u32) {
    (word as u32, (word >> 32) as u32)
}

/// Refuses a word that has no meaning yet.
#[inline]
fn zero(word: u64) -> Result {
    match word {
        0 => Ok(()),
        _ => Err(EINVAL),
    }
}

impl Eventpoll {
    /// A direct call on the instance, whose file is `me`. `None` if the operation is none of ours.
    #[inline]
    pub(crate) fn direct(
        &self,
        me: &File,
        first: u64,
        second: u64,
        operation: u32,
    ) -> Option<Result<u32>> {
        if !are_answered() {
            return None;
        }
        Some(match operation {
            direct::WAIT => self.direct_wait(first, second),
            direct::ADD => self.direct_change(me, op::ADD, first, second),
            direct::MODIFY => self.direct_change(me, op::MODIFY, first, second),
            direct::DELETE => self.direct_delete(me, first, second),
            direct::CHANGE_WAIT => self.direct_change_wait(me, first, second),
            direct::PWAIT => structure(first, second, |at| self.call_wait(at)),
            direct::BATCH => structure(first, second, |at| self.call_batch(me, at)),
            direct::BATCH_WAIT => structure(first, second, |at| self.call_batch_wait(me, at)),
            _ => return None,
        })
    }

    #[inline(always)]
    fn direct_wait(&self, events: u64, how: u64) -> Result<u32> {
        let (room, timeout) = pair(how);
        let (room, timeout) = (room as i32, i64::from(timeout as i32) * MILLISECOND);
        trace::wait_enter(self, room, timeout);
        let result = Buffer::new(events, room).and_then(|buffer| self.wait(buffer, timeout));
        trace::wait_exit(self, result);
        result
    }

    #[inline]
    fn direct_change(&self, me: &File, op: i32, data: u64, what: u64) -> Result<u32> {
        let (fd, events) = pair(what);
        let change = Change {
            op,
            fd: fd as i32,
            flags: 0,
            events,
            data,
            result: 0,
            __pad: 0,
        };
        self.change(&mut Mutexes::new(self), me, &change)?;
        Ok(0)
    }

    #[inline]
    fn direct_delete(&self, me: &File, first: u64, what: u64) -> Result<u32> {
        zero(first)?;
        zero(what >> 32)?;
        self.direct_change(me, op::DELETE, 0, what)
    }

    #[inline(never)]
    fn direct_change_wait(&self, me: &File, at: u64, how: u64) -> Result<u32> {
        let both: ChangeWait = uapi::read_often(uapi::address(at)?)?;
        let (room, timeout) = pair(how);
        let (room, timeout) = (room as i32, i64::from(timeout as i32) * MILLISECOND);
        let buffer = Buffer::new(both.to, room)?;
        let change = Change {
            op: both.op,
            fd: both.fd,
            flags: both.flags,
            events: both.events,
            data: both.data,
            result: 0,
            __pad: 0,
        };
        self.change(&mut Mutexes::new(self), me, &change)?;
        trace::wait_enter(self, room, timeout);
        let result = self.wait(buffer, timeout);
        trace::wait_exit(self, result);
        result
    }
}

/// Makes a call whose argument is a structure at the user's address `first`.
#[inline]
fn structure(first: u64, second: u64, call: impl FnOnce(usize) -> Result<u32>) -> Result<u32> {
    zero(second)?;
    call(uapi::address(first)?)
}

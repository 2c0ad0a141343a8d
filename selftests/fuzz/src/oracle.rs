// SPDX-License-Identifier: GPL-2.0

//! What has to hold of anything that the module writes, whatever it was asked.

use crate::arena::CANARY;
use repoll::uapi::{
    repoll_batch,
    repoll_change, //
};
use std::{
    mem::{
        offset_of,
        size_of, //
    },
    sync::atomic::{
        AtomicU64,
        Ordering, //
    }, //
};

/// The size of a `struct epoll_event`.
pub const EVENT: usize = 12;

/// The high part of all data of events: what else is in an event has come from elsewhere.
const MARK: u64 = 0x5eed_da7a_0000_0000;

/// What can be in an event: neither the modes of an item nor bits that have no meaning.
const REPORTED: u32 = (libc::EPOLLIN
    | libc::EPOLLPRI
    | libc::EPOLLOUT
    | libc::EPOLLERR
    | libc::EPOLLHUP
    | libc::EPOLLRDNORM
    | libc::EPOLLRDBAND
    | libc::EPOLLWRNORM
    | libc::EPOLLWRBAND
    | libc::EPOLLMSG
    | libc::EPOLLRDHUP) as u32;

/// The data that the program has handed to the kernel, by its low part.
#[derive(Default)]
pub struct Handed([AtomicU64; 4]);

impl Handed {
    /// The data that stands for `tag`, from now on among what may come back.
    pub fn hand(&self, tag: u8) -> u64 {
        self.0[usize::from(tag / 64)].fetch_or(1 << (tag % 64), Ordering::Relaxed);
        data(tag)
    }

    fn has(&self, data: u64) -> bool {
        let tag = data as u8;
        data == MARK | u64::from(tag)
            && self.0[usize::from(tag / 64)].load(Ordering::Relaxed) & (1 << (tag % 64)) != 0
    }

    /// A new program begins.
    pub fn clear(&self) {
        for word in &self.0 {
            word.store(0, Ordering::Relaxed);
        }
    }
}

/// The data that stands for `tag`.
pub const fn data(tag: u8) -> u64 {
    MARK | tag as u64
}

/// An event as the interface has it: without padding.
pub fn event(bits: u32, data: u64) -> [u8; EVENT] {
    let mut bytes = [0; EVENT];
    bytes[..4].copy_from_slice(&bits.to_ne_bytes());
    bytes[4..].copy_from_slice(&data.to_ne_bytes());
    bytes
}

/// Checks the memory that a wait for `max` events at `offset` was to write to.
///
/// It was full of [`CANARY`]s. The wait has returned `count` events, or 0 if it failed.
pub fn check_events(memory: &[u8], offset: usize, max: usize, count: usize, handed: &Handed) {
    assert!(count <= max, "{count} events where {max} were asked for");
    let end = offset + count * EVENT;
    for bytes in memory[offset..end].chunks_exact(EVENT) {
        let bits = u32::from_ne_bytes(bytes[..4].try_into().expect("four bytes"));
        let data = u64::from_ne_bytes(bytes[4..].try_into().expect("eight bytes"));
        assert!(bits != 0 && bits & !REPORTED == 0, "an event of {bits:#x}");
        assert!(
            handed.has(data),
            "an event with data {data:#x}, which no item has"
        );
    }
    // The event that did not fit any more may have come in part.
    let slack = if offset + max * EVENT > memory.len() {
        EVENT
    } else {
        0
    };
    check_untouched(&memory[..offset]);
    check_untouched(&memory[(end + slack).min(memory.len())..]);
}

/// Checks that the kernel has not written where it had no business.
pub fn check_untouched(memory: &[u8]) {
    if let Some(at) = memory.iter().position(|&byte| byte != CANARY) {
        panic!("written to, {at} bytes from where nothing was to be written");
    }
}

/// What a batch says of itself.
#[derive(Debug, PartialEq)]
pub struct Progress {
    /// How many changes were tried.
    pub done: u32,
    /// How many of these have failed.
    pub failed: u32,
}

/// Checks the memory with the argument of a batch, at `offset` if it is there. Returns what it says
/// now; `None` if the kernel has stored nothing.
pub fn check_argument(before: &[u8], after: &[u8], offset: Option<usize>) -> Option<Progress> {
    if before == after {
        return None;
    }
    let offset = offset.expect("an argument that is not there was written to");
    let done = offset + offset_of!(repoll_batch, done);
    let failed = offset + offset_of!(repoll_batch, failed);
    let mut expected = before.to_vec();
    for at in [done, failed] {
        copy_number(&mut expected, after, at);
    }
    check_same(&expected, after);
    Some(Progress {
        done: number(after, done),
        failed: number(after, failed),
    })
}

/// Checks the memory with the changes of a batch, which are at `offset` if they are there. Only the
/// results of those that were tried are new. Returns these.
pub fn check_changes(
    before: &[u8],
    after: &[u8],
    offset: Option<usize>,
    progress: &Progress,
) -> Vec<i32> {
    let mut expected = before.to_vec();
    let mut results = Vec::new();
    for n in 0..progress.done as usize {
        let start = offset.expect("changes that are not there were made");
        let change = start + n * size_of::<repoll_change>();
        assert!(
            change + size_of::<repoll_change>() <= after.len(),
            "change {n}, which is not all there, was made"
        );
        let result = change + offset_of!(repoll_change, result);
        copy_number(&mut expected, after, result);
        results.push(number(after, result) as i32);
    }
    check_same(&expected, after);
    let failed = results.iter().filter(|&&result| result != 0).count();
    assert_eq!(
        failed, progress.failed as usize,
        "results say something else"
    );
    results
}

fn number(memory: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(memory[at..at + 4].try_into().expect("four bytes"))
}

fn copy_number(to: &mut [u8], from: &[u8], at: usize) {
    to[at..at + 4].copy_from_slice(&from[at..at + 4]);
}

fn check_same(expected: &[u8], memory: &[u8]) {
    if let Some(at) = (0..memory.len()).find(|&at| memory[at] != expected[at]) {
        panic!("written to, {at} bytes from the start, where nothing was to be written");
    }
}

/// Checks what GETPARAMS has written.
pub fn check_params(params: &libc::epoll_params) {
    assert_eq!(params.__pad, 0, "padding that is not zero");
    assert!(params.prefer_busy_poll <= 1, "neither true nor false");
}

/// Checks what fdinfo has printed: no number in it may be one of the kernel's addresses.
pub fn check_text(text: &[u8]) {
    for word in text.split(|byte| !byte.is_ascii_hexdigit()) {
        let address = word.len() == 16 && word.starts_with(b"ffff");
        assert!(!address, "an address in {}", String::from_utf8_lossy(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(events: &[[u8; EVENT]]) -> Vec<u8> {
        let mut memory = vec![CANARY; 10 * EVENT];
        memory[..events.len() * EVENT].copy_from_slice(&events.concat());
        memory
    }

    fn handed() -> Handed {
        let handed = Handed::default();
        handed.hand(77);
        handed
    }

    #[test]
    fn what_was_added_may_come_back() {
        let memory = memory(&[event(1, data(77))]);
        check_events(&memory, 0, 2, 1, &handed());
    }

    #[test]
    #[should_panic(expected = "which no item has")]
    fn what_was_not_added_may_not() {
        let memory = memory(&[event(1, data(78))]);
        check_events(&memory, 0, 2, 1, &handed());
    }

    #[test]
    #[should_panic(expected = "an event of")]
    fn modes_are_not_reported() {
        let memory = memory(&[event(1 | libc::EPOLLET as u32, data(77))]);
        check_events(&memory, 0, 2, 1, &handed());
    }

    #[test]
    #[should_panic(expected = "written to")]
    fn what_was_not_counted_may_not_be_written() {
        let memory = memory(&[event(1, data(77)); 2]);
        check_events(&memory, 0, 3, 1, &handed());
    }

    #[test]
    fn the_event_that_does_not_fit_may_come_in_part() {
        let mut memory = memory(&[]);
        let end = memory.len();
        memory[end - 4..].fill(0);
        check_events(&memory, end - 4, 1, 0, &handed());
    }

    const CHANGE: usize = size_of::<repoll_change>();
    const RESULT: usize = offset_of!(repoll_change, result);

    /// Two changes that were tried, with these results, and one that was not.
    fn changes(results: [u8; 2]) -> (Vec<u8>, Vec<u8>) {
        let before = vec![CANARY; 3 * CHANGE];
        let mut after = before.clone();
        for (n, result) in results.into_iter().enumerate() {
            let at = n * CHANGE + RESULT;
            after[at..at + 4].copy_from_slice(&u32::from(result).to_ne_bytes());
        }
        (before, after)
    }

    fn progress(done: u32, failed: u32) -> Progress {
        Progress { done, failed }
    }

    #[test]
    fn changes_may_have_results() {
        let (before, after) = changes([0, 2]);
        let results = check_changes(&before, &after, Some(0), &progress(2, 1));
        assert_eq!(results, [0, 2]);
    }

    #[test]
    #[should_panic(expected = "results say something else")]
    fn each_failure_is_counted() {
        let (before, after) = changes([1, 2]);
        check_changes(&before, &after, Some(0), &progress(2, 1));
    }

    #[test]
    #[should_panic(expected = "written to, 56 bytes")]
    fn what_was_not_tried_has_no_result() {
        let (before, after) = changes([0, 0]);
        check_changes(&before, &after, Some(0), &progress(1, 0));
    }

    #[test]
    #[should_panic(expected = "change 2, which is not all there")]
    fn what_is_not_all_there_is_not_made() {
        let (before, after) = changes([0, 0]);
        let len = 3 * CHANGE - 1;
        check_changes(&before[..len], &after[..len], Some(0), &progress(3, 0));
    }

    #[test]
    #[should_panic(expected = "changes that are not there")]
    fn what_is_not_there_is_not_made() {
        let (before, _) = changes([0, 0]);
        check_changes(&before, &before, None, &progress(1, 0));
    }

    #[test]
    fn an_argument_says_how_far_it_went() {
        let before = vec![CANARY; 64];
        let mut after = before.clone();
        assert_eq!(check_argument(&before, &after, Some(8)), None);
        after[8 + 16..8 + 24].copy_from_slice(&[3, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(
            check_argument(&before, &after, Some(8)),
            Some(progress(3, 1))
        );
    }

    #[test]
    #[should_panic(expected = "written to, 12 bytes")]
    fn nothing_else_of_an_argument_is_new() {
        let before = vec![CANARY; 64];
        let mut after = before.clone();
        after[12] = 0;
        check_argument(&before, &after, Some(8));
    }

    #[test]
    #[should_panic(expected = "an address in")]
    fn the_kernels_addresses_are_found_in_text() {
        check_text(b"tfd: 7 data: ffff888012345678 ino:1");
    }
}

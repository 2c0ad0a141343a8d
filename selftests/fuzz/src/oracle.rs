// SPDX-License-Identifier: GPL-2.0

//! What must hold for everything that the module writes, whatever the call.

use crate::arena::CANARY;
use repoll::uapi::{
    self, repoll_batch, repoll_change, repoll_features, repoll_info, repoll_item, repoll_query,
};
use std::{
    mem::{offset_of, size_of},
    ptr,
    sync::atomic::{AtomicU64, Ordering},
};

/// The size of a `struct epoll_event`.
pub const EVENT: usize = 12;

/// The high part of the data of all events: an event with anything else comes from elsewhere.
const MARK: u64 = 0x5eed_da7a_0000_0000;

/// The bits of a reported event: neither the modes of an item nor bits without meaning.
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

/// The data that the program has passed to the kernel, by its low part.
#[derive(Default)]
pub struct Handed([AtomicU64; 4]);

impl Handed {
    /// The data for `tag`, which from now on may come back.
    pub fn hand(&self, tag: u8) -> u64 {
        self.0[usize::from(tag / 64)].fetch_or(1 << (tag % 64), Ordering::Relaxed);
        data(tag)
    }

    fn has(&self, data: u64) -> bool {
        let tag = data as u8;
        // The first one is in the read-only page.
        data == MARK | u64::from(tag)
            && (tag == 0
                || self.0[usize::from(tag / 64)].load(Ordering::Relaxed) & (1 << (tag % 64)) != 0)
    }

    /// A new program starts.
    pub fn clear(&self) {
        for word in &self.0 {
            word.store(0, Ordering::Relaxed);
        }
    }
}

/// The data for `tag`.
pub const fn data(tag: u8) -> u64 {
    MARK | tag as u64
}

/// An event in the layout of the interface: without padding.
pub fn event(bits: u32, data: u64) -> [u8; EVENT] {
    let mut bytes = [0; EVENT];
    bytes[..4].copy_from_slice(&bits.to_ne_bytes());
    bytes[4..].copy_from_slice(&data.to_ne_bytes());
    bytes
}

/// Checks the memory that a wait for `max` events at `offset` should have written to.
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
    // An event that did not fit completely may have been written partly.
    let slack = if offset + max * EVENT > memory.len() {
        EVENT
    } else {
        0
    };
    check_untouched(&memory[..offset]);
    check_untouched(&memory[(end + slack).min(memory.len())..]);
}

/// Checks that the kernel has not written to memory that it must not change.
pub fn check_untouched(memory: &[u8]) {
    if let Some(at) = memory.iter().position(|&byte| byte != CANARY) {
        panic!("written to, {at} bytes from where nothing was to be written");
    }
}

/// The result that a batch stores in its argument.
#[derive(Debug, PartialEq)]
pub struct Progress {
    /// How many changes were tried.
    pub done: u32,
    /// How many of these failed.
    pub failed: u32,
}

/// Checks the memory with the argument of a batch, which is at `offset` if it is mapped. Returns
/// the new result; `None` if the kernel has stored nothing.
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

/// Checks the memory with the changes of a batch, which are at `offset` if they are mapped. Only
/// the results of the changes that were tried may be new. Returns these.
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
        "the results differ from the count"
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

/// The elements that a query claims to have stored.
pub struct Answer {
    /// The result in the argument: the instance, and where to continue.
    pub told: Told,
    /// The offset, if the array is mapped.
    pub offset: Option<usize>,
    /// The size of an element.
    pub size: usize,
    /// How many bytes of an element are filled.
    pub filled: usize,
    /// How many elements were stored.
    pub stored: usize,
}

impl Answer {
    /// The stored elements: structures of the interface, if they are filled completely.
    pub fn elements<'a, T: Copy + 'a>(&'a self, memory: &'a [u8]) -> impl Iterator<Item = T> + 'a {
        assert_eq!(
            self.filled,
            size_of::<T>(),
            "elements that are not complete"
        );
        let start = self.offset.unwrap_or(memory.len());
        memory[start..]
            .chunks(self.size)
            .take(self.stored)
            // SAFETY: The interface's structures are integers, and the element is longer than one.
            .map(|element| unsafe { ptr::read_unaligned(element[..self.filled].as_ptr().cast()) })
    }
}

/// Checks the memory that an answer should have been written to, which was full of [`CANARY`]s. At
/// most `count` elements were stored, each followed by zeros for the bytes that the module does not
/// know. After an error, any of them may have been stored.
pub fn check_answer(memory: &[u8], answer: &Answer, count: usize, errno: i32) {
    let stored = answer.stored;
    assert!(
        stored <= count,
        "{stored} elements where {count} were asked for"
    );
    let Some(offset) = answer.offset else {
        assert!(stored == 0, "{stored} elements in memory that is not there");
        return check_untouched(memory);
    };
    let Some(asked) = answer.size.checked_mul(count).filter(|&asked| asked > 0) else {
        return check_untouched(memory);
    };
    assert!(
        stored == 0 || offset + (stored - 1) * answer.size + answer.filled <= memory.len(),
        "{stored} elements, which are not all there"
    );
    let may_be = match errno {
        0 if offset + asked > memory.len() => stored + 1,
        0 => stored,
        libc::EINVAL | libc::EPERM | libc::ENOENT => 0,
        _ => count,
    };
    check_untouched(&memory[..offset]);
    for (n, element) in memory[offset..].chunks(answer.size).enumerate() {
        let (known, rest) = element.split_at(answer.filled.min(element.len()));
        if n < stored {
            assert!(rest.iter().all(|&byte| byte == 0), "no zeros in the rest");
            continue;
        }
        if n >= may_be {
            check_untouched(known);
        }
        // The rest is cleared before the other bytes are written.
        if n < may_be || (n == stored && errno == 0) {
            let cleared = rest.iter().all(|&byte| byte == 0 || byte == CANARY);
            assert!(cleared, "the rest is not zero");
        } else {
            check_untouched(rest);
        }
    }
}

/// The result that a query stores in its argument.
#[derive(Debug, Default, PartialEq)]
pub struct Told {
    /// The instance, or the id to continue from.
    pub id: u64,
    /// The position in the items to continue from.
    pub cursor: [u64; 2],
}

/// Checks the memory with the argument of a query, which is at `offset` if it is mapped. Its
/// elements are filled up to `filled` bytes. Returns the result after success.
pub fn check_query(
    before: &[u8],
    after: &[u8],
    offset: Option<usize>,
    filled: usize,
    errno: i32,
) -> Option<Told> {
    let Some(offset) = offset else {
        assert!(errno != 0, "an answer to a query that could not be read");
        check_same(before, after);
        return None;
    };
    let at_id = offset + offset_of!(repoll_query, id);
    let at_cursor = offset + offset_of!(repoll_query, cursor);
    let at_size = offset + offset_of!(repoll_query, size);
    let mut expected = before.to_vec();
    // If an argument cannot be written completely, parts of it may have been written.
    for (at, len) in [(at_id, 8), (at_cursor, 16), (at_size, 4)] {
        let range = at.min(after.len())..(at + len).min(after.len());
        expected[range.clone()].copy_from_slice(&after[range]);
    }
    check_same(&expected, after);
    if errno != 0 {
        return None;
    }
    assert_eq!(number(after, at_size) as usize, filled, "another size");
    let word = |at: usize| {
        let bytes = after[at..at + 8].try_into().expect("eight bytes");
        u64::from_ne_bytes(bytes)
    };
    Some(Told {
        id: word(at_id),
        cursor: [word(at_cursor), word(at_cursor + 8)],
    })
}

/// Checks the properties and counters of an instance.
pub fn check_info(info: &repoll_info) {
    let counters = [
        info.id,
        info.adds,
        info.mods,
        info.dels,
        info.closed,
        info.events,
        info.wakeups,
        info.sleeps,
        info.waits,
        info.vain,
        info.delivered,
        info.spurious,
        info.overlaps,
    ];
    for counter in counters {
        assert!(counter >> 47 == 0, "a counter of {counter:#x}");
    }
    assert_ne!(info.id, 0, "no id");
    assert_eq!(info.uid, 0, "another user's");
    assert_eq!(info.__pad, 0, "padding that is not zero");
    assert_eq!(info.flags & !uapi::REPOLL_FIFO, 0, "flags");
    let states = uapi::REPOLL_WATCHED | uapi::REPOLL_WATCHES_EPOLL;
    assert_eq!(info.state & !states, 0, "a state");
    for count in [info.waiters, info.pollers] {
        assert!(count <= uapi::REPOLL_MAX_COUNT, "{count} of 64 at most");
    }
    let told = info.tids.len().min(info.waiters as usize);
    assert!(
        info.tids[told..].iter().all(|&tid| tid == 0),
        "more waiters than there are"
    );
    let mut rest = info.comm.iter().skip_while(|&&byte| byte != 0);
    assert!(rest.all(|&byte| byte == 0), "bytes after the name");
}

/// Checks the result of a REPOLL_FEATURES for a word.
pub fn check_features(word: u32, features: &repoll_features) {
    let known = if word == 0 { 0x1ff } else { 0 };
    assert_eq!(features.word, word, "another word");
    assert_eq!(features.__pad, 0, "padding that is not zero");
    assert_eq!(features.bits & !known, 0, "unknown features");
}

/// Checks an item, for a caller that may or may not know its data.
pub fn check_item(item: &repoll_item, may_know: bool, handed: &Handed) {
    let data = item.data;
    assert!(
        if may_know {
            handed.has(data)
        } else {
            data == 0
        },
        "an item with data {data:#x}"
    );
    assert!(item.fd >= 0, "a descriptor of {}", item.fd);
    assert!(item.ino >> 47 == 0, "a number of {:#x}", item.ino);
    assert!(item.kind <= uapi::REPOLL_KIND_EPOLL, "a kind");
    assert_eq!(
        item.watched != 0,
        item.kind == uapi::REPOLL_KIND_REPOLL,
        "an instance"
    );
    let states = uapi::REPOLL_ITEM_READY
        | uapi::REPOLL_ITEM_ROUND_ROBIN
        | uapi::REPOLL_ITEM_LATE_CLOSE
        | uapi::REPOLL_ITEM_LATE_POLLERS;
    assert_eq!(item.state & !states, 0, "a state");
}

/// Checks the result of GETPARAMS.
pub fn check_params(params: &libc::epoll_params) {
    assert_eq!(params.__pad, 0, "padding that is not zero");
    assert!(params.prefer_busy_poll <= 1, "neither true nor false");
}

/// Checks the text of fdinfo: no number in it may be a kernel address.
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
    #[should_panic(expected = "the results differ from the count")]
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

    /// The memory with `stored` of three elements at most.
    fn answer(stored: usize) -> Answer {
        Answer {
            told: Told::default(),
            offset: Some(8),
            size: 24,
            filled: 16,
            stored,
        }
    }

    #[test]
    fn elements_are_filled_as_far_as_they_are_known() {
        let mut memory = vec![CANARY; 96];
        memory[8..24].fill(7);
        memory[24..32].fill(0);
        memory[32..48].fill(7);
        memory[48..56].fill(0);
        check_answer(&memory, &answer(2), 3, 0);
        check_answer(&memory, &answer(0), 3, libc::EFAULT);
    }

    #[test]
    #[should_panic(expected = "no zeros in the rest")]
    fn what_is_not_known_is_zero() {
        let mut memory = vec![CANARY; 96];
        memory[8..31].fill(0);
        check_answer(&memory, &answer(1), 3, 0);
    }

    #[test]
    #[should_panic(expected = "written to, 0 bytes")]
    fn elements_that_are_not_counted_are_not_filled() {
        let mut memory = vec![CANARY; 96];
        memory[8..24].fill(0);
        check_answer(&memory, &answer(0), 3, 0);
    }

    #[test]
    fn a_question_says_where_to_go_on() {
        let before = vec![CANARY; 64];
        let mut after = before.clone();
        after[8..16].copy_from_slice(&7u64.to_ne_bytes());
        after[8 + 8..8 + 16].copy_from_slice(&8u64.to_ne_bytes());
        after[8 + 16..8 + 24].copy_from_slice(&9u64.to_ne_bytes());
        after[8 + 36..8 + 40].copy_from_slice(&48u32.to_ne_bytes());
        let told = Told {
            id: 7,
            cursor: [8, 9],
        };
        assert_eq!(check_query(&before, &after, Some(8), 48, 0), Some(told));
    }

    #[test]
    #[should_panic(expected = "an address in")]
    fn the_kernels_addresses_are_found_in_text() {
        check_text(b"tfd: 7 data: ffff888012345678 ino:1");
    }
}

// SPDX-License-Identifier: GPL-2.0

//! What has to hold of anything that the module writes, whatever it was asked.

use crate::arena::CANARY;
use std::sync::atomic::{
    AtomicU64,
    Ordering, //
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

    #[test]
    #[should_panic(expected = "an address in")]
    fn the_kernels_addresses_are_found_in_text() {
        check_text(b"tfd: 7 data: ffff888012345678 ino:1");
    }
}

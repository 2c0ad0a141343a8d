// SPDX-License-Identifier: GPL-2.0

//! Interest masks: which ones are chosen from, and their names in C.

/// A wake-up that io_uring caused, which `<sys/epoll.h>` does not name.
const URING_WAKE: u32 = 1 << 27;

/// What to watch for, simplest first.
const EVENTS: [u32; 8] = [
    IN,
    OUT,
    IN | OUT,
    IN | RDHUP,
    IN | OUT | RDHUP | PRI,
    0,
    RDNORM | WRNORM | RDBAND | WRBAND,
    ERR | HUP,
];

/// How to watch, simplest first; the last one stands for [`ODD`].
const MODES: [u32; 8] = [
    0,
    ET,
    ONESHOT,
    ET | ONESHOT,
    EXCLUSIVE,
    EXCLUSIVE | ET,
    WAKEUP,
    0,
];

/// Masks that no program should use: combinations that are refused, and bits without meaning.
const ODD: [u32; 8] = [
    EXCLUSIVE | ONESHOT,
    EXCLUSIVE | WAKEUP,
    EXCLUSIVE | RDHUP,
    EXCLUSIVE | PRI,
    ET | WAKEUP | ONESHOT,
    URING_WAKE,
    0x00ff_0000,
    u32::MAX & !EXCLUSIVE,
];

const IN: u32 = libc::EPOLLIN as u32;
const PRI: u32 = libc::EPOLLPRI as u32;
const OUT: u32 = libc::EPOLLOUT as u32;
const ERR: u32 = libc::EPOLLERR as u32;
const HUP: u32 = libc::EPOLLHUP as u32;
const RDNORM: u32 = libc::EPOLLRDNORM as u32;
const RDBAND: u32 = libc::EPOLLRDBAND as u32;
const WRNORM: u32 = libc::EPOLLWRNORM as u32;
const WRBAND: u32 = libc::EPOLLWRBAND as u32;
const RDHUP: u32 = libc::EPOLLRDHUP as u32;
const EXCLUSIVE: u32 = libc::EPOLLEXCLUSIVE as u32;
const WAKEUP: u32 = libc::EPOLLWAKEUP as u32;
const ONESHOT: u32 = libc::EPOLLONESHOT as u32;
const ET: u32 = libc::EPOLLET as u32;

/// The bits with a name, lowest first.
pub(crate) const NAMES: [(u32, &str); 15] = [
    (IN, "EPOLLIN"),
    (PRI, "EPOLLPRI"),
    (OUT, "EPOLLOUT"),
    (ERR, "EPOLLERR"),
    (HUP, "EPOLLHUP"),
    (RDNORM, "EPOLLRDNORM"),
    (RDBAND, "EPOLLRDBAND"),
    (WRNORM, "EPOLLWRNORM"),
    (WRBAND, "EPOLLWRBAND"),
    (libc::EPOLLMSG as u32, "EPOLLMSG"),
    (RDHUP, "EPOLLRDHUP"),
    (EXCLUSIVE, "EPOLLEXCLUSIVE"),
    (WAKEUP, "EPOLLWAKEUP"),
    (ONESHOT, "EPOLLONESHOT"),
    (ET, "EPOLLET"),
];

/// The interest that a random number selects. 0 is the simplest.
pub(crate) fn from_number(number: u16) -> u32 {
    let events = EVENTS[usize::from(number & 7)];
    let mode = usize::from((number >> 3) & 7);
    if mode == MODES.len() - 1 {
        return events | ODD[usize::from((number >> 6) & 7)];
    }
    events | MODES[mode]
}

/// The mask as a C expression.
pub(crate) fn in_c(mask: u32) -> String {
    let mut rest = mask;
    let mut terms = Vec::new();
    for (bit, name) in NAMES {
        if mask & bit != 0 {
            terms.push(name.to_owned());
            rest &= !bit;
        }
    }
    if rest != 0 || terms.is_empty() {
        terms.push(format!("{rest:#x}"));
    }
    terms.join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simplest_is_to_read() {
        assert_eq!(from_number(0), IN);
    }

    #[test]
    fn every_mode_and_every_event_can_come_up() {
        let all = (0..=u16::MAX).fold(0, |all, number| all | from_number(number));
        assert_eq!(all, u32::MAX);
    }

    #[test]
    fn every_bit_is_named_or_shown() {
        assert_eq!(in_c(0), "0x0");
        assert_eq!(in_c(IN | ET), "EPOLLIN | EPOLLET");
        assert_eq!(in_c(HUP | URING_WAKE), "EPOLLHUP | 0x8000000");
    }
}

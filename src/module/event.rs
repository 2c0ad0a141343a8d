// SPDX-License-Identifier: GPL-2.0

//! The rules of event masks: pure logic, which also compiles and is tested outside the kernel.
//!
//! C header: [`include/uapi/linux/eventpoll.h`](srctree/include/uapi/linux/eventpoll.h)

/// Data to read.
pub(crate) const IN: u32 = 0x0001;
/// Room to write.
pub(crate) const OUT: u32 = 0x0004;
/// An error; always watched.
pub(crate) const ERR: u32 = 0x0008;
/// Both directions are shut; always watched.
pub(crate) const HUP: u32 = 0x0010;
/// Normal data to read; comes with [`IN`].
pub(crate) const RDNORM: u32 = 0x0040;
/// A wake-up that io_uring itself has caused. Pollers receive this bit, so that io_uring recognises
/// it.
pub(crate) const URING_WAKE: u32 = 1 << 27;
/// At most one of several exclusive items on a file is woken.
pub(crate) const EXCLUSIVE: u32 = 1 << 28;
/// Keep the system awake while the event is handled.
pub(crate) const WAKEUP: u32 = 1 << 29;
/// Disarm the item after one event.
pub(crate) const ONESHOT: u32 = 1 << 30;
/// Report changes, not states.
pub(crate) const ET: u32 = 1 << 31;

/// The bits that say how to watch rather than what for.
const MODE: u32 = WAKEUP | ONESHOT | ET | EXCLUSIVE;
/// The bits that may be combined with [`EXCLUSIVE`].
const EXCLUSIVE_OK: u32 = IN | OUT | ERR | HUP | WAKEUP | ET | EXCLUSIVE;

/// The interest of an item: the events that it watches for, and the mode in which it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interest(u32);

impl Interest {
    /// The interest that a user requested. Errors and hang-ups are always part of it.
    pub(crate) const fn new(asked: u32) -> Self {
        Self(asked | ERR | HUP)
    }

    /// No interest at all.
    pub(crate) const NOTHING: Self = Self(0);

    /// The bits of both.
    #[inline]
    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The interest in the form that the user knows.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// The interest with these bits, which came from [`Interest::bits`].
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Whether a wake-up with these events concerns the item. A wake-up without events does not
    /// state its reason, so it concerns all items that are armed.
    #[inline(always)]
    pub(crate) const fn concerns(self, events: u32) -> bool {
        events & self.0 & !MODE != 0 || (self.is_armed() && events == 0)
    }

    /// Whether the item watches for anything.
    pub(crate) const fn is_armed(self) -> bool {
        self.0 & !MODE != 0
    }

    /// The interest after the one event of a one-shot item: mode only.
    pub(crate) const fn disarmed(self) -> Self {
        Self(self.0 & MODE)
    }

    /// Whether one event disarms the item.
    pub(crate) const fn is_oneshot(self) -> bool {
        self.0 & ONESHOT != 0
    }

    /// Whether the item goes back on the ready list for as long as it has events.
    pub(crate) const fn is_level_triggered(self) -> bool {
        self.0 & (ONESHOT | ET) == 0
    }

    /// Whether the item does more than watch.
    #[inline]
    pub(crate) const fn is_rare(self) -> bool {
        self.0 & (EXCLUSIVE | WAKEUP) != 0
    }

    /// Whether the two require the same handling of their events, whatever those are.
    #[inline]
    pub(crate) const fn has_mode_of(self, other: Self) -> bool {
        (self.0 ^ other.0) & (ONESHOT | ET | WAKEUP) == 0
    }

    /// Whether the item is exclusive.
    pub(crate) const fn is_exclusive(self) -> bool {
        self.0 & EXCLUSIVE != 0
    }

    /// Whether the system stays awake while the item is ready.
    pub(crate) const fn keeps_awake(self) -> bool {
        self.0 & WAKEUP != 0
    }

    /// Whether a wake-up that concerned the item, and reached a waiter of its instance, spares the
    /// other exclusive items on the file. The wake-up must have been for reading only or for
    /// writing only, and the item must have requested that; or the wake-up must be for neither.
    pub(crate) const fn absorbs(self, events: u32, last_call: bool) -> bool {
        if last_call {
            return false;
        }
        match events & (IN | OUT) {
            0 => true,
            both if both == IN | OUT => false,
            one => self.0 & one != 0,
        }
    }
}

/// Whether an item with these bits may be added, as far as [`EXCLUSIVE`] goes.
pub(crate) const fn may_add(asked: u32) -> bool {
    asked & EXCLUSIVE == 0 || asked & !EXCLUSIVE_OK == 0
}

/// Whether an item may be modified to these bits.
pub(crate) const fn may_modify_to(asked: u32) -> bool {
    asked & EXCLUSIVE == 0
}

#[cfg(any(test, CONFIG_KUNIT = "y"))]
#[cfg_attr(not(test), kernel::macros::kunit_tests(repoll_event))]
mod tests {
    use super::*;

    #[test]
    fn errors_and_hang_ups_are_always_watched() {
        for asked in [0, IN, OUT | ET, IN | ONESHOT] {
            let interest = Interest::new(asked);
            assert!(interest.concerns(ERR));
            assert!(interest.concerns(HUP));
        }
    }

    #[test]
    fn a_wake_up_without_events_concerns_every_armed_item() {
        assert!(Interest::new(OUT).concerns(0));
        assert!(!Interest::new(OUT | ONESHOT).disarmed().concerns(0));
    }

    #[test]
    fn a_wake_up_for_something_else_does_not_concern() {
        assert!(!Interest::new(IN).concerns(OUT));
        assert!(Interest::new(IN).concerns(IN | RDNORM));
    }

    #[test]
    fn a_disarmed_item_keeps_its_mode_and_nothing_else() {
        let disarmed = Interest::new(IN | OUT | ET | ONESHOT).disarmed();
        assert_eq!(disarmed.bits(), ET | ONESHOT);
        assert!(!disarmed.is_armed());
        for events in [0, IN, ERR, HUP] {
            assert!(!disarmed.concerns(events));
        }
    }

    #[test]
    fn a_disarmed_item_still_keeps_the_system_awake() {
        assert!(Interest::new(IN | WAKEUP | ONESHOT)
            .disarmed()
            .keeps_awake());
        assert!(!Interest::new(IN | ONESHOT).keeps_awake());
    }

    #[test]
    fn exclusive_goes_with_few_bits() {
        for bit in 0..32 {
            let bit = 1u32 << bit;
            let allowed = [IN, OUT, ERR, HUP, WAKEUP, ET, EXCLUSIVE].contains(&bit);
            assert_eq!(may_add(EXCLUSIVE | bit), allowed);
            assert!(may_add(bit & !EXCLUSIVE));
        }
        assert!(!may_modify_to(EXCLUSIVE));
        assert!(may_modify_to(IN | OUT | ET | ONESHOT));
    }

    #[test]
    fn an_exclusive_item_absorbs_what_it_asked_for() {
        let reader = Interest::new(EXCLUSIVE | IN);
        assert!(reader.absorbs(IN | RDNORM, false));
        assert!(!reader.absorbs(OUT, false));
        assert!(!reader.absorbs(IN | OUT, false));
        assert!(reader.absorbs(HUP, false));
        assert!(reader.absorbs(0, false));
        assert!(!reader.absorbs(IN, true));
    }
}

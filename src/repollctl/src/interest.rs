// SPDX-License-Identifier: GPL-2.0

//! The names of an interest's bits.

/// All bits that have a name, without the prefix `EPOLL`.
const NAMES: [(u32, &str); 15] = [
    (0x001, "IN"),
    (0x002, "PRI"),
    (0x004, "OUT"),
    (0x008, "ERR"),
    (0x010, "HUP"),
    (0x040, "RDNORM"),
    (0x080, "RDBAND"),
    (0x100, "WRNORM"),
    (0x200, "WRBAND"),
    (0x400, "MSG"),
    (0x2000, "RDHUP"),
    (1 << 28, "EXCLUSIVE"),
    (1 << 29, "WAKEUP"),
    (1 << 30, "ONESHOT"),
    (1 << 31, "ET"),
];

/// Errors and hang-ups, which every item watches for.
const ALWAYS: u32 = 0x018;

/// The names of all bits except those that every item has. Bits without a name are
/// printed as a number. The list is empty for a one-shot item that has reported its
/// event.
pub fn names(events: u32) -> Vec<String> {
    let mut rest = events & !ALWAYS;
    let mut names = Vec::new();
    for (bit, name) in NAMES {
        if rest & bit != 0 {
            names.push(name.to_string());
            rest &= !bit;
        }
    }
    if rest != 0 {
        names.push(format!("{rest:#x}"));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn what_is_always_watched_is_left_out() {
        assert_eq!(names(0x019 | (1 << 31)), ["IN", "ET"]);
        assert!(names(0x018).is_empty());
    }

    #[test]
    fn what_has_no_name_is_a_number() {
        assert_eq!(names(0x1001), ["IN", "0x1000"]);
    }
}

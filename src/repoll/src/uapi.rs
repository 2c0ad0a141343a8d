// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel interface, generated from `src/uapi/repoll.h`, for programs that
//! cannot wrap their descriptors into a [`Poller`](crate::Poller).

#![allow(missing_docs, non_camel_case_types, non_upper_case_globals)]

include!("bindings.rs");

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::ioctl::opcode;
    use std::mem::{offset_of, size_of};

    // The layout is the same for 32-bit and 64-bit programs.

    #[test]
    fn create_has_the_layout_of_the_interface() {
        assert_eq!(size_of::<repoll_create>(), 8);
        assert_eq!(offset_of!(repoll_create, flags), 0);
        assert_eq!(offset_of!(repoll_create, __pad), 4);
    }

    #[test]
    fn ctl_has_the_layout_of_the_interface() {
        assert_eq!(size_of::<repoll_ctl>(), 24);
        assert_eq!(offset_of!(repoll_ctl, op), 0);
        assert_eq!(offset_of!(repoll_ctl, fd), 4);
        assert_eq!(offset_of!(repoll_ctl, flags), 8);
        assert_eq!(offset_of!(repoll_ctl, __pad), 12);
        assert_eq!(offset_of!(repoll_ctl, event), 16);
    }

    #[test]
    fn wait_has_the_layout_of_the_interface() {
        assert_eq!(size_of::<repoll_wait>(), 40);
        assert_eq!(offset_of!(repoll_wait, events), 0);
        assert_eq!(offset_of!(repoll_wait, sigmask), 8);
        assert_eq!(offset_of!(repoll_wait, timeout_ns), 16);
        assert_eq!(offset_of!(repoll_wait, maxevents), 24);
        assert_eq!(offset_of!(repoll_wait, sigsetsize), 28);
        assert_eq!(offset_of!(repoll_wait, flags), 32);
        assert_eq!(offset_of!(repoll_wait, __pad), 36);
    }

    #[test]
    fn change_has_the_layout_of_the_interface() {
        assert_eq!(size_of::<repoll_change>(), 32);
        assert_eq!(offset_of!(repoll_change, op), 0);
        assert_eq!(offset_of!(repoll_change, fd), 4);
        assert_eq!(offset_of!(repoll_change, flags), 8);
        assert_eq!(offset_of!(repoll_change, events), 12);
        assert_eq!(offset_of!(repoll_change, data), 16);
        assert_eq!(offset_of!(repoll_change, result), 24);
        assert_eq!(offset_of!(repoll_change, __pad), 28);
    }

    #[test]
    fn batches_have_the_layout_of_the_interface() {
        assert_eq!(size_of::<repoll_batch>(), 24);
        assert_eq!(offset_of!(repoll_batch, changes), 0);
        assert_eq!(offset_of!(repoll_batch, count), 8);
        assert_eq!(offset_of!(repoll_batch, flags), 12);
        assert_eq!(offset_of!(repoll_batch, done), 16);
        assert_eq!(offset_of!(repoll_batch, failed), 20);
        assert_eq!(size_of::<repoll_batch_wait>(), 64);
        assert_eq!(offset_of!(repoll_batch_wait, batch), 0);
        assert_eq!(offset_of!(repoll_batch_wait, wait), 24);
    }

    #[test]
    fn a_change_before_a_wait_has_the_layout_of_the_interface() {
        assert_eq!(size_of::<repoll_change_wait>(), 32);
        assert_eq!(offset_of!(repoll_change_wait, op), 0);
        assert_eq!(offset_of!(repoll_change_wait, fd), 4);
        assert_eq!(offset_of!(repoll_change_wait, flags), 8);
        assert_eq!(offset_of!(repoll_change_wait, events), 12);
        assert_eq!(offset_of!(repoll_change_wait, data), 16);
        assert_eq!(offset_of!(repoll_change_wait, to), 24);
    }

    #[test]
    fn direct_operations_have_the_numbers_of_the_interface() {
        assert_eq!(REPOLL_DIRECT_WAIT, 0xE900);
        assert_eq!(REPOLL_DIRECT_PWAIT, 0xE901);
        assert_eq!(REPOLL_DIRECT_ADD, 0xE902);
        assert_eq!(REPOLL_DIRECT_MOD, 0xE903);
        assert_eq!(REPOLL_DIRECT_DEL, 0xE904);
        assert_eq!(REPOLL_DIRECT_BATCH, 0xE905);
        assert_eq!(REPOLL_DIRECT_BATCH_WAIT, 0xE906);
        assert_eq!(REPOLL_DIRECT_CHANGE_WAIT, 0xE907);
    }

    #[test]
    fn query_has_the_layout_of_the_interface() {
        assert_eq!(size_of::<repoll_query>(), 48);
        assert_eq!(offset_of!(repoll_query, id), 0);
        assert_eq!(offset_of!(repoll_query, cursor), 8);
        assert_eq!(offset_of!(repoll_query, to), 24);
        assert_eq!(offset_of!(repoll_query, count), 32);
        assert_eq!(offset_of!(repoll_query, size), 36);
        assert_eq!(offset_of!(repoll_query, flags), 40);
        assert_eq!(offset_of!(repoll_query, __pad), 44);
    }

    #[test]
    fn info_has_the_layout_of_the_interface() {
        assert_eq!(size_of::<repoll_info>(), REPOLL_INFO_SIZE_1 as usize);
        assert_eq!(REPOLL_INFO_SIZE_1, 192);
        assert_eq!(offset_of!(repoll_info, id), 0);
        assert_eq!(offset_of!(repoll_info, adds), 8);
        assert_eq!(offset_of!(repoll_info, mods), 16);
        assert_eq!(offset_of!(repoll_info, dels), 24);
        assert_eq!(offset_of!(repoll_info, closed), 32);
        assert_eq!(offset_of!(repoll_info, events), 40);
        assert_eq!(offset_of!(repoll_info, wakeups), 48);
        assert_eq!(offset_of!(repoll_info, sleeps), 56);
        assert_eq!(offset_of!(repoll_info, waits), 64);
        assert_eq!(offset_of!(repoll_info, vain), 72);
        assert_eq!(offset_of!(repoll_info, delivered), 80);
        assert_eq!(offset_of!(repoll_info, spurious), 88);
        assert_eq!(offset_of!(repoll_info, overlaps), 96);
        assert_eq!(offset_of!(repoll_info, items), 104);
        assert_eq!(offset_of!(repoll_info, ready), 108);
        assert_eq!(offset_of!(repoll_info, dead), 112);
        assert_eq!(offset_of!(repoll_info, uid), 116);
        assert_eq!(offset_of!(repoll_info, pid), 120);
        assert_eq!(offset_of!(repoll_info, flags), 124);
        assert_eq!(offset_of!(repoll_info, state), 128);
        assert_eq!(offset_of!(repoll_info, waiters), 132);
        assert_eq!(offset_of!(repoll_info, pollers), 136);
        assert_eq!(offset_of!(repoll_info, __pad), 140);
        assert_eq!(offset_of!(repoll_info, tids), 144);
        assert_eq!(offset_of!(repoll_info, comm), 176);
    }

    #[test]
    fn item_has_the_layout_of_the_interface() {
        assert_eq!(size_of::<repoll_item>(), REPOLL_ITEM_SIZE_1 as usize);
        assert_eq!(REPOLL_ITEM_SIZE_1, 48);
        assert_eq!(offset_of!(repoll_item, data), 0);
        assert_eq!(offset_of!(repoll_item, ino), 8);
        assert_eq!(offset_of!(repoll_item, watched), 16);
        assert_eq!(offset_of!(repoll_item, fd), 24);
        assert_eq!(offset_of!(repoll_item, events), 28);
        assert_eq!(offset_of!(repoll_item, dev_major), 32);
        assert_eq!(offset_of!(repoll_item, dev_minor), 36);
        assert_eq!(offset_of!(repoll_item, kind), 40);
        assert_eq!(offset_of!(repoll_item, state), 44);
    }

    #[test]
    fn features_have_the_layout_of_the_interface() {
        assert_eq!(size_of::<repoll_features>(), 16);
        assert_eq!(offset_of!(repoll_features, word), 0);
        assert_eq!(offset_of!(repoll_features, __pad), 4);
        assert_eq!(offset_of!(repoll_features, bits), 8);
    }

    #[test]
    fn ioctl_numbers_encode_type_number_and_argument() {
        assert_eq!(REPOLL_CREATE, opcode::write::<repoll_create>(0xE9, 0));
        assert_eq!(REPOLL_CTL, opcode::write::<repoll_ctl>(0xE9, 1));
        assert_eq!(REPOLL_WAIT, opcode::write::<repoll_wait>(0xE9, 2));
        assert_eq!(REPOLL_BATCH, opcode::read_write::<repoll_batch>(0xE9, 3));
        assert_eq!(
            REPOLL_BATCH_WAIT,
            opcode::read_write::<repoll_batch_wait>(0xE9, 4)
        );
        assert_eq!(REPOLL_LIST, opcode::read_write::<repoll_query>(0xE9, 5));
        assert_eq!(REPOLL_ITEMS, opcode::read_write::<repoll_query>(0xE9, 6));
        assert_eq!(REPOLL_INFO, opcode::read_write::<repoll_query>(0xE9, 7));
        assert_eq!(
            REPOLL_FEATURES,
            opcode::read_write::<repoll_features>(0xE9, 8)
        );
    }

    #[test]
    fn the_control_node_is_in_dev() {
        assert_eq!(REPOLL_DEVICE, c"/dev/repoll");
    }
}

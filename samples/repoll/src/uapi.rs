// SPDX-License-Identifier: GPL-2.0

//! The kernel interface as generated from `src/uapi/repoll.h`, for those whose
//! descriptors are not theirs to wrap into a [`Poller`](crate::Poller).

#![allow(missing_docs, non_camel_case_types, non_upper_case_globals)]

include!(concat!(env!("OUT_DIR"), "/uapi.rs"));

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::ioctl::opcode;
    use std::mem::{
        offset_of,
        size_of, //
    };

    // The same for 32-bit and 64-bit programs: no field may move between them.

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
    fn ioctl_numbers_encode_type_number_and_argument() {
        assert_eq!(REPOLL_CREATE, opcode::write::<repoll_create>(0xE9, 0));
        assert_eq!(REPOLL_CTL, opcode::write::<repoll_ctl>(0xE9, 1));
        assert_eq!(REPOLL_WAIT, opcode::write::<repoll_wait>(0xE9, 2));
        assert_eq!(REPOLL_BATCH, opcode::read_write::<repoll_batch>(0xE9, 3));
        assert_eq!(
            REPOLL_BATCH_WAIT,
            opcode::read_write::<repoll_batch_wait>(0xE9, 4)
        );
    }

    #[test]
    fn the_control_node_is_in_dev() {
        assert_eq!(REPOLL_DEVICE, c"/dev/repoll");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0

// Generated from src/uapi/repoll.h. "make generate" regenerates it.

pub const REPOLL_DEVICE: &::core::ffi::CStr = c"/dev/repoll";
pub const REPOLL_IOC_TYPE: u32 = 233;
pub const REPOLL_CLOEXEC: u32 = 1;
pub const REPOLL_FIFO: u32 = 2;
pub const REPOLL_ROUND_ROBIN: u32 = 1;
pub const REPOLL_MAX_CHANGES: u32 = 2147483647;
pub const REPOLL_ALL: u32 = 1;
pub const REPOLL_WATCHED: u32 = 1;
pub const REPOLL_WATCHES_EPOLL: u32 = 2;
pub const REPOLL_MAX_COUNT: u32 = 64;
pub const REPOLL_TIDS: u32 = 8;
pub const REPOLL_INFO_SIZE_1: u32 = 192;
pub const REPOLL_KIND_FILE: u32 = 0;
pub const REPOLL_KIND_REPOLL: u32 = 1;
pub const REPOLL_KIND_EPOLL: u32 = 2;
pub const REPOLL_ITEM_READY: u32 = 1;
pub const REPOLL_ITEM_ROUND_ROBIN: u32 = 2;
pub const REPOLL_ITEM_LATE_CLOSE: u32 = 4;
pub const REPOLL_ITEM_LATE_POLLERS: u32 = 8;
pub const REPOLL_ITEM_SIZE_1: u32 = 48;
pub const REPOLL_FEATURE_FIFO: u32 = 0;
pub const REPOLL_FEATURE_ROUND_ROBIN: u32 = 1;
pub const REPOLL_FEATURE_BATCH: u32 = 2;
pub const REPOLL_FEATURE_BATCH_WAIT: u32 = 3;
pub const REPOLL_FEATURE_LIST: u32 = 4;
pub const REPOLL_FEATURE_ITEMS: u32 = 5;
pub const REPOLL_FEATURE_INFO: u32 = 6;
pub const REPOLL_FEATURE_BUSY_POLL: u32 = 7;
pub const REPOLL_FEATURE_DIRECT: u32 = 8;
pub const REPOLL_CREATE: u32 = 1074325760;
pub const REPOLL_CTL: u32 = 1075374337;
pub const REPOLL_WAIT: u32 = 1076422914;
pub const REPOLL_BATCH: u32 = 3222857987;
pub const REPOLL_BATCH_WAIT: u32 = 3225479428;
pub const REPOLL_LIST: u32 = 3224430853;
pub const REPOLL_ITEMS: u32 = 3224430854;
pub const REPOLL_INFO: u32 = 3224430855;
pub const REPOLL_FEATURES: u32 = 3222333704;
pub const REPOLL_DIRECT: u32 = 59648;
pub const REPOLL_DIRECT_WAIT: u32 = 59648;
pub const REPOLL_DIRECT_PWAIT: u32 = 59649;
pub const REPOLL_DIRECT_ADD: u32 = 59650;
pub const REPOLL_DIRECT_MOD: u32 = 59651;
pub const REPOLL_DIRECT_DEL: u32 = 59652;
pub const REPOLL_DIRECT_BATCH: u32 = 59653;
pub const REPOLL_DIRECT_BATCH_WAIT: u32 = 59654;
pub const REPOLL_DIRECT_CHANGE_WAIT: u32 = 59655;
pub type __u8 = ::core::ffi::c_uchar;
pub type __s32 = ::core::ffi::c_int;
pub type __u32 = ::core::ffi::c_uint;
pub type __s64 = ::core::ffi::c_longlong;
pub type __u64 = ::core::ffi::c_ulonglong;
#[doc = " struct repoll_create - argument of REPOLL_CREATE\n @flags: REPOLL_CLOEXEC, REPOLL_FIFO\n @__pad: zero"]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct repoll_create {
    pub flags: __u32,
    pub __pad: __u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of repoll_create"][::core::mem::size_of::<repoll_create>() - 8usize];
    ["Alignment of repoll_create"][::core::mem::align_of::<repoll_create>() - 4usize];
    ["Offset of field: repoll_create::flags"]
        [::core::mem::offset_of!(repoll_create, flags) - 0usize];
    ["Offset of field: repoll_create::__pad"]
        [::core::mem::offset_of!(repoll_create, __pad) - 4usize];
};
#[doc = " struct repoll_ctl - argument of REPOLL_CTL\n @op: EPOLL_CTL_ADD, EPOLL_CTL_MOD or EPOLL_CTL_DEL\n @fd: the descriptor to watch, modify or delete\n @flags: 0 or REPOLL_ROUND_ROBIN\n @__pad: zero\n @event: address of a struct epoll_event; not read by EPOLL_CTL_DEL"]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct repoll_ctl {
    pub op: __s32,
    pub fd: __s32,
    pub flags: __u32,
    pub __pad: __u32,
    pub event: __u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of repoll_ctl"][::core::mem::size_of::<repoll_ctl>() - 24usize];
    ["Alignment of repoll_ctl"][::core::mem::align_of::<repoll_ctl>() - 8usize];
    ["Offset of field: repoll_ctl::op"][::core::mem::offset_of!(repoll_ctl, op) - 0usize];
    ["Offset of field: repoll_ctl::fd"][::core::mem::offset_of!(repoll_ctl, fd) - 4usize];
    ["Offset of field: repoll_ctl::flags"][::core::mem::offset_of!(repoll_ctl, flags) - 8usize];
    ["Offset of field: repoll_ctl::__pad"][::core::mem::offset_of!(repoll_ctl, __pad) - 12usize];
    ["Offset of field: repoll_ctl::event"][::core::mem::offset_of!(repoll_ctl, event) - 16usize];
};
#[doc = " struct repoll_wait - argument of REPOLL_WAIT\n @events: address of an array of struct epoll_event, filled on return\n @sigmask: address of a signal mask that applies during the wait, or 0\n @timeout_ns: relative, CLOCK_MONOTONIC: a negative value means no limit, 0 means not to\n\twait; otherwise the wait takes at most this many nanoseconds\n @maxevents: elements of @events: 1 to INT_MAX / sizeof(struct epoll_event)\n @sigsetsize: bytes of the kernel's signal set (8); ignored if @sigmask is 0\n @flags: zero\n @__pad: zero"]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct repoll_wait {
    pub events: __u64,
    pub sigmask: __u64,
    pub timeout_ns: __s64,
    pub maxevents: __s32,
    pub sigsetsize: __u32,
    pub flags: __u32,
    pub __pad: __u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of repoll_wait"][::core::mem::size_of::<repoll_wait>() - 40usize];
    ["Alignment of repoll_wait"][::core::mem::align_of::<repoll_wait>() - 8usize];
    ["Offset of field: repoll_wait::events"][::core::mem::offset_of!(repoll_wait, events) - 0usize];
    ["Offset of field: repoll_wait::sigmask"]
        [::core::mem::offset_of!(repoll_wait, sigmask) - 8usize];
    ["Offset of field: repoll_wait::timeout_ns"]
        [::core::mem::offset_of!(repoll_wait, timeout_ns) - 16usize];
    ["Offset of field: repoll_wait::maxevents"]
        [::core::mem::offset_of!(repoll_wait, maxevents) - 24usize];
    ["Offset of field: repoll_wait::sigsetsize"]
        [::core::mem::offset_of!(repoll_wait, sigsetsize) - 28usize];
    ["Offset of field: repoll_wait::flags"][::core::mem::offset_of!(repoll_wait, flags) - 32usize];
    ["Offset of field: repoll_wait::__pad"][::core::mem::offset_of!(repoll_wait, __pad) - 36usize];
};
#[doc = " struct repoll_change - one change of a batch\n @op: EPOLL_CTL_ADD, EPOLL_CTL_MOD or EPOLL_CTL_DEL\n @fd: the descriptor to watch, modify or delete\n @flags: 0 or REPOLL_ROUND_ROBIN\n @events: what to watch for, as in struct epoll_event; ignored by EPOLL_CTL_DEL\n @data: the user's data, as in struct epoll_event; ignored by EPOLL_CTL_DEL\n @result: stored: 0, or the errno that REPOLL_CTL would set\n @__pad: zero"]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct repoll_change {
    pub op: __s32,
    pub fd: __s32,
    pub flags: __u32,
    pub events: __u32,
    pub data: __u64,
    pub result: __s32,
    pub __pad: __u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of repoll_change"][::core::mem::size_of::<repoll_change>() - 32usize];
    ["Alignment of repoll_change"][::core::mem::align_of::<repoll_change>() - 8usize];
    ["Offset of field: repoll_change::op"][::core::mem::offset_of!(repoll_change, op) - 0usize];
    ["Offset of field: repoll_change::fd"][::core::mem::offset_of!(repoll_change, fd) - 4usize];
    ["Offset of field: repoll_change::flags"]
        [::core::mem::offset_of!(repoll_change, flags) - 8usize];
    ["Offset of field: repoll_change::events"]
        [::core::mem::offset_of!(repoll_change, events) - 12usize];
    ["Offset of field: repoll_change::data"]
        [::core::mem::offset_of!(repoll_change, data) - 16usize];
    ["Offset of field: repoll_change::result"]
        [::core::mem::offset_of!(repoll_change, result) - 24usize];
    ["Offset of field: repoll_change::__pad"]
        [::core::mem::offset_of!(repoll_change, __pad) - 28usize];
};
#[doc = " struct repoll_batch - argument of REPOLL_BATCH\n @changes: address of an array of struct repoll_change\n @count: elements of @changes, at most REPOLL_MAX_CHANGES\n @flags: zero\n @done: stored: how many changes were tried, beginning with the first\n @failed: stored: how many of these failed"]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct repoll_batch {
    pub changes: __u64,
    pub count: __u32,
    pub flags: __u32,
    pub done: __u32,
    pub failed: __u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of repoll_batch"][::core::mem::size_of::<repoll_batch>() - 24usize];
    ["Alignment of repoll_batch"][::core::mem::align_of::<repoll_batch>() - 8usize];
    ["Offset of field: repoll_batch::changes"]
        [::core::mem::offset_of!(repoll_batch, changes) - 0usize];
    ["Offset of field: repoll_batch::count"][::core::mem::offset_of!(repoll_batch, count) - 8usize];
    ["Offset of field: repoll_batch::flags"]
        [::core::mem::offset_of!(repoll_batch, flags) - 12usize];
    ["Offset of field: repoll_batch::done"][::core::mem::offset_of!(repoll_batch, done) - 16usize];
    ["Offset of field: repoll_batch::failed"]
        [::core::mem::offset_of!(repoll_batch, failed) - 20usize];
};
#[doc = " struct repoll_batch_wait - argument of REPOLL_BATCH_WAIT\n @batch: the changes; there may be none\n @wait: the wait that follows them"]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct repoll_batch_wait {
    pub batch: repoll_batch,
    pub wait: repoll_wait,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of repoll_batch_wait"][::core::mem::size_of::<repoll_batch_wait>() - 64usize];
    ["Alignment of repoll_batch_wait"][::core::mem::align_of::<repoll_batch_wait>() - 8usize];
    ["Offset of field: repoll_batch_wait::batch"]
        [::core::mem::offset_of!(repoll_batch_wait, batch) - 0usize];
    ["Offset of field: repoll_batch_wait::wait"]
        [::core::mem::offset_of!(repoll_batch_wait, wait) - 24usize];
};
#[doc = " struct repoll_query - argument of REPOLL_LIST, REPOLL_ITEMS and REPOLL_INFO\n @id: REPOLL_LIST: store only instances with this id or a greater one; replaced by the id\n\tto continue from. REPOLL_ITEMS: the instance. REPOLL_INFO: zero\n @cursor: REPOLL_ITEMS: zero to begin with the first item; replaced by the position to\n\tcontinue from. REPOLL_LIST, REPOLL_INFO: zero\n @to: address of an array of struct repoll_info, or of struct repoll_item\n @count: elements of @to, at least 1; REPOLL_INFO: 1\n @size: bytes of an element in the caller's header: at least REPOLL_INFO_SIZE_1 or\n\tREPOLL_ITEM_SIZE_1, at most 4096, a multiple of 8; replaced by the module's size if that\n\tis smaller. The module stores zeros in the bytes that it does not know\n @flags: 0 or REPOLL_ALL; REPOLL_INFO: zero\n @__pad: zero"]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct repoll_query {
    pub id: __u64,
    pub cursor: [__u64; 2usize],
    pub to: __u64,
    pub count: __u32,
    pub size: __u32,
    pub flags: __u32,
    pub __pad: __u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of repoll_query"][::core::mem::size_of::<repoll_query>() - 48usize];
    ["Alignment of repoll_query"][::core::mem::align_of::<repoll_query>() - 8usize];
    ["Offset of field: repoll_query::id"][::core::mem::offset_of!(repoll_query, id) - 0usize];
    ["Offset of field: repoll_query::cursor"]
        [::core::mem::offset_of!(repoll_query, cursor) - 8usize];
    ["Offset of field: repoll_query::to"][::core::mem::offset_of!(repoll_query, to) - 24usize];
    ["Offset of field: repoll_query::count"]
        [::core::mem::offset_of!(repoll_query, count) - 32usize];
    ["Offset of field: repoll_query::size"][::core::mem::offset_of!(repoll_query, size) - 36usize];
    ["Offset of field: repoll_query::flags"]
        [::core::mem::offset_of!(repoll_query, flags) - 40usize];
    ["Offset of field: repoll_query::__pad"]
        [::core::mem::offset_of!(repoll_query, __pad) - 44usize];
};
#[doc = " struct repoll_info - an instance, and what it has counted since it was created\n @id: its number; the first instance has 1, and no number is reused\n @adds: items that were added\n @mods: modifications of items\n @dels: items that were deleted\n @closed: items that were removed because their file was closed\n @events: wake-ups of a watched file for events that its item watches for\n @wakeups: waiters that were woken\n @sleeps: how often a waiter went to sleep\n @waits: how often a waiter scanned the ready items. A wait with a timeout of 0 that finds\n\tan empty ready list is not counted\n @vain: how many of @waits found no event, because another thread took it or because it had\n\tpassed\n @delivered: events that were delivered\n @spurious: how often a scan polled the file of a ready item and found no event\n @overlaps: how many of @events came while a waiter or a poller was scanning the ready items\n @items: the number of items\n @ready: how many of them are ready, or were ready when they were last checked\n @dead: items whose file is closed, which will soon be freed; not included in @items\n @uid: the creator's real user, whom the items are charged to, in the caller's user\n\tnamespace\n @pid: the process that created it, in the caller's PID namespace; 0 if the process has\n\texited or has no ID there\n @flags: REPOLL_FIFO\n @state: REPOLL_WATCHED, REPOLL_WATCHES_EPOLL\n @waiters: threads that sleep in a wait, up to REPOLL_MAX_COUNT\n @pollers: entries on the instance's own wait queue, one for each select(), poll(), epoll or\n\tthe like that polls the instance; up to REPOLL_MAX_COUNT\n @tids: the first waiters, in the order in which they will be woken, in the caller's PID\n\tnamespace; unused elements are 0\n @comm: the name that the creating thread had at that time, padded with zeros\n\n The values are read one after the other while the instance continues to work. @items is\n @adds less @dels less @closed."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct repoll_info {
    pub id: __u64,
    pub adds: __u64,
    pub mods: __u64,
    pub dels: __u64,
    pub closed: __u64,
    pub events: __u64,
    pub wakeups: __u64,
    pub sleeps: __u64,
    pub waits: __u64,
    pub vain: __u64,
    pub delivered: __u64,
    pub spurious: __u64,
    pub overlaps: __u64,
    pub items: __u32,
    pub ready: __u32,
    pub dead: __u32,
    pub uid: __u32,
    pub pid: __s32,
    pub flags: __u32,
    pub state: __u32,
    pub waiters: __u32,
    pub pollers: __u32,
    pub __pad: __u32,
    pub tids: [__s32; 8usize],
    pub comm: [__u8; 16usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of repoll_info"][::core::mem::size_of::<repoll_info>() - 192usize];
    ["Alignment of repoll_info"][::core::mem::align_of::<repoll_info>() - 8usize];
    ["Offset of field: repoll_info::id"][::core::mem::offset_of!(repoll_info, id) - 0usize];
    ["Offset of field: repoll_info::adds"][::core::mem::offset_of!(repoll_info, adds) - 8usize];
    ["Offset of field: repoll_info::mods"][::core::mem::offset_of!(repoll_info, mods) - 16usize];
    ["Offset of field: repoll_info::dels"][::core::mem::offset_of!(repoll_info, dels) - 24usize];
    ["Offset of field: repoll_info::closed"]
        [::core::mem::offset_of!(repoll_info, closed) - 32usize];
    ["Offset of field: repoll_info::events"]
        [::core::mem::offset_of!(repoll_info, events) - 40usize];
    ["Offset of field: repoll_info::wakeups"]
        [::core::mem::offset_of!(repoll_info, wakeups) - 48usize];
    ["Offset of field: repoll_info::sleeps"]
        [::core::mem::offset_of!(repoll_info, sleeps) - 56usize];
    ["Offset of field: repoll_info::waits"][::core::mem::offset_of!(repoll_info, waits) - 64usize];
    ["Offset of field: repoll_info::vain"][::core::mem::offset_of!(repoll_info, vain) - 72usize];
    ["Offset of field: repoll_info::delivered"]
        [::core::mem::offset_of!(repoll_info, delivered) - 80usize];
    ["Offset of field: repoll_info::spurious"]
        [::core::mem::offset_of!(repoll_info, spurious) - 88usize];
    ["Offset of field: repoll_info::overlaps"]
        [::core::mem::offset_of!(repoll_info, overlaps) - 96usize];
    ["Offset of field: repoll_info::items"][::core::mem::offset_of!(repoll_info, items) - 104usize];
    ["Offset of field: repoll_info::ready"][::core::mem::offset_of!(repoll_info, ready) - 108usize];
    ["Offset of field: repoll_info::dead"][::core::mem::offset_of!(repoll_info, dead) - 112usize];
    ["Offset of field: repoll_info::uid"][::core::mem::offset_of!(repoll_info, uid) - 116usize];
    ["Offset of field: repoll_info::pid"][::core::mem::offset_of!(repoll_info, pid) - 120usize];
    ["Offset of field: repoll_info::flags"][::core::mem::offset_of!(repoll_info, flags) - 124usize];
    ["Offset of field: repoll_info::state"][::core::mem::offset_of!(repoll_info, state) - 128usize];
    ["Offset of field: repoll_info::waiters"]
        [::core::mem::offset_of!(repoll_info, waiters) - 132usize];
    ["Offset of field: repoll_info::pollers"]
        [::core::mem::offset_of!(repoll_info, pollers) - 136usize];
    ["Offset of field: repoll_info::__pad"][::core::mem::offset_of!(repoll_info, __pad) - 140usize];
    ["Offset of field: repoll_info::tids"][::core::mem::offset_of!(repoll_info, tids) - 144usize];
    ["Offset of field: repoll_info::comm"][::core::mem::offset_of!(repoll_info, comm) - 176usize];
};
#[doc = " struct repoll_item - an item\n @data: the user's data, as in struct epoll_event; 0 without REPOLL_ALL, because it may be an\n\taddress in a process that the caller must not look into\n @ino: the file's inode number\n @watched: if the file is an instance: its id, or else 0\n @fd: the descriptor that it was added with\n @events: what it watches for and how, as in struct epoll_event; a one-shot item that has\n\treported its event has no event bits\n @dev_major: the major number of the file system's device\n @dev_minor: the minor number of the file system's device\n @kind: REPOLL_KIND_...\n @state: REPOLL_ITEM_..."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct repoll_item {
    pub data: __u64,
    pub ino: __u64,
    pub watched: __u64,
    pub fd: __s32,
    pub events: __u32,
    pub dev_major: __u32,
    pub dev_minor: __u32,
    pub kind: __u32,
    pub state: __u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of repoll_item"][::core::mem::size_of::<repoll_item>() - 48usize];
    ["Alignment of repoll_item"][::core::mem::align_of::<repoll_item>() - 8usize];
    ["Offset of field: repoll_item::data"][::core::mem::offset_of!(repoll_item, data) - 0usize];
    ["Offset of field: repoll_item::ino"][::core::mem::offset_of!(repoll_item, ino) - 8usize];
    ["Offset of field: repoll_item::watched"]
        [::core::mem::offset_of!(repoll_item, watched) - 16usize];
    ["Offset of field: repoll_item::fd"][::core::mem::offset_of!(repoll_item, fd) - 24usize];
    ["Offset of field: repoll_item::events"]
        [::core::mem::offset_of!(repoll_item, events) - 28usize];
    ["Offset of field: repoll_item::dev_major"]
        [::core::mem::offset_of!(repoll_item, dev_major) - 32usize];
    ["Offset of field: repoll_item::dev_minor"]
        [::core::mem::offset_of!(repoll_item, dev_minor) - 36usize];
    ["Offset of field: repoll_item::kind"][::core::mem::offset_of!(repoll_item, kind) - 40usize];
    ["Offset of field: repoll_item::state"][::core::mem::offset_of!(repoll_item, state) - 44usize];
};
#[doc = " struct repoll_features - argument of REPOLL_FEATURES\n @word: which 64 features: 64 * @word to 64 * @word + 63\n @__pad: zero\n @bits: stored: bit n is set if the module has feature 64 * @word + n"]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct repoll_features {
    pub word: __u32,
    pub __pad: __u32,
    pub bits: __u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of repoll_features"][::core::mem::size_of::<repoll_features>() - 16usize];
    ["Alignment of repoll_features"][::core::mem::align_of::<repoll_features>() - 8usize];
    ["Offset of field: repoll_features::word"]
        [::core::mem::offset_of!(repoll_features, word) - 0usize];
    ["Offset of field: repoll_features::__pad"]
        [::core::mem::offset_of!(repoll_features, __pad) - 4usize];
    ["Offset of field: repoll_features::bits"]
        [::core::mem::offset_of!(repoll_features, bits) - 8usize];
};
#[doc = " struct repoll_change_wait - a change, and the array for the events of the following wait\n @op: EPOLL_CTL_ADD, EPOLL_CTL_MOD or EPOLL_CTL_DEL\n @fd: the descriptor to watch, modify or delete\n @flags: 0 or REPOLL_ROUND_ROBIN\n @events: what to watch for, as in struct epoll_event; ignored by EPOLL_CTL_DEL\n @data: the user's data, as in struct epoll_event; ignored by EPOLL_CTL_DEL\n @to: address of an array of struct epoll_event, filled on return"]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct repoll_change_wait {
    pub op: __s32,
    pub fd: __s32,
    pub flags: __u32,
    pub events: __u32,
    pub data: __u64,
    pub to: __u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of repoll_change_wait"][::core::mem::size_of::<repoll_change_wait>() - 32usize];
    ["Alignment of repoll_change_wait"][::core::mem::align_of::<repoll_change_wait>() - 8usize];
    ["Offset of field: repoll_change_wait::op"]
        [::core::mem::offset_of!(repoll_change_wait, op) - 0usize];
    ["Offset of field: repoll_change_wait::fd"]
        [::core::mem::offset_of!(repoll_change_wait, fd) - 4usize];
    ["Offset of field: repoll_change_wait::flags"]
        [::core::mem::offset_of!(repoll_change_wait, flags) - 8usize];
    ["Offset of field: repoll_change_wait::events"]
        [::core::mem::offset_of!(repoll_change_wait, events) - 12usize];
    ["Offset of field: repoll_change_wait::data"]
        [::core::mem::offset_of!(repoll_change_wait, data) - 16usize];
    ["Offset of field: repoll_change_wait::to"]
        [::core::mem::offset_of!(repoll_change_wait, to) - 24usize];
};

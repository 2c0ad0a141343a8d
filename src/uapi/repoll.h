/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * The user-space interface of repoll, an event poller in a loadable kernel module.
 *
 * Overview
 * --------
 *
 *	int ctl = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
 *	struct repoll_create create = { .flags = REPOLL_CLOEXEC };
 *	int rpfd = ioctl(ctl, REPOLL_CREATE, &create);	// ~ epoll_create1()
 *	ioctl(rpfd, REPOLL_CTL, &ctl_args);		// ~ epoll_ctl()
 *	ioctl(rpfd, REPOLL_WAIT, &wait_args);		// ~ epoll_pwait2()
 *	ioctl(rpfd, REPOLL_BATCH, &batch_args);		// many epoll_ctl()
 *	ioctl(rpfd, REPOLL_BATCH_WAIT, &args);		// these, then epoll_pwait2()
 *	ioctl(ctl, REPOLL_LIST, &query);		// list the instances
 *	ioctl(ctl, REPOLL_ITEMS, &query);		// list the items of an instance
 *	ioctl(rpfd, REPOLL_INFO, &query);		// describe an instance
 *	ioctl(ctl, REPOLL_FEATURES, &features);		// query the module's features
 *	fadvise64(rpfd, ..., REPOLL_DIRECT_WAIT);	// ~ epoll_wait(), see the end
 *
 * struct epoll_event, the EPOLL* event bits and the EPOLL_CTL_* operations are those of
 * <sys/epoll.h> (or <linux/eventpoll.h>): same values, same layout, same meaning. Results
 * are also those of epoll, except where the table in src/module/DIFFERENCES.md says
 * otherwise. EPIOCSPARAMS and EPIOCGPARAMS set and get the busy-poll parameters of an
 * instance, as they do for an epoll.
 *
 * All structures have the same layout for 32-bit and 64-bit programs. They store user
 * addresses as __aligned_u64. Unknown flag bits and non-zero padding are refused with
 * EINVAL, so that later versions can give them a meaning. An unknown ioctl returns
 * ENOTTY, and an argument that cannot be read returns EFAULT.
 *
 * This is version 0.2 of the interface. Each addition of a later version has a feature
 * number, which REPOLL_FEATURES reports. struct repoll_info and struct repoll_item may
 * grow at their ends; a program passes the size that its header defines.
 */
#ifndef _UAPI_REPOLL_H
#define _UAPI_REPOLL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * The control node. It supports REPOLL_CREATE, REPOLL_LIST, REPOLL_ITEMS and
 * REPOLL_FEATURES.
 */
#define REPOLL_DEVICE "/dev/repoll"

/* The ioctl "type" byte of every command below. */
#define REPOLL_IOC_TYPE 0xE9

/*
 * repoll_create.flags: close the new descriptor on execve(), as EPOLL_CLOEXEC does. The
 * values of the two flags differ.
 */
#define REPOLL_CLOEXEC (1U << 0)

/*
 * repoll_create.flags: of several waiters that sleep, wake the one that came first.
 * Without this flag, as with epoll, the one that came last is woken.
 */
#define REPOLL_FIFO (1U << 1)

/**
 * struct repoll_create - argument of REPOLL_CREATE
 * @flags: REPOLL_CLOEXEC, REPOLL_FIFO
 * @__pad: zero
 */
struct repoll_create {
	__u32 flags;
	__u32 __pad;
};

/*
 * repoll_ctl.flags and repoll_change.flags, for an EPOLL_CTL_ADD with EPOLLEXCLUSIVE:
 * take turns with the other exclusive items on the file. Once a wait has scanned an item,
 * that item is the last to be woken again. Without this flag, as with epoll, the first
 * item that was added and has a waiter is woken each time.
 */
#define REPOLL_ROUND_ROBIN (1U << 0)

/**
 * struct repoll_ctl - argument of REPOLL_CTL
 * @op: EPOLL_CTL_ADD, EPOLL_CTL_MOD or EPOLL_CTL_DEL
 * @fd: the descriptor to watch, modify or delete
 * @flags: 0 or REPOLL_ROUND_ROBIN
 * @__pad: zero
 * @event: address of a struct epoll_event; not read by EPOLL_CTL_DEL
 */
struct repoll_ctl {
	__s32 op;
	__s32 fd;
	__u32 flags;
	__u32 __pad;
	__aligned_u64 event;
};

/**
 * struct repoll_wait - argument of REPOLL_WAIT
 * @events: address of an array of struct epoll_event, filled on return
 * @sigmask: address of a signal mask that applies during the wait, or 0
 * @timeout_ns: relative, CLOCK_MONOTONIC: a negative value means no limit, 0 means not to
 *	wait; otherwise the wait takes at most this many nanoseconds
 * @maxevents: elements of @events: 1 to INT_MAX / sizeof(struct epoll_event)
 * @sigsetsize: bytes of the kernel's signal set (8); ignored if @sigmask is 0
 * @flags: zero
 * @__pad: zero
 */
struct repoll_wait {
	__aligned_u64 events;
	__aligned_u64 sigmask;
	__s64 timeout_ns;
	__s32 maxevents;
	__u32 sigsetsize;
	__u32 flags;
	__u32 __pad;
};

/**
 * struct repoll_change - one change of a batch
 * @op: EPOLL_CTL_ADD, EPOLL_CTL_MOD or EPOLL_CTL_DEL
 * @fd: the descriptor to watch, modify or delete
 * @flags: 0 or REPOLL_ROUND_ROBIN
 * @events: what to watch for, as in struct epoll_event; ignored by EPOLL_CTL_DEL
 * @data: the user's data, as in struct epoll_event; ignored by EPOLL_CTL_DEL
 * @result: stored: 0, or the errno that REPOLL_CTL would set
 * @__pad: zero
 */
struct repoll_change {
	__s32 op;
	__s32 fd;
	__u32 flags;
	__u32 events;
	__aligned_u64 data;
	__s32 result;
	__u32 __pad;
};

/**
 * struct repoll_batch - argument of REPOLL_BATCH
 * @changes: address of an array of struct repoll_change
 * @count: elements of @changes, at most REPOLL_MAX_CHANGES
 * @flags: zero
 * @done: stored: how many changes were tried, beginning with the first
 * @failed: stored: how many of these failed
 */
struct repoll_batch {
	__aligned_u64 changes;
	__u32 count;
	__u32 flags;
	__u32 done;
	__u32 failed;
};

/* The greatest number of changes in one call. */
#define REPOLL_MAX_CHANGES 0x7fffffff

/**
 * struct repoll_batch_wait - argument of REPOLL_BATCH_WAIT
 * @batch: the changes; there may be none
 * @wait: the wait that follows them
 */
struct repoll_batch_wait {
	struct repoll_batch batch;
	struct repoll_wait wait;
};

/*
 * repoll_query.flags: query all instances, whoever created them. Requires CAP_SYS_ADMIN
 * in the initial user namespace.
 *
 * Without this flag, the query covers only the caller's own instances. An instance is the
 * caller's own if its creator's real, effective and saved user all equaled the caller's
 * effective user, if the same held for the group, and if the creator has or had a process
 * ID in the caller's PID namespace. This includes instances of processes that hide from
 * the debugger.
 */
#define REPOLL_ALL (1U << 0)

/**
 * struct repoll_query - argument of REPOLL_LIST, REPOLL_ITEMS and REPOLL_INFO
 * @id: REPOLL_LIST: store only instances with this id or a greater one; replaced by the id
 *	to continue from. REPOLL_ITEMS: the instance. REPOLL_INFO: zero
 * @cursor: REPOLL_ITEMS: zero to begin with the first item; replaced by the position to
 *	continue from. REPOLL_LIST, REPOLL_INFO: zero
 * @to: address of an array of struct repoll_info, or of struct repoll_item
 * @count: elements of @to, at least 1; REPOLL_INFO: 1
 * @size: bytes of an element in the caller's header: at least REPOLL_INFO_SIZE_1 or
 *	REPOLL_ITEM_SIZE_1, at most 4096, a multiple of 8; replaced by the module's size if that
 *	is smaller. The module stores zeros in the bytes that it does not know
 * @flags: 0 or REPOLL_ALL; REPOLL_INFO: zero
 * @__pad: zero
 */
struct repoll_query {
	__aligned_u64 id;
	__aligned_u64 cursor[2];
	__aligned_u64 to;
	__u32 count;
	__u32 size;
	__u32 flags;
	__u32 __pad;
};

/* repoll_info.state: another instance watches this one. */
#define REPOLL_WATCHED (1U << 0)

/* repoll_info.state: it has watched one of the kernel's epolls. */
#define REPOLL_WATCHES_EPOLL (1U << 1)

/* repoll_info.waiters and .pollers are counted up to here; there may be more. */
#define REPOLL_MAX_COUNT 64

/* The length of repoll_info.tids. */
#define REPOLL_TIDS 8

/**
 * struct repoll_info - an instance, and what it has counted since it was created
 * @id: its number; the first instance has 1, and no number is reused
 * @adds: items that were added
 * @mods: modifications of items
 * @dels: items that were deleted
 * @closed: items that were removed because their file was closed
 * @events: wake-ups of a watched file for events that its item watches for
 * @wakeups: waiters that were woken
 * @sleeps: how often a waiter went to sleep
 * @waits: how often a waiter scanned the ready items. A wait with a timeout of 0 that finds
 *	an empty ready list is not counted
 * @vain: how many of @waits found no event, because another thread took it or because it had
 *	passed
 * @delivered: events that were delivered
 * @spurious: how often a scan polled the file of a ready item and found no event
 * @overlaps: how many of @events came while a waiter or a poller was scanning the ready items
 * @items: the number of items
 * @ready: how many of them are ready, or were ready when they were last checked
 * @dead: items whose file is closed, which will soon be freed; not included in @items
 * @uid: the creator's real user, whom the items are charged to, in the caller's user
 *	namespace
 * @pid: the process that created it, in the caller's PID namespace; 0 if the process has
 *	exited or has no ID there
 * @flags: REPOLL_FIFO
 * @state: REPOLL_WATCHED, REPOLL_WATCHES_EPOLL
 * @waiters: threads that sleep in a wait, up to REPOLL_MAX_COUNT
 * @pollers: entries on the instance's own wait queue, one for each select(), poll(), epoll or
 *	the like that polls the instance; up to REPOLL_MAX_COUNT
 * @tids: the first waiters, in the order in which they will be woken, in the caller's PID
 *	namespace; unused elements are 0
 * @comm: the name that the creating thread had at that time, padded with zeros
 *
 * The values are read one after the other while the instance continues to work. @items is
 * @adds less @dels less @closed.
 */
struct repoll_info {
	__aligned_u64 id;
	__aligned_u64 adds;
	__aligned_u64 mods;
	__aligned_u64 dels;
	__aligned_u64 closed;
	__aligned_u64 events;
	__aligned_u64 wakeups;
	__aligned_u64 sleeps;
	__aligned_u64 waits;
	__aligned_u64 vain;
	__aligned_u64 delivered;
	__aligned_u64 spurious;
	__aligned_u64 overlaps;
	__u32 items;
	__u32 ready;
	__u32 dead;
	__u32 uid;
	__s32 pid;
	__u32 flags;
	__u32 state;
	__u32 waiters;
	__u32 pollers;
	__u32 __pad;
	__s32 tids[REPOLL_TIDS];
	__u8 comm[16];
};

#define REPOLL_INFO_SIZE_1 192

/* repoll_item.kind */
#define REPOLL_KIND_FILE 0
#define REPOLL_KIND_REPOLL 1
#define REPOLL_KIND_EPOLL 2

/* repoll_item.state: it is ready, or was ready when it was last checked. */
#define REPOLL_ITEM_READY (1U << 0)

/* repoll_item.state: added with REPOLL_ROUND_ROBIN. */
#define REPOLL_ITEM_ROUND_ROBIN (1U << 1)

/*
 * repoll_item.state: the close of its file is noticed a fraction of a second late, so the
 * file is released late.
 */
#define REPOLL_ITEM_LATE_CLOSE (1U << 2)

/*
 * repoll_item.state: an event of its file wakes the pollers of the instance a moment
 * late. Threads in REPOLL_WAIT are woken at once.
 */
#define REPOLL_ITEM_LATE_POLLERS (1U << 3)

/**
 * struct repoll_item - an item
 * @data: the user's data, as in struct epoll_event; 0 without REPOLL_ALL, because it may be an
 *	address in a process that the caller must not look into
 * @ino: the file's inode number
 * @watched: if the file is an instance: its id, or else 0
 * @fd: the descriptor that it was added with
 * @events: what it watches for and how, as in struct epoll_event; a one-shot item that has
 *	reported its event has no event bits
 * @dev_major: the major number of the file system's device
 * @dev_minor: the minor number of the file system's device
 * @kind: REPOLL_KIND_...
 * @state: REPOLL_ITEM_...
 */
struct repoll_item {
	__aligned_u64 data;
	__aligned_u64 ino;
	__aligned_u64 watched;
	__s32 fd;
	__u32 events;
	__u32 dev_major;
	__u32 dev_minor;
	__u32 kind;
	__u32 state;
};

#define REPOLL_ITEM_SIZE_1 48

/*
 * The numbers of the features.
 */

/* REPOLL_FIFO. */
#define REPOLL_FEATURE_FIFO 0

/* REPOLL_ROUND_ROBIN. */
#define REPOLL_FEATURE_ROUND_ROBIN 1

/* REPOLL_BATCH. */
#define REPOLL_FEATURE_BATCH 2

/* REPOLL_BATCH_WAIT. */
#define REPOLL_FEATURE_BATCH_WAIT 3

/* REPOLL_LIST. */
#define REPOLL_FEATURE_LIST 4

/* REPOLL_ITEMS. */
#define REPOLL_FEATURE_ITEMS 5

/* REPOLL_INFO. */
#define REPOLL_FEATURE_INFO 6

/* EPIOCSPARAMS and EPIOCGPARAMS: the kernel was built with busy polling. */
#define REPOLL_FEATURE_BUSY_POLL 7

/* Direct calls (see the end): the module was not loaded with direct=0. */
#define REPOLL_FEATURE_DIRECT 8

/**
 * struct repoll_features - argument of REPOLL_FEATURES
 * @word: which 64 features: 64 * @word to 64 * @word + 63
 * @__pad: zero
 * @bits: stored: bit n is set if the module has feature 64 * @word + n
 */
struct repoll_features {
	__u32 word;
	__u32 __pad;
	__aligned_u64 bits;
};

/*
 * REPOLL_CREATE - on the control node: create an instance.
 *
 * Returns a new descriptor, or -1 with errno
 *	EFAULT	the argument cannot be read
 *	EINVAL	unknown flags, or padding not zero
 *	EMFILE, ENFILE	the limit on descriptors or open files is reached
 *	ENOMEM	no memory
 */
#define REPOLL_CREATE _IOW(REPOLL_IOC_TYPE, 0, struct repoll_create)

/*
 * REPOLL_CTL - on an instance: change what it watches.
 *
 * Returns 0, or -1 with errno; the errors are checked in this order
 *	EFAULT	the argument cannot be read, or the event cannot, unless @op is EPOLL_CTL_DEL
 *	EINVAL	unknown flags; padding not zero; or REPOLL_ROUND_ROBIN in anything but an ADD
 *		with EPOLLEXCLUSIVE
 *	EBADF	@fd is not open
 *	EPERM	the file cannot be polled (a regular file, a directory)
 *	EINVAL	@fd is this instance; or EPOLLEXCLUSIVE in a MOD, or in an ADD with bits that
 *		it excludes, or in an ADD of an eventpoll, of repoll or of the kernel
 *	ELOOP	ADD: instances would watch each other in a circle, or in a chain of more than
 *		five instances
 *	EEXIST	ADD: the file is watched under this descriptor already
 *	ENOENT	MOD, DEL: the file is not watched under this descriptor
 *	EINVAL	MOD: the item was added with EPOLLEXCLUSIVE; @op is unknown
 *	ENOSPC	ADD: the limit of fs.repoll.max_user_watches is reached, or the open file is
 *		already watched 65,536 times
 *	ENOMEM	ADD: no memory (at any point after EEXIST)
 *	EINVAL	ADD: through instances that watch each other, too many paths would lead up
 *		from a file
 *
 * Without CAP_BLOCK_SUSPEND, EPOLLWAKEUP is ignored.
 */
#define REPOLL_CTL _IOW(REPOLL_IOC_TYPE, 1, struct repoll_ctl)

/*
 * REPOLL_WAIT - on an instance: wait for events and fetch them.
 *
 * Returns the number of events stored, 0 after the timeout, or -1 with errno
 *	EFAULT	the argument or the mask cannot be read, or @events cannot be
 *		written and nothing was stored yet (no event is lost)
 *	EINVAL	unknown flags, padding not zero, @maxevents out of range, or
 *		@sigsetsize wrong
 *	EINTR	a signal came before an event did
 */
#define REPOLL_WAIT _IOW(REPOLL_IOC_TYPE, 2, struct repoll_wait)

/*
 * REPOLL_BATCH - on an instance: make many changes.
 *
 * The changes are made one after the other, each as by its own REPOLL_CTL; other threads may
 * change or wait in between. A change that fails does not stop the batch. A signal stops it,
 * and so does a change that cannot be read or whose result cannot be stored. @done is then
 * the number of changes that were tried; after a signal it is at least 1. The values of
 * @result are valid only after the call has returned.
 *
 * Returns @done, or -1 with errno
 *	EFAULT	the argument, or the first change, cannot be read and written
 *	EINVAL	unknown flags, or @count too big
 */
#define REPOLL_BATCH _IOWR(REPOLL_IOC_TYPE, 3, struct repoll_batch)

/*
 * REPOLL_BATCH_WAIT - on an instance: make many changes, then wait for events.
 *
 * As a REPOLL_BATCH followed by a REPOLL_WAIT, except that the wait does not sleep if a
 * change failed or was not tried, as if @timeout_ns were 0. @done and @failed are stored
 * before the wait. If the batch returns an error, there is no wait. An error of the wait
 * does not undo the changes.
 *
 * Returns what REPOLL_WAIT returns, or -1 with an errno of either.
 */
#define REPOLL_BATCH_WAIT _IOWR(REPOLL_IOC_TYPE, 4, struct repoll_batch_wait)

/*
 * REPOLL_LIST - on the control node: list instances, sorted by id.
 *
 * The call takes no mutex of an instance. It delays a wake-up while it copies a few words
 * or counts waiters. Instances that come or go meanwhile may be missing.
 *
 * Returns the number of elements stored, which is 0 if there are no more. A signal ends the
 * call early; then there may be more, although @to is not full. On error, returns -1 with errno
 *	EFAULT	the argument cannot be read and written, or @to cannot be written and nothing
 *		was stored yet
 *	EINVAL	unknown flags, padding not zero, @count 0, or @size wrong
 *	EPERM	REPOLL_ALL without the capability
 *	EINTR	a signal came before anything was stored
 */
#define REPOLL_LIST _IOWR(REPOLL_IOC_TYPE, 5, struct repoll_query)

/*
 * REPOLL_ITEMS - on the control node: list the items of an instance.
 *
 * Each item is listed once, in no particular order. A call continues from the cursor that the
 * previous one stored. Items may come and go between two calls or during one; all items that
 * stay are listed nevertheless.
 *
 * A cursor is valid only for its instance, and only while the module stays loaded. It
 * reveals nothing to its holder, and takes no memory in the kernel.
 *
 * The call takes the instance's mutex for a few items at a time. It waits for other users
 * of the instance, and they wait for it.
 *
 * Returns the number of elements stored, as REPOLL_LIST does; or -1 with the errno of REPOLL_LIST
 * or with
 *	ENOENT	there is no such instance, or the caller may not see it
 *	EINVAL	@cursor does not belong to this instance
 */
#define REPOLL_ITEMS _IOWR(REPOLL_IOC_TYPE, 6, struct repoll_query)

/*
 * REPOLL_INFO - on an instance: describe it. Every process that has the descriptor may
 * call it.
 *
 * As REPOLL_LIST, the call takes no mutex. Returns 0, or -1 with errno
 *	EFAULT	the argument cannot be read and written, or @to cannot be written
 *	EINVAL	flags, padding, @id or @cursor not zero, @count not 1, or @size wrong
 */
#define REPOLL_INFO _IOWR(REPOLL_IOC_TYPE, 7, struct repoll_query)

/*
 * REPOLL_FEATURES - on the control node or an instance: report what the module supports.
 *
 * A program may request any word; the bits of features that the module does not know are
 * 0. So a program can check for a feature that its header lacks, if it knows the number.
 *
 * Returns 0, or -1 with errno
 *	EFAULT	the argument cannot be read and written
 *	EINVAL	padding not zero
 */
#define REPOLL_FEATURES _IOWR(REPOLL_IOC_TYPE, 8, struct repoll_features)

/*
 * Direct calls
 * ------------
 *
 * An instance also answers fadvise64(2). That system call passes two 64-bit words and a
 * number to the file, copies no argument, and asks no security module. So a direct call
 * costs less than an ioctl, and less than epoll's own calls.
 *
 *	syscall(SYS_fadvise64, rpfd, first, second, operation);
 *
 *	operation			first				second
 *	REPOLL_DIRECT_WAIT		events				room, timeout
 *	REPOLL_DIRECT_PWAIT		struct repoll_wait		0
 *	REPOLL_DIRECT_ADD		data				fd, events
 *	REPOLL_DIRECT_MOD		data				fd, events
 *	REPOLL_DIRECT_DEL		0				fd, 0
 *	REPOLL_DIRECT_BATCH		struct repoll_batch		0
 *	REPOLL_DIRECT_BATCH_WAIT	struct repoll_batch_wait	0
 *	REPOLL_DIRECT_CHANGE_WAIT	struct repoll_change_wait	room, timeout
 *
 * Structures and the array of events are passed by address. Two 32-bit numbers share a
 * word; the one that is named first is the low half (REPOLL_DIRECT_PAIR). A negative
 * number is not extended into the other half.
 *
 * The result is that of the corresponding ioctl. Errors are checked in this order: EBADF
 * for @rpfd; EINVAL, if a word or a half that must be 0 is not 0; then the errors of the
 * ioctl.
 *
 * The six values of posix_fadvise(2) have no effect, as on any anonymous file. A module
 * that is too old, or was loaded with direct=0, returns EINVAL for the operations above.
 * Check for REPOLL_FEATURE_DIRECT once, with REPOLL_FEATURES.
 *
 * If a system call filter refuses fadvise64, the filter determines the error. The module
 * never returns ENOSYS. It returns EPERM for ADD, MOD, DEL and CHANGE_WAIT if the file
 * cannot be polled. After EPERM no change has been made, so make it with REPOLL_CTL; if
 * that also returns EPERM, the error is the module's.
 *
 * Programs use syscall(2), because libc's posix_fadvise() returns no result. 32-bit x86
 * programs call SYS_fadvise64_64 and pass the low half of each word first, then the high
 * half. Other 32-bit machines order the arguments as their fadvise64_64 does: arm has the
 * operation before the words.
 */

/* Operations 0xE900 to 0xE90F are reserved for direct calls. */
#define REPOLL_DIRECT 0xE900

/*
 * As REPOLL_WAIT, for @room events and @timeout milliseconds; a negative timeout means no
 * limit.
 */
#define REPOLL_DIRECT_WAIT (REPOLL_DIRECT + 0)

/* As REPOLL_WAIT, with a timeout in nanoseconds and a signal mask. */
#define REPOLL_DIRECT_PWAIT (REPOLL_DIRECT + 1)

/*
 * As REPOLL_CTL with ADD, MOD and DEL. There are no flags: for REPOLL_ROUND_ROBIN use
 * REPOLL_CTL, REPOLL_DIRECT_BATCH or REPOLL_DIRECT_CHANGE_WAIT.
 */
#define REPOLL_DIRECT_ADD (REPOLL_DIRECT + 2)
#define REPOLL_DIRECT_MOD (REPOLL_DIRECT + 3)
#define REPOLL_DIRECT_DEL (REPOLL_DIRECT + 4)

/* As REPOLL_BATCH. */
#define REPOLL_DIRECT_BATCH (REPOLL_DIRECT + 5)

/* As REPOLL_BATCH_WAIT. */
#define REPOLL_DIRECT_BATCH_WAIT (REPOLL_DIRECT + 6)

/**
 * struct repoll_change_wait - a change, and the array for the events of the following wait
 * @op: EPOLL_CTL_ADD, EPOLL_CTL_MOD or EPOLL_CTL_DEL
 * @fd: the descriptor to watch, modify or delete
 * @flags: 0 or REPOLL_ROUND_ROBIN
 * @events: what to watch for, as in struct epoll_event; ignored by EPOLL_CTL_DEL
 * @data: the user's data, as in struct epoll_event; ignored by EPOLL_CTL_DEL
 * @to: address of an array of struct epoll_event, filled on return
 */
struct repoll_change_wait {
	__s32 op;
	__s32 fd;
	__u32 flags;
	__u32 events;
	__aligned_u64 data;
	__aligned_u64 to;
};

/*
 * Make a change as REPOLL_CTL does, then wait as REPOLL_DIRECT_WAIT does. Returns what
 * the wait returns.
 *
 * EFAULT for the structure and EINVAL for @room are reported before the change is made.
 * If the change fails, the call returns its error. After EINTR, or EFAULT for @to, the
 * change has been made.
 */
#define REPOLL_DIRECT_CHANGE_WAIT (REPOLL_DIRECT + 7)

/* Two 32-bit numbers in a word. */
#define REPOLL_DIRECT_PAIR(low, high) \
	((__u64)(__u32)(low) | (__u64)(__u32)(high) << 32)

#endif /* _UAPI_REPOLL_H */

/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * The user-space interface of repoll, an eventpoll in a loadable module.
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
 *	ioctl(ctl, REPOLL_LIST, &query);		// which instances there are
 *	ioctl(ctl, REPOLL_ITEMS, &query);		// what one of them watches
 *	ioctl(rpfd, REPOLL_INFO, &query);		// what one has done so far
 *	ioctl(ctl, REPOLL_FEATURES, &features);		// what the module can do
 *	fadvise64(rpfd, ..., REPOLL_DIRECT_WAIT);	// ~ epoll_wait(), see the end
 *
 * struct epoll_event, the EPOLL* event bits and the EPOLL_CTL_* operations are
 * those of <sys/epoll.h> (or <linux/eventpoll.h>): same values, same layout,
 * same meaning. Results are those of epoll too, except where the table in
 * src/module/DIFFERENCES.md says otherwise. The busy-poll parameters of an
 * instance are set and read by EPIOCSPARAMS and EPIOCGPARAMS, as an epoll's.
 *
 * All structures have the same layout for 32-bit and 64-bit programs. User
 * addresses travel in __aligned_u64. Unknown flag bits and non-zero padding are
 * refused with EINVAL, so that later versions can give them a meaning; an
 * unknown ioctl is ENOTTY; an argument that cannot be read is EFAULT.
 *
 * This is version 0.2 of the interface. What later versions add has a feature's
 * number each, to be asked for by REPOLL_FEATURES. struct repoll_info and struct
 * repoll_item grow at their ends: a program says how long they are in its header.
 */
#ifndef _UAPI_REPOLL_H
#define _UAPI_REPOLL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * The control node. It answers REPOLL_CREATE, REPOLL_LIST, REPOLL_ITEMS and
 * REPOLL_FEATURES.
 */
#define REPOLL_DEVICE "/dev/repoll"

/* The ioctl "type" byte of every command below. */
#define REPOLL_IOC_TYPE 0xE9

/*
 * repoll_create.flags: close the new descriptor on execve(), as EPOLL_CLOEXEC
 * does, whose value it does not have.
 */
#define REPOLL_CLOEXEC (1U << 0)

/*
 * repoll_create.flags: of several waiters that sleep, the one that came first is
 * woken first. Without it, as with epoll, the one that came last is.
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
 * repoll_ctl.flags and repoll_change.flags, of an EPOLL_CTL_ADD with EPOLLEXCLUSIVE:
 * take turns with the other exclusive items on the file. An item that was looked at
 * by a wait is the last to be woken again. Without it, as with epoll, the one that
 * was added first is woken again and again.
 */
#define REPOLL_ROUND_ROBIN (1U << 0)

/**
 * struct repoll_ctl - argument of REPOLL_CTL
 * @op: EPOLL_CTL_ADD, EPOLL_CTL_MOD or EPOLL_CTL_DEL
 * @fd: the descriptor to watch, change or forget
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
 * @sigmask: address of a signal mask that is in force during the wait, or 0
 * @timeout_ns: relative, CLOCK_MONOTONIC: negative waits for ever, 0 not at
 *	all, otherwise at most so many nanoseconds
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
 * struct repoll_change - one change of many
 * @op: EPOLL_CTL_ADD, EPOLL_CTL_MOD or EPOLL_CTL_DEL
 * @fd: the descriptor to watch, change or forget
 * @flags: 0 or REPOLL_ROUND_ROBIN
 * @events: what to watch for, as in struct epoll_event; ignored by EPOLL_CTL_DEL
 * @data: the user's, as in struct epoll_event; ignored by EPOLL_CTL_DEL
 * @result: stored: 0, or what errno would be after REPOLL_CTL
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
 * @done: stored: how many changes have been tried, from the first one on
 * @failed: stored: how many of these have failed
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
 * @batch: the changes, of which there may be none
 * @wait: the wait that follows them
 */
struct repoll_batch_wait {
	struct repoll_batch batch;
	struct repoll_wait wait;
};

/*
 * repoll_query.flags: all instances, whoever made them. Needs CAP_SYS_ADMIN in the
 * initial user namespace.
 *
 * Without it the query is about the caller's own instances: those whose maker had
 * the caller's effective user as its real, effective and saved one, and likewise the
 * group, and has or had a process number in the caller's namespace. Processes that
 * hide from the debugger do not hide from this.
 */
#define REPOLL_ALL (1U << 0)

/**
 * struct repoll_query - argument of REPOLL_LIST, REPOLL_ITEMS and REPOLL_INFO
 * @id: REPOLL_LIST: stored elements have this id or a greater one; replaced by
 *	the id from which to go on. REPOLL_ITEMS: the instance. REPOLL_INFO: zero
 * @cursor: REPOLL_ITEMS: zero to begin with the first item; replaced by where to go
 *	on. REPOLL_LIST, REPOLL_INFO: zero
 * @to: address of an array of struct repoll_info, or of struct repoll_item
 * @count: elements of @to, at least 1; REPOLL_INFO: 1
 * @size: bytes of an element, as the caller knows it: at least REPOLL_INFO_SIZE_1
 *	or REPOLL_ITEM_SIZE_1, at most 4096, a multiple of 8; replaced by how many
 *	of them the module knows, if these are fewer. Those that it does not know
 *	are zero in each element that is stored
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

/* repoll_info.state: it has watched an epoll. */
#define REPOLL_WATCHES_EPOLL (1U << 1)

/* repoll_info.waiters and .pollers are counted so far: it may be more. */
#define REPOLL_MAX_COUNT 64

/* How many waiters are named. */
#define REPOLL_TIDS 8

/**
 * struct repoll_info - an instance, and what it has done since it was made
 * @id: of the instance: the first has 1, and none is used again
 * @adds: items that were added
 * @mods: changes of items
 * @dels: items that were deleted
 * @closed: items that went with their file, when that was closed
 * @events: wake-ups of a watched file that were about what its item watches for
 * @wakeups: waiters that were woken
 * @sleeps: how often a waiter went to sleep
 * @waits: how often a waiter looked at what was ready. One that finds at a glance
 *	that nothing is, and has no time to wait, is not counted
 * @vain: those of @waits that found nothing, as somebody else was quicker or an
 *	event was over
 * @delivered: events that were handed out
 * @spurious: how often a file was polled, since its item was ready, and had no event
 * @overlaps: those of @events that came while a waiter, or a poller, was looking
 *	through what was ready
 * @items: items that there are
 * @ready: those of them that are ready, or were when they were last looked at
 * @dead: items whose file is closed, that are about to be freed; not in @items
 * @uid: the real user who made it, whom its items are charged to, by the caller's
 *	namespace
 * @pid: the process that made it, by the caller's namespace; 0 if it has no
 *	number there, or is over
 * @flags: REPOLL_FIFO
 * @state: REPOLL_WATCHED, REPOLL_WATCHES_EPOLL
 * @waiters: threads that sleep until something is ready, up to REPOLL_MAX_COUNT
 * @pollers: entries on its own wait queue, of who polls the instance: select(),
 *	poll(), epoll and others; up to REPOLL_MAX_COUNT
 * @tids: the first of the waiters, in the order in which they will be woken, by the
 *	caller's namespace; others are 0
 * @comm: the name of the thread that made it, then; zeros behind it
 *
 * Values are read one after the other, while the instance goes on. @items is @adds
 * less @dels less @closed.
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

/* repoll_item.state: ready, or it was when it was last looked at. */
#define REPOLL_ITEM_READY (1U << 0)

/* repoll_item.state: added with REPOLL_ROUND_ROBIN. */
#define REPOLL_ITEM_ROUND_ROBIN (1U << 1)

/*
 * repoll_item.state: the close of its file is noticed late, by a fraction of a second,
 * and so the file is released that late.
 */
#define REPOLL_ITEM_LATE_CLOSE (1U << 2)

/*
 * repoll_item.state: an event of its file wakes the pollers of the instance a moment
 * late. Threads in REPOLL_WAIT are woken at once.
 */
#define REPOLL_ITEM_LATE_POLLERS (1U << 3)

/**
 * struct repoll_item - an item
 * @data: the user's, as in struct epoll_event; 0 without REPOLL_ALL, as it may be
 *	an address in a process that the caller must not look into
 * @ino: the file's inode number
 * @watched: the id of the instance that the file is, or 0
 * @fd: the descriptor that it was added by
 * @events: what it watches for and how, as in struct epoll_event; a one-shot item
 *	without an event's bit has had its event
 * @dev_major: the device of the file's file system
 * @dev_minor: the same
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
 * Features, by number.
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

/* REPOLL_ITEMS, with a cursor. */
#define REPOLL_FEATURE_ITEMS 5

/* REPOLL_INFO, of any size. */
#define REPOLL_FEATURE_INFO 6

/* EPIOCSPARAMS and EPIOCGPARAMS: the kernel was built with busy polling. */
#define REPOLL_FEATURE_BUSY_POLL 7

/* Direct calls, see the end: the module was not loaded with direct=0. */
#define REPOLL_FEATURE_DIRECT 8

/**
 * struct repoll_features - argument of REPOLL_FEATURES
 * @word: which 64 features: those with the numbers from 64 * @word on
 * @__pad: zero
 * @bits: stored: bit n is set if the module has feature 64 * @word + n
 */
struct repoll_features {
	__u32 word;
	__u32 __pad;
	__aligned_u64 bits;
};

/*
 * REPOLL_CREATE - on the control node: make an instance.
 *
 * Returns a new descriptor, or -1 with errno
 *	EFAULT	the argument cannot be read
 *	EINVAL	unknown flags, or padding not zero
 *	EMFILE, ENFILE	no descriptor, or no open file, to be had
 *	ENOMEM	no memory
 */
#define REPOLL_CREATE _IOW(REPOLL_IOC_TYPE, 0, struct repoll_create)

/*
 * REPOLL_CTL - on an instance: change its interest list.
 *
 * Returns 0, or -1 with errno, the first that applies in this order
 *	EFAULT	the argument, or the event unless @op is EPOLL_CTL_DEL, cannot
 *		be read
 *	EINVAL	unknown flags, padding not zero, or REPOLL_ROUND_ROBIN in
 *		other than an ADD with EPOLLEXCLUSIVE
 *	EBADF	@fd is not open
 *	EPERM	the file cannot be polled (a regular file, a directory)
 *	EINVAL	@fd is this instance; EPOLLEXCLUSIVE in a MOD, or in an ADD with
 *		bits that it does not go with, or of an eventpoll, be it of
 *		repoll or of the kernel
 *	ELOOP	ADD: instances would watch each other in a circle, or more than
 *		five deep
 *	EEXIST	ADD: (file, fd) is in the list already
 *	ENOENT	MOD, DEL: it is not
 *	EINVAL	MOD: the item was added with EPOLLEXCLUSIVE; @op unknown
 *	ENOSPC	ADD: the limit of fs.repoll.max_user_watches is reached, or the
 *		open file is being watched 65,536 times
 *	ENOMEM	ADD: no memory (at any point after EEXIST)
 *	EINVAL	ADD: too many paths through instances that watch each other
 *		would lead from a file
 *
 * EPOLLWAKEUP is dropped without CAP_BLOCK_SUSPEND.
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
 * REPOLL_BATCH - on an instance: make many changes to its interest list.
 *
 * The changes are made one after the other, each as by a REPOLL_CTL of its own;
 * others may change or wait in between. One that fails does not keep the next
 * from being tried. A signal does, and so does a change that cannot be read or
 * whose result cannot be stored: @done then tells how far it went, and is at
 * least 1 after a signal. What lies in a @result before the call ends means
 * nothing.
 *
 * Returns @done, or -1 with errno
 *	EFAULT	the argument, or the first change, cannot be read and written
 *	EINVAL	unknown flags, or @count too big
 */
#define REPOLL_BATCH _IOWR(REPOLL_IOC_TYPE, 3, struct repoll_batch)

/*
 * REPOLL_BATCH_WAIT - on an instance: make many changes, then wait for events.
 *
 * As a REPOLL_BATCH followed by a REPOLL_WAIT, but that it does not sleep, as if
 * @timeout_ns were 0, if a change failed or was not tried. @done and @failed are
 * stored before the wait. If the changes end with an error there is no wait; an
 * error of the wait does not undo the changes.
 *
 * Returns what REPOLL_WAIT does, or -1 with an errno of either.
 */
#define REPOLL_BATCH_WAIT _IOWR(REPOLL_IOC_TYPE, 4, struct repoll_batch_wait)

/*
 * REPOLL_LIST - on the control node: tell of instances, in the order of their ids.
 *
 * Waits for nobody, and is never waited for. Instances that come or go meanwhile may
 * be missing.
 *
 * Returns the number of elements stored, 0 if there are no more instances, fewer than
 * there is room for also after a signal; or -1 with errno
 *	EFAULT	the argument cannot be read and written, or @to cannot be written
 *		and nothing was stored yet
 *	EINVAL	unknown flags, padding not zero, @count 0, or @size wrong
 *	EPERM	REPOLL_ALL without the capability
 *	EINTR	a signal came before anything was stored
 */
#define REPOLL_LIST _IOWR(REPOLL_IOC_TYPE, 5, struct repoll_query)

/*
 * REPOLL_ITEMS - on the control node: tell what an instance watches.
 *
 * Each item is listed once, in no particular order. A call continues from the cursor
 * that the previous one stored. Any number of items may come and go between two calls,
 * or during one: those that stay are listed all the same.
 *
 * A cursor is good for its instance alone, for as long as the module is loaded. It
 * reveals nothing to its holder, and takes no room in the kernel.
 *
 * Other users of the instance wait while a few items are copied; this call waits for
 * them in turn.
 *
 * Returns the number of elements stored, 0 if there are no more items, fewer than there
 * is room for also after a signal; or -1 with errno, those of REPOLL_LIST and
 *	ENOENT	there is no such instance for the caller
 *	EINVAL	@cursor is not one of this instance
 */
#define REPOLL_ITEMS _IOWR(REPOLL_IOC_TYPE, 6, struct repoll_query)

/*
 * REPOLL_INFO - on an instance: tell of it, whoever asks.
 *
 * Waits for nobody. Returns 0, or -1 with errno
 *	EFAULT	the argument cannot be read and written, or @to cannot be written
 *	EINVAL	flags, padding, @id or @cursor not zero, @count not 1, or @size wrong
 */
#define REPOLL_INFO _IOWR(REPOLL_IOC_TYPE, 7, struct repoll_query)

/*
 * REPOLL_FEATURES - on the control node, or an instance: tell what the module can do.
 *
 * Any word may be asked for: what a module does not know it does not have. So a program
 * can ask about a feature that is not in its header, if it knows the number.
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
 * An instance also answers fadvise64(2). That system call passes the file two 64-bit
 * words and a number, copies no argument, and asks no security module. So a direct call
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
 * word: the first one named is its low half (REPOLL_DIRECT_PAIR). A negative number is
 * not extended into the other half.
 *
 * The result is that of the ioctl that does the same. EBADF for @rpfd comes first; then
 * EINVAL, if a word or a half that must be 0 is not; then the errors of the ioctl, in its
 * order.
 *
 * The six values of posix_fadvise(2) do nothing, as on any anonymous file. A module that
 * is too old, or was loaded with direct=0, answers EINVAL to the operations above. Ask
 * REPOLL_FEATURES for REPOLL_FEATURE_DIRECT once.
 *
 * A filter of system calls that refuses fadvise64 returns an error of its own. ENOSYS is
 * never the module's. EPERM is, from ADD, MOD, DEL and CHANGE_WAIT, if the file cannot be
 * polled; no change has been made then, so make it by REPOLL_CTL: if that returns EPERM
 * as well, it was the module's.
 *
 * libc's posix_fadvise() returns no result, so all programs use syscall(2). 32-bit x86
 * programs call SYS_fadvise64_64 and pass the low half of each word first, then the high
 * half. Other 32-bit machines order the arguments as their fadvise64_64 does: arm has the
 * operation before the words.
 */

/* Operations 0xE900 to 0xE90F are reserved for direct calls. */
#define REPOLL_DIRECT 0xE900

/* As REPOLL_WAIT, for @room events and @timeout milliseconds, negative for ever. */
#define REPOLL_DIRECT_WAIT (REPOLL_DIRECT + 0)

/* As REPOLL_WAIT, with nanoseconds and a signal mask. */
#define REPOLL_DIRECT_PWAIT (REPOLL_DIRECT + 1)

/*
 * As REPOLL_CTL: watch @fd for @events, change what it is watched for, forget it. There
 * are no flags: for REPOLL_ROUND_ROBIN use REPOLL_CTL, REPOLL_DIRECT_BATCH or
 * REPOLL_DIRECT_CHANGE_WAIT.
 */
#define REPOLL_DIRECT_ADD (REPOLL_DIRECT + 2)
#define REPOLL_DIRECT_MOD (REPOLL_DIRECT + 3)
#define REPOLL_DIRECT_DEL (REPOLL_DIRECT + 4)

/* As REPOLL_BATCH. */
#define REPOLL_DIRECT_BATCH (REPOLL_DIRECT + 5)

/* As REPOLL_BATCH_WAIT. */
#define REPOLL_DIRECT_BATCH_WAIT (REPOLL_DIRECT + 6)

/**
 * struct repoll_change_wait - a change, and the array for the events of the wait after it
 * @op: EPOLL_CTL_ADD, EPOLL_CTL_MOD or EPOLL_CTL_DEL
 * @fd: the descriptor to watch, change or forget
 * @flags: 0 or REPOLL_ROUND_ROBIN
 * @events: what to watch for, as in struct epoll_event; ignored by EPOLL_CTL_DEL
 * @data: the user's, as in struct epoll_event; ignored by EPOLL_CTL_DEL
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
 * Make a change as REPOLL_CTL does, then wait as REPOLL_DIRECT_WAIT does. Returns what the
 * wait returns.
 *
 * EFAULT, if the structure cannot be read, and EINVAL for @room come before the change,
 * which is not made then. If the change fails, its error ends the call. After EINTR, or
 * EFAULT for @to, the change has been made.
 */
#define REPOLL_DIRECT_CHANGE_WAIT (REPOLL_DIRECT + 7)

/* Two numbers of 32 bits in a word. */
#define REPOLL_DIRECT_PAIR(low, high) \
	((__u64)(__u32)(low) | (__u64)(__u32)(high) << 32)

#endif /* _UAPI_REPOLL_H */

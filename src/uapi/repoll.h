/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
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
 *
 * struct epoll_event, the EPOLL* event bits and the EPOLL_CTL_* operations are
 * those of <sys/epoll.h> (or <linux/eventpoll.h>): same values, same layout,
 * same meaning. Results are those of epoll too, except where the table of
 * differences in the README says otherwise. The busy-poll parameters of an
 * instance are set and read by EPIOCSPARAMS and EPIOCGPARAMS, as an epoll's.
 *
 * All structures have the same layout for 32-bit and 64-bit programs. User
 * addresses travel in __aligned_u64. Unknown flag bits and non-zero padding are
 * refused with EINVAL, so that later versions can give them a meaning; an
 * unknown ioctl is ENOTTY; an argument that cannot be read is EFAULT.
 */
#ifndef _UAPI_REPOLL_H
#define _UAPI_REPOLL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The control node. It answers REPOLL_CREATE and nothing else. */
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

#endif /* _UAPI_REPOLL_H */

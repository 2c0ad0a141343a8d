/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * repoll for programs in C and C++: functions for the calls of <sys/epoll.h>, and for
 * calls that epoll lacks. There is no library to link. Each function makes one direct
 * call, or one ioctl if the module does not answer direct calls or a system call filter
 * refuses them. The exceptions are repoll_open(), and the first of all calls, which
 * queries the module.
 *
 *	int rpfd = repoll_open(REPOLL_CLOEXEC);
 *	struct epoll_event event, events[64];
 *
 *	event.events = EPOLLIN;
 *	event.data.fd = sockfd;
 *	repoll_add(rpfd, sockfd, &event);
 *	n = repoll_wait_ms(rpfd, events, 64, -1);
 *
 * All functions return -1 with errno after an error, as epoll's do. <repoll.h>
 * describes the errors and the meaning of events. Close an instance with close().
 * poll(), select(), epoll and other instances can watch it. The functions also convert
 * libc's types, such as signal sets, to the kernel's.
 *
 * Compile with -I and the folder of <repoll.h>, which is src/uapi in repoll's source.
 * With a strict standard of C, such as -std=c11, also define _POSIX_C_SOURCE=200809L or
 * _GNU_SOURCE.
 */
#ifndef REPOLL_POLLER_H
#define REPOLL_POLLER_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <repoll.h>

#ifdef __cplusplus
extern "C" {
#else
/* From libc, which hides it with a strict standard of C. */
long syscall(long number, ...);
#endif

/**
 * repoll_open() - create an instance
 * @flags: REPOLL_CLOEXEC, REPOLL_FIFO
 *
 * Return: its descriptor; or -1 with errno: ENOENT, ENXIO or ENODEV if the module is
 * not loaded, EACCES if this user may not open REPOLL_DEVICE, and others.
 */
static inline int repoll_open(unsigned int flags)
{
	struct repoll_create create;
	int control, rpfd, error;

	control = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
	if (control < 0)
		return -1;
	memset(&create, 0, sizeof(create));
	create.flags = flags;
	rpfd = ioctl(control, REPOLL_CREATE, &create);

	/* The instance does not need the control node any more. */
	error = errno;
	close(control);
	errno = error;
	return rpfd;
}

/**
 * repoll_has() - check whether the module has a feature
 * @fd: an instance, or the control node
 * @feature: its number, REPOLL_FEATURE_..., which may be that of a later version
 *
 * Return: 1 if the module has it, 0 if not or if the module does not know it; or -1
 * with errno.
 */
static inline int repoll_has(int fd, unsigned int feature)
{
	struct repoll_features features;

	memset(&features, 0, sizeof(features));
	features.word = feature / 64;
	if (ioctl(fd, REPOLL_FEATURES, &features))
		return -1;
	return features.bits >> feature % 64 & 1;
}

/*
 * Direct calls; see the end of <repoll.h>. Only the functions here decide whether to
 * make direct calls. They decide once for each source file, for all instances that it
 * uses.
 */

/*
 * fadvise64(2) with two words; ENOSYS on machines for which the order of arguments is
 * unknown.
 */
static inline int repoll_fadvise(int rpfd, __u64 first, __u64 second,
				 unsigned int operation)
{
#if defined(__LP64__)
	return (int)syscall(SYS_fadvise64, (long)rpfd, first, second,
			    (long)operation);
#elif defined(__i386__)
	return (int)syscall(SYS_fadvise64_64, rpfd, (__u32)first,
			    (__u32)(first >> 32), (__u32)second,
			    (__u32)(second >> 32), operation);
#else
	(void)rpfd, (void)first, (void)second, (void)operation;
	errno = ENOSYS;
	return -1;
#endif
}

/* 1: make direct calls; -1: do not; 0: not decided yet. */
static inline int *repoll_makes_direct_calls(void)
{
	static int makes;

	return &makes;
}

/*
 * Whether only the module can have returned this error. A filter returns the error that
 * its author chose, mostly EPERM, EACCES or ENOSYS.
 */
static inline int repoll_is_answer(int error)
{
	return error == EBADF || error == EEXIST || error == EFAULT ||
	       error == EINTR || error == EINVAL || error == ELOOP ||
	       error == ENOENT || error == ENOMEM || error == ENOSPC;
}

/*
 * Makes a direct call. Returns 1 if it was answered; *@result is then its result.
 * Returns 0 if the caller must make the ioctl; *@result is then the errno of the
 * refusal, or 0.
 */
static inline int repoll_direct(int rpfd, __u64 first, __u64 second,
				unsigned int operation, int *result)
{
	int *makes = repoll_makes_direct_calls();
	int known = __atomic_load_n(makes, __ATOMIC_RELAXED), error;

	*result = 0;
	if (!known) {
		known = repoll_has(rpfd, REPOLL_FEATURE_DIRECT);
		if (known < 0)
			return 0;
		known = known ? 1 : -1;
		__atomic_store_n(makes, known, __ATOMIC_RELAXED);
	}
	if (known < 0)
		return 0;
	*result = repoll_fadvise(rpfd, first, second, operation);
	if (*result >= 0)
		return 1;
	error = errno;
	/* A module that was loaded later may not answer direct calls. */
	if (repoll_is_answer(error) &&
	    (error != EINVAL || repoll_has(rpfd, REPOLL_FEATURE_DIRECT))) {
		errno = error;
		return 1;
	}
	*result = error;
	return 0;
}

/*
 * Makes the ioctl instead of a direct call that was not answered; refusal is the reason
 * from repoll_direct(). The module itself returns EPERM, for direct calls and ioctls
 * alike, if the file cannot be polled. Any other refusal comes from a filter, which
 * will refuse direct calls again.
 */
static inline int repoll_ioctl(int rpfd, unsigned long request, void *argument,
			       int refusal)
{
	int result = ioctl(rpfd, request, argument);

	if (refusal && (refusal != EPERM || result >= 0 || errno != EPERM))
		__atomic_store_n(repoll_makes_direct_calls(), -1,
				 __ATOMIC_RELAXED);
	return result;
}

/**
 * repoll_control() - change what an instance watches, as epoll_ctl() does
 * @rpfd: the instance
 * @op: EPOLL_CTL_ADD, EPOLL_CTL_MOD or EPOLL_CTL_DEL
 * @fd: the descriptor to watch, modify or delete
 * @event: what to watch for, and the data of its events; not read by EPOLL_CTL_DEL. It must
 *	be readable, because this function reads it itself
 *
 * Return: 0, or -1 with errno.
 */
static inline int repoll_control(int rpfd, int op, int fd,
				 const struct epoll_event *event)
{
	unsigned int operation = op == EPOLL_CTL_ADD ? REPOLL_DIRECT_ADD :
				 op == EPOLL_CTL_MOD ? REPOLL_DIRECT_MOD :
				 op == EPOLL_CTL_DEL ? REPOLL_DIRECT_DEL : 0;
	int deletes = op == EPOLL_CTL_DEL, refusal = 0, result;
	struct repoll_ctl ctl;

	/* For invalid arguments, the ioctl reports the error. */
	if (operation && (event || deletes)) {
		__u64 data = deletes ? 0 : event->data.u64;
		__u32 events = deletes ? 0 : event->events;

		if (repoll_direct(rpfd, data, REPOLL_DIRECT_PAIR(fd, events),
				  operation, &result))
			return result;
		refusal = result;
	}
	memset(&ctl, 0, sizeof(ctl));
	ctl.op = op;
	ctl.fd = fd;
	ctl.event = (uintptr_t)event;
	return repoll_ioctl(rpfd, REPOLL_CTL, &ctl, refusal);
}

/**
 * repoll_add() - watch a file
 * @rpfd: the instance
 * @fd: its descriptor
 * @event: what to watch for, and the data of its events
 *
 * Return: 0, or -1 with errno: EEXIST if the file is watched under this descriptor
 * already, EPERM if it cannot be polled, and others.
 */
static inline int repoll_add(int rpfd, int fd, const struct epoll_event *event)
{
	return repoll_control(rpfd, EPOLL_CTL_ADD, fd, event);
}

/**
 * repoll_add_round_robin() - watch a file that other instances watch, in turns
 * @rpfd: the instance
 * @fd: its descriptor
 * @event: what to watch for, with EPOLLEXCLUSIVE
 *
 * Return: as repoll_add(), and EINVAL without EPOLLEXCLUSIVE.
 */
static inline int repoll_add_round_robin(int rpfd, int fd,
					 const struct epoll_event *event)
{
	struct repoll_ctl ctl;

	memset(&ctl, 0, sizeof(ctl));
	ctl.op = EPOLL_CTL_ADD;
	ctl.fd = fd;
	ctl.flags = REPOLL_ROUND_ROBIN;
	ctl.event = (uintptr_t)event;
	return ioctl(rpfd, REPOLL_CTL, &ctl);
}

/**
 * repoll_modify() - change what a file is watched for, or re-arm a one-shot item
 * @rpfd: the instance
 * @fd: its descriptor
 * @event: what to watch for, and the data of its events
 *
 * Return: 0, or -1 with errno: ENOENT if the file is not watched, and others.
 */
static inline int repoll_modify(int rpfd, int fd,
				const struct epoll_event *event)
{
	return repoll_control(rpfd, EPOLL_CTL_MOD, fd, event);
}

/**
 * repoll_delete() - stop watching a file
 * @rpfd: the instance
 * @fd: its descriptor
 *
 * Return: 0, or -1 with errno: ENOENT if the file is not watched, and others.
 */
static inline int repoll_delete(int rpfd, int fd)
{
	return repoll_control(rpfd, EPOLL_CTL_DEL, fd, NULL);
}

/* A wait with a timeout in nanoseconds; a negative timeout means no limit. */
static inline struct repoll_wait repoll_wait_of(struct epoll_event *events,
						int maxevents, int64_t timeout_ns,
						const sigset_t *sigmask)
{
	struct repoll_wait wait;

	memset(&wait, 0, sizeof(wait));
	wait.events = (uintptr_t)events;
	wait.maxevents = maxevents;
	wait.timeout_ns = timeout_ns;
	wait.sigmask = (uintptr_t)sigmask;
	/* The size of the kernel's set, which is the beginning of libc's. */
	wait.sigsetsize = sigmask ? 8 : 0;
	return wait;
}

/* Converts a timeout to the kernel's form. */
static inline int64_t repoll_ns_of_ms(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : timeout_ms * (int64_t)1000000;
}

/* The same for a timespec, cut to some 292 years; -1 with errno if it is invalid. */
static inline int repoll_ns_of(const struct timespec *timeout, int64_t *ns)
{
	if (!timeout) {
		*ns = -1;
		return 0;
	}
	if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 ||
	    timeout->tv_nsec >= 1000000000) {
		errno = EINVAL;
		return -1;
	}
	*ns = timeout->tv_sec;
	if (*ns >= INT64_MAX / 1000000000)
		*ns = INT64_MAX;
	else
		*ns = *ns * 1000000000 + timeout->tv_nsec;
	return 0;
}

/**
 * repoll_wait_ms() - wait for events, as epoll_wait() does
 * @rpfd: the instance
 * @events: where to store the events
 * @maxevents: how many events there is room for
 * @timeout_ms: at most this many milliseconds; -1 means no limit, 0 means not to wait
 *
 * Return: the number of events, which is 0 after the timeout; or -1 with errno: EINTR
 * if a signal came first, and others.
 */
static inline int repoll_wait_ms(int rpfd, struct epoll_event *events,
				 int maxevents, int timeout_ms)
{
	struct repoll_wait wait;
	int result;

	if (repoll_direct(rpfd, (uintptr_t)events,
			  REPOLL_DIRECT_PAIR(maxevents, timeout_ms),
			  REPOLL_DIRECT_WAIT, &result))
		return result;
	wait = repoll_wait_of(events, maxevents, repoll_ns_of_ms(timeout_ms),
			      NULL);
	return repoll_ioctl(rpfd, REPOLL_WAIT, &wait, result);
}

/**
 * repoll_pwait() - wait for events, as epoll_pwait2() does
 * @rpfd: the instance
 * @events: where to store the events
 * @maxevents: how many events there is room for
 * @timeout: the longest time to wait; NULL means no limit
 * @sigmask: the signals to block during the wait; NULL leaves the mask unchanged
 *
 * Return: as repoll_wait_ms().
 */
static inline int repoll_pwait(int rpfd, struct epoll_event *events,
			       int maxevents, const struct timespec *timeout,
			       const sigset_t *sigmask)
{
	struct repoll_wait wait;
	int64_t ns;
	int result;

	if (repoll_ns_of(timeout, &ns))
		return -1;
	wait = repoll_wait_of(events, maxevents, ns, sigmask);
	if (repoll_direct(rpfd, (uintptr_t)&wait, 0, REPOLL_DIRECT_PWAIT,
			  &result))
		return result;
	return repoll_ioctl(rpfd, REPOLL_WAIT, &wait, result);
}

/**
 * repoll_change_of() - prepare one change of a batch
 * @op: EPOLL_CTL_ADD, EPOLL_CTL_MOD or EPOLL_CTL_DEL
 * @fd: the descriptor to watch, modify or delete
 * @event: what to watch for, and the data of its events; NULL for EPOLL_CTL_DEL
 *
 * To add an item that takes turns, set REPOLL_ROUND_ROBIN in the flags of the result.
 *
 * Return: the change, whose result is ECANCELED until it is tried.
 */
static inline struct repoll_change
repoll_change_of(int op, int fd, const struct epoll_event *event)
{
	struct repoll_change change;

	memset(&change, 0, sizeof(change));
	change.op = op;
	change.fd = fd;
	change.result = ECANCELED;
	if (event) {
		change.events = event->events;
		change.data = event->data.u64;
	}
	return change;
}

/**
 * repoll_apply() - make many changes, one after the other
 * @rpfd: the instance
 * @changes: the changes; each receives its result: 0 or an errno
 * @count: the number of changes
 * @failed: where to store how many of the changes that were tried failed, or NULL
 *
 * Return: how many changes were tried, which is less than @count only after a signal or
 * a fault; or -1 with errno.
 */
static inline int repoll_apply(int rpfd, struct repoll_change *changes,
			       unsigned int count, unsigned int *failed)
{
	struct repoll_batch batch;
	int done;

	memset(&batch, 0, sizeof(batch));
	batch.changes = (uintptr_t)changes;
	batch.count = count;
	if (!repoll_direct(rpfd, (uintptr_t)&batch, 0, REPOLL_DIRECT_BATCH,
			   &done))
		done = repoll_ioctl(rpfd, REPOLL_BATCH, &batch, done);
	if (done >= 0 && failed)
		*failed = batch.failed;
	return done;
}

/*
 * Makes one change and waits, with the direct call for exactly this. Returns 1 if the
 * change was made; *@ready is then the result of the wait. Returns 0 if the call had an
 * error and did nothing. The caller then makes REPOLL_BATCH_WAIT, which tries the
 * change again, stores its result and waits.
 */
static inline int repoll_apply_one_wait(int rpfd, struct repoll_change *change,
					struct epoll_event *events,
					int maxevents, int timeout_ms,
					int *ready)
{
	struct repoll_change_wait both;

	both.op = change->op;
	both.fd = change->fd;
	both.flags = change->flags;
	both.events = change->events;
	both.data = change->data;
	both.to = (uintptr_t)events;
	if (!repoll_direct(rpfd, (uintptr_t)&both,
			   REPOLL_DIRECT_PAIR(maxevents, timeout_ms),
			   REPOLL_DIRECT_CHANGE_WAIT, ready))
		return 0;
	if (*ready < 0 && errno != EINTR && errno != EFAULT)
		return 0;
	change->result = 0;
	return 1;
}

/**
 * repoll_apply_wait_ms() - make many changes, then wait for events
 * @rpfd: the instance
 * @changes: the changes; each receives its result: 0 or an errno
 * @count: the number of changes, which may be 0
 * @events: where to store the events
 * @maxevents: how many events there is room for
 * @timeout_ms: at most this many milliseconds; -1 means no limit, 0 means not to wait
 * @batch: where to store how many changes were tried and how many of these failed, in @done
 *	and @failed; or NULL
 *
 * The wait does not sleep if a change failed or was not tried.
 *
 * Return: as repoll_wait_ms().
 */
static inline int repoll_apply_wait_ms(int rpfd, struct repoll_change *changes,
				       unsigned int count,
				       struct epoll_event *events, int maxevents,
				       int timeout_ms, struct repoll_batch *batch)
{
	struct repoll_batch_wait both;
	int ready;

	if (count == 1 && repoll_apply_one_wait(rpfd, changes, events, maxevents,
						timeout_ms, &ready)) {
		if (batch) {
			batch->done = 1;
			batch->failed = 0;
		}
		return ready;
	}
	memset(&both, 0, sizeof(both));
	both.batch.changes = (uintptr_t)changes;
	both.batch.count = count;
	both.wait = repoll_wait_of(events, maxevents, repoll_ns_of_ms(timeout_ms),
				   NULL);
	if (!repoll_direct(rpfd, (uintptr_t)&both, 0, REPOLL_DIRECT_BATCH_WAIT,
			   &ready))
		ready = repoll_ioctl(rpfd, REPOLL_BATCH_WAIT, &both, ready);
	if (batch) {
		batch->done = both.batch.done;
		batch->failed = both.batch.failed;
	}
	return ready;
}

/**
 * repoll_get_info() - describe an instance
 * @rpfd: the instance
 * @info: where to store the properties and the counters; the fields that the module does not
 *	know are set to zero
 *
 * Return: 0, or -1 with errno.
 */
static inline int repoll_get_info(int rpfd, struct repoll_info *info)
{
	struct repoll_query query;

	memset(&query, 0, sizeof(query));
	query.to = (uintptr_t)info;
	query.count = 1;
	query.size = sizeof(*info);
	return ioctl(rpfd, REPOLL_INFO, &query);
}

#ifdef __cplusplus
}
#endif

#endif /* REPOLL_POLLER_H */

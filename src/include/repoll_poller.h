/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * repoll for programs in C and C++: the calls of <sys/epoll.h>, and what they have
 * no counterpart for, as functions. There is no library to link; each is one direct
 * call or, where the module has none or a filter of system calls refuses them, one
 * ioctl; but for repoll_open(), and the first of all calls, which asks the module.
 *
 *	int rpfd = repoll_open(REPOLL_CLOEXEC);
 *	struct epoll_event event, events[64];
 *
 *	event.events = EPOLLIN;
 *	event.data.fd = sockfd;
 *	repoll_add(rpfd, sockfd, &event);
 *	n = repoll_wait_ms(rpfd, events, 64, -1);
 *
 * All return -1 with errno after an error, as epoll's do; <repoll.h> has the errors
 * and all that events mean. An instance is closed by close(), and can be watched by
 * poll(), select(), epoll or another instance. What does not fit a kernel's header
 * of the interface, such as a signal set of libc's, is seen to here.
 *
 * With -I for where <repoll.h> is: src/uapi of repoll; and where a standard of C
 * is asked for, as by -std=c11, with _POSIX_C_SOURCE=200809L or _GNU_SOURCE.
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
/* libc's, which a standard of C hides. */
long syscall(long number, ...);
#endif

/**
 * repoll_open() - make an instance
 * @flags: REPOLL_CLOEXEC, REPOLL_FIFO
 *
 * Return: its descriptor; or -1 with errno: ENOENT, ENXIO or ENODEV if the module
 * is not loaded, EACCES if this user may not open REPOLL_DEVICE, and others.
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

	/* The instance lives on without the control node. */
	error = errno;
	close(control);
	errno = error;
	return rpfd;
}

/**
 * repoll_has() - ask whether the module has a feature
 * @fd: an instance, or the control node
 * @feature: its number, REPOLL_FEATURE_..., be it of a later version
 *
 * Return: 1 if it has, 0 if not, also if it does not know of it; or -1 with errno.
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
 * Direct calls; see the end of <repoll.h>. The functions here alone decide whether they
 * are made, once per source file: for all instances that the file uses.
 */

/* fadvise64(2) with two words; ENOSYS where it is not known how they are passed. */
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

/* 1: direct calls are made; -1: they are not; 0: not known yet. */
static inline int *repoll_makes_direct_calls(void)
{
	static int makes;

	return &makes;
}

/*
 * Whether only the module can have said so. A filter says what its maker likes, mostly
 * EPERM, EACCES or ENOSYS.
 */
static inline int repoll_is_answer(int error)
{
	return error == EBADF || error == EEXIST || error == EFAULT ||
	       error == EINTR || error == EINVAL || error == ELOOP ||
	       error == ENOENT || error == ENOMEM || error == ENOSPC;
}

/*
 * Returns 1 if the direct call was answered; *@result is then its result. Returns 0 if the
 * ioctl must be made; *@result is then the errno of the refusal, or 0.
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
	/* A module that was loaded since may have no direct calls. */
	if (repoll_is_answer(error) &&
	    (error != EINVAL || repoll_has(rpfd, REPOLL_FEATURE_DIRECT))) {
		errno = error;
		return 1;
	}
	*result = error;
	return 0;
}

/*
 * Makes the ioctl for a direct call that was not answered, for the reason that
 * repoll_direct() has told. EPERM is also what the module says of a file that cannot be
 * polled, by either way. Otherwise somebody refuses direct calls, and will again.
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
 * repoll_control() - change what is watched, as epoll_ctl() does
 * @rpfd: the instance
 * @op: EPOLL_CTL_ADD, EPOLL_CTL_MOD or EPOLL_CTL_DEL
 * @fd: the descriptor to watch, change or forget
 * @event: what to watch for, and the data of its events; not read by EPOLL_CTL_DEL. It
 *	must be readable: this function reads it itself
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

	/* The ioctl tells what is wrong with other arguments. */
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
 * Return: 0, or -1 with errno: EEXIST if it is being watched already, EPERM if it
 * cannot be polled, and others.
 */
static inline int repoll_add(int rpfd, int fd, const struct epoll_event *event)
{
	return repoll_control(rpfd, EPOLL_CTL_ADD, fd, event);
}

/**
 * repoll_add_round_robin() - watch a file that others watch, too, in turns
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
 * repoll_modify() - watch a file for something else, or arm it again
 * @rpfd: the instance
 * @fd: its descriptor
 * @event: what to watch for, and the data of its events
 *
 * Return: 0, or -1 with errno: ENOENT if it is not being watched, and others.
 */
static inline int repoll_modify(int rpfd, int fd,
				const struct epoll_event *event)
{
	return repoll_control(rpfd, EPOLL_CTL_MOD, fd, event);
}

/**
 * repoll_delete() - watch a file no more
 * @rpfd: the instance
 * @fd: its descriptor
 *
 * Return: 0, or -1 with errno: ENOENT if it is not being watched, and others.
 */
static inline int repoll_delete(int rpfd, int fd)
{
	return repoll_control(rpfd, EPOLL_CTL_DEL, fd, NULL);
}

/* A wait that lasts for so many nanoseconds; negative is for ever. */
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
	/* The kernel's set, which libc's begins with. */
	wait.sigsetsize = sigmask ? 8 : 0;
	return wait;
}

/* As the kernel wants it; what is too long is cut to some 292 years. */
static inline int64_t repoll_ns_of_ms(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : timeout_ms * (int64_t)1000000;
}

/* The same for any timeout; -1 with errno if it is none. */
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
 * @events: where they go
 * @maxevents: how many there is room for
 * @timeout_ms: at most so many milliseconds; -1 is for ever, 0 not at all
 *
 * Return: how many there are, 0 after the timeout; or -1 with errno: EINTR if a
 * signal came first, and others.
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
 * @events: where they go
 * @maxevents: how many there is room for
 * @timeout: at most so long; NULL is for ever
 * @sigmask: the signals that are blocked meanwhile; NULL leaves them as they are
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
 * repoll_change_of() - one change of many
 * @op: EPOLL_CTL_ADD, EPOLL_CTL_MOD or EPOLL_CTL_DEL
 * @fd: the descriptor to watch, change or forget
 * @event: what to watch for, and the data of its events; NULL for EPOLL_CTL_DEL
 *
 * For an addition in turns set REPOLL_ROUND_ROBIN in its flags.
 *
 * Return: the change, whose result is ECANCELED until it has been tried.
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
 * @changes: the changes, each of which gets its result: 0 or an errno
 * @count: how many there are
 * @failed: where to store how many of those tried have failed, or NULL
 *
 * Return: how many have been tried, which is less than @count only after a signal
 * or a fault; or -1 with errno.
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
 * Makes a change and waits, by the call for just that. After the change, returns 1, and
 * what the wait has returned is in *@ready. Before it, the first error has ended the
 * call, which has done nothing: returns 0. REPOLL_BATCH_WAIT is made then, which tries the
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
 * @changes: the changes, each of which gets its result: 0 or an errno
 * @count: how many there are, which may be none
 * @events: where events go
 * @maxevents: how many there is room for
 * @timeout_ms: at most so many milliseconds; -1 is for ever, 0 not at all
 * @batch: where to store how many changes were tried and how many of these failed,
 *	in @done and @failed, or NULL
 *
 * It does not sleep if a change failed or was not tried.
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
 * repoll_get_info() - tell of an instance
 * @rpfd: the instance
 * @info: where to store what it is and has counted; zero where the module does not
 *	know a field
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

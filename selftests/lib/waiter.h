/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A waiter: a thread that waits once on a poller.
 */
#ifndef SELFTESTS_WAITER_H
#define SELFTESTS_WAITER_H

#include <pthread.h>
#include <sys/types.h>

#include "poller.h"

#define WAITER_EVENTS 16

struct waiter {
	struct poller p;
	int maxevents;
	int64_t timeout_ns;
	const void *sigmask;
	/* The array for the events: by default the one below. */
	struct epoll_event *buffer;
	/* Set when the wait is over. */
	bool done;
	/* The outcome: the result of the wait and what it stored. */
	int result;
	struct epoll_event events[WAITER_EVENTS];
	/* Private. */
	pthread_t thread;
	pid_t tid;
};

/*
 * Starts the thread and returns once it sleeps in its wait, or has finished it: 0, or -errno, with
 * -ETIMEDOUT if it neither sleeps nor ends.
 */
int waiter_start(struct waiter *w, const struct poller *p, int maxevents,
		 int64_t timeout_ns);

/* The same for one event, with a signal mask during the wait. */
int waiter_start_masked(struct waiter *w, const struct poller *p,
			const void *sigmask);

/* The same for one event, which is stored in @buffer. */
int waiter_start_into(struct waiter *w, const struct poller *p,
		      struct epoll_event *buffer);

/* The same for @maxevents events. */
int waiter_start_many_into(struct waiter *w, const struct poller *p,
			   struct epoll_event *buffer, int maxevents);

/* True if the wait is over, as far as can be seen now. */
bool waiter_is_done(const struct waiter *w);

/*
 * True if the waiter sleeps in its wait now. A waiter that was woken does not, from the wake-up on,
 * even before it runs.
 */
bool waiter_sleeps(const struct waiter *w);

/* Waits for the end of the thread and returns the result of its wait. */
int waiter_join(struct waiter *w);

/*
 * Waits for the end of the thread. Returns the bits of its only event, if that belongs to the item
 * with this user data; otherwise 0.
 */
uint32_t waiter_event(struct waiter *w, uint64_t data);

/* True if @tid sleeps in a wait on a poller of this kind, and nobody has woken it. */
bool is_waiting(pid_t tid, const struct poller_ops *ops);

/* Waits until @tid sleeps in a wait on a poller of this kind; false if it does not do so soon. */
bool falls_asleep(pid_t tid, const struct poller_ops *ops);

/*
 * The number of threads that sleep in waits on an instance of repoll, once it is @wanted or does
 * not grow any more; or -1.
 */
int sleepers_of(const struct poller *p, int wanted);

/* True if @tid sleeps in system call @nr, and nobody has woken it. */
bool is_asleep_in(pid_t tid, long nr);

/* True if @tid is asleep anywhere, or is a zombie. */
bool is_at_rest(pid_t tid);

/* Waits until @tid sleeps in system call @nr; false if it does not do so soon. */
bool sleeps_in(pid_t tid, long nr);

/* Waits until @tid is in a sleep that no signal ends, as for a mutex; false if not soon. */
bool is_held_off(pid_t tid);

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t now_ns(void);

#endif

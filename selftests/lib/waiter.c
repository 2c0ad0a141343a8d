// SPDX-License-Identifier: GPL-2.0

#include "waiter.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "query.h"

int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* Reads the first line of a file of the thread's folder in /proc. */
static bool read_line(pid_t tid, const char *name, char *line, int size)
{
	char path[64];
	FILE *file;
	bool ok;

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	file = fopen(path, "re");
	if (!file)
		return false;
	ok = fgets(line, size, file);
	fclose(file);
	return ok;
}

/* The letter of the thread's state in "stat", after the name in parentheses. */
static char state_of(pid_t tid)
{
	char line[512], *end;

	if (!read_line(tid, "stat", line, sizeof(line)))
		return 0;
	end = strrchr(line, ')');
	return end && end[1] ? end[2] : 0;
}

int sleepers_of(const struct poller *p, int wanted)
{
	int64_t deadline = now_ns() + SOON;
	struct repoll_info info;

	do {
		if (query_info(p->fd, &info))
			return -1;
		sched_yield();
	} while (info.waiters != wanted && now_ns() < deadline);
	return info.waiters;
}

/*
 * "syscall" begins with the number of the system call in which a thread is
 * blocked, or with "running". It may still contain the call after the thread
 * has been woken, until it runs. "stat" is more accurate: it is S only as long
 * as nobody has woken the thread.
 */
bool is_asleep_in(pid_t tid, long nr)
{
	char line[512], *end;
	long seen;

	if (!read_line(tid, "syscall", line, sizeof(line)))
		return false;
	seen = strtol(line, &end, 10);
	return end != line && seen == nr && state_of(tid) == 'S';
}

bool is_at_rest(pid_t tid)
{
	char state = state_of(tid);

	return state == 'S' || state == 'D' || state == 'Z';
}

bool sleeps_in(pid_t tid, long nr)
{
	int64_t deadline = now_ns() + SOON;

	while (!is_asleep_in(tid, nr)) {
		if (now_ns() > deadline)
			return false;
		sched_yield();
	}
	return true;
}

bool is_waiting(pid_t tid, const struct poller_ops *ops)
{
	return is_asleep_in(tid, ops->wait_syscalls[0]) ||
	       is_asleep_in(tid, ops->wait_syscalls[1]);
}

bool falls_asleep(pid_t tid, const struct poller_ops *ops)
{
	int64_t deadline = now_ns() + SOON;

	while (!is_waiting(tid, ops)) {
		if (now_ns() > deadline)
			return false;
		sched_yield();
	}
	return true;
}

bool is_held_off(pid_t tid)
{
	int64_t deadline = now_ns() + SOON;

	while (state_of(tid) != 'D') {
		if (now_ns() > deadline)
			return false;
		sched_yield();
	}
	return true;
}

static void *wait_once(void *arg)
{
	struct waiter *w = arg;

	__atomic_store_n(&w->tid, gettid(), __ATOMIC_RELEASE);
	w->result = w->p.ops->wait(w->p.fd, w->buffer, w->maxevents,
				   w->timeout_ns, w->sigmask,
				   KERNEL_SIGSET_SIZE);
	__atomic_store_n(&w->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static int start(struct waiter *w)
{
	int64_t deadline = now_ns() + SOON;
	int err;

	w->done = false;
	w->tid = 0;
	if (!w->buffer)
		w->buffer = w->events;
	err = pthread_create(&w->thread, NULL, wait_once, w);
	if (err)
		return -err;
	while (!waiter_is_done(w) && !waiter_sleeps(w)) {
		if (now_ns() > deadline)
			return -ETIMEDOUT;
		sched_yield();
	}
	return 0;
}

int waiter_start(struct waiter *w, const struct poller *p, int maxevents,
		 int64_t timeout_ns)
{
	*w = (struct waiter) {
		.p = *p,
		.maxevents = maxevents,
		.timeout_ns = timeout_ns,
	};
	return start(w);
}

int waiter_start_masked(struct waiter *w, const struct poller *p,
			const void *sigmask)
{
	*w = (struct waiter) {
		.p = *p,
		.maxevents = 1,
		.timeout_ns = SOON,
		.sigmask = sigmask,
	};
	return start(w);
}

int waiter_start_into(struct waiter *w, const struct poller *p,
		      struct epoll_event *buffer)
{
	return waiter_start_many_into(w, p, buffer, 1);
}

int waiter_start_many_into(struct waiter *w, const struct poller *p,
			   struct epoll_event *buffer, int maxevents)
{
	*w = (struct waiter) {
		.p = *p,
		.maxevents = maxevents,
		.timeout_ns = SOON,
		.buffer = buffer,
	};
	return start(w);
}

bool waiter_is_done(const struct waiter *w)
{
	return __atomic_load_n(&w->done, __ATOMIC_ACQUIRE);
}

bool waiter_sleeps(const struct waiter *w)
{
	pid_t tid = __atomic_load_n(&w->tid, __ATOMIC_ACQUIRE);

	return tid && is_waiting(tid, w->p.ops);
}

int waiter_join(struct waiter *w)
{
	pthread_join(w->thread, NULL);
	return w->result;
}

uint32_t waiter_event(struct waiter *w, uint64_t data)
{
	if (waiter_join(w) != 1 || w->events[0].data.u64 != data)
		return 0;
	return w->events[0].events;
}

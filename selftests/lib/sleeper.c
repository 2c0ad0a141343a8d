// SPDX-License-Identifier: GPL-2.0

#include "sleeper.h"

#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "waiter.h"

/* The system call behind poll(3). */
#ifdef SYS_poll
#define POLL_SYSCALL SYS_poll
#else
#define POLL_SYSCALL SYS_ppoll
#endif

static void *sleep_in_poll(void *arg)
{
	struct sleeper *s = arg;
	int64_t start = now_ns();

	__atomic_store_n(&s->tid, gettid(), __ATOMIC_RELEASE);
	s->result = poll(&s->pfd, 1, SOON_MS);
	/*
	 * At the end, poll() checks once more, and may find an event that did
	 * not wake it.
	 */
	if (now_ns() - start >= SOON)
		s->result = -ETIMEDOUT;
	return NULL;
}

int sleeper_start(struct sleeper *s, int fd)
{
	int err;

	*s = (struct sleeper) { .pfd = { .fd = fd, .events = POLLIN } };
	err = pthread_create(&s->thread, NULL, sleep_in_poll, s);
	if (err)
		return -err;
	while (!__atomic_load_n(&s->tid, __ATOMIC_ACQUIRE))
		sched_yield();
	return sleeps_in(s->tid, POLL_SYSCALL) ? 0 : -ETIMEDOUT;
}

bool sleeper_sleeps(const struct sleeper *s)
{
	return is_asleep_in(s->tid, POLL_SYSCALL);
}

int sleeper_join(struct sleeper *s)
{
	pthread_join(s->thread, NULL);
	return s->result;
}

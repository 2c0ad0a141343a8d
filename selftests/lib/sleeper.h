/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A sleeper: a thread that polls a descriptor once, with poll(2).
 */
#ifndef SELFTESTS_SLEEPER_H
#define SELFTESTS_SLEEPER_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

struct sleeper {
	/* The descriptor, and the result. */
	struct pollfd pfd;
	/* Private. */
	pthread_t thread;
	pid_t tid;
	int result;
};

/*
 * Starts the thread, which waits for POLLIN, and returns once it sleeps: 0, or
 * -errno.
 */
int sleeper_start(struct sleeper *s, int fd);

/* True if it sleeps now: nobody has woken it. */
bool sleeper_sleeps(const struct sleeper *s);

/*
 * Waits for the end of the thread. Returns the result of poll(2), or -ETIMEDOUT
 * if nothing has woken it.
 */
int sleeper_join(struct sleeper *s);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A caller: a thread that makes one direct call.
 */
#ifndef SELFTESTS_CALLER_H
#define SELFTESTS_CALLER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct caller {
	/* The descriptor for the call. */
	int fd;
	uint64_t first;
	uint64_t second;
	int operation;
	/* Private. */
	pthread_t thread;
	pid_t tid;
	bool done;
	int result;
};

/*
 * Starts the thread and returns once it sleeps in its call, or has finished it: 0, or
 * -errno, with -ETIMEDOUT if it neither sleeps nor ends.
 */
int caller_start(struct caller *c);

/* True if it sleeps in its call at this moment. */
bool caller_sleeps(const struct caller *c);

/* Waits for the end of the thread and returns the result of its call. */
int caller_join(struct caller *c);

#endif

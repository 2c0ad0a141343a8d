/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An io_uring, without the library.
 */
#ifndef SELFTESTS_RING_H
#define SELFTESTS_RING_H

#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdint.h>

#define RING_ENTRIES 16

/* The user-space state of a ring. */
struct ring {
	int fd;
	struct io_uring_params params;
	char *queues;
	struct io_uring_sqe *sqes;
};

/* Creates a ring. Returns 0 or -errno. */
int ring_open(struct ring *r);

/* Submits requests, at most RING_ENTRIES. Returns 0 or -errno. */
int ring_submit(struct ring *r, const struct io_uring_sqe *requests, int count);

/* Submits a request to poll @fd for POLLIN. */
int ring_poll(struct ring *r, int fd, uint32_t flags);

/* Takes a completion, after waiting for @wanted; false if there is none. */
bool ring_take(struct ring *r, int wanted, struct io_uring_cqe *cqe);

/* The next completion, as soon as there is one: its result, if it has these flags. */
int ring_next(struct ring *r, uint32_t flags);

/* Whether there is no completion. */
bool ring_is_empty(struct ring *r);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A poller: one interface to an event poll object, with two implementations.
 *
 * native_ops is the kernel's own epoll, repoll_ops is /dev/repoll. A test that is written
 * with struct poller runs on both, and both must behave in the same way.
 *
 * The echo server has a separate poller: a sample shows the calls that users make,
 * through the installed header, and is linked to one kind. Tests need both kinds in one
 * program, signal masks, and all equivalent calls of repoll.
 *
 * Every function returns its result, or -errno.
 */
#ifndef SELFTESTS_POLLER_H
#define SELFTESTS_POLLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

/* The size of the kernel's signal set, which is not that of sigset_t. */
#define KERNEL_SIGSET_SIZE 8

#define NSEC_PER_MSEC 1000000LL
#define NSEC_PER_SEC 1000000000LL

/*
 * How long to wait for an event that must come. A wait only takes the full time if the
 * test fails.
 */
#define SOON (60 * NSEC_PER_SEC)
#define SOON_MS (60 * 1000)

/* Timeouts of a wait. */
#define NOT_AT_ALL 0LL
#define FOR_EVER -1LL

struct poller_ops {
	/* The system calls in which a waiter may sleep. */
	long wait_syscalls[2];
	/* The file with the maximum number of watches per user. */
	const char *max_user_watches;
	int (*create)(bool cloexec);
	int (*ctl)(int pfd, int op, int fd, struct epoll_event *event);
	int (*wait)(int pfd, struct epoll_event *events, int maxevents,
		    int64_t timeout_ns, const void *sigmask,
		    size_t sigsetsize);
};

extern const struct poller_ops native_ops;
extern const struct poller_ops repoll_ops;

struct poller {
	const struct poller_ops *ops;
	int fd;
};

/* Creates an instance of the given kind. */
int poller_open(struct poller *p, const struct poller_ops *ops);

/* The three operations. The user data of an item is its descriptor. */
int poller_add(const struct poller *p, int fd, uint32_t events);
int poller_mod(const struct poller *p, int fd, uint32_t events);
int poller_del(const struct poller *p, int fd);

/* Adds an item with separate user data. */
int poller_add_data(const struct poller *p, int fd, uint32_t events,
		    uint64_t data);

/* Adds an exclusive item; on repoll, it takes turns with others. */
int poller_add_in_turn(const struct poller *p, int fd);

/* Waits without a signal mask. */
int poller_wait(const struct poller *p, struct epoll_event *events,
		int maxevents, int64_t timeout_ns);

/*
 * The events that are reported now for the item with this user data, or 0. Fetches and
 * drops events of up to 64 other items.
 */
uint32_t poller_now(const struct poller *p, uint64_t data);

/*
 * Waits for the next event. Returns its bits if it belongs to the item with this user
 * data; 0 if it belongs to another item, or if none came.
 */
uint32_t poller_next(const struct poller *p, uint64_t data);

/* The number of events that are reported now. */
int poller_count(const struct poller *p);

#endif

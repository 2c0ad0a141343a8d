/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A poller: one interface to an event poll object, with two implementations.
 *
 * native_ops is the kernel's own epoll, repoll_ops is /dev/repoll. A test that
 * is written against struct poller runs on both, and what holds for the one has
 * to hold for the other.
 *
 * The echo server's poller is another one: a sample shows the calls that users make,
 * through the installed header, and is linked to one kind. Tests need both kinds in one
 * program, signal masks, and all of repoll's calls that do the same.
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
 * How long to wait for something that has to happen. It is never waited for in
 * full unless the test fails.
 */
#define SOON (60 * NSEC_PER_SEC)
#define SOON_MS (60 * 1000)

/* Timeouts of a wait. */
#define NOT_AT_ALL 0LL
#define FOR_EVER -1LL

struct poller_ops {
	/* The system calls in one of which a sleeping waiter is found. */
	long wait_syscalls[2];
	/* The file with the number of watches that one user may have. */
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

/* Makes an instance of the given kind. */
int poller_open(struct poller *p, const struct poller_ops *ops);

/* The three operations. The user data of an item is its descriptor. */
int poller_add(const struct poller *p, int fd, uint32_t events);
int poller_mod(const struct poller *p, int fd, uint32_t events);
int poller_del(const struct poller *p, int fd);

/* Adds an item with user data of its own. */
int poller_add_data(const struct poller *p, int fd, uint32_t events,
		    uint64_t data);

/* Adds an exclusive item; with repoll, one that takes turns with others. */
int poller_add_in_turn(const struct poller *p, int fd);

/* Waits without a signal mask. */
int poller_wait(const struct poller *p, struct epoll_event *events,
		int maxevents, int64_t timeout_ns);

/*
 * What is reported right now for the item with this user data: its events, or 0.
 * Events of up to 64 other items are fetched, and dropped, on the way.
 */
uint32_t poller_now(const struct poller *p, uint64_t data);

/*
 * Waits for the next event. Returns its bits if it is an event of the item with
 * this user data; 0 if it is another's, or if none came.
 */
uint32_t poller_next(const struct poller *p, uint64_t data);

/* The number of events that are reported right now. */
int poller_count(const struct poller *p);

#endif

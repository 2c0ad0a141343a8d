/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the server needs from an event notifier. Each poller_*.c implements it
 * on one kernel interface; a program links one of them.
 *
 * All arguments are those of <sys/epoll.h>: operations, event bits, struct
 * epoll_event.
 */
#ifndef POLLER_H
#define POLLER_H

#include <sys/epoll.h>

/* The name of the kernel interface, for reports. */
extern const char *const poller_name;

/*
 * Returns a descriptor of a new poller, closed on exec; or -1 with errno, after
 * printing on standard error what failed.
 */
int poller_open(void);

/* As epoll_ctl(); the events of @fd carry @data. */
int poller_ctl(int poller, int op, int fd, unsigned int events, void *data);

/* As epoll_wait(). */
int poller_wait(int poller, struct epoll_event *events, int maxevents,
		int timeout_ms);

#endif /* POLLER_H */

// SPDX-License-Identifier: GPL-2.0
/* The poller on the kernel's own epoll. */
#include <err.h>

#include "poller.h"

const char *const poller_name = "epoll";

int poller_open(void)
{
	int poller = epoll_create1(EPOLL_CLOEXEC);

	if (poller < 0)
		warn("epoll_create1");
	return poller;
}

int poller_ctl(int poller, int op, int fd, unsigned int events, void *data)
{
	struct epoll_event event = { .events = events, .data.ptr = data };

	return epoll_ctl(poller, op, fd, &event);
}

int poller_wait(int poller, struct epoll_event *events, int maxevents,
		int timeout_ms)
{
	return epoll_wait(poller, events, maxevents, timeout_ms);
}

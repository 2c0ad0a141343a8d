// SPDX-License-Identifier: GPL-2.0
/* The poller on the repoll module. */
#include <err.h>
#include <errno.h>

#include "repoll_poller.h"
#include "poller.h"

const char *const poller_name = "repoll";

int poller_open(void)
{
	int poller = repoll_open(REPOLL_CLOEXEC);

	if (poller < 0)
		warn("cannot create an instance of %s%s", REPOLL_DEVICE,
		     errno == ENOENT ? " (is the repoll module loaded?)" : "");
	return poller;
}

int poller_ctl(int poller, int op, int fd, unsigned int events, void *data)
{
	struct epoll_event event = { .events = events, .data.ptr = data };

	return repoll_control(poller, op, fd, &event);
}

int poller_wait(int poller, struct epoll_event *events, int maxevents,
		int timeout_ms)
{
	return repoll_wait_ms(poller, events, maxevents, timeout_ms);
}

// SPDX-License-Identifier: GPL-2.0
/* The poller on the repoll module. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <repoll.h>

#include "poller.h"

const char *const poller_name = "repoll";

int poller_open(void)
{
	struct repoll_create create = { .flags = REPOLL_CLOEXEC };
	int control, poller, error;

	control = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
	if (control < 0) {
		warn("cannot open %s%s", REPOLL_DEVICE, errno == ENOENT ?
		     " (is the repoll module loaded?)" : "");
		return -1;
	}
	poller = ioctl(control, REPOLL_CREATE, &create);
	if (poller < 0)
		warn("REPOLL_CREATE");

	/* The instance lives on without the control node. */
	error = errno;
	close(control);
	errno = error;
	return poller;
}

int poller_ctl(int poller, int op, int fd, unsigned int events, void *data)
{
	struct epoll_event event = { .events = events, .data.ptr = data };
	struct repoll_ctl ctl = {
		.op = op,
		.fd = fd,
		.event = (uintptr_t)&event,
	};

	return ioctl(poller, REPOLL_CTL, &ctl);
}

int poller_wait(int poller, struct epoll_event *events, int maxevents,
		int timeout_ms)
{
	struct repoll_wait wait = {
		.events = (uintptr_t)events,
		.maxevents = maxevents,
		.timeout_ns = timeout_ms < 0 ? -1 : timeout_ms * 1000000LL,
	};

	return ioctl(poller, REPOLL_WAIT, &wait);
}

// SPDX-License-Identifier: GPL-2.0

#include "poller.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/time_types.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"
#include "repoll.h"

#define BATCH 64

static int result(long ret)
{
	return ret < 0 ? -errno : ret;
}

static int native_create(bool cloexec)
{
	return result(syscall(SYS_epoll_create1, cloexec ? EPOLL_CLOEXEC : 0));
}

static int native_ctl(int pfd, int op, int fd, struct epoll_event *event)
{
	return result(syscall(SYS_epoll_ctl, pfd, op, fd, event));
}

static int native_wait(int pfd, struct epoll_event *events, int maxevents,
		       int64_t timeout_ns, const void *sigmask,
		       size_t sigsetsize)
{
	struct __kernel_timespec ts = {
		.tv_sec = timeout_ns / NSEC_PER_SEC,
		.tv_nsec = timeout_ns % NSEC_PER_SEC,
	};

	return result(syscall(SYS_epoll_pwait2, pfd, events, maxevents,
			      timeout_ns < 0 ? NULL : &ts, sigmask,
			      sigsetsize));
}

const struct poller_ops native_ops = {
	.wait_syscalls = { SYS_epoll_pwait2, SYS_epoll_pwait2 },
	.max_user_watches = "/proc/sys/fs/epoll/max_user_watches",
	.create = native_create,
	.ctl = native_ctl,
	.wait = native_wait,
};

static int repoll_create(bool cloexec)
{
	struct repoll_create args = { .flags = cloexec ? REPOLL_CLOEXEC : 0 };
	int node, pfd;

	node = result(open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC));
	if (node < 0)
		return node;
	pfd = result(ioctl(node, REPOLL_CREATE, &args));
	close(node);
	return pfd;
}

/* Uses the ioctl if only an address can represent the event, or if the operation is unknown. */
static int repoll_ctl(int pfd, int op, int fd, struct epoll_event *event)
{
	static const int operations[] = {
		[EPOLL_CTL_ADD] = REPOLL_DIRECT_ADD,
		[EPOLL_CTL_DEL] = REPOLL_DIRECT_DEL,
		[EPOLL_CTL_MOD] = REPOLL_DIRECT_MOD,
	};
	struct repoll_ctl args = {
		.op = op,
		.fd = fd,
		.event = (uintptr_t)event,
	};
	bool known = op >= EPOLL_CTL_ADD && op <= EPOLL_CTL_MOD;

	if (known && (op == EPOLL_CTL_DEL || event) && calls_next_directly())
		return op == EPOLL_CTL_DEL ?
		       call_directly(pfd, 0, REPOLL_DIRECT_PAIR(fd, 0), operations[op]) :
		       call_directly(pfd, event->data.u64,
				     REPOLL_DIRECT_PAIR(fd, event->events), operations[op]);
	return result(ioctl(pfd, REPOLL_CTL, &args));
}

static int repoll_wait(int pfd, struct epoll_event *events, int maxevents,
		       int64_t timeout_ns, const void *sigmask,
		       size_t sigsetsize)
{
	struct repoll_wait args = {
		.events = (uintptr_t)events,
		.sigmask = (uintptr_t)sigmask,
		.timeout_ns = timeout_ns,
		.maxevents = maxevents,
		.sigsetsize = sigsetsize,
	};
	int64_t timeout_ms = timeout_ns < 0 ? -1 : timeout_ns / NSEC_PER_MSEC;
	bool simple = !sigmask && timeout_ms <= INT_MAX &&
		      (timeout_ns < 0 || timeout_ns % NSEC_PER_MSEC == 0);

	if (simple && calls_next_directly())
		return call_directly(pfd, (uintptr_t)events,
				     REPOLL_DIRECT_PAIR(maxevents, timeout_ms),
				     REPOLL_DIRECT_WAIT);
	return call_with(pfd, REPOLL_WAIT, &args);
}

const struct poller_ops repoll_ops = {
	.wait_syscalls = { SYS_ioctl, DIRECT_SYSCALL },
	.max_user_watches = "/proc/sys/fs/repoll/max_user_watches",
	.create = repoll_create,
	.ctl = repoll_ctl,
	.wait = repoll_wait,
};

int poller_open(struct poller *p, const struct poller_ops *ops)
{
	p->ops = ops;
	p->fd = ops->create(true);
	return p->fd < 0 ? p->fd : 0;
}

int poller_add_data(const struct poller *p, int fd, uint32_t events,
		    uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	return p->ops->ctl(p->fd, EPOLL_CTL_ADD, fd, &event);
}

int poller_add(const struct poller *p, int fd, uint32_t events)
{
	return poller_add_data(p, fd, events, fd);
}

int poller_add_in_turn(const struct poller *p, int fd)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLEXCLUSIVE,
		.data.u64 = fd,
	};
	struct repoll_ctl args = {
		.op = EPOLL_CTL_ADD,
		.fd = fd,
		.flags = REPOLL_ROUND_ROBIN,
		.event = (uintptr_t)&event,
	};

	if (p->ops == &native_ops)
		return poller_add(p, fd, event.events);
	return result(ioctl(p->fd, REPOLL_CTL, &args));
}

int poller_mod(const struct poller *p, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u64 = fd };

	return p->ops->ctl(p->fd, EPOLL_CTL_MOD, fd, &event);
}

int poller_del(const struct poller *p, int fd)
{
	return p->ops->ctl(p->fd, EPOLL_CTL_DEL, fd, NULL);
}

int poller_wait(const struct poller *p, struct epoll_event *events,
		int maxevents, int64_t timeout_ns)
{
	return p->ops->wait(p->fd, events, maxevents, timeout_ns, NULL, 0);
}

uint32_t poller_now(const struct poller *p, uint64_t data)
{
	struct epoll_event events[BATCH];
	int i, n = poller_wait(p, events, BATCH, NOT_AT_ALL);

	for (i = 0; i < n; i++)
		if (events[i].data.u64 == data)
			return events[i].events;
	return 0;
}

uint32_t poller_next(const struct poller *p, uint64_t data)
{
	struct epoll_event event;

	if (poller_wait(p, &event, 1, SOON) != 1 || event.data.u64 != data)
		return 0;
	return event.events;
}

int poller_count(const struct poller *p)
{
	struct epoll_event events[BATCH];

	return poller_wait(p, events, BATCH, NOT_AT_ALL);
}

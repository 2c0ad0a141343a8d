// SPDX-License-Identifier: GPL-2.0

#include "pair.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "poller.h"
#include "waiter.h"

int tcp_listen(struct sockaddr_in *addr, int backlog)
{
	socklen_t len = sizeof(*addr);
	int fd, err;

	*addr = (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)addr, len) ||
	    listen(fd, backlog) ||
	    getsockname(fd, (struct sockaddr *)addr, &len)) {
		err = errno;
		close(fd);
		return -err;
	}
	return fd;
}

int tcp_pair(int sv[2])
{
	struct sockaddr_in addr;
	int listener, err;

	listener = tcp_listen(&addr, 1);
	if (listener < 0)
		return listener;
	sv[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sv[0] < 0)
		goto fail_socket;
	if (connect(sv[0], (struct sockaddr *)&addr, sizeof(addr)))
		goto fail;
	sv[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (sv[1] < 0)
		goto fail;
	close(listener);
	return 0;

fail:
	err = errno;
	close(sv[0]);
	errno = err;
fail_socket:
	err = errno;
	close(listener);
	return -err;
}

short await(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int64_t deadline = now_ns() + SOON;

	do {
		if (poll(&pfd, 1, SOON_MS) < 0)
			return 0;
	} while ((pfd.revents & events) != events && now_ns() < deadline);
	return pfd.revents;
}

int fill(int fd)
{
	static const char buf[4096];
	ssize_t n;

	do {
		n = write(fd, buf, sizeof(buf));
	} while (n > 0);
	return errno == EAGAIN ? 0 : -errno;
}

int drain(int fd)
{
	char buf[4096];
	ssize_t n;

	do {
		n = read(fd, buf, sizeof(buf));
	} while (n > 0);
	if (n == 0)
		return -EPIPE;
	return errno == EAGAIN ? 0 : -errno;
}

int put(int fd)
{
	return write(fd, "x", 1) == 1 ? 0 : -errno;
}

int get(int fd)
{
	char byte;
	ssize_t n = read(fd, &byte, 1);

	if (n < 0)
		return -errno;
	return n ? 0 : -EPIPE;
}

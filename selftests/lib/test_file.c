// SPDX-License-Identifier: GPL-2.0

#include "test_file.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <termios.h>
#include <unistd.h>

#include "pair.h"

static int fire_other(const struct test_file *s)
{
	return put(s->other);
}

static int open_eventfd(struct test_file *s)
{
	s->fd = eventfd(0, EFD_CLOEXEC);
	return s->fd < 0 ? -errno : 0;
}

static int fire_eventfd(const struct test_file *s)
{
	return eventfd_write(s->fd, 1) ? -errno : 0;
}

static int open_pipe(struct test_file *s)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	*s = (struct test_file) { fds[0], fds[1] };
	return 0;
}

/* A FIFO without a name: each has its own inode. */
static int open_fifo(struct test_file *s)
{
	char path[64];

	snprintf(path, sizeof(path), "/tmp/repoll-test-file-%d", gettid());
	if (mkfifo(path, 0600))
		return -errno;
	s->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	s->other = open(path, O_WRONLY | O_CLOEXEC);
	unlink(path);
	return s->fd < 0 || s->other < 0 ? -errno : 0;
}

static int open_pair(struct test_file *s, int type)
{
	int fds[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds))
		return -errno;
	*s = (struct test_file) { fds[0], fds[1] };
	return 0;
}

static int open_unix_stream(struct test_file *s)
{
	return open_pair(s, SOCK_STREAM);
}

static int open_unix_datagram(struct test_file *s)
{
	return open_pair(s, SOCK_DGRAM);
}

static int open_tcp(struct test_file *s)
{
	/* Otherwise all ports would stay in TIME_WAIT for a minute. */
	struct linger at_once = { .l_onoff = 1 };
	int fds[2], err;

	err = tcp_pair(fds);
	if (err)
		return err;
	*s = (struct test_file) { fds[0], fds[1] };
	if (setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once,
		       sizeof(at_once)))
		return -errno;
	return 0;
}

static int open_udp(struct test_file *s)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);

	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	s->other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || s->other < 0 ||
	    bind(s->fd, (struct sockaddr *)&addr, len) ||
	    getsockname(s->fd, (struct sockaddr *)&addr, &len) ||
	    connect(s->other, (struct sockaddr *)&addr, len))
		return -errno;
	return 0;
}

static int open_terminal(int *master, int *slave)
{
	struct termios raw = {};

	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	return openpty(master, slave, NULL, &raw, NULL) ? -errno : 0;
}

static int open_master(struct test_file *s)
{
	return open_terminal(&s->fd, &s->other);
}

static int open_slave(struct test_file *s)
{
	return open_terminal(&s->other, &s->fd);
}

static int open_timer(struct test_file *s)
{
	s->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	return s->fd < 0 ? -errno : 0;
}

static int fire_timer(const struct test_file *s)
{
	struct itimerspec soon = { .it_value.tv_nsec = 1 };

	return timerfd_settime(s->fd, 0, &soon, NULL) ? -errno : 0;
}

/* For a signal that is blocked, and pending after it was sent. */
static int open_signals(struct test_file *s)
{
	const struct timespec now = {};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	/* Drop a signal that is left from before. */
	sigtimedwait(&set, NULL, &now);
	s->fd = signalfd(-1, &set, SFD_CLOEXEC);
	return s->fd < 0 ? -errno : 0;
}

static int fire_signals(const struct test_file *s)
{
	(void)s;
	return kill(getpid(), SIGUSR2) ? -errno : 0;
}

/* An eventpoll with an eventfd in it. */
static int open_poller(struct test_file *s, const struct poller_ops *ops)
{
	struct poller p;
	int err = poller_open(&p, ops);

	if (err)
		return err;
	s->fd = p.fd;
	s->other = eventfd(0, EFD_CLOEXEC);
	return poller_add(&p, s->other, EPOLLIN);
}

static int open_repoll(struct test_file *s)
{
	return open_poller(s, &repoll_ops);
}

static int open_epoll(struct test_file *s)
{
	return open_poller(s, &native_ops);
}

static int fire_inner(const struct test_file *s)
{
	return eventfd_write(s->other, 1) ? -errno : 0;
}

const struct file_kind kinds[KINDS] = {
	{ "eventfd", open_eventfd, fire_eventfd },
	{ "pipe", open_pipe, fire_other },
	{ "FIFO", open_fifo, fire_other },
	{ "UNIX stream", open_unix_stream, fire_other },
	{ "UNIX datagram", open_unix_datagram, fire_other },
	{ "TCP", open_tcp, fire_other },
	{ "UDP", open_udp, fire_other },
	{ "terminal, master", open_master, fire_other },
	{ "terminal, slave", open_slave, fire_other },
	{ "timerfd", open_timer, fire_timer },
	{ "signalfd", open_signals, fire_signals },
	{ "repoll", open_repoll, fire_inner },
	{ "epoll", open_epoll, fire_inner },
};

const struct file_kind *file_kind_named(const char *name)
{
	int i;

	for (i = 0; i < KINDS && strcmp(kinds[i].name, name); i++)
		;
	return &kinds[i];
}

int test_file_open(struct test_file *s, const struct file_kind *kind)
{
	int err;

	*s = (struct test_file) { -1, -1 };
	err = kind->open(s);
	if (err)
		test_file_close(s);
	return err;
}

void test_file_close(struct test_file *s)
{
	close(s->fd);
	close(s->other);
	*s = (struct test_file) { -1, -1 };
}

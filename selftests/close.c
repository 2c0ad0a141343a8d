// SPDX-License-Identifier: GPL-2.0
/*
 * Closing: a file while it is watched, and an instance while it watches files
 * or has waiters.
 */
#include <fcntl.h>
#include <pty.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "fixture.h"
#include "pair.h"
#include "waiter.h"

static int open_pipe_reader(int fds[2])
{
	return pipe2(fds, O_CLOEXEC) ? -errno : 0;
}

static int open_pipe_writer(int fds[2])
{
	int err = open_pipe_reader(fds), reader = fds[0];

	fds[0] = fds[1];
	fds[1] = reader;
	return err;
}

static int open_stream(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM, 0, fds) ? -errno : 0;
}

static int open_seqpacket(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) ? -errno : 0;
}

static int open_slave(int fds[2])
{
	return openpty(&fds[1], &fds[0], NULL, NULL, NULL) ? -errno : 0;
}

static int open_master(int fds[2])
{
	return openpty(&fds[0], &fds[1], NULL, NULL, NULL) ? -errno : 0;
}

/* Two ends, and the events of the second when the first is closed. */
static const struct {
	const char *name;
	int (*open)(int fds[2]);
	short events;
} ends[] = {
	{ "pipe, read end", open_pipe_reader, POLLERR },
	{ "pipe, write end", open_pipe_writer, POLLHUP },
	{ "UNIX stream", open_stream, POLLIN | POLLHUP | POLLRDHUP },
	{ "UNIX seqpacket", open_seqpacket, POLLIN | POLLHUP | POLLRDHUP },
	{ "TCP, connected", tcp_pair, POLLIN | POLLRDHUP },
	{ "terminal's master", open_master, POLLHUP },
	{ "terminal's slave", open_slave, POLLHUP },
};

/*
 *	P ---> end, closed <===> other end: it must see that at once
 */
TEST_F(poller, peer_learns_of_the_close)
{
	int64_t start;
	unsigned int i;
	short shown;
	int fds[2];

	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		ASSERT_EQ(0, ends[i].open(fds));
		ASSERT_EQ(0, poller_add(&self->p, fds[0], EPOLLIN | EPOLLOUT));
		poller_count(&self->p);
		start = now_ns();
		close(fds[0]);
		shown = await(fds[1], ends[i].events);
		EXPECT_EQ(ends[i].events, shown & ends[i].events)
			TH_LOG("%s", ends[i].name);
		/* A worker releases a terminal's master. */
		EXPECT_GT(10 * NSEC_PER_SEC, now_ns() - start)
			TH_LOG("%s", ends[i].name);
		EXPECT_EQ(0, poller_count(&self->p))
			TH_LOG("%s", ends[i].name);
		close(fds[1]);
	}
}

/*
 *	P ---> A (ready, closed), B (ready)
 */
TEST_F(poller, closed_file_is_gone)
{
	int a = eventfd(1, EFD_CLOEXEC), b = eventfd(1, EFD_CLOEXEC);

	ASSERT_EQ(0, poller_add(&self->p, a, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, b, EPOLLIN));
	EXPECT_EQ(2, poller_count(&self->p));
	close(a);
	EXPECT_EQ(1, poller_count(&self->p));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, b));
	EXPECT_EQ(-EBADF, poller_del(&self->p, a));
	EXPECT_EQ(-EBADF, poller_mod(&self->p, a, EPOLLIN));
	close(b);
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	P ---> UDP socket, closed: its port is free again at once
 */
TEST_F(poller, closed_socket_gives_its_port_back)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int fd, round;

	for (round = 0; round < 100; round++) {
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		ASSERT_EQ(0, bind(fd, (struct sockaddr *)&addr, sizeof(addr)));
		ASSERT_EQ(0, getsockname(fd, (struct sockaddr *)&addr, &len));
		ASSERT_EQ(0, poller_add(&self->p, fd, EPOLLIN));
		close(fd);
	}
}

/*
 *	P ---> listening socket, closed: connections are refused at once
 */
TEST_F(poller, closed_listener_refuses)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in addr;
	int listener;

	listener = tcp_listen(&addr, 8);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, poller_add(&self->p, listener, EPOLLIN));
	close(listener);
	EXPECT_EQ(-1, connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	EXPECT_EQ(ECONNREFUSED, errno);
	EXPECT_EQ(0, poller_count(&self->p));
	close(fd);
}

/*
 *	waiter ---> P ---> A (closed meanwhile), B (written afterwards)
 */
TEST_F(poller, close_does_not_disturb_a_waiter)
{
	int a = eventfd(0, EFD_CLOEXEC), b = eventfd(0, EFD_CLOEXEC);
	struct waiter w;

	ASSERT_EQ(0, poller_add(&self->p, a, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, b, EPOLLIN));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	close(a);
	EXPECT_FALSE(waiter_is_done(&w));
	ASSERT_EQ(0, eventfd_write(b, 1));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, b));
	close(b);
}

/*
 *	waiter ---> P (its descriptor is closed) ---> eventfd, written
 *
 * The reference that the waiter holds keeps the instance alive until the wait
 * ends.
 */
TEST_F(poller, instance_is_closed_under_a_waiter)
{
	struct waiter w;
	struct poller p;
	int efd = eventfd(0, EFD_CLOEXEC);

	ASSERT_EQ(0, poller_open(&p, variant->ops));
	ASSERT_EQ(0, poller_add(&p, efd, EPOLLIN));
	ASSERT_EQ(0, waiter_start(&w, &p, 1, SOON));
	close(p.fd);
	EXPECT_FALSE(waiter_is_done(&w));
	EXPECT_EQ(-EBADF, poller_count(&p));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, efd));
	close(efd);
}

/*
 *	P (closed) ---> 4000 copies of an eventfd, ready
 */
TEST_F(poller, instance_with_many_items_is_closed)
{
	enum { ITEMS = 4000 };
	struct rlimit limit;
	struct poller p;
	eventfd_t value;
	int efd, fd, i;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	if (limit.rlim_cur < ITEMS + 64)
		SKIP(return, "not enough descriptors");
	ASSERT_EQ(0, poller_open(&p, variant->ops));
	efd = eventfd(1, EFD_CLOEXEC);
	ASSERT_LE(0, efd);
	for (i = 0; i < ITEMS; i++) {
		fd = fcntl(efd, F_DUPFD_CLOEXEC, 0);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, poller_add(&p, fd, i % 2 ? EPOLLIN : EPOLLPRI));
	}
	EXPECT_EQ(0, close(p.fd));
	EXPECT_EQ(0, eventfd_read(efd, &value));
	EXPECT_EQ(0, eventfd_write(efd, 1));
	/* Nothing is left that would disturb another instance. */
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
}

/* Opens, adds and closes files; the instance is closed meanwhile. */
struct closer {
	struct poller p;
	int go, error;
};

static void *close_watched(void *arg)
{
	struct closer *closer = arg;
	eventfd_t value;
	int fds[2], i;

	eventfd_read(closer->go, &value);
	for (i = 0; i < 8; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
			closer->error = -errno;
			break;
		}
		/* The instance may be closed at any time: EBADF then. */
		poller_add(&closer->p, fds[0], EPOLLIN);
		poller_add(&closer->p, fds[1], EPOLLIN);
		put(fds[0]);
		close(fds[0]);
		close(fds[1]);
	}
	return NULL;
}

/*
 *	close(P)	at the same time as		close(file)
 */
TEST_F(poller, both_sides_are_closed_at_once)
{
	struct closer closer = {};
	pthread_t thread;
	int round, efd;

	closer.go = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, closer.go);
	for (round = 0; round < 100; round++) {
		ASSERT_EQ(0, poller_open(&closer.p, variant->ops));
		efd = eventfd(1, EFD_CLOEXEC);
		ASSERT_EQ(0, poller_add(&closer.p, efd, EPOLLIN));
		ASSERT_EQ(0, pthread_create(&thread, NULL, close_watched,
					    &closer));
		ASSERT_EQ(0, eventfd_write(closer.go, 1));
		if (round % 2)
			sched_yield();
		close(closer.p.fd);
		ASSERT_EQ(0, pthread_join(thread, NULL));
		ASSERT_EQ(0, closer.error);
		close(efd);
	}
}

/*
 *	P1 ---.
 *	P2 ---+---> socket, closed: gone from all three
 *	P3 ---'
 */
TEST_F(poller, file_watched_by_many_is_closed)
{
	struct poller p[3];
	int fds[2], i;

	ASSERT_EQ(0, open_stream(fds));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, poller_open(&p[i], variant->ops));
		ASSERT_EQ(0, poller_add(&p[i], fds[0], EPOLLOUT));
		EXPECT_EQ(1, poller_count(&p[i]));
	}
	close(fds[0]);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, poller_count(&p[i]));
		close(p[i].fd);
	}
	EXPECT_EQ(-EPIPE, get(fds[1]));
	close(fds[1]);
}

/*
 *	P1 --(fd)------.
 *	P1 --(copy)-----> eventfd	closed one after the other
 *	P2 --(fd)------'
 *
 * The remaining watchers still notice the close.
 */
TEST_F(poller, last_watcher_learns_of_the_close)
{
	struct poller p2;
	int fd, copy, left;

	for (left = 0; left < 3; left++) {
		ASSERT_EQ(0, poller_open(&p2, variant->ops));
		fd = eventfd(1, EFD_CLOEXEC);
		copy = dup(fd);
		ASSERT_EQ(0, poller_add(&self->p, fd, EPOLLIN));
		ASSERT_EQ(0, poller_add(&self->p, copy, EPOLLIN));
		ASSERT_EQ(0, poller_add(&p2, fd, EPOLLIN));
		if (left != 0) {
			ASSERT_EQ(0, poller_del(&self->p, fd));
		}
		if (left != 1) {
			ASSERT_EQ(0, poller_del(&self->p, copy));
		}
		if (left != 2)
			close(p2.fd);
		close(fd);
		EXPECT_EQ(left != 2, poller_count(&self->p));
		close(copy);
		EXPECT_EQ(0, poller_count(&self->p));
		if (left == 2) {
			EXPECT_EQ(0, poller_count(&p2));
			close(p2.fd);
		}
	}
}

TEST_HARNESS_MAIN

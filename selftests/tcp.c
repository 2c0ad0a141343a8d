// SPDX-License-Identifier: GPL-2.0
/*
 * TCP over the loopback device. The wake-ups come from soft interrupts.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include "fixture.h"
#include "pair.h"
#include "waiter.h"

static int set_nonblocking(int fd)
{
	return fcntl(fd, F_SETFL, O_NONBLOCK) ? -errno : 0;
}

/* Lets nothing reach the socket until the filter is removed. */
static int deafen(int fd)
{
	struct sock_filter nothing[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_fprog program = { .len = 1, .filter = nothing };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
			  sizeof(program)) ? -errno : 0;
}

static int undeafen(int fd)
{
	const int unused = 0;

	return setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused,
			  sizeof(unused)) ? -errno : 0;
}

/* A connect() that has to wait, because the listening side does not answer. */
static int connect_slowly(int *listener)
{
	struct sockaddr_in addr;
	int fd;

	*listener = tcp_listen(&addr, 1);
	if (*listener < 0)
		return *listener;
	if (deafen(*listener))
		return -errno;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    errno != EINPROGRESS)
		return -EALREADY;
	return fd;
}

/*
 *	P ---> socket <=== socket
 */
TEST_F(poller, data_arrives)
{
	struct waiter w;
	int sv[2], i;

	ASSERT_EQ(0, tcp_pair(sv));
	ASSERT_EQ(0, poller_add(&self->p, sv[0], EPOLLIN));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
		ASSERT_EQ(0, put(sv[1]));
		EXPECT_EQ(EPOLLIN, waiter_event(&w, sv[0]));
		EXPECT_EQ(EPOLLIN, poller_now(&self->p, sv[0]));
		ASSERT_EQ(0, get(sv[0]));
		ASSERT_EQ(0, poller_count(&self->p));
	}
	close(sv[0]);
	close(sv[1]);
}

/*
 *	P ---> socket <=== socket, which will send no more
 */
TEST_F(poller, peer_shuts_down_its_sending_side)
{
	const uint32_t interest = EPOLLIN | EPOLLRDHUP;
	struct waiter w;
	int sv[2];

	ASSERT_EQ(0, tcp_pair(sv));
	ASSERT_EQ(0, poller_add(&self->p, sv[0], interest));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, shutdown(sv[1], SHUT_WR));
	EXPECT_EQ(interest, waiter_event(&w, sv[0]));
	EXPECT_EQ(-EPIPE, get(sv[0]));

	/*
	 * The other direction still works; without the interest, there is no
	 * RDHUP.
	 */
	ASSERT_EQ(0, poller_mod(&self->p, sv[0], EPOLLOUT));
	EXPECT_EQ(EPOLLOUT, poller_now(&self->p, sv[0]));
	ASSERT_EQ(0, put(sv[0]));
	EXPECT_EQ(0, get(sv[1]));

	ASSERT_EQ(0, poller_mod(&self->p, sv[0], 0));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, shutdown(sv[0], SHUT_WR));
	EXPECT_EQ(EPOLLHUP, waiter_event(&w, sv[0]));
	close(sv[0]);
	close(sv[1]);
}

/*
 *	P ---> socket <=== socket, which is closed
 */
TEST_F(poller, peer_closes)
{
	struct waiter w;
	int sv[2];

	ASSERT_EQ(0, tcp_pair(sv));
	ASSERT_EQ(0, poller_add(&self->p, sv[0], EPOLLIN | EPOLLRDHUP));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	close(sv[1]);
	EXPECT_EQ(EPOLLIN | EPOLLRDHUP, waiter_event(&w, sv[0]));
	close(sv[0]);
}

/*
 *	P ---> socket <=== socket, which resets the connection
 */
TEST_F(poller, peer_resets)
{
	struct linger at_once = { .l_onoff = 1 };
	struct waiter w;
	int sv[2];

	ASSERT_EQ(0, tcp_pair(sv));
	ASSERT_EQ(0, poller_add(&self->p, sv[0], 0));
	ASSERT_EQ(0, setsockopt(sv[1], SOL_SOCKET, SO_LINGER, &at_once,
				sizeof(at_once)));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	close(sv[1]);
	EXPECT_EQ(EPOLLERR | EPOLLHUP, waiter_event(&w, sv[0]));
	EXPECT_EQ(-ECONNRESET, get(sv[0]));
	EXPECT_EQ(EPOLLHUP, poller_now(&self->p, sv[0]));
	close(sv[0]);
}

/*
 *	P ---> socket ===> socket: the send buffer is full, then has room
 */
TEST_F(poller, room_to_send)
{
	int64_t deadline = now_ns() + SOON;
	const int small = 16 * 1024;
	struct waiter w;
	int sv[2];

	ASSERT_EQ(0, tcp_pair(sv));
	ASSERT_EQ(0, set_nonblocking(sv[0]));
	ASSERT_EQ(0, set_nonblocking(sv[1]));
	ASSERT_EQ(0, setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &small,
				sizeof(small)));
	ASSERT_EQ(0, setsockopt(sv[1], SOL_SOCKET, SO_RCVBUF, &small,
				sizeof(small)));
	ASSERT_EQ(0, poller_add(&self->p, sv[0], EPOLLOUT));
	EXPECT_EQ(EPOLLOUT, poller_now(&self->p, sv[0]));
	/*
	 * Data in transit may still free space: the buffer is full when that
	 * stops.
	 */
	do {
		ASSERT_EQ(0, fill(sv[0]));
	} while (poller_now(&self->p, sv[0]));

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	while (!waiter_is_done(&w) && now_ns() < deadline)
		drain(sv[1]);
	EXPECT_EQ(EPOLLOUT, waiter_event(&w, sv[0]));
	close(sv[0]);
	close(sv[1]);
}

/*
 *	P ---> listening socket <=== connections
 */
TEST_F(poller, connections_are_waiting)
{
	struct sockaddr_in addr;
	int listener, a, b;
	struct waiter w;

	listener = tcp_listen(&addr, 8);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, set_nonblocking(listener));
	ASSERT_EQ(0, poller_add(&self->p, listener, EPOLLIN));
	a = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	b = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, connect(a, (struct sockaddr *)&addr, sizeof(addr)));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, listener));
	ASSERT_EQ(0, connect(b, (struct sockaddr *)&addr, sizeof(addr)));

	EXPECT_EQ(EPOLLIN, poller_now(&self->p, listener));
	ASSERT_LE(0, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	/* The second handshake may still be on its way to the queue. */
	EXPECT_EQ(EPOLLIN, poller_next(&self->p, listener));
	ASSERT_LE(0, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	EXPECT_EQ(0, poller_count(&self->p));
	close(listener);
}

/*
 *	P ---> connecting socket ---> listener that answers late
 *	  `--> connecting socket ---> listener that is closed meanwhile
 *
 * The second SYN is sent a second after the first, and determines both results.
 */
TEST_F(poller, connect_ends_well_and_badly)
{
	int well, badly, open_listener, closed_listener, n = 0;
	struct epoll_event events[2];

	well = connect_slowly(&open_listener);
	ASSERT_LE(0, well);
	badly = connect_slowly(&closed_listener);
	ASSERT_LE(0, badly);
	ASSERT_EQ(0, poller_add_data(&self->p, well,
				     EPOLLIN | EPOLLOUT | EPOLLONESHOT, 0));
	ASSERT_EQ(0, poller_add_data(&self->p, badly,
				     EPOLLIN | EPOLLOUT | EPOLLONESHOT, 1));
	EXPECT_EQ(0, poller_count(&self->p));

	ASSERT_EQ(0, undeafen(open_listener));
	close(closed_listener);
	while (n < 2) {
		ASSERT_EQ(1, poller_wait(&self->p, &events[n], 1, SOON));
		if (events[n].data.u64) {
			EXPECT_EQ(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP,
				  events[n].events);
			EXPECT_EQ(-ECONNREFUSED, get(badly));
		} else {
			EXPECT_EQ(EPOLLOUT, events[n].events);
			EXPECT_EQ(0, put(well));
		}
		n++;
	}
	EXPECT_NE(events[0].data.u64, events[1].data.u64);
	close(well);
	close(badly);
	close(open_listener);
}

/*
 *	P ---> socket that was never connected
 */
TEST_F(poller, unconnected_socket)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ASSERT_EQ(0, poller_add(&self->p, fd, EPOLLIN | EPOLLOUT));
	EXPECT_EQ(EPOLLOUT | EPOLLHUP, poller_now(&self->p, fd));
	close(fd);
}

/*
 *	P ---> socket <=== one byte of urgent data
 */
TEST_F(poller, urgent_data)
{
	struct waiter w;
	int sv[2];

	ASSERT_EQ(0, tcp_pair(sv));
	ASSERT_EQ(0, poller_add(&self->p, sv[0], EPOLLPRI));
	ASSERT_EQ(0, put(sv[1]));
	ASSERT_EQ(POLLIN, await(sv[0], POLLIN));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(1, send(sv[1], "!", 1, MSG_OOB));
	EXPECT_EQ(EPOLLPRI, waiter_event(&w, sv[0]));
	close(sv[0]);
	close(sv[1]);
}

/*
 *	P ---> socket that requires at least 3 bytes (SO_RCVLOWAT)
 */
TEST_F(poller, too_little_data)
{
	const int least = 3;
	struct waiter w;
	int sv[2];

	ASSERT_EQ(0, tcp_pair(sv));
	ASSERT_EQ(0, setsockopt(sv[0], SOL_SOCKET, SO_RCVLOWAT, &least,
				sizeof(least)));
	ASSERT_EQ(0, poller_add(&self->p, sv[0], EPOLLIN));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(2, write(sv[1], "ab", 2));
	EXPECT_FALSE(waiter_is_done(&w));
	ASSERT_EQ(1, write(sv[1], "c", 1));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, sv[0]));
	close(sv[0]);
	close(sv[1]);
}

TEST_HARNESS_MAIN

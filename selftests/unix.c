// SPDX-License-Identifier: GPL-2.0
/*
 * UNIX domain sockets.
 */
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fixture.h"
#include "pair.h"
#include "waiter.h"

static const int connected_types[] = { SOCK_STREAM, SOCK_SEQPACKET };

/* Binds to an abstract address that the kernel chooses. */
static int bind_anywhere(int fd, struct sockaddr_un *addr, socklen_t *len)
{
	*addr = (struct sockaddr_un) { .sun_family = AF_UNIX };
	*len = offsetof(struct sockaddr_un, sun_path);
	if (bind(fd, (struct sockaddr *)addr, *len))
		return -errno;
	*len = sizeof(*addr);
	return getsockname(fd, (struct sockaddr *)addr, len) ? -errno : 0;
}

/*
 *	P ---> socket <===> socket	(stream, seqpacket)
 */
TEST_F(poller, connected_sockets_talk)
{
	unsigned int i;
	struct waiter w;
	int sv[2];

	for (i = 0; i < ARRAY_SIZE(connected_types); i++) {
		ASSERT_EQ(0, socketpair(AF_UNIX, connected_types[i], 0, sv));
		ASSERT_EQ(0, poller_add(&self->p, sv[0], EPOLLIN | EPOLLRDHUP));
		ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
		ASSERT_EQ(0, put(sv[1]));
		EXPECT_EQ(EPOLLIN, waiter_event(&w, sv[0]));
		ASSERT_EQ(0, get(sv[0]));
		EXPECT_EQ(0, poller_count(&self->p));

		ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
		ASSERT_EQ(0, shutdown(sv[1], SHUT_WR));
		EXPECT_EQ(EPOLLIN | EPOLLRDHUP, waiter_event(&w, sv[0]));

		close(sv[1]);
		EXPECT_EQ(EPOLLIN | EPOLLRDHUP | EPOLLHUP,
			  poller_now(&self->p, sv[0]));
		close(sv[0]);
		EXPECT_EQ(0, poller_count(&self->p));
	}
}

/*
 *	P ---> socket ===> socket: full, then read	(stream, seqpacket)
 */
TEST_F(poller, connected_sockets_have_room_again)
{
	unsigned int i;
	struct waiter w;
	int sv[2];

	for (i = 0; i < ARRAY_SIZE(connected_types); i++) {
		ASSERT_EQ(0, socketpair(AF_UNIX, connected_types[i] |
					SOCK_NONBLOCK, 0, sv));
		ASSERT_EQ(0, poller_add(&self->p, sv[0], EPOLLOUT));
		EXPECT_EQ(EPOLLOUT, poller_now(&self->p, sv[0]));
		ASSERT_EQ(0, fill(sv[0]));
		EXPECT_EQ(0, poller_count(&self->p));
		ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
		ASSERT_EQ(0, drain(sv[1]));
		EXPECT_EQ(EPOLLOUT, waiter_event(&w, sv[0]));
		close(sv[0]);
		close(sv[1]);
	}
}

/*
 *	P ---> socket <=== socket, closed with a byte unread in it
 */
TEST_F(poller, peer_leaves_something_unread)
{
	struct waiter w;
	int sv[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	ASSERT_EQ(0, put(sv[0]));
	ASSERT_EQ(0, poller_add(&self->p, sv[0], 0));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	close(sv[1]);
	EXPECT_EQ(EPOLLHUP, EPOLLHUP & waiter_event(&w, sv[0]));
	EXPECT_EQ(EPOLLERR | EPOLLHUP, poller_now(&self->p, sv[0]));
	EXPECT_EQ(-ECONNRESET, get(sv[0]));
	EXPECT_EQ(EPOLLHUP, poller_now(&self->p, sv[0]));
	close(sv[0]);
}

/*
 *	P ---> listening socket <=== connection
 */
TEST_F(poller, connection_is_waiting)
{
	int listener, client;
	struct sockaddr_un addr;
	struct waiter w;
	socklen_t len;

	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT_EQ(0, bind_anywhere(listener, &addr, &len));
	ASSERT_EQ(0, listen(listener, 1));
	ASSERT_EQ(0, poller_add(&self->p, listener, EPOLLIN));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, connect(client, (struct sockaddr *)&addr, len));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, listener));
	ASSERT_LE(0, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	EXPECT_EQ(0, poller_count(&self->p));
	close(listener);
	close(client);
}

/*
 *	P ---> socket <=== socket	(datagrams)
 */
TEST_F(poller, datagram_arrives)
{
	struct waiter w;
	int sv[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
	ASSERT_EQ(0, poller_add(&self->p, sv[0], EPOLLIN));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, put(sv[1]));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, sv[0]));
	ASSERT_EQ(0, get(sv[0]));
	EXPECT_EQ(0, poller_count(&self->p));
	close(sv[0]);
	close(sv[1]);
}

/*
 *	P ---> client 1 ===.
 *	  `--> client 2 ===+==> server, with a short queue
 *
 * Whether a client is writable depends on another socket: on the server's queue. A read
 * by the server must wake the waiters on the clients.
 */
TEST_F(poller, room_in_the_queue_of_a_server)
{
	int server, client[2], i, n;
	struct epoll_event events[2];
	struct sockaddr_un addr;
	struct waiter w;
	socklen_t len;

	server = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ASSERT_EQ(0, bind_anywhere(server, &addr, &len));
	for (i = 0; i < 2; i++) {
		client[i] = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		ASSERT_EQ(0, connect(client[i], (struct sockaddr *)&addr, len));
	}
	while (!put(client[0]))
		;
	ASSERT_EQ(EAGAIN, errno);
	ASSERT_EQ(0, poller_add(&self->p, client[0], EPOLLOUT));
	ASSERT_EQ(0, poller_add(&self->p, client[1], EPOLLOUT));
	EXPECT_EQ(0, poller_count(&self->p));

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, drain(server));
	EXPECT_EQ(1, waiter_join(&w));
	EXPECT_EQ(EPOLLOUT, w.events[0].events);
	n = poller_wait(&self->p, events, 2, SOON);
	EXPECT_EQ(2, n);
	close(client[0]);
	close(client[1]);
	close(server);
}

TEST_HARNESS_MAIN

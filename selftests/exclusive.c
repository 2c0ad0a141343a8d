// SPDX-License-Identifier: GPL-2.0
/*
 * Several instances that watch one file with EPOLLEXCLUSIVE, like servers that
 * share a listening socket.
 *
 *	waiter ---> P1 ---.
 *	waiter ---> P2 -----> file
 *	waiter ---> P3 ---'
 *
 * All wake-ups happen before the call that causes them returns; a waiter that
 * sleeps afterwards has not been woken.
 */
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fixture.h"
#include "pair.h"
#include "waiter.h"

#define INSTANCES 3

struct crowd {
	struct poller p[INSTANCES];
	struct waiter w[INSTANCES];
};

/* Opens the instances. All of them watch @fd with these bits. */
static int crowd_open(struct crowd *c, const struct poller_ops *ops, int fd,
		      uint32_t events)
{
	int i, err = 0;

	for (i = 0; i < INSTANCES && !err; i++) {
		err = poller_open(&c->p[i], ops);
		if (!err)
			err = poller_add(&c->p[i], fd, events);
	}
	return err;
}

static void crowd_close(struct crowd *c)
{
	int i;

	for (i = 0; i < INSTANCES; i++)
		close(c->p[i].fd);
}

static int crowd_sleep(struct crowd *c)
{
	int i, err = 0;

	for (i = 0; i < INSTANCES && !err; i++)
		err = waiter_start(&c->w[i], &c->p[i], 1, SOON);
	return err;
}

/* The waiters that have been woken, as bits. */
static unsigned int crowd_woken(const struct crowd *c)
{
	unsigned int woken = 0;
	int i;

	for (i = 0; i < INSTANCES; i++)
		woken |= !waiter_sleeps(&c->w[i]) << i;
	return woken;
}

static int crowd_count(const struct crowd *c)
{
	return __builtin_popcount(crowd_woken(c));
}

/* A listening socket at an address that the kernel chooses. */
struct server {
	int fd;
	struct sockaddr_un addr;
	socklen_t len;
};

static int server_open(struct server *s)
{
	s->addr.sun_family = AF_UNIX;
	s->len = sizeof(s->addr);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s->fd, (struct sockaddr *)&s->addr, sizeof(sa_family_t)) ||
	    getsockname(s->fd, (struct sockaddr *)&s->addr, &s->len) ||
	    listen(s->fd, INSTANCES))
		return -errno;
	return 0;
}

/* Connects to the server; nobody has to accept the connection. */
static int client(const struct server *s)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (const struct sockaddr *)&s->addr, s->len))
		return -errno;
	return fd;
}

/*
 *	connect() ---> listening socket: one instance is woken, then the next
 */
TEST_F(poller, connections_are_shared_out)
{
	int fds[INSTANCES], i;
	struct server s;
	struct crowd c;

	ASSERT_EQ(0, server_open(&s));
	ASSERT_EQ(0, crowd_open(&c, variant->ops, s.fd,
				EPOLLIN | EPOLLEXCLUSIVE));
	ASSERT_EQ(0, crowd_sleep(&c));
	for (i = 0; i < INSTANCES; i++) {
		ASSERT_EQ(i, crowd_count(&c));
		fds[i] = client(&s);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(i + 1, crowd_count(&c));
	}
	for (i = 0; i < INSTANCES; i++) {
		EXPECT_EQ(EPOLLIN, waiter_event(&c.w[i], s.fd));
		close(fds[i]);
	}
	crowd_close(&c);
	close(s.fd);
}

/*
 *	the same without EPOLLEXCLUSIVE: all are woken by the first connection
 */
TEST_F(poller, plain_items_all_see_a_connection)
{
	struct server s;
	struct crowd c;
	int fd, i;

	ASSERT_EQ(0, server_open(&s));
	ASSERT_EQ(0, crowd_open(&c, variant->ops, s.fd, EPOLLIN));
	ASSERT_EQ(0, crowd_sleep(&c));
	fd = client(&s);
	ASSERT_LE(0, fd);
	EXPECT_EQ(INSTANCES, crowd_count(&c));
	for (i = 0; i < INSTANCES; i++)
		EXPECT_EQ(EPOLLIN, waiter_event(&c.w[i], s.fd));
	crowd_close(&c);
	close(fd);
	close(s.fd);
}

/*
 *	P1, P2, P3: exclusive	P: plain, after them in the queue
 *
 * A plain item receives every wake-up, and takes none from the others.
 */
TEST_F(poller, plain_item_beside_exclusive_ones)
{
	int efd = eventfd(0, EFD_CLOEXEC), i;
	struct waiter plain;
	struct crowd c;

	ASSERT_EQ(0, crowd_open(&c, variant->ops, efd,
				EPOLLIN | EPOLLEXCLUSIVE));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLET));
	ASSERT_EQ(0, crowd_sleep(&c));
	for (i = 0; i < INSTANCES; i++) {
		ASSERT_EQ(0, waiter_start(&plain, &self->p, 1, SOON));
		ASSERT_EQ(0, eventfd_write(efd, 1));
		EXPECT_FALSE(waiter_sleeps(&plain));
		EXPECT_EQ(i + 1, crowd_count(&c));
		EXPECT_EQ(EPOLLIN, waiter_event(&plain, efd));
	}
	for (i = 0; i < INSTANCES; i++)
		EXPECT_EQ(EPOLLIN, waiter_event(&c.w[i], efd));
	crowd_close(&c);
	close(efd);
}

/*
 *	P1 --edge--> eventfd: nobody waits there at the first event, but its event
 *	P2 --edge-'	is not lost nevertheless
 */
TEST_F(poller, busy_instance_keeps_the_event)
{
	int efd = eventfd(0, EFD_CLOEXEC), i;
	struct crowd c;

	ASSERT_EQ(0, crowd_open(&c, variant->ops, efd,
				EPOLLIN | EPOLLET | EPOLLEXCLUSIVE));
	/* Nobody waits at all: all instances are notified. */
	ASSERT_EQ(0, eventfd_write(efd, 1));
	for (i = 0; i < INSTANCES; i++) {
		EXPECT_EQ(EPOLLIN, poller_now(&c.p[i], efd));
		EXPECT_EQ(0, poller_count(&c.p[i]));
	}
	/*
	 * Only the last instance has a waiter: the wake-up passes the others.
	 */
	i = INSTANCES - 1;
	ASSERT_EQ(0, waiter_start(&c.w[i], &c.p[i], 1, SOON));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_FALSE(waiter_sleeps(&c.w[i]));
	EXPECT_EQ(EPOLLIN, waiter_event(&c.w[i], efd));
	crowd_close(&c);
	close(efd);
}

/*
 *	the first in the queue is closed or deleted: the next wake-up is for another
 */
TEST_F(poller, place_in_the_queue_is_given_up)
{
	int efd = eventfd(0, EFD_CLOEXEC), i;
	struct crowd c;

	ASSERT_EQ(0, crowd_open(&c, variant->ops, efd,
				EPOLLIN | EPOLLEXCLUSIVE));
	ASSERT_EQ(0, crowd_sleep(&c));
	ASSERT_EQ(0, poller_del(&c.p[0], efd));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(1, crowd_count(&c));
	EXPECT_TRUE(waiter_sleeps(&c.w[0]));
	/*
	 * When it is added again, an exclusive item is at the end of the queue.
	 */
	ASSERT_EQ(0, eventfd_write(efd, 1));
	ASSERT_EQ(0, poller_add(&c.p[0], efd, EPOLLIN | EPOLLEXCLUSIVE));
	for (i = 0; i < INSTANCES; i++)
		EXPECT_EQ(EPOLLIN, waiter_event(&c.w[i], efd));
	crowd_close(&c);
	close(efd);
}

/*
 *	socket that wakes for IN and for OUT; each item is woken for its own events
 *
 * An item absorbs a wake-up that is for exactly the event that it requested, IN
 * or OUT. A wake-up for both at once, a hang-up, is for all items.
 */
TEST_F(poller, wakeup_is_used_up_by_its_own_kind)
{
	static const struct {
		uint32_t interest;
		int by_data, by_hang_up;
	} cases[] = {
		{ EPOLLIN, 1, INSTANCES },
		{ EPOLLIN | EPOLLOUT, 1, INSTANCES },
		/* No item has requested IN: data wakes nobody. */
		{ EPOLLOUT, 0, INSTANCES },
		{ 0, 0, INSTANCES },
	};
	int sv[2], i, k;
	struct crowd c;

	for (k = 0; k < ARRAY_SIZE(cases); k++) {
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
					sv));
		/* The buffer is full: before OUT, there is no room. */
		ASSERT_EQ(0, fill(sv[0]));
		ASSERT_EQ(0, crowd_open(&c, variant->ops, sv[0],
					cases[k].interest | EPOLLEXCLUSIVE));
		ASSERT_EQ(0, crowd_sleep(&c));
		ASSERT_EQ(0, put(sv[1]));
		EXPECT_EQ(cases[k].by_data, crowd_count(&c))
			TH_LOG("interest %#x", cases[k].interest);
		close(sv[1]);
		EXPECT_EQ(cases[k].by_hang_up, crowd_count(&c))
			TH_LOG("interest %#x", cases[k].interest);
		for (i = 0; i < INSTANCES; i++)
			EXPECT_EQ(1, waiter_join(&c.w[i]));
		crowd_close(&c);
		close(sv[0]);
	}
}

/*
 *	native epolls ---.
 *	                  one listening socket: as many see a connection
 *	repolls ---------'
 *
 * The instances are polled, not woken: nobody waits.
 */
TEST(as_many_see_an_event_as_of_epoll)
{
	static const uint32_t modes[] = {
		EPOLLIN, EPOLLIN | EPOLLEXCLUSIVE,
		EPOLLIN | EPOLLET | EPOLLEXCLUSIVE,
		EPOLLIN | EPOLLOUT | EPOLLEXCLUSIVE,
	};
	const struct poller_ops *ops[] = { &native_ops, &repoll_ops };
	int seen[2], fd, i, k, mode, first;
	struct server s;
	struct crowd c;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	for (mode = 0; mode < ARRAY_SIZE(modes) * (INSTANCES + 1); mode++) {
		first = mode / ARRAY_SIZE(modes);
		for (k = 0; k < 2; k++) {
			ASSERT_EQ(0, server_open(&s));
			ASSERT_EQ(0, crowd_open(&c, ops[k], s.fd,
						modes[mode % ARRAY_SIZE(modes)]));
			/*
			 * From the first waiter on, all instances have waiters.
			 */
			for (i = first; i < INSTANCES; i++) {
				ASSERT_EQ(0, waiter_start(&c.w[i], &c.p[i], 1,
							  SOON));
			}
			fd = client(&s);
			ASSERT_LE(0, fd);
			seen[k] = 0;
			for (i = first; i < INSTANCES; i++)
				seen[k] |= !waiter_sleeps(&c.w[i]) << i;
			for (i = 0; i < first; i++)
				seen[k] |= (poller_count(&c.p[i]) > 0) << i;
			/* This ends the remaining waits. */
			for (i = first; i < INSTANCES; i++) {
				poller_del(&c.p[i], s.fd);
				ASSERT_EQ(0, poller_add(&c.p[i], s.fd,
							EPOLLIN));
				ASSERT_EQ(1, waiter_join(&c.w[i]));
			}
			close(fd);
			close(s.fd);
			crowd_close(&c);
		}
		EXPECT_EQ(seen[0], seen[1])
			TH_LOG("mode %#x, %d of %d do not sleep",
			       modes[mode % ARRAY_SIZE(modes)], first,
			       INSTANCES);
	}
}

TEST_HARNESS_MAIN

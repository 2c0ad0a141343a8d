// SPDX-License-Identifier: GPL-2.0
/*
 * Many threads on one instance, and on many: which ones are woken.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "fixture.h"
#include "pair.h"
#include "waiter.h"

#define WAITERS 6

static int start_all(struct waiter *w, const struct poller *p)
{
	int i, err;

	for (i = 0; i < WAITERS; i++) {
		err = waiter_start(&w[i], p, 1, SOON);
		if (err)
			return err;
	}
	return 0;
}

/* The number of waiters that are still asleep. */
static int asleep(const struct waiter *w)
{
	int i, n = 0;

	for (i = 0; i < WAITERS; i++)
		n += waiter_sleeps(&w[i]);
	return n;
}

/* Waits until this many waiters have ended. */
static bool get_done(const struct waiter *w, int wanted)
{
	int64_t deadline = now_ns() + SOON;
	int i, n;

	do {
		sched_yield();
		n = 0;
		for (i = 0; i < WAITERS; i++)
			n += waiter_is_done(&w[i]);
	} while (n < wanted && now_ns() < deadline);
	return n == wanted;
}

/*
 *	6 waiters ---> P --edge--> 6 eventfds, one write to each
 */
TEST_F(poller, an_event_for_each_waiter)
{
	struct waiter w[WAITERS];
	unsigned int seen = 0;
	int fds[WAITERS], i;

	for (i = 0; i < WAITERS; i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC);
		ASSERT_EQ(0, poller_add_data(&self->p, fds[i],
					     EPOLLIN | EPOLLET, i));
	}
	ASSERT_EQ(0, start_all(w, &self->p));
	for (i = 0; i < WAITERS; i++) {
		ASSERT_EQ(0, eventfd_write(fds[i], 1));
	}
	for (i = 0; i < WAITERS; i++) {
		ASSERT_EQ(1, waiter_join(&w[i]));
		seen |= 1u << w[i].events[0].data.u64;
	}
	EXPECT_EQ((1u << WAITERS) - 1, seen);
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	6 waiters ---> P --edge--> eventfd: each write is for one of them
 *
 * All wake-ups happen before write() returns, so a waiter that sleeps
 * afterwards was not woken.
 */
TEST_F(poller, an_edge_wakes_one)
{
	struct waiter w[WAITERS];
	int efd = eventfd(0, EFD_CLOEXEC), i;

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLET));
	ASSERT_EQ(0, start_all(w, &self->p));
	for (i = 1; i <= WAITERS; i++) {
		ASSERT_EQ(WAITERS - i + 1, asleep(w));
		ASSERT_EQ(0, eventfd_write(efd, 1));
		ASSERT_EQ(WAITERS - i, asleep(w));
		/*
		 * The next edge must come after this waiter has fetched its
		 * event.
		 */
		ASSERT_TRUE(get_done(w, i));
	}
	for (i = 0; i < WAITERS; i++)
		EXPECT_EQ(EPOLLIN, waiter_event(&w[i], efd));
	EXPECT_EQ(0, poller_count(&self->p));
	close(efd);
}

/*
 *	6 waiters ---> P --level--> eventfd that nobody reads
 *
 * Each waiter leaves the item on the list, and has to wake the next waiter for
 * it.
 */
TEST_F(poller, a_level_is_passed_on)
{
	struct waiter w[WAITERS];
	int efd = eventfd(0, EFD_CLOEXEC), i;

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	ASSERT_EQ(0, start_all(w, &self->p));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	for (i = 0; i < WAITERS; i++) {
		EXPECT_EQ(EPOLLIN, waiter_event(&w[i], efd));
	}
	close(efd);
}

/*
 *	6 waiters for one event each ---> P ---> 6 files, ready all at once
 *
 * Closing the socket at the other end of 6 copies is one wake-up of the queue.
 */
TEST_F(poller, one_wakeup_with_events_for_all)
{
	struct waiter w[WAITERS];
	unsigned int seen = 0;
	int sv[2], copy, i;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	for (i = 0; i < WAITERS; i++) {
		copy = dup(sv[0]);
		ASSERT_LE(0, copy);
		ASSERT_EQ(0, poller_add_data(&self->p, copy,
					     EPOLLIN | EPOLLONESHOT, i));
	}
	ASSERT_EQ(0, start_all(w, &self->p));
	close(sv[1]);
	for (i = 0; i < WAITERS; i++) {
		ASSERT_EQ(1, waiter_join(&w[i]));
		seen |= 1u << w[i].events[0].data.u64;
	}
	EXPECT_EQ((1u << WAITERS) - 1, seen);
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	waiter 1 ---> P1 --exclusive--.
 *	...                            eventfd, written 6 times
 *	waiter 6 ---> P6 --exclusive--'
 */
TEST_F(poller, exclusive_items_share_the_wakeups)
{
	struct poller p[WAITERS];
	struct waiter w[WAITERS];
	int efd = eventfd(0, EFD_CLOEXEC), i;

	for (i = 0; i < WAITERS; i++) {
		ASSERT_EQ(0, poller_open(&p[i], variant->ops));
		ASSERT_EQ(0, poller_add(&p[i], efd, EPOLLIN | EPOLLEXCLUSIVE));
		ASSERT_EQ(0, waiter_start(&w[i], &p[i], 1, SOON));
	}
	for (i = 0; i < WAITERS; i++) {
		ASSERT_EQ(WAITERS - i, asleep(w));
		ASSERT_EQ(0, eventfd_write(efd, 1));
		ASSERT_EQ(WAITERS - i - 1, asleep(w));
	}
	for (i = 0; i < WAITERS; i++) {
		EXPECT_EQ(EPOLLIN, waiter_event(&w[i], efd));
		close(p[i].fd);
	}
	close(efd);
}

/*
 *	waiter 1 ---> P1 ---.
 *	...                  eventfd, written once: all are woken
 *	waiter 6 ---> P6 ---'
 */
TEST_F(poller, plain_items_all_get_the_wakeup)
{
	struct poller p[WAITERS];
	struct waiter w[WAITERS];
	int efd = eventfd(0, EFD_CLOEXEC), i;

	for (i = 0; i < WAITERS; i++) {
		ASSERT_EQ(0, poller_open(&p[i], variant->ops));
		ASSERT_EQ(0, poller_add(&p[i], efd, EPOLLIN));
		ASSERT_EQ(0, waiter_start(&w[i], &p[i], 1, SOON));
	}
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(0, asleep(w));
	for (i = 0; i < WAITERS; i++) {
		EXPECT_EQ(EPOLLIN, waiter_event(&w[i], efd));
		close(p[i].fd);
	}
	close(efd);
}

/*
 *	P1 (nobody waits) --exclusive--.
 *	                                eventfd
 *	P2 (a waiter)     --exclusive--'
 *
 * P1 does not absorb a wake-up that finds no waiter there.
 */
TEST_F(poller, exclusive_wakeup_finds_a_waiter)
{
	struct poller other[3];
	struct waiter w;
	int efd, i;

	efd = eventfd(0, EFD_CLOEXEC);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, poller_open(&other[i], variant->ops));
		ASSERT_EQ(0, poller_add(&other[i], efd,
					EPOLLIN | EPOLLEXCLUSIVE));
		if (i == 1) {
			ASSERT_EQ(0, poller_add(&self->p, efd,
						EPOLLIN | EPOLLEXCLUSIVE));
		}
	}
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, efd));
	for (i = 0; i < 3; i++)
		close(other[i].fd);
	close(efd);
}

TEST_HARNESS_MAIN

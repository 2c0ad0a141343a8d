// SPDX-License-Identifier: GPL-2.0
/*
 * Which of several candidates is woken: waiters on one instance, and exclusive items on
 * one file.
 */
#include <fcntl.h>
#include <sys/eventfd.h>

#include "fixture.h"
#include "waiter.h"

#define CROWD 4

/* An instance whose waiters are woken in the order in which they came. */
static int open_fifo(struct poller *p)
{
	struct repoll_create args = { .flags = REPOLL_CLOEXEC | REPOLL_FIFO };
	int node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);

	p->ops = &repoll_ops;
	p->fd = ioctl(node, REPOLL_CREATE, &args);
	close(node);
	return p->fd < 0 ? -errno : 0;
}

/*
 * Makes waiters sleep on the instance, one after the other, and wakes one at a time.
 * Returns the order in which they were woken, as digits.
 */
static long order_of_waiters(const struct poller *p)
{
	struct waiter w[CROWD];
	int i, k, efd = eventfd(0, EFD_CLOEXEC);
	long order = 0;

	if (poller_add(p, efd, EPOLLIN | EPOLLET))
		return -1;
	for (i = 0; i < CROWD; i++)
		if (waiter_start(&w[i], p, 1, SOON))
			return -1;
	for (k = 0; k < CROWD; k++) {
		bool known[CROWD];
		int woken = -1;

		for (i = 0; i < CROWD; i++)
			known[i] = waiter_sleeps(&w[i]);
		eventfd_write(efd, 1);
		for (i = 0; i < CROWD; i++)
			if (known[i] && !waiter_sleeps(&w[i]))
				woken = woken < 0 ? i : CROWD;
		if (woken < 0 || woken >= CROWD || waiter_join(&w[woken]) != 1)
			return -1;
		order = order * 10 + woken + 1;
	}
	close(efd);
	return order;
}

/*
 *	4 waiters ---> P: the waiter that came last is woken first
 */
TEST_F(poller, last_waiter_is_first)
{
	EXPECT_EQ(4321, order_of_waiters(&self->p));
}

/*
 *	4 waiters ---> P with REPOLL_FIFO: the waiter that came first is woken first
 */
TEST(first_waiter_is_first)
{
	struct poller p;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, open_fifo(&p));
	EXPECT_EQ(1234, order_of_waiters(&p));
	close(p.fd);
}

/* Watches the file exclusively and, with @turns, in turn. */
static int add_exclusive(const struct poller *p, int fd, bool turns)
{
	return turns ? poller_add_in_turn(p, fd) :
		       poller_add(p, fd, EPOLLIN | EPOLLEXCLUSIVE);
}

/*
 * Makes a waiter sleep on each of the instances, and makes @rounds events of the file
 * that they all watch. After each event, the waiter that received it sleeps again.
 * Returns how many events each received, as digits.
 */
static long shares(const struct poller_ops *ops, bool turns, int rounds)
{
	struct poller p[CROWD];
	struct waiter w[CROWD];
	int i, k, efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), had[CROWD] = { };
	eventfd_t value;

	for (i = 0; i < CROWD; i++)
		if (poller_open(&p[i], ops) || add_exclusive(&p[i], efd, turns) ||
		    waiter_start(&w[i], &p[i], 1, SOON))
			return -1;
	for (k = 0; k < rounds; k++) {
		int woken = -1;

		eventfd_write(efd, 1);
		for (i = 0; i < CROWD; i++)
			if (!waiter_sleeps(&w[i]))
				woken = woken < 0 ? i : CROWD;
		if (woken < 0 || woken >= CROWD || waiter_join(&w[woken]) != 1 ||
		    eventfd_read(efd, &value))
			return -1;
		had[woken]++;
		if (waiter_start(&w[woken], &p[woken], 1, SOON))
			return -1;
	}
	eventfd_write(efd, 1);
	for (i = k = 0; i < CROWD; i++) {
		/*
		 * The items stay ready, so each waiter scans and finds its event when it
		 * is woken.
		 */
		poller_add(&p[i], eventfd(1, EFD_CLOEXEC), EPOLLIN);
		waiter_join(&w[i]);
		close(p[i].fd);
		k = k * 10 + had[i];
	}
	close(efd);
	return k;
}

/*
 *	4 waiters ---> 4 instances ---> file, exclusively: one of them receives all events
 */
TEST_F(poller, exclusive_items_do_not_take_turns)
{
	EXPECT_EQ(8000, shares(variant->ops, false, 8));
}

/*
 *	the same, with round robin: each has its share of the events
 */
TEST(exclusive_items_take_turns)
{
	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	EXPECT_EQ(2222, shares(&repoll_ops, true, 8));
	EXPECT_EQ(2221, shares(&repoll_ops, true, 7));
}

/*
 *	only new exclusive items can take turns
 */
TEST(turns_are_for_exclusive_items)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct repoll_ctl args = { .op = EPOLL_CTL_ADD,
				   .fd = eventfd(0, EFD_CLOEXEC),
				   .flags = REPOLL_ROUND_ROBIN,
				   .event = (uintptr_t)&event };
	struct poller p;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&p, &repoll_ops));
	EXPECT_EQ(-1, ioctl(p.fd, REPOLL_CTL, &args));
	EXPECT_EQ(EINVAL, errno);
	event.events |= EPOLLEXCLUSIVE;
	args.op = EPOLL_CTL_MOD;
	EXPECT_EQ(-1, ioctl(p.fd, REPOLL_CTL, &args));
	EXPECT_EQ(EINVAL, errno);
	args.op = EPOLL_CTL_DEL;
	EXPECT_EQ(-1, ioctl(p.fd, REPOLL_CTL, &args));
	EXPECT_EQ(EINVAL, errno);
	args.op = EPOLL_CTL_ADD;
	EXPECT_EQ(0, ioctl(p.fd, REPOLL_CTL, &args));
	close(p.fd);
	close(args.fd);
}

TEST_HARNESS_MAIN

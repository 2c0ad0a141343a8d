// SPDX-License-Identifier: GPL-2.0
/*
 * An instance in an instance, of the same kind or of the other.
 *
 * The inner instance is a file that is readable while it has events to deliver.
 * graph.c tests which graphs are allowed.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/select.h>

#include "pair.h"
#include "require.h"
#include "sleeper.h"
#include "waiter.h"

FIXTURE(nesting) {
	struct poller outer, inner;
	int efd;
};

FIXTURE_VARIANT(nesting) {
	const struct poller_ops *outer, *inner;
};

FIXTURE_VARIANT_ADD(nesting, native_in_native) {
	.outer = &native_ops,
	.inner = &native_ops,
};

FIXTURE_VARIANT_ADD(nesting, repoll_in_repoll) {
	.outer = &repoll_ops,
	.inner = &repoll_ops,
};

FIXTURE_VARIANT_ADD(nesting, native_in_repoll) {
	.outer = &repoll_ops,
	.inner = &native_ops,
};

FIXTURE_VARIANT_ADD(nesting, repoll_in_native) {
	.outer = &native_ops,
	.inner = &repoll_ops,
};

FIXTURE_SETUP(nesting) {
	if ((variant->outer == &repoll_ops || variant->inner == &repoll_ops) &&
	    may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&self->outer, variant->outer));
	ASSERT_EQ(0, poller_open(&self->inner, variant->inner));
	self->efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->efd);
}

FIXTURE_TEARDOWN(nesting) {
	close(self->efd);
	close(self->inner.fd);
	close(self->outer.fd);
}

/* outer --(outside)--> inner --(inside)--> eventfd */
static int link_up(FIXTURE_DATA(nesting) * self, uint32_t outside,
		   uint32_t inside)
{
	int err = poller_add(&self->inner, self->efd, inside);

	return err ? err : poller_add(&self->outer, self->inner.fd, outside);
}

static bool outer_reports(FIXTURE_DATA(nesting) * self)
{
	return poller_now(&self->outer, self->inner.fd) == EPOLLIN;
}

static bool inner_reports(FIXTURE_DATA(nesting) * self)
{
	return poller_now(&self->inner, self->efd) == EPOLLIN;
}

static bool is_readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1 && pfd.revents == POLLIN;
}

static bool is_selected(int fd)
{
	struct timeval zero = {};
	fd_set in;

	FD_ZERO(&in);
	FD_SET(fd, &in);
	return select(fd + 1, &in, NULL, NULL, &zero) == 1;
}

/*
 *	wait, poll, select ---> O ---> I ---> eventfd, written and read
 */
TEST_F(nesting, readiness_shows_outside)
{
	int round;

	ASSERT_EQ(0, link_up(self, EPOLLIN, EPOLLIN));
	for (round = 0; round < 3; round++) {
		EXPECT_EQ(0, poller_count(&self->outer));
		EXPECT_FALSE(is_readable(self->outer.fd));
		EXPECT_FALSE(is_selected(self->outer.fd));

		ASSERT_EQ(0, eventfd_write(self->efd, 1));
		EXPECT_TRUE(is_readable(self->outer.fd));
		EXPECT_TRUE(is_selected(self->outer.fd));
		EXPECT_TRUE(outer_reports(self));
		EXPECT_TRUE(inner_reports(self));
		/* Fetching has consumed neither level. */
		EXPECT_TRUE(outer_reports(self));
		EXPECT_TRUE(is_readable(self->outer.fd));
		ASSERT_EQ(0, drain(self->efd));
	}
}

/*
 *	O ---> I ---> pipe whose write end is closed: I is readable, without other events
 */
TEST_F(nesting, hang_up_stays_inside)
{
	int fds[2];

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	ASSERT_EQ(0, poller_add(&self->inner, fds[0], 0));
	ASSERT_EQ(0, poller_add(&self->outer, self->inner.fd, 0x1fff));
	EXPECT_EQ(0, poller_count(&self->outer));
	close(fds[1]);
	EXPECT_EQ(EPOLLHUP, poller_now(&self->inner, fds[0]));
	EXPECT_EQ(EPOLLIN | EPOLLRDNORM,
		  poller_now(&self->outer, self->inner.fd));
	close(fds[0]);
}

/*
 *	O --edge--> I ---> eventfd: each write is an edge, the level is not reported
 */
TEST_F(nesting, edge_outside)
{
	ASSERT_EQ(0, link_up(self, EPOLLIN | EPOLLET, EPOLLIN));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	EXPECT_TRUE(outer_reports(self));
	EXPECT_FALSE(outer_reports(self));
	EXPECT_TRUE(inner_reports(self));
	EXPECT_FALSE(outer_reports(self));

	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	EXPECT_TRUE(outer_reports(self));
	EXPECT_FALSE(outer_reports(self));
	ASSERT_EQ(0, drain(self->efd));
	EXPECT_FALSE(outer_reports(self));
}

/*
 *	O ---> I --edge--> eventfd: O shows it until it is fetched from I
 */
TEST_F(nesting, edge_inside)
{
	ASSERT_EQ(0, link_up(self, EPOLLIN, EPOLLIN | EPOLLET));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	EXPECT_TRUE(outer_reports(self));
	EXPECT_TRUE(outer_reports(self));
	EXPECT_TRUE(inner_reports(self));
	EXPECT_FALSE(outer_reports(self));
	EXPECT_FALSE(inner_reports(self));

	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	EXPECT_TRUE(outer_reports(self));
	EXPECT_TRUE(inner_reports(self));
	EXPECT_FALSE(outer_reports(self));
}

/*
 *	O --edge--> I --edge--> eventfd: one report of each for each write
 */
TEST_F(nesting, edges_on_both_sides)
{
	int round;

	ASSERT_EQ(0, link_up(self, EPOLLIN | EPOLLET, EPOLLIN | EPOLLET));
	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, eventfd_write(self->efd, 1));
		EXPECT_TRUE(outer_reports(self));
		EXPECT_FALSE(outer_reports(self));
		EXPECT_TRUE(inner_reports(self));
		EXPECT_FALSE(inner_reports(self));
		EXPECT_FALSE(outer_reports(self));
	}
}

/*
 *	O --one-shot--> I ---> ready eventfd
 */
TEST_F(nesting, oneshot_outside)
{
	ASSERT_EQ(0, link_up(self, EPOLLIN | EPOLLONESHOT, EPOLLIN));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	EXPECT_TRUE(outer_reports(self));
	EXPECT_FALSE(outer_reports(self));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	EXPECT_FALSE(outer_reports(self));
	ASSERT_EQ(0, poller_mod(&self->outer, self->inner.fd,
				EPOLLIN | EPOLLONESHOT));
	EXPECT_TRUE(outer_reports(self));
	EXPECT_FALSE(outer_reports(self));
}

/*
 *	O ---> I ---> eventfd, written; drained before anyone polls O
 */
TEST_F(nesting, what_is_over_is_not_reported)
{
	static const uint32_t modes[] = { 0, EPOLLET };
	int i;

	ASSERT_EQ(0, link_up(self, EPOLLIN, EPOLLIN));
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		ASSERT_EQ(0, poller_mod(&self->outer, self->inner.fd,
					EPOLLIN | modes[i]));
		ASSERT_EQ(0, eventfd_write(self->efd, 1));
		ASSERT_EQ(0, drain(self->efd));
		EXPECT_EQ(0, poller_count(&self->outer));
		EXPECT_FALSE(is_readable(self->outer.fd));
		EXPECT_EQ(0, poller_count(&self->inner));
		ASSERT_EQ(0, eventfd_write(self->efd, 1));
		EXPECT_TRUE(outer_reports(self));
		ASSERT_EQ(0, drain(self->efd));
	}
}

/*
 *	waiter ---> O ---> I <--- ADD, MOD, DEL of a ready eventfd
 */
TEST_F(nesting, inner_list_changes)
{
	struct waiter w;

	ASSERT_EQ(0, poller_add(&self->outer, self->inner.fd, EPOLLIN));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	ASSERT_EQ(0, waiter_start(&w, &self->outer, 1, SOON));
	ASSERT_EQ(0, poller_add(&self->inner, self->efd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, self->inner.fd));

	ASSERT_EQ(0, poller_mod(&self->inner, self->efd, EPOLLPRI));
	EXPECT_EQ(0, poller_count(&self->outer));
	ASSERT_EQ(0, waiter_start(&w, &self->outer, 1, SOON));
	ASSERT_EQ(0, poller_mod(&self->inner, self->efd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, self->inner.fd));

	ASSERT_EQ(0, poller_del(&self->inner, self->efd));
	EXPECT_EQ(0, poller_count(&self->outer));
}

/*
 *	O <--- MOD, DEL of I, which is ready
 */
TEST_F(nesting, outer_list_changes)
{
	struct waiter w;

	ASSERT_EQ(0, link_up(self, EPOLLIN, EPOLLIN));
	EXPECT_EQ(-EEXIST, poller_add(&self->outer, self->inner.fd, EPOLLIN));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	EXPECT_TRUE(outer_reports(self));
	ASSERT_EQ(0, poller_mod(&self->outer, self->inner.fd, EPOLLOUT));
	EXPECT_EQ(0, poller_count(&self->outer));
	ASSERT_EQ(0, waiter_start(&w, &self->outer, 1, SOON));
	ASSERT_EQ(0, poller_mod(&self->outer, self->inner.fd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, self->inner.fd));

	ASSERT_EQ(0, poller_del(&self->outer, self->inner.fd));
	EXPECT_EQ(-ENOENT, poller_del(&self->outer, self->inner.fd));
	EXPECT_EQ(0, poller_count(&self->outer));
	ASSERT_EQ(0, waiter_start(&w, &self->outer, 1, SOON));
	ASSERT_EQ(0, poller_add(&self->outer, self->inner.fd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, self->inner.fd));
}

/*
 *	O --exclusive--> I: refused
 */
TEST_F(nesting, exclusive_is_refused)
{
	/* For native epoll, a repoll is a file like any other. */
	if (variant->outer == &native_ops && variant->inner == &repoll_ops)
		return;
	EXPECT_EQ(-EINVAL, poller_add(&self->outer, self->inner.fd,
				      EPOLLIN | EPOLLEXCLUSIVE));
	EXPECT_EQ(-ENOENT, poller_del(&self->outer, self->inner.fd));
	ASSERT_EQ(0, link_up(self, EPOLLIN, EPOLLIN | EPOLLEXCLUSIVE));
	EXPECT_EQ(-EINVAL, poller_mod(&self->outer, self->inner.fd,
				      EPOLLIN | EPOLLEXCLUSIVE));
	/* This is also refused under another number. */
	EXPECT_EQ(-EINVAL, poller_add(&self->outer, dup(self->inner.fd),
				      EPOLLIN | EPOLLEXCLUSIVE));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	EXPECT_EQ(1, poller_count(&self->outer));
	EXPECT_TRUE(outer_reports(self));
}

/*
 *	O --(fd)----> I ---> eventfd
 *	  `-(copy)---'
 */
TEST_F(nesting, inner_under_two_numbers)
{
	int copy = dup(self->inner.fd);

	ASSERT_LE(0, copy);
	ASSERT_EQ(0, link_up(self, EPOLLIN, EPOLLIN));
	EXPECT_EQ(-ENOENT, poller_mod(&self->outer, copy, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->outer, copy, EPOLLIN | EPOLLET));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	EXPECT_EQ(2, poller_count(&self->outer));
	EXPECT_EQ(1, poller_count(&self->outer));
	EXPECT_TRUE(outer_reports(self));

	/* The open file stays, and with it both items. */
	close(copy);
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	EXPECT_EQ(2, poller_count(&self->outer));
	EXPECT_EQ(-EBADF, poller_del(&self->outer, copy));
}

/*
 *	  .---> I ----.
 *	O              eventfd, written once
 *	  `---> I' ---'
 */
TEST_F(nesting, two_ways_to_a_file)
{
	struct poller other;
	struct waiter w;

	ASSERT_EQ(0, poller_open(&other, variant->inner));
	ASSERT_EQ(0, poller_add(&other, self->efd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->outer, other.fd, EPOLLIN | EPOLLET));
	ASSERT_EQ(0, link_up(self, EPOLLIN | EPOLLET, EPOLLIN));
	ASSERT_EQ(0, waiter_start(&w, &self->outer, 1, SOON));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	EXPECT_EQ(1, waiter_join(&w));
	/*
	 * The wake-up through the other instance may have come after the wait.
	 */
	EXPECT_EQ(1, poller_count(&self->outer));
	EXPECT_EQ(0, poller_count(&self->outer));
	close(other.fd);
}

/*
 *	O ---> 8 instances, each with a separate eventfd, in some order
 */
TEST_F(nesting, many_inside)
{
	static const int order[] = { 3, 0, 7, 5, 1, 6, 2, 4 };
	struct poller inner[ARRAY_SIZE(order)];
	struct epoll_event events[ARRAY_SIZE(order)];
	int fds[ARRAY_SIZE(order)], n = ARRAY_SIZE(order), i;

	for (i = 0; i < n; i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ASSERT_EQ(0, poller_open(&inner[i], variant->inner));
		ASSERT_EQ(0, poller_add(&inner[i], fds[i], EPOLLIN));
		ASSERT_EQ(0, poller_add_data(&self->outer, inner[i].fd,
					     EPOLLIN, i));
	}
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, eventfd_write(fds[order[i]], 1));
	}
	/* Two are no longer ready before anyone polls. */
	ASSERT_EQ(0, drain(fds[order[2]]));
	ASSERT_EQ(0, drain(fds[order[n - 1]]));
	ASSERT_EQ(n - 2, poller_wait(&self->outer, events, n, NOT_AT_ALL));
	for (i = 0; i < n - 2; i++) {
		EXPECT_EQ(order[i < 2 ? i : i + 1], events[i].data.u64);
	}
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, drain(fds[i]));
	}
	EXPECT_EQ(0, poller_count(&self->outer));
	for (i = 0; i < n; i++) {
		close(inner[i].fd);
		close(fds[i]);
	}
}

/*
 *	waiter ---> O ---> I, which is closed while it is ready, or is not
 *	              `--> another eventfd
 */
TEST_F(nesting, inner_is_closed)
{
	int other = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), ready;
	struct waiter w;

	ASSERT_EQ(0, poller_add(&self->outer, other, EPOLLIN));
	for (ready = 0; ready < 2; ready++) {
		ASSERT_EQ(0, link_up(self, EPOLLIN, EPOLLIN));
		if (ready) {
			ASSERT_EQ(0, eventfd_write(self->efd, 1));
			EXPECT_TRUE(outer_reports(self));
			close(self->inner.fd);
			EXPECT_EQ(0, poller_count(&self->outer));
		} else {
			ASSERT_EQ(0, waiter_start(&w, &self->outer, 2, SOON));
			close(self->inner.fd);
			EXPECT_TRUE(waiter_sleeps(&w));
			/* The eventfd has no watcher any more. */
			ASSERT_EQ(0, eventfd_write(self->efd, 1));
			EXPECT_TRUE(waiter_sleeps(&w));
			ASSERT_EQ(0, eventfd_write(other, 1));
			EXPECT_EQ(EPOLLIN, waiter_event(&w, other));
			ASSERT_EQ(0, drain(other));
			ASSERT_EQ(0, drain(self->efd));
		}
		ASSERT_EQ(0, poller_open(&self->inner, variant->inner));
	}
	close(other);
}

/*
 *	O ---> I ---> eventfd: O is closed; I goes into another
 */
TEST_F(nesting, outer_is_closed)
{
	int round;

	ASSERT_EQ(0, poller_add(&self->inner, self->efd, EPOLLIN));
	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, poller_add(&self->outer, self->inner.fd, EPOLLIN));
		ASSERT_EQ(0, eventfd_write(self->efd, 1));
		EXPECT_TRUE(outer_reports(self));
		close(self->outer.fd);
		EXPECT_TRUE(inner_reports(self));
		ASSERT_EQ(0, drain(self->efd));
		EXPECT_FALSE(inner_reports(self));
		ASSERT_EQ(0, poller_open(&self->outer, variant->outer));
	}
}

TEST_HARNESS_MAIN

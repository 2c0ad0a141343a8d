// SPDX-License-Identifier: GPL-2.0
/*
 * An io_uring that polls an instance, and an instance that watches an io_uring.
 */
#include <sys/eventfd.h>

#include "fixture.h"
#include "pair.h"
#include "ring.h"

/*
 *	ring --poll, once--> P ---> eventfd
 */
TEST_F(poller, poll_completes_once)
{
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), round;
	struct ring r;

	if (ring_open(&r))
		SKIP(return, "no io_uring");
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, ring_poll(&r, self->p.fd, 0));
		EXPECT_TRUE(ring_is_empty(&r));
		ASSERT_EQ(0, eventfd_write(efd, 1));
		EXPECT_EQ(POLLIN, ring_next(&r, 0));
		/*
		 * If the instance is ready already, the request completes at
		 * once.
		 */
		ASSERT_EQ(0, ring_poll(&r, self->p.fd, 0));
		EXPECT_EQ(POLLIN, ring_next(&r, 0));
		EXPECT_TRUE(ring_is_empty(&r));
		EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
		ASSERT_EQ(0, drain(efd));
	}
	close(r.fd);
	close(efd);
}

/*
 *	ring --poll, again and again--> P ---> eventfd
 */
TEST_F(poller, poll_completes_again_and_again)
{
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), round;
	struct ring r;

	if (ring_open(&r))
		SKIP(return, "no io_uring");
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLET));
	ASSERT_EQ(0, ring_poll(&r, self->p.fd, IORING_POLL_ADD_MULTI));
	for (round = 0; round < 5; round++) {
		EXPECT_TRUE(ring_is_empty(&r));
		ASSERT_EQ(0, eventfd_write(efd, 1));
		EXPECT_EQ(POLLIN, ring_next(&r, IORING_CQE_F_MORE));
		EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	}
	/* Changes of the list are also events. */
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLIN));
	EXPECT_EQ(POLLIN, ring_next(&r, IORING_CQE_F_MORE));
	close(r.fd);
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	close(efd);
}

/*
 *	ring --poll--> P, which is closed: the request keeps it open until the ring
 *	is closed
 */
TEST_F(poller, instance_is_closed_under_a_ring)
{
	int efd = eventfd(0, EFD_CLOEXEC);
	struct poller p;
	struct ring r;

	if (ring_open(&r))
		SKIP(return, "no io_uring");
	ASSERT_EQ(0, poller_open(&p, variant->ops));
	ASSERT_EQ(0, poller_add(&p, efd, EPOLLIN));
	ASSERT_EQ(0, ring_poll(&r, p.fd, 0));
	close(p.fd);
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(POLLIN, ring_next(&r, 0));
	close(r.fd);
	close(efd);
}

/*
 *	P ---> ring --poll, once--> eventfd
 */
TEST_F(poller, ring_is_watched)
{
	int efd = eventfd(0, EFD_CLOEXEC);
	struct ring r;

	if (ring_open(&r))
		SKIP(return, "no io_uring");
	ASSERT_EQ(0, poller_add(&self->p, r.fd, EPOLLIN));
	ASSERT_EQ(0, ring_poll(&r, efd, 0));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(EPOLLIN, poller_next(&self->p, r.fd));
	EXPECT_EQ(POLLIN, ring_next(&r, 0));
	EXPECT_EQ(0, poller_count(&self->p));
	close(r.fd);
	EXPECT_EQ(0, poller_count(&self->p));
	close(efd);
}

/*
 *	ring --poll, again and again--> P ---> eventfd
 *	^-------------------------------'
 *
 * Each completion is an event of P, which causes a completion. The ring ends
 * the request when it notices that it wakes itself.
 */
TEST_F(poller, ring_that_wakes_itself)
{
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), n = 0;
	struct io_uring_cqe cqe;
	struct ring r;

	if (ring_open(&r))
		SKIP(return, "no io_uring");
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, r.fd, EPOLLIN));
	ASSERT_EQ(0, ring_poll(&r, self->p.fd, IORING_POLL_ADD_MULTI));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	do {
		ASSERT_TRUE(ring_take(&r, 1, &cqe));
		EXPECT_EQ(POLLIN, cqe.res);
		n++;
	} while (cqe.flags & IORING_CQE_F_MORE);
	EXPECT_GT(RING_ENTRIES, n);
	ASSERT_EQ(0, drain(efd));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_TRUE(ring_is_empty(&r));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	close(r.fd);
	close(efd);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * An instance that is polled by an io_uring, and one that watches an io_uring.
 */
#include <linux/io_uring.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "pair.h"

#define ENTRIES 16

/* What user space keeps of a ring. */
struct ring {
	int fd;
	struct io_uring_params params;
	char *queues;
	struct io_uring_sqe *sqes;
};

static int ring_open(struct ring *r)
{
	size_t size;

	memset(r, 0, sizeof(*r));
	r->fd = syscall(SYS_io_uring_setup, ENTRIES, &r->params);
	if (r->fd < 0)
		return -errno;
	/* Both queues are in one piece, of which the completions are the end. */
	size = r->params.cq_off.cqes +
	       r->params.cq_entries * sizeof(struct io_uring_cqe);
	r->queues = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, ENTRIES * sizeof(struct io_uring_sqe),
		       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd,
		       IORING_OFF_SQES);
	if (r->queues == MAP_FAILED || r->sqes == MAP_FAILED)
		return -errno;
	return 0;
}

static unsigned int *ring_word(struct ring *r, unsigned int offset)
{
	return (unsigned int *)(r->queues + offset);
}

/* Submits a request to poll @fd for POLLIN. */
static int ring_poll(struct ring *r, int fd, uint32_t flags)
{
	const struct io_sqring_offsets *sq = &r->params.sq_off;
	unsigned int tail = *ring_word(r, sq->tail);
	unsigned int at = tail & *ring_word(r, sq->ring_mask);

	r->sqes[at] = (struct io_uring_sqe) {
		.opcode = IORING_OP_POLL_ADD,
		.fd = fd,
		.len = flags,
		.poll32_events = POLLIN,
	};
	ring_word(r, sq->array)[at] = at;
	__atomic_store_n(ring_word(r, sq->tail), tail + 1, __ATOMIC_RELEASE);
	return syscall(SYS_io_uring_enter, r->fd, 1, 0, 0, NULL, 0) == 1 ?
		0 : -errno;
}

/* Takes a completion out, after waiting for @wanted; false if there is none. */
static bool ring_take(struct ring *r, int wanted, struct io_uring_cqe *cqe)
{
	const struct io_cqring_offsets *cq = &r->params.cq_off;
	unsigned int head = *ring_word(r, cq->head);
	struct io_uring_cqe *cqes = (void *)(r->queues + cq->cqes);

	syscall(SYS_io_uring_enter, r->fd, 0, wanted, IORING_ENTER_GETEVENTS,
		NULL, 0);
	if (__atomic_load_n(ring_word(r, cq->tail), __ATOMIC_ACQUIRE) == head)
		return false;
	*cqe = cqes[head & *ring_word(r, cq->ring_mask)];
	__atomic_store_n(ring_word(r, cq->head), head + 1, __ATOMIC_RELEASE);
	return true;
}

/* The next completion, as soon as there is one: its result. */
static int ring_next(struct ring *r, uint32_t flags)
{
	struct io_uring_cqe cqe = {};

	if (!ring_take(r, 1, &cqe))
		return -ENODATA;
	return cqe.flags == flags ? cqe.res : -EPROTO;
}

static bool ring_is_empty(struct ring *r)
{
	struct io_uring_cqe cqe;

	return !ring_take(r, 0, &cqe);
}

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
		/* What is ready already completes at once. */
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
	/* The list's changes are events as well. */
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLIN));
	EXPECT_EQ(POLLIN, ring_next(&r, IORING_CQE_F_MORE));
	close(r.fd);
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	close(efd);
}

/*
 *	ring --poll--> P, which is closed: the request keeps it, until the ring
 *	goes as well
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
 * Each completion is an event of P, which is a completion. The ring ends the
 * request when it finds that it woke itself.
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
	EXPECT_GT(ENTRIES, n);
	ASSERT_EQ(0, drain(efd));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_TRUE(ring_is_empty(&r));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	close(r.fd);
	close(efd);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * An instance that very many poll, and one of somebody else's: events of the one do
 * not hold up those of the other.
 */
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "pair.h"
#include "require.h"
#include "sleeper.h"
#include "waiter.h"

#define POLLERS 100000
#define ROUNDS 20

/*
 * Instances that watch an epoll, so that a worker wakes who polls them.
 *
 *	first ------------.
 *	100,000 entries ---> many ---> epoll ---> eventfd, written
 *	last -------------'
 *	sleeper -----------> other ---> epoll ---> eventfd, written meanwhile
 *
 * The epoll that was the first to poll the instance is the last to be woken. The kernel
 * lets nobody poll an epoll, nested in such a way, so often.
 */
struct nested {
	struct poller p, epoll;
	int efd;
};

FIXTURE(neighbour) {
	struct nested many, other;
	struct poller first, pollers, last;
};

/* An epoll whose edges are those of the instance. */
static int open_above(struct poller *above, const struct nested *n)
{
	return poller_open(above, &native_ops) ?:
	       poller_add(above, n->p.fd, EPOLLIN | EPOLLET);
}

static int open_nested(struct nested *n)
{
	n->efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return poller_open(&n->p, &repoll_ops) ?:
	       poller_open(&n->epoll, &native_ops) ?:
	       poller_add(&n->epoll, n->efd, EPOLLIN) ?:
	       poller_add(&n->p, n->epoll.fd, EPOLLIN);
}

/* What was written is over, and everybody has seen it. */
static int settle(const struct nested *n)
{
	return drain(n->efd) ?: poller_count(&n->p);
}

FIXTURE_SETUP(neighbour) {
	const struct rlimit files = { 2 * POLLERS, 2 * POLLERS };
	int i, err = 0, copy;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	if (setrlimit(RLIMIT_NOFILE, &files))
		SKIP(return, "only root may open that many files");
	ASSERT_EQ(0, open_nested(&self->many));
	ASSERT_EQ(0, open_nested(&self->other));
	ASSERT_EQ(0, open_above(&self->last, &self->many));
	ASSERT_EQ(0, poller_open(&self->pollers, &native_ops));
	for (i = 0; i < POLLERS && !err; i++) {
		copy = dup(self->many.p.fd);
		err = copy < 0 ? -errno :
		      poller_add(&self->pollers, copy, EPOLLIN | EPOLLET);
	}
	if (err == -ENOSPC)
		SKIP(return, "epoll lets nobody have that many items");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, open_above(&self->first, &self->many));
}

/* The end of the process is quicker. */
FIXTURE_TEARDOWN(neighbour) {
}

/*
 * The neighbour's event arrives while those who poll the instance are being woken: the
 * first of them was, the last one was not. On a busy host it may be late now and then.
 */
TEST_F_TIMEOUT(neighbour, is_woken_meanwhile, 600)
{
	struct sleeper sleeper;
	int round, meanwhile = 0;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "whoever wakes them has the only processor");
	for (round = 0; round < ROUNDS; round++) {
		ASSERT_EQ(0, sleeper_start(&sleeper, self->other.p.fd));
		ASSERT_EQ(0, eventfd_write(self->many.efd, 1));
		ASSERT_EQ(POLLIN, await(self->first.fd, POLLIN));
		ASSERT_EQ(0, eventfd_write(self->other.efd, 1));
		ASSERT_EQ(1, sleeper_join(&sleeper));
		if (!poller_count(&self->last)) {
			meanwhile++;
			ASSERT_EQ(POLLIN, await(self->last.fd, POLLIN));
			ASSERT_EQ(1, poller_count(&self->last));
		}
		ASSERT_EQ(1, poller_count(&self->first));
		ASSERT_EQ(0, settle(&self->other));
		ASSERT_EQ(0, settle(&self->many));
	}
	TH_LOG("%d times of %d", meanwhile, ROUNDS);
	EXPECT_LT(0, meanwhile);
}

TEST_HARNESS_MAIN

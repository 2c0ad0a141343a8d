// SPDX-License-Identifier: GPL-2.0
/*
 * An instance with very many pollers, and an instance of another user: events of the
 * first do not delay events of the second.
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
 * Instances that watch an epoll, so that a worker wakes their pollers.
 *
 *	first ------------.
 *	100,000 entries ---> many ---> epoll ---> eventfd, written
 *	last -------------'
 *	sleeper -----------> other ---> epoll ---> eventfd, written meanwhile
 *
 * The epoll that was the first to poll the instance is the last to be woken. The kernel
 * does not allow that many pollers of an epoll in such a nest.
 */
struct nested {
	struct poller p, epoll;
	int efd;
};

FIXTURE(neighbour) {
	struct nested many, other;
	struct poller first, pollers, last;
};

/* An epoll that watches the instance, edge-triggered. */
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

/* Consumes the event, and makes everyone see that. */
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
		SKIP(return, "epoll's limit on items is too low");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, open_above(&self->first, &self->many));
}

/* The end of the process is faster. */
FIXTURE_TEARDOWN(neighbour) {
}

/*
 * The other instance's event arrives while the pollers of the first are being woken: the
 * first poller was woken, the last was not. On a busy host, the event may sometimes be
 * late.
 */
TEST_F_TIMEOUT(neighbour, is_woken_meanwhile, 600)
{
	struct sleeper sleeper;
	int round, meanwhile = 0;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "the waker occupies the only processor");
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

// SPDX-License-Identifier: GPL-2.0
/*
 * Instances nested to the greatest allowed depth: an event wakes the sleepers
 * at all levels.
 *
 *	waiter    waiter    waiter            waiter
 *	  |         |         |                 |
 *	level 0 ---> 1 -----> 2 ---> ... ---> last ---> eventfd
 */
#include <sched.h>
#include <sys/eventfd.h>

#include "pair.h"
#include "require.h"
#include "sleeper.h"
#include "waiter.h"

/* The greatest depth that epoll allows. */
#define LEVELS 5

FIXTURE(chain) {
	struct poller p[LEVELS];
	int levels, efd;
};

FIXTURE_VARIANT(chain) {
	/* The kinds of the levels, alternating, and the number of levels. */
	const struct poller_ops *even, *odd;
	int levels;
};

FIXTURE_VARIANT_ADD(chain, native) {
	.even = &native_ops,
	.odd = &native_ops,
	.levels = LEVELS,
};

FIXTURE_VARIANT_ADD(chain, repoll) {
	.even = &repoll_ops,
	.odd = &repoll_ops,
	.levels = LEVELS,
};

FIXTURE_VARIANT_ADD(chain, repoll_outside) {
	.even = &repoll_ops,
	.odd = &native_ops,
	.levels = 4,
};

FIXTURE_VARIANT_ADD(chain, native_outside) {
	.even = &native_ops,
	.odd = &repoll_ops,
	.levels = 4,
};

FIXTURE_SETUP(chain) {
	int i;

	if ((variant->even == &repoll_ops || variant->odd == &repoll_ops) &&
	    may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	self->levels = variant->levels;
	for (i = 0; i < self->levels; i++) {
		ASSERT_EQ(0, poller_open(&self->p[i],
					 i % 2 ? variant->odd : variant->even));
	}
	self->efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->efd);
}

FIXTURE_TEARDOWN(chain) {
	int i;

	for (i = 0; i < self->levels; i++)
		close(self->p[i].fd);
	close(self->efd);
}

/* The file that level @i watches. */
static int below(FIXTURE_DATA(chain) * self, int i)
{
	return i + 1 < self->levels ? self->p[i + 1].fd : self->efd;
}

/* Links all levels, from the top down or the other way round. */
static int link_all(FIXTURE_DATA(chain) * self, uint32_t events, bool down)
{
	int i, level, err = 0;

	for (i = 0; i < self->levels && !err; i++) {
		level = down ? i : self->levels - 1 - i;
		err = poller_add(&self->p[level], below(self, level), events);
	}
	return err;
}

/*
 * The levels, as bits, that report the file below them. They are polled from
 * the bottom up: a repoll notices only in a wait that an epoll in it is not
 * ready any more.
 */
static unsigned int reporting(FIXTURE_DATA(chain) * self)
{
	unsigned int levels = 0;
	int i;

	for (i = self->levels - 1; i >= 0; i--)
		if (poller_now(&self->p[i], below(self, i)) == EPOLLIN)
			levels |= 1u << i;
	return levels;
}

/*
 *	without waiters: all levels report the event while it lasts
 */
TEST_F(chain, all_levels_show_it)
{
	const unsigned int all = (1u << self->levels) - 1;

	ASSERT_EQ(0, link_all(self, EPOLLIN, true));
	EXPECT_EQ(0, reporting(self));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	EXPECT_EQ(POLLIN, await(self->p[0].fd, POLLIN));
	EXPECT_EQ(all, reporting(self));
	EXPECT_EQ(all, reporting(self));
	ASSERT_EQ(0, drain(self->efd));
	EXPECT_EQ(0, reporting(self));
}

/* Deletes all links. */
static int unlink_all(FIXTURE_DATA(chain) * self)
{
	int i, err = 0;

	for (i = 0; i < self->levels && !err; i++)
		err = poller_del(&self->p[i], below(self, i));
	return err;
}

/*
 *	a waiter at level 0; the chain is linked from the top, or from the bottom
 */
TEST_F(chain, outermost_waiter_is_woken)
{
	static const uint32_t modes[] = { 0, EPOLLET, EPOLLONESHOT };
	struct waiter w;
	int i;

	for (i = 0; i < 2 * ARRAY_SIZE(modes); i++) {
		ASSERT_EQ(0, link_all(self, EPOLLIN | modes[i / 2], i % 2));
		ASSERT_EQ(0, waiter_start(&w, &self->p[0], 1, SOON));
		ASSERT_EQ(0, eventfd_write(self->efd, 1));
		EXPECT_EQ(EPOLLIN, waiter_event(&w, below(self, 0)));
		ASSERT_EQ(0, drain(self->efd));
		ASSERT_EQ(0, unlink_all(self));
	}
}

/*
 *	a thread in poll(2) at level 0
 */
TEST_F(chain, outermost_poller_is_woken)
{
	struct sleeper s;

	ASSERT_EQ(0, link_all(self, EPOLLIN, true));
	ASSERT_EQ(0, sleeper_start(&s, self->p[0].fd));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	EXPECT_EQ(1, sleeper_join(&s));
	EXPECT_EQ(POLLIN, s.pfd.revents);
}

/*
 *	a waiter and a thread in poll(2) at each level, all at once
 */
TEST_F(chain, everybody_is_woken)
{
	struct sleeper s[LEVELS];
	struct waiter w[LEVELS];
	int i;

	ASSERT_EQ(0, link_all(self, EPOLLIN, false));
	for (i = 0; i < self->levels; i++) {
		ASSERT_EQ(0, waiter_start(&w[i], &self->p[i], 1, SOON));
		ASSERT_EQ(0, sleeper_start(&s[i], self->p[i].fd));
	}
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	for (i = 0; i < self->levels; i++) {
		EXPECT_EQ(EPOLLIN, waiter_event(&w[i], below(self, i)))
			TH_LOG("level %d", i);
		EXPECT_EQ(1, sleeper_join(&s[i]));
	}
}

/*
 *	each level is deleted and added again during a wait at level 0
 */
TEST_F(chain, broken_link_is_mended)
{
	struct waiter w;
	int i;

	ASSERT_EQ(0, link_all(self, EPOLLIN, true));
	for (i = 0; i < self->levels; i++) {
		ASSERT_EQ(0, waiter_start(&w, &self->p[0], 1, SOON));
		ASSERT_EQ(0, poller_del(&self->p[i], below(self, i)));
		ASSERT_EQ(0, eventfd_write(self->efd, 1));
		EXPECT_TRUE(waiter_sleeps(&w));
		ASSERT_EQ(0, poller_add(&self->p[i], below(self, i), EPOLLIN));
		EXPECT_EQ(EPOLLIN, waiter_event(&w, below(self, 0)));
		ASSERT_EQ(0, drain(self->efd));
		EXPECT_EQ(0, reporting(self));
	}
}

/*
 *	a level in the middle is closed: the levels above report nothing any more
 */
TEST_F(chain, middle_is_closed)
{
	const int middle = self->levels / 2;
	unsigned int lower = 0;
	int i;

	ASSERT_EQ(0, link_all(self, EPOLLIN, true));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	close(self->p[middle].fd);
	for (i = middle + 1; i < self->levels; i++)
		lower |= 1u << i;
	EXPECT_EQ(lower, reporting(self));
	/* The harness will close it again. */
	ASSERT_EQ(0, poller_open(&self->p[middle], self->p[middle].ops));
}

/*
 *	wait, timeout 0		at the same time as	wait, timeout 0
 *	                  `--> level 0 <--'
 *
 * A level that does not change is reported each time.
 */
TEST_F(chain, level_never_flickers)
{
	int64_t end = now_ns() + NSEC_PER_SEC / 10;
	int misses = 0, status;
	pid_t pid;

	ASSERT_EQ(0, link_all(self, EPOLLIN, true));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	EXPECT_EQ(POLLIN, await(self->p[0].fd, POLLIN));
	EXPECT_EQ(1, poller_count(&self->p[0]));
	pid = fork();
	ASSERT_LE(0, pid);
	while (now_ns() < end)
		misses += poller_count(&self->p[0]) != 1;
	if (!pid)
		_exit(misses ? 1 : 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, misses);
	EXPECT_EQ(0, status);
}

struct churn {
	const struct poller *upper, *lower;
	int fd, rounds;
	unsigned int errors;
};

#define ROUNDS 200

/* Adds and deletes one link. */
static void *add_and_delete(void *arg)
{
	struct churn *c = arg;

	for (c->rounds = 0; c->rounds < ROUNDS; c->rounds++) {
		c->errors += poller_add(c->upper, c->lower->fd, EPOLLIN) != 0;
		c->errors += poller_count(c->upper) < 0;
		c->errors += poller_del(c->upper, c->lower->fd) != 0;
	}
	return NULL;
}

/* Adds a separate instance to one, and closes it. */
static void *add_and_close(void *arg)
{
	struct churn *c = arg;
	struct poller p;

	for (c->rounds = 0; c->rounds < ROUNDS; c->rounds++) {
		if (poller_open(&p, c->lower->ops)) {
			c->errors++;
			continue;
		}
		c->errors += poller_add(&p, c->fd, EPOLLIN) != 0;
		c->errors += poller_add(c->upper, p.fd, EPOLLIN) != 0;
		c->errors += poller_count(c->upper) < 0;
		close(p.fd);
	}
	return NULL;
}

/*
 *	a thread for each link: DEL, ADD
 *	a thread: another instance comes and goes at level 1
 *	this thread: writes, reads, waits at level 0
 *
 * If two locks were taken in the wrong order, the threads would deadlock.
 */
TEST_F(chain, links_come_and_go)
{
	struct churn churns[LEVELS] = {};
	pthread_t threads[LEVELS];
	int i, n = self->levels - 1;
	bool busy;

	for (i = 0; i < n; i++) {
		churns[i].upper = &self->p[i];
		churns[i].lower = &self->p[i + 1];
	}
	churns[n].upper = &self->p[0];
	churns[n].lower = &self->p[1];
	churns[n].fd = self->efd;
	ASSERT_EQ(0, poller_add(&self->p[n], self->efd, EPOLLIN));
	for (i = 0; i <= n; i++) {
		ASSERT_EQ(0, pthread_create(&threads[i], NULL,
					    i < n ? add_and_delete : add_and_close,
					    &churns[i]));
	}
	do {
		ASSERT_EQ(0, eventfd_write(self->efd, 1));
		ASSERT_LE(0, poller_count(&self->p[0]));
		ASSERT_EQ(0, drain(self->efd));
		busy = false;
		for (i = 0; i <= n; i++)
			busy |= __atomic_load_n(&churns[i].rounds,
						__ATOMIC_RELAXED) < ROUNDS;
	} while (busy);
	for (i = 0; i <= n; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, churns[i].errors);
	}
	EXPECT_EQ(0, poller_count(&self->p[0]));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Rings of instances of both kinds. Neither kind can see such a ring as a whole, so
 * neither can refuse it.
 *
 *	P1 ---> P2 ---> ... ---> Pn ---> P1
 *	 |       |                |
 *	 F1      F2               Fn	each watches a separate eventfd
 *
 * Nothing hangs, no wake-up goes round without end, and an event on a file is seen all
 * around the ring.
 */
#include <sched.h>
#include <sys/eventfd.h>

#include "missing_page.h"
#include "pair.h"
#include "require.h"
#include "sleeper.h"
#include "waiter.h"

#define LONGEST 4
#define EVENTS 16

FIXTURE(ring) {
	struct poller p[LONGEST];
	int f[LONGEST];
	int n;
};

FIXTURE_VARIANT(ring) {
	/* The kinds, a letter for each instance: native, repoll. */
	const char *kinds;
	/*
	 * If there is an epoll between any two repolls, each of them may continue to
	 * count as ready because of the other, although there is no event any more.
	 */
	bool never_silent;
};

FIXTURE_VARIANT_ADD(ring, of_two) {
	.kinds = "rn",
};

FIXTURE_VARIANT_ADD(ring, of_three) {
	.kinds = "rnn",
};

FIXTURE_VARIANT_ADD(ring, of_three_others) {
	.kinds = "rrn",
};

FIXTURE_VARIANT_ADD(ring, of_four) {
	.kinds = "rnrn",
	.never_silent = true,
};

FIXTURE_SETUP(ring) {
	int i;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	self->n = strlen(variant->kinds);
	for (i = 0; i < self->n; i++) {
		ASSERT_EQ(0, poller_open(&self->p[i], variant->kinds[i] == 'r' ?
					 &repoll_ops : &native_ops));
		self->f[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ASSERT_LE(0, self->f[i]);
		ASSERT_EQ(0, poller_add(&self->p[i], self->f[i], EPOLLIN));
	}
}

FIXTURE_TEARDOWN(ring) {
	int i;

	for (i = 0; i < self->n; i++) {
		close(self->p[i].fd);
		close(self->f[i]);
	}
}

static int next(FIXTURE_DATA(ring) * self, int i)
{
	return self->p[(i + 1) % self->n].fd;
}

/* Links the instances; the last link makes it a ring. */
static int close_ring(FIXTURE_DATA(ring) * self, uint32_t events)
{
	int i, err = 0;

	for (i = 0; i < self->n && !err; i++)
		err = poller_add(&self->p[i], next(self, i), events);
	return err;
}

/* Waits until instance @i reports this; ignores other events. */
static bool reports(FIXTURE_DATA(ring) * self, int i, int fd)
{
	int64_t deadline = now_ns() + SOON;
	struct epoll_event events[EVENTS];
	int n, k;

	while (now_ns() < deadline) {
		n = poller_wait(&self->p[i], events, EVENTS, SOON);
		for (k = 0; k < n; k++)
			if (events[k].data.u64 == fd &&
			    events[k].events == EPOLLIN)
				return true;
	}
	return false;
}

/* Waits until no instance reports anything. */
static bool falls_silent(FIXTURE_DATA(ring) * self)
{
	int64_t deadline = now_ns() + SOON;
	int i, n;

	do {
		n = 0;
		for (i = 0; i < self->n; i++)
			n += poller_count(&self->p[i]);
	} while (n && now_ns() < deadline);
	return !n;
}

/*
 *	write(F) ---> its instance reports it, and all others report the ring
 */
TEST_F(ring, each_file_is_known_all_around)
{
	int written, i;

	ASSERT_EQ(0, close_ring(self, EPOLLIN));
	EXPECT_TRUE(falls_silent(self));
	for (written = 0; written < self->n; written++) {
		ASSERT_EQ(0, eventfd_write(self->f[written], 1));
		for (i = 0; i < self->n; i++) {
			EXPECT_EQ(POLLIN, await(self->p[i].fd, POLLIN));
			EXPECT_TRUE(reports(self, i, i == written ?
					    self->f[i] : next(self, i)))
				TH_LOG("%d of %d", i, written);
		}
		ASSERT_EQ(0, drain(self->f[written]));
		EXPECT_TRUE(variant->never_silent || falls_silent(self));
	}
}

/*
 *	a waiter and a thread in poll(2) on each instance <--- write(F)
 */
TEST_F(ring, all_are_woken)
{
	struct sleeper s[LONGEST];
	struct waiter w[LONGEST];
	int written, i;

	for (written = 0; written < self->n; written++) {
		ASSERT_EQ(0, close_ring(self, EPOLLIN));
		for (i = 0; i < self->n; i++) {
			ASSERT_EQ(0, waiter_start(&w[i], &self->p[i], 1, SOON));
			ASSERT_EQ(0, sleeper_start(&s[i], self->p[i].fd));
		}
		ASSERT_EQ(0, eventfd_write(self->f[written], 1));
		for (i = 0; i < self->n; i++) {
			EXPECT_EQ(1, waiter_join(&w[i]))
				TH_LOG("%d of %d", i, written);
			EXPECT_EQ(1, sleeper_join(&s[i]))
				TH_LOG("%d of %d", i, written);
		}
		ASSERT_EQ(0, drain(self->f[written]));
		for (i = 0; i < self->n; i++) {
			ASSERT_EQ(0, poller_del(&self->p[i], next(self, i)));
		}
		EXPECT_TRUE(falls_silent(self));
	}
}

/*
 *	P1 --one-shot, disarmed--> P2: the ring is closed by a MOD
 */
TEST_F(ring, closed_by_rearming)
{
	const uint32_t mode = EPOLLIN | EPOLLET | EPOLLONESHOT;
	struct waiter w;
	int round, i;

	ASSERT_EQ(0, poller_add(&self->p[0], next(self, 0), mode));
	ASSERT_EQ(0, eventfd_write(self->f[1], 1));
	EXPECT_TRUE(reports(self, 0, next(self, 0)));
	ASSERT_EQ(0, drain(self->f[1]));
	for (i = 1; i < self->n; i++) {
		ASSERT_EQ(0, poller_add(&self->p[i], next(self, i),
					EPOLLIN | EPOLLET));
	}
	for (round = 0; round < 3; round++) {
		EXPECT_TRUE(falls_silent(self));
		ASSERT_EQ(0, poller_mod(&self->p[0], next(self, 0), mode));
		ASSERT_EQ(0, waiter_start(&w, &self->p[0], 1, SOON));
		ASSERT_EQ(0, eventfd_write(self->f[1], 1));
		EXPECT_EQ(1, waiter_join(&w));
		ASSERT_EQ(0, drain(self->f[1]));
	}
}

/*
 *	all are closed, in any order, with wake-ups in progress
 */
TEST_F(ring, closed_in_any_order)
{
	int order, i, k, rest, pick;
	bool gone[LONGEST];

	/* Each order is a number in factorial base. */
	for (order = 0; order < 24; order++) {
		ASSERT_EQ(0, close_ring(self, EPOLLIN));
		for (i = 0; i < self->n; i++) {
			ASSERT_EQ(0, eventfd_write(self->f[i], 1));
			gone[i] = false;
		}
		rest = order;
		for (k = self->n; k > 0; k--) {
			pick = rest % k;
			rest /= k;
			for (i = 0; gone[i] || pick--; i++)
				;
			gone[i] = true;
			close(self->p[i].fd);
			for (i = 0; i < self->n; i++) {
				ASSERT_EQ(0, eventfd_write(self->f[i], 1));
				if (!gone[i]) {
					EXPECT_TRUE(reports(self, i,
							    self->f[i]));
				}
			}
		}
		for (i = 0; i < self->n; i++) {
			ASSERT_EQ(0, drain(self->f[i]));
			ASSERT_EQ(0, poller_open(&self->p[i], self->p[i].ops));
			ASSERT_EQ(0, poller_add(&self->p[i], self->f[i],
						EPOLLIN));
		}
	}
}

/* The data of a thread in the test below. */
struct consumer {
	const struct poller *p;
	int fd;
	unsigned int left;
	pthread_t thread;
};

#define GOODS 500

static void *consume(void *arg)
{
	struct consumer *c = arg;
	struct epoll_event events[EVENTS];
	eventfd_t value;

	while (c->left) {
		if (poller_wait(c->p, events, EVENTS, SOON) < 0)
			break;
		if (!eventfd_read(c->fd, &value))
			__atomic_fetch_sub(&c->left, value, __ATOMIC_RELAXED);
	}
	return NULL;
}

/*
 *	write, write, ... ---> all files <--- a thread for each instance: wait, read
 *
 * A lost wake-up shows as a wait that takes SOON, and a few of them as the test's time
 * limit.
 */
TEST_F(ring, everything_arrives)
{
	struct consumer c[LONGEST];
	int i, round;

	ASSERT_EQ(0, close_ring(self, EPOLLIN | EPOLLET));
	for (i = 0; i < self->n; i++) {
		c[i] = (struct consumer) {
			.p = &self->p[i],
			.fd = self->f[i],
			.left = GOODS,
		};
		ASSERT_EQ(0, pthread_create(&c[i].thread, NULL, consume,
					    &c[i]));
	}
	for (round = 0; round < GOODS; round++) {
		for (i = 0; i < self->n; i++) {
			ASSERT_EQ(0, eventfd_write(self->f[i], 1));
		}
		sched_yield();
	}
	for (i = 0; i < self->n; i++) {
		ASSERT_EQ(0, pthread_join(c[i].thread, NULL));
		EXPECT_EQ(0, c[i].left);
	}
	EXPECT_TRUE(falls_silent(self));
}

/*
 *	R ---> E ---> R, a repoll and an epoll
 *	|      |
 *	FR     FE
 */
FIXTURE(circle) {
	struct poller r, e;
	int fr, fe;
	/* Watches R, edge-triggered. */
	struct poller witness;
};

FIXTURE_SETUP(circle) {
	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&self->r, &repoll_ops));
	ASSERT_EQ(0, poller_open(&self->e, &native_ops));
	ASSERT_EQ(0, poller_open(&self->witness, &native_ops));
	self->fr = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	self->fe = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_EQ(0, poller_add(&self->r, self->fr, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->e, self->fe, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->e, self->r.fd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->r, self->e.fd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->witness, self->r.fd,
				EPOLLIN | EPOLLET));
}

FIXTURE_TEARDOWN(circle) {
	close(self->r.fd);
	close(self->e.fd);
	close(self->witness.fd);
}

/* Lets events go round until none has come for a while. */
static bool calms_down(FIXTURE_DATA(circle) * self)
{
	int64_t deadline = now_ns() + SOON;
	struct epoll_event event;
	int n;

	do {
		n = poller_wait(&self->witness, &event, 1,
				NSEC_PER_SEC / 5);
	} while (n > 0 && now_ns() < deadline);
	return n == 0;
}

/*
 *	wait on R, which polls E, which polls R: no event; then FE: an event
 *
 * E first receives a wrong answer from R, which is corrected.
 */
TEST_F(circle, wrong_answer_inside_is_mended)
{
	struct epoll_event events[EVENTS];

	ASSERT_EQ(0, eventfd_write(self->fr, 1));
	ASSERT_EQ(0, drain(self->fr));
	ASSERT_EQ(0, eventfd_write(self->fe, 1));
	ASSERT_TRUE(calms_down(self));
	ASSERT_EQ(1, poller_wait(&self->r, events, EVENTS, NOT_AT_ALL));
	EXPECT_EQ(self->e.fd, events[0].data.u64);
	EXPECT_EQ(EPOLLIN, poller_now(&self->e, self->r.fd));
}

/*
 *	wait on R, which polls E, which polls R, which has not polled FR yet
 */
TEST_F(circle, what_is_not_reached_yet_counts_inside)
{
	struct epoll_event events[EVENTS];

	ASSERT_EQ(0, eventfd_write(self->fe, 1));
	ASSERT_EQ(0, eventfd_write(self->fr, 1));
	ASSERT_EQ(0, drain(self->fe));
	ASSERT_TRUE(calms_down(self));
	ASSERT_EQ(2, poller_wait(&self->r, events, EVENTS, NOT_AT_ALL));
	EXPECT_EQ(self->e.fd, events[0].data.u64);
	EXPECT_EQ(self->fr, events[1].data.u64);
	EXPECT_EQ(EPOLLIN, poller_now(&self->e, self->r.fd));
}

/*
 *	waiter (stopped) <--- E <--- R <--- waiter (held off) <--- poll(R)
 *
 * An epoll that is being polled counts as ready for all others.
 */
TEST(epoll_counts_while_it_is_asked)
{
	int first = eventfd(1, EFD_CLOEXEC), second = eventfd(0, EFD_CLOEXEC);
	struct pollfd look = { .events = POLLIN };
	struct waiter inner, outer;
	struct poller r, e;
	struct missing_page missing;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	if (missing_page_make(&missing))
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, poller_open(&r, &repoll_ops));
	ASSERT_EQ(0, poller_open(&e, &native_ops));
	look.fd = r.fd;
	ASSERT_EQ(0, poller_add(&e, first, EPOLLIN));
	ASSERT_EQ(0, poller_add(&e, second, EPOLLIN));
	ASSERT_EQ(0, poller_add(&r, e.fd, EPOLLIN | EPOLLET));
	EXPECT_EQ(EPOLLIN, poller_now(&r, e.fd));
	ASSERT_EQ(0, waiter_start(&outer, &r, 1, SOON));
	ASSERT_EQ(0, waiter_start_into(&inner, &e, missing.addr));
	ASSERT_EQ(0, missing_page_await(&missing));
	ASSERT_EQ(0, eventfd_write(second, 1));
	ASSERT_TRUE(is_held_off(outer.tid));

	EXPECT_EQ(1, poll(&look, 1, 0));
	ASSERT_EQ(0, missing_page_provide(&missing));
	EXPECT_EQ(1, waiter_join(&inner));
	EXPECT_EQ(EPOLLIN, waiter_event(&outer, e.fd));
	close(r.fd);
	close(e.fd);
}

TEST_HARNESS_MAIN

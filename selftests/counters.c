// SPDX-License-Identifier: GPL-2.0
/*
 * The counters of an instance: they match what was done.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "calls.h"
#include "missing_page.h"
#include "query.h"
#include "require.h"
#include "waiter.h"

#define TIMES 10

FIXTURE(counters) {
	struct poller p;
	int efd;
	struct repoll_info expected;
};

FIXTURE_SETUP(counters) {
	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&self->p, &repoll_ops));
	self->efd = eventfd(0, EFD_CLOEXEC);
	ASSERT_EQ(0, query_info(self->p.fd, &self->expected));
}

FIXTURE_TEARDOWN(counters) {
	close(self->p.fd);
	close(self->efd);
}

/*
 * Reads the counters after the items of closed files were freed, which a worker may do.
 */
static int settled(int fd, struct repoll_info *info)
{
	int error;

	do
		error = query_info(fd, info);
	while (!error && info->dead && !sched_yield());
	return error;
}

/* Every counter has the expected value. */
#define EXPECT_AS_EXPECTED() do {					\
	const struct repoll_info *_e = &self->expected;			\
	struct repoll_info _s;						\
									\
	ASSERT_EQ(0, settled(self->p.fd, &_s));				\
	EXPECT_EQ(_e->adds, _s.adds);					\
	EXPECT_EQ(_e->mods, _s.mods);					\
	EXPECT_EQ(_e->dels, _s.dels);					\
	EXPECT_EQ(_e->closed, _s.closed);				\
	EXPECT_EQ(_e->events, _s.events);				\
	EXPECT_EQ(_e->wakeups, _s.wakeups);				\
	EXPECT_EQ(_e->sleeps, _s.sleeps);				\
	EXPECT_EQ(_e->waits, _s.waits);					\
	EXPECT_EQ(_e->vain, _s.vain);					\
	EXPECT_EQ(_e->delivered, _s.delivered);				\
	EXPECT_EQ(_e->spurious, _s.spurious);				\
	EXPECT_EQ(_e->overlaps, _s.overlaps);				\
	EXPECT_EQ(_e->items, _s.items);					\
	EXPECT_EQ(_e->ready, _s.ready);					\
	EXPECT_EQ(_e->dead, _s.dead);					\
	EXPECT_EQ(0, memcmp(_e, &_s, sizeof(_s)));			\
} while (0)

/*
 *	ADD, MOD, DEL; failing ones; a batch
 */
TEST_F(counters, changes)
{
	struct repoll_change changes[TIMES] = {};
	struct repoll_batch batch = {
		.changes = (uintptr_t)changes,
		.count = TIMES,
	};
	int i, fd;

	for (i = 0; i < TIMES; i++) {
		ASSERT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN));
		EXPECT_EQ(-EEXIST, poller_add(&self->p, self->efd, EPOLLIN));
		ASSERT_EQ(0, poller_mod(&self->p, self->efd, EPOLLOUT));
		ASSERT_EQ(0, poller_mod(&self->p, self->efd, EPOLLIN));
		ASSERT_EQ(0, poller_del(&self->p, self->efd));
		EXPECT_EQ(-ENOENT, poller_del(&self->p, self->efd));
		EXPECT_EQ(-ENOENT, poller_mod(&self->p, self->efd, EPOLLIN));
	}
	self->expected.adds = TIMES;
	self->expected.mods = 2 * TIMES;
	self->expected.dels = TIMES;
	/* The eventfd is writable, so it was ready for a moment. */
	EXPECT_AS_EXPECTED();

	for (i = 0; i < TIMES; i++) {
		fd = dup(self->efd);
		changes[i].op = EPOLL_CTL_ADD;
		changes[i].fd = fd;
		changes[i].events = EPOLLIN;
	}
	changes[TIMES - 1].fd = -1;
	ASSERT_EQ(TIMES, call_with(self->p.fd, REPOLL_BATCH, &batch));
	self->expected.adds += TIMES - 1;
	self->expected.items = TIMES - 1;
	EXPECT_AS_EXPECTED();
	for (i = 0; i < TIMES - 1; i++)
		close(changes[i].fd);
	/* A copy is not a separate file. */
	EXPECT_AS_EXPECTED();
}

/*
 *	close(file) with two items; close(copy); close while ready
 */
TEST_F(counters, closed_files)
{
	int i, fd, copy;

	for (i = 0; i < TIMES; i++) {
		fd = eventfd(i % 2, EFD_CLOEXEC);
		copy = dup(fd);
		ASSERT_EQ(0, poller_add(&self->p, fd, EPOLLIN));
		ASSERT_EQ(0, poller_add(&self->p, copy, EPOLLIN));
		close(fd);
		self->expected.adds += 2;
		self->expected.items = 2;
		self->expected.ready = 2 * (i % 2);
		EXPECT_AS_EXPECTED();
		close(copy);
		self->expected.closed += 2;
		self->expected.items = 0;
		self->expected.ready = 0;
		EXPECT_AS_EXPECTED();
	}
}

/*
 *	P ---> eventfd, written often; then with other interests
 */
TEST_F(counters, events)
{
	int i;

	ASSERT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN));
	for (i = 0; i < TIMES; i++)
		ASSERT_EQ(0, eventfd_write(self->efd, 1));
	self->expected.adds = 1;
	self->expected.items = 1;
	self->expected.events = TIMES;
	self->expected.ready = 1;
	EXPECT_AS_EXPECTED();

	/* A read wakes for EPOLLOUT. */
	ASSERT_EQ(0, poller_mod(&self->p, self->efd, EPOLLPRI));
	for (i = 0; i < TIMES; i++)
		ASSERT_EQ(0, eventfd_write(self->efd, 1));
	self->expected.mods = 1;
	EXPECT_AS_EXPECTED();
}

/*
 *	wait ---> P --level--> ready; then not
 */
TEST_F(counters, waits_and_looks)
{
	struct epoll_event events[2];
	eventfd_t value;
	int i;

	ASSERT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	for (i = 0; i < TIMES; i++)
		ASSERT_EQ(1, poller_wait(&self->p, events, 2, NOT_AT_ALL));
	self->expected.adds = 1;
	self->expected.items = 1;
	self->expected.events = 1;
	self->expected.waits = TIMES;
	self->expected.delivered = TIMES;
	self->expected.ready = 1;
	EXPECT_AS_EXPECTED();

	ASSERT_EQ(0, eventfd_read(self->efd, &value));
	ASSERT_EQ(0, poller_wait(&self->p, events, 2, NOT_AT_ALL));
	self->expected.waits++;
	self->expected.vain = 1;
	self->expected.spurious = 1;
	self->expected.ready = 0;
	EXPECT_AS_EXPECTED();
	/* Now this is known without a scan. */
	ASSERT_EQ(0, poller_wait(&self->p, events, 2, NOT_AT_ALL));
	EXPECT_AS_EXPECTED();
}

/*
 *	wait ---> P ---> 40 files, every second one no longer ready	(with each trigger)
 */
TEST_F(counters, many_at_once)
{
	enum { FILES = 40 };
	static const uint32_t triggers[] = { 0, EPOLLET, EPOLLONESHOT };
	struct epoll_event events[FILES];
	int fds[FILES], i, t, ready;
	eventfd_t value;

	for (t = 0; t < ARRAY_SIZE(triggers); t++) {
		for (i = 0; i < FILES; i++) {
			fds[i] = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
			ASSERT_EQ(0, poller_add(&self->p, fds[i],
						EPOLLIN | triggers[t]));
		}
		for (i = 0; i < FILES; i += 2)
			ASSERT_EQ(0, eventfd_read(fds[i], &value));
		self->expected.adds += FILES;
		self->expected.items = FILES;
		self->expected.ready = FILES;
		EXPECT_AS_EXPECTED();

		ASSERT_EQ(FILES / 2, poller_wait(&self->p, events, FILES,
						 NOT_AT_ALL));
		ready = triggers[t] ? 0 : FILES / 2;
		self->expected.waits++;
		self->expected.delivered += FILES / 2;
		self->expected.spurious += FILES / 2;
		self->expected.ready = ready;
		EXPECT_AS_EXPECTED();

		for (i = 0; i < FILES; i++)
			close(fds[i]);
		self->expected.closed += FILES;
		self->expected.items = 0;
		self->expected.ready = 0;
		EXPECT_AS_EXPECTED();
	}
}

/*
 *	wait with an array that is not writable ---> P ---> ready
 */
TEST_F(counters, faults)
{
	ASSERT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	ASSERT_EQ(-EFAULT, poller_wait(&self->p, NULL, 1, NOT_AT_ALL));
	self->expected.adds = 1;
	self->expected.items = 1;
	self->expected.events = 1;
	self->expected.ready = 1;
	EXPECT_AS_EXPECTED();
}

/*
 *	waiter, asleep ---> P ---> eventfd, written
 */
TEST_F(counters, sleeps_and_wake_ups)
{
	struct waiter w;
	int i;

	ASSERT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN | EPOLLET));
	self->expected.adds = 1;
	self->expected.items = 1;
	for (i = 1; i <= TIMES; i++) {
		ASSERT_EQ(0, waiter_start(&w, &self->p, 1, FOR_EVER));
		self->expected.sleeps = i;
		self->expected.waiters = 1;
		self->expected.tids[0] = w.tid;
		EXPECT_AS_EXPECTED();
		ASSERT_EQ(0, eventfd_write(self->efd, 1));
		ASSERT_EQ(1, waiter_join(&w));
		self->expected.waiters = 0;
		self->expected.tids[0] = 0;
		self->expected.events = i;
		self->expected.wakeups = i;
		self->expected.waits = i;
		self->expected.delivered = i;
		EXPECT_AS_EXPECTED();
	}
	/* The end of a timeout does not count as a wake-up. */
	for (i = 1; i <= TIMES; i++) {
		ASSERT_EQ(0, waiter_start(&w, &self->p, 1, NSEC_PER_MSEC));
		ASSERT_EQ(0, waiter_join(&w));
		self->expected.sleeps++;
	}
	EXPECT_AS_EXPECTED();
}

/*
 *	P' (repoll, epoll) ---> P ---> ready, then not
 */
TEST_F(counters, pollers_look_as_well)
{
	struct poller outer;
	eventfd_t value;

	ASSERT_EQ(0, poller_open(&outer, &repoll_ops));
	ASSERT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	ASSERT_EQ(0, poller_add(&outer, self->p.fd, EPOLLIN));
	self->expected.adds = 1;
	self->expected.items = 1;
	self->expected.events = 1;
	self->expected.ready = 1;
	self->expected.pollers = 1;
	self->expected.state = REPOLL_WATCHED;
	EXPECT_AS_EXPECTED();
	ASSERT_EQ(0, eventfd_read(self->efd, &value));
	ASSERT_EQ(0, poller_count(&outer));
	self->expected.spurious = 1;
	self->expected.ready = 0;
	EXPECT_AS_EXPECTED();
	close(outer.fd);
	self->expected.pollers = 0;
	self->expected.state = 0;
	EXPECT_AS_EXPECTED();
}

/*
 *	waiter, stopped in the middle of a delivery ---> P ---> ready
 *	                                                    \--> gets ready
 */
TEST_F(counters, overlaps)
{
	int other = eventfd(0, EFD_CLOEXEC);
	struct waiter w;
	struct missing_page missing;

	if (missing_page_make(&missing))
		SKIP(return, "no userfaultfd available");
	ASSERT_EQ(0, poller_add(&self->p, self->efd, EPOLLIN | EPOLLET));
	ASSERT_EQ(0, poller_add(&self->p, other, EPOLLIN));
	ASSERT_EQ(0, eventfd_write(self->efd, 1));
	ASSERT_EQ(0, waiter_start_into(&w, &self->p, missing.addr));
	ASSERT_EQ(0, missing_page_await(&missing));
	self->expected.adds = 2;
	self->expected.items = 2;
	self->expected.events = 1;
	/* The item leaves the list when a waiter checks it. */
	self->expected.ready = 0;
	EXPECT_AS_EXPECTED();
	ASSERT_EQ(0, eventfd_write(other, 1));
	ASSERT_EQ(0, eventfd_write(other, 1));
	self->expected.events = 3;
	self->expected.overlaps = 2;
	self->expected.ready = 1;
	EXPECT_AS_EXPECTED();
	ASSERT_EQ(0, missing_page_provide(&missing));
	ASSERT_EQ(1, waiter_join(&w));
	self->expected.waits = 1;
	self->expected.delivered = 1;
	EXPECT_AS_EXPECTED();
	ASSERT_EQ(1, poller_count(&self->p));
	self->expected.waits = 2;
	self->expected.delivered = 2;
	EXPECT_AS_EXPECTED();
	close(other);
}

TEST_HARNESS_MAIN

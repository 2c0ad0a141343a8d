// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays for events that are not writable, or only in part.
 */
#include <sys/eventfd.h>

#include "calls.h"
#include "fixture.h"
#include "waiter.h"

#define FILES 8

/* Two pages, of which the second can neither be read nor written. */
struct pages {
	char *start;
	size_t size;
};

static int pages_map(struct pages *pages)
{
	pages->size = getpagesize();
	pages->start = mmap(NULL, 2 * pages->size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages->start == MAP_FAILED)
		return -errno;
	return mprotect(pages->start + pages->size, pages->size, PROT_NONE) ?
	       -errno : 0;
}

/* An array whose first @good events, and @bytes more, are writable. */
static struct epoll_event *array_at_the_edge(const struct pages *pages,
					     int good, size_t bytes)
{
	return (void *)(pages->start + pages->size - bytes -
			good * sizeof(struct epoll_event));
}

static int add_ready_files(const struct poller *p, uint32_t trigger)
{
	int i, err;

	for (i = 0; i < FILES; i++) {
		err = poller_add_data(p, eventfd(1, EFD_CLOEXEC),
				      EPOLLIN | trigger, i);
		if (err)
			return err;
	}
	return 0;
}

/*
 *	0 1 2 | 3 4 5 6 7	edge-triggered; the array ends after 3
 *	good    bad
 */
TEST_F(poller, array_is_bad_from_the_middle_on)
{
	struct epoll_event rest[FILES], *array;
	struct pages pages;
	int good, i;

	ASSERT_EQ(0, pages_map(&pages));
	ASSERT_EQ(0, add_ready_files(&self->p, EPOLLET));
	good = 3;
	array = array_at_the_edge(&pages, good, 0);
	ASSERT_EQ(good, poller_wait(&self->p, array, FILES, NOT_AT_ALL));
	for (i = 0; i < good; i++) {
		EXPECT_EQ(EPOLLIN, array[i].events);
		EXPECT_EQ(i, array[i].data.u64);
	}
	/* What was delivered is not delivered again, and nothing is lost. */
	ASSERT_EQ(FILES - good, poller_wait(&self->p, rest, FILES, NOT_AT_ALL));
	for (i = 0; i < FILES - good; i++) {
		EXPECT_EQ(good + i, rest[i].data.u64);
	}
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	0 | 1 2 3, one of them without events at the moment; the array ends after 0
 *
 * Items that the wait has reached are reported in the order of their next events. Items
 * that it has not reached, because no event after 0 could be written, keep their places.
 */
TEST_F(poller, what_was_not_reached_keeps_its_place)
{
	static const struct {
		uint32_t trigger;
		int quiet, n;
		uint64_t order[4];
	} cases[] = {
		{ EPOLLET, 1, 3, { 2, 3, 1 } },
		{ EPOLLET, 2, 3, { 1, 2, 3 } },
		{ EPOLLET, 3, 3, { 1, 2, 3 } },
		{ 0, 1, 4, { 2, 3, 0, 1 } },
		{ 0, 2, 4, { 1, 2, 3, 0 } },
		{ 0, 3, 4, { 1, 2, 3, 0 } },
	};
	struct epoll_event rest[4], *array;
	struct pages pages;
	eventfd_t value;
	struct poller p;
	int fds[4], i, j;

	ASSERT_EQ(0, pages_map(&pages));
	array = array_at_the_edge(&pages, 1, 0);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ASSERT_EQ(0, poller_open(&p, variant->ops));
		for (j = 0; j < 4; j++) {
			fds[j] = eventfd(1, EFD_CLOEXEC);
			ASSERT_EQ(0, poller_add_data(&p, fds[j],
						     EPOLLIN | cases[i].trigger,
						     j));
		}
		ASSERT_EQ(0, eventfd_read(fds[cases[i].quiet], &value));
		ASSERT_EQ(1, poller_wait(&p, array, 4, NOT_AT_ALL));
		EXPECT_EQ(0, array[0].data.u64);
		ASSERT_EQ(0, eventfd_write(fds[cases[i].quiet], 1));
		ASSERT_EQ(cases[i].n, poller_wait(&p, rest, 4, NOT_AT_ALL));
		for (j = 0; j < cases[i].n; j++) {
			EXPECT_EQ(cases[i].order[j], rest[j].data.u64)
				TH_LOG("case %d, event %d", i, j);
		}
		for (j = 0; j < 4; j++)
			close(fds[j]);
		close(p.fd);
	}
}

/*
 *	the page ends within an event, after 1 to 11 of its bytes
 */
TEST_F(poller, event_does_not_fit_as_a_whole)
{
	struct epoll_event rest[FILES], *array;
	struct pages pages;
	size_t bytes;
	int fds[2], i;

	ASSERT_EQ(0, pages_map(&pages));
	for (i = 0; i < 2; i++)
		fds[i] = eventfd(1, EFD_CLOEXEC);
	for (bytes = 1; bytes < sizeof(*array); bytes++) {
		for (i = 0; i < 2; i++) {
			ASSERT_EQ(0, poller_add_data(&self->p, fds[i],
						     EPOLLIN | EPOLLET, i));
		}
		array = array_at_the_edge(&pages, 1, bytes);
		ASSERT_EQ(1, poller_wait(&self->p, array, 2, NOT_AT_ALL));
		EXPECT_EQ(0, array[0].data.u64);
		ASSERT_EQ(1, poller_wait(&self->p, rest, 2, NOT_AT_ALL));
		EXPECT_EQ(EPOLLIN, rest[0].events);
		EXPECT_EQ(1, rest[0].data.u64);
		ASSERT_EQ(0, poller_del(&self->p, fds[0]));
		ASSERT_EQ(0, poller_del(&self->p, fds[1]));
	}
}

/*
 *	no event fits	(edge-triggered, one-shot, level-triggered)
 */
TEST_F(poller, array_is_bad_as_a_whole)
{
	static const uint32_t triggers[] = { EPOLLET, EPOLLONESHOT, 0 };
	struct epoll_event good[FILES], *array;
	struct pages pages;
	struct poller p;
	unsigned int t;
	int i;

	ASSERT_EQ(0, pages_map(&pages));
	array = array_at_the_edge(&pages, 0, 0);
	for (t = 0; t < ARRAY_SIZE(triggers); t++) {
		ASSERT_EQ(0, poller_open(&p, variant->ops));
		ASSERT_EQ(0, add_ready_files(&p, triggers[t]));
		for (i = 0; i < 3; i++) {
			EXPECT_EQ(-EFAULT, poller_wait(&p, array, FILES,
						       NOT_AT_ALL));
			EXPECT_EQ(-EFAULT, poller_wait(&p, array, 1, SOON));
		}
		ASSERT_EQ(FILES, poller_wait(&p, good, FILES, NOT_AT_ALL));
		for (i = 0; i < FILES; i++) {
			EXPECT_EQ(i, good[i].data.u64);
		}
		EXPECT_EQ(triggers[t] ? 0 : FILES, poller_count(&p));
		close(p.fd);
	}
}

/* Modifies an item and waits, with one call if there is one. */
static int modify_and_wait(const struct poller *p, int fd,
			   struct epoll_event *array)
{
	struct repoll_change change = {
		.op = EPOLL_CTL_MOD, .fd = fd, .events = EPOLLIN | EPOLLONESHOT,
		.data = fd,
	};
	struct repoll_batch_wait args = {
		.batch = { .changes = (uintptr_t)&change, .count = 1 },
		.wait = { .events = (uintptr_t)array, .maxevents = 1,
			  .timeout_ns = SOON },
	};
	int err;

	if (p->ops != &repoll_ops)
		return poller_mod(p, fd, EPOLLIN | EPOLLONESHOT) ?:
		       poller_wait(p, array, 1, SOON);
	err = call_with(p->fd, REPOLL_BATCH_WAIT, &args);
	return args.batch.done == 1 && !args.batch.failed ? err : -EPROTO;
}

/*
 *	a one-shot item is armed again, and its event cannot be written
 */
TEST_F(poller, array_is_bad_behind_a_change)
{
	struct epoll_event array;
	struct pages pages;
	int efd = eventfd(1, EFD_CLOEXEC), i;

	ASSERT_EQ(0, pages_map(&pages));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLONESHOT));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(1, poller_count(&self->p));
		ASSERT_EQ(0, poller_count(&self->p));
		EXPECT_EQ(-EFAULT, modify_and_wait(&self->p, efd,
						   array_at_the_edge(&pages, 0, 0)));
	}
	ASSERT_EQ(1, poller_wait(&self->p, &array, 1, NOT_AT_ALL));
	EXPECT_EQ(efd, array.data.u64);
	EXPECT_EQ(0, poller_count(&self->p));
	close(efd);
}

/*
 *	a read-only array, and an unmapped one
 */
TEST_F(poller, array_of_the_wrong_kind)
{
	struct pages pages;
	int efd = eventfd(1, EFD_CLOEXEC);

	ASSERT_EQ(0, pages_map(&pages));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLET));
	ASSERT_EQ(0, mprotect(pages.start, pages.size, PROT_READ));
	EXPECT_EQ(-EFAULT, poller_wait(&self->p, (void *)pages.start, 1,
				       NOT_AT_ALL));
	EXPECT_EQ(-EFAULT, poller_wait(&self->p, NULL, 1, NOT_AT_ALL));
	ASSERT_EQ(0, munmap(pages.start, 2 * pages.size));
	EXPECT_EQ(-EFAULT, poller_wait(&self->p, (void *)pages.start, 1,
				       NOT_AT_ALL));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	EXPECT_EQ(0, poller_count(&self->p));
	close(efd);
}

/*
 *	the array is bad, but there is no event to write
 */
TEST_F(poller, array_is_not_touched_without_events)
{
	struct pages pages;

	ASSERT_EQ(0, pages_map(&pages));
	EXPECT_EQ(0, poller_wait(&self->p, array_at_the_edge(&pages, 0, 0), 1,
				 NOT_AT_ALL));
	EXPECT_EQ(0, poller_wait(&self->p, array_at_the_edge(&pages, 0, 0), 1,
				 NSEC_PER_MSEC));
}

/*
 *	waiter with a bad array ---.
 *	                            P --edge--> eventfd, written
 *	waiter with a good one ----'
 *
 * One of them is woken: if it is the one that cannot store the event, the other one must
 * receive it.
 */
TEST_F(poller, event_is_left_to_a_waiter_that_can_take_it)
{
	struct waiter good, bad;
	struct pages pages;
	int efd, order;

	ASSERT_EQ(0, pages_map(&pages));
	efd = eventfd(0, EFD_CLOEXEC);
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLET));
	for (order = 0; order < 2; order++) {
		if (order) {
			ASSERT_EQ(0, waiter_start(&good, &self->p, 1, SOON));
		}
		ASSERT_EQ(0, waiter_start_into(&bad, &self->p,
					       array_at_the_edge(&pages, 0, 0)));
		if (!order) {
			ASSERT_EQ(0, waiter_start(&good, &self->p, 1, SOON));
		}
		ASSERT_EQ(0, eventfd_write(efd, 1));
		EXPECT_EQ(EPOLLIN, waiter_event(&good, efd));
		/* If the waiter with the bad array still sleeps, this is for it. */
		ASSERT_EQ(0, eventfd_write(efd, 1));
		EXPECT_EQ(-EFAULT, waiter_join(&bad));
		poller_count(&self->p);
	}
	close(efd);
}

TEST_HARNESS_MAIN

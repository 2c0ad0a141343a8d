// SPDX-License-Identifier: GPL-2.0
/*
 * Fetching events: how many, in which order, and which are not reported any
 * more.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/eventfd.h>

#include "fixture.h"
#include "pair.h"

#define MAX_EVENTS ((int)(INT_MAX / sizeof(struct epoll_event)))
#define FILES 12

/* Adds FILES ready eventfds, whose user data is 0, 1, 2, ... */
static int add_ready_files(const struct poller *p, int *fds, uint32_t trigger)
{
	int i, err;

	for (i = 0; i < FILES; i++) {
		fds[i] = eventfd(1, EFD_CLOEXEC);
		err = poller_add_data(p, fds[i], EPOLLIN | trigger, i);
		if (err)
			return err;
	}
	return 0;
}

/*
 *	P ---> 12 ready files; an array of 1 to 13
 */
TEST_F(poller, no_more_than_maxevents)
{
	struct epoll_event events[FILES + 1];
	int fds[FILES], max;

	ASSERT_EQ(0, add_ready_files(&self->p, fds, 0));
	for (max = 1; max <= FILES + 1; max++) {
		memset(events, 0xff, sizeof(events));
		EXPECT_EQ(max < FILES ? max : FILES,
			  poller_wait(&self->p, events, max, NOT_AT_ALL));
		/* The array after the last stored event is unchanged. */
		if (max < FILES) {
			EXPECT_EQ(UINT64_MAX, events[max].data.u64);
		}
	}
}

/*
 *	P ---> one ready file; the count at both ends of its range
 */
TEST_F(poller, bounds_of_maxevents)
{
	static struct epoll_event event;
	int efd = eventfd(1, EFD_CLOEXEC);

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	EXPECT_EQ(-EINVAL, poller_wait(&self->p, &event, 0, NOT_AT_ALL));
	EXPECT_EQ(-EINVAL, poller_wait(&self->p, &event, -1, NOT_AT_ALL));
	EXPECT_EQ(-EINVAL, poller_wait(&self->p, &event, INT_MIN, NOT_AT_ALL));
	EXPECT_EQ(-EINVAL, poller_wait(&self->p, &event, MAX_EVENTS + 1,
				       NOT_AT_ALL));
	EXPECT_EQ(-EINVAL, poller_wait(&self->p, &event, INT_MAX, NOT_AT_ALL));

	EXPECT_EQ(1, poller_wait(&self->p, &event, MAX_EVENTS, NOT_AT_ALL));
	EXPECT_EQ(1, poller_wait(&self->p, &event, 1, NOT_AT_ALL));
	close(efd);
}

/*
 *	0 1 2 3 4 5 6 7 8 9 10 11	level-triggered, fetched five at a time:
 *	'---------'			reported items go to the end
 *	          '---------'
 *	'-----           '---
 */
TEST_F(poller, small_array_starves_nobody)
{
	enum { AT_A_TIME = 5 };
	struct epoll_event events[AT_A_TIME];
	int fds[FILES], i, round, next = 0;

	ASSERT_EQ(0, add_ready_files(&self->p, fds, 0));
	for (round = 0; round < 2 * FILES; round++) {
		ASSERT_EQ(AT_A_TIME, poller_wait(&self->p, events, AT_A_TIME,
						 NOT_AT_ALL));
		for (i = 0; i < AT_A_TIME; i++) {
			ASSERT_EQ(next++ % FILES, events[i].data.u64);
		}
	}
}

/*
 *	the same, edge-triggered: each is reported once
 */
TEST_F(poller, small_array_hands_out_edges_once)
{
	struct epoll_event event;
	int fds[FILES], i;

	ASSERT_EQ(0, add_ready_files(&self->p, fds, EPOLLET));
	for (i = 0; i < FILES; i++) {
		ASSERT_EQ(1, poller_wait(&self->p, &event, 1, NOT_AT_ALL));
		ASSERT_EQ(i, event.data.u64);
	}
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	P ---> 12 files that become ready in some order
 */
TEST_F(poller, first_ready_is_first_reported)
{
	static const int order[FILES] = {
		7, 3, 11, 0, 9, 1, 4, 10, 2, 8, 6, 5,
	};
	struct epoll_event events[FILES];
	int fds[FILES], i;

	for (i = 0; i < FILES; i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC);
		ASSERT_EQ(0, poller_add_data(&self->p, fds[i], EPOLLIN, i));
	}
	for (i = 0; i < FILES; i++) {
		ASSERT_EQ(0, eventfd_write(fds[order[i]], 1));
	}
	ASSERT_EQ(FILES, poller_wait(&self->p, events, FILES, NOT_AT_ALL));
	for (i = 0; i < FILES; i++) {
		EXPECT_EQ(order[i], events[i].data.u64);
	}
}

/*
 *	P ---> pipe: written, and read again before anyone waits
 */
TEST_F(poller, event_that_is_over_is_not_reported)
{
	int fds[2];

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	ASSERT_EQ(0, poller_add(&self->p, fds[0], EPOLLIN));
	ASSERT_EQ(0, put(fds[1]));
	ASSERT_EQ(0, get(fds[0]));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, put(fds[1]));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, fds[0]));
}

/*
 *	P ---> A (no longer ready), B (ready): the only event is B's
 */
TEST_F(poller, event_that_is_over_takes_no_room)
{
	int over = eventfd(0, EFD_CLOEXEC), ready = eventfd(0, EFD_CLOEXEC);
	struct epoll_event event;
	eventfd_t value;

	ASSERT_EQ(0, poller_add(&self->p, over, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, ready, EPOLLIN));
	ASSERT_EQ(0, eventfd_write(over, 1));
	ASSERT_EQ(0, eventfd_write(ready, 1));
	ASSERT_EQ(0, eventfd_read(over, &value));

	ASSERT_EQ(1, poller_wait(&self->p, &event, 1, NOT_AT_ALL));
	EXPECT_EQ(ready, event.data.u64);
	close(over);
	close(ready);
}

/*
 *	P ---> pipe: bits that are set one after the other are reported together
 */
TEST_F(poller, one_report_for_all_bits)
{
	int fds[2];

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	ASSERT_EQ(0, poller_add(&self->p, fds[0], EPOLLIN));
	ASSERT_EQ(0, put(fds[1]));
	close(fds[1]);
	EXPECT_EQ(1, poller_count(&self->p));
	EXPECT_EQ(EPOLLIN | EPOLLHUP, poller_now(&self->p, fds[0]));
	ASSERT_EQ(0, get(fds[0]));
	EXPECT_EQ(EPOLLHUP, poller_now(&self->p, fds[0]));
}

/*
 *	P ---> eventfd that was ready before it was added
 */
TEST_F(poller, readiness_from_before_counts)
{
	int efd = eventfd(1, EFD_CLOEXEC);

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLET));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	close(efd);
}

/*
 *	P ---> eventfd, ready and reported; deleted while on the ready list
 */
TEST_F(poller, deleted_item_is_not_reported)
{
	int efd = eventfd(1, EFD_CLOEXEC), other = eventfd(1, EFD_CLOEXEC);

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, other, EPOLLIN));
	ASSERT_EQ(0, poller_del(&self->p, efd));
	EXPECT_EQ(1, poller_count(&self->p));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, other));
	close(efd);
	close(other);
}

/*
 *	P ---> eventfd, ready; then modified to bits that are not set
 */
TEST_F(poller, modified_item_is_not_reported_for_old_bits)
{
	int efd = eventfd(1, EFD_CLOEXEC);

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLPRI));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	close(efd);
}

TEST_HARNESS_MAIN

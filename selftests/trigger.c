// SPDX-License-Identifier: GPL-2.0
/*
 * Level-triggered, edge-triggered and one-shot items.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "fixture.h"
#include "pair.h"

/*
 *	P --level--> pipe: reported until nothing is left
 */
TEST_F(poller, level_repeats_while_it_lasts)
{
	int fds[2];

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	ASSERT_EQ(0, poller_add(&self->p, fds[0], EPOLLIN));
	ASSERT_EQ(0, put(fds[1]));
	ASSERT_EQ(0, put(fds[1]));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, fds[0]));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, fds[0]));
	ASSERT_EQ(0, get(fds[0]));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, fds[0]));
	ASSERT_EQ(0, get(fds[0]));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, put(fds[1]));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, fds[0]));
}

/*
 *	P --edge--> pipe: reported once, although a byte is still there
 */
TEST_F(poller, edge_comes_once)
{
	int fds[2];

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	ASSERT_EQ(0, poller_add(&self->p, fds[0], EPOLLIN | EPOLLET));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, put(fds[1]));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, fds[0]));
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	P --edge--> socket: more data is a new edge, read or not
 */
TEST_F(poller, new_data_is_a_new_edge)
{
	int sv[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	ASSERT_EQ(0, poller_add(&self->p, sv[0], EPOLLIN | EPOLLET));
	ASSERT_EQ(0, put(sv[1]));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, sv[0]));
	EXPECT_EQ(0, poller_count(&self->p));

	ASSERT_EQ(0, put(sv[1]));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, sv[0]));
	EXPECT_EQ(0, poller_count(&self->p));

	ASSERT_EQ(0, get(sv[0]));
	ASSERT_EQ(0, get(sv[0]));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, put(sv[1]));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, sv[0]));
	close(sv[0]);
	close(sv[1]);
}

/*
 *	P --edge--> socket: two pieces of data before anyone waits
 */
TEST_F(poller, edges_add_up_to_one_report)
{
	int sv[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	ASSERT_EQ(0, poller_add(&self->p, sv[0], EPOLLIN | EPOLLET));
	ASSERT_EQ(0, put(sv[1]));
	ASSERT_EQ(0, put(sv[1]));
	EXPECT_EQ(1, poller_count(&self->p));
	EXPECT_EQ(0, poller_count(&self->p));
	close(sv[0]);
	close(sv[1]);
}

/*
 *	P --edge--> pipe: full, then room again
 */
TEST_F(poller, edge_for_writing_comes_when_there_is_room_again)
{
	int fds[2];

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC | O_NONBLOCK));
	ASSERT_EQ(0, poller_add(&self->p, fds[1], EPOLLOUT | EPOLLET));
	EXPECT_EQ(EPOLLOUT, poller_now(&self->p, fds[1]));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, fill(fds[1]));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, drain(fds[0]));
	EXPECT_EQ(EPOLLOUT, poller_now(&self->p, fds[1]));
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	P --edge--> eventfd, reported; MOD with the very same mask
 */
TEST_F(poller, modifying_an_edge_reports_it_again)
{
	int efd = eventfd(1, EFD_CLOEXEC);

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLET));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLIN | EPOLLET));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	EXPECT_EQ(0, poller_count(&self->p));
	close(efd);
}

/*
 *	P --level--> eventfd, becomes --edge--> and level again
 */
TEST_F(poller, trigger_mode_can_be_changed)
{
	int efd = eventfd(1, EFD_CLOEXEC);

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLIN | EPOLLET));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	close(efd);
}

/*
 *	P --one-shot--> socket: one report, then silence until it is armed again
 */
TEST_F(poller, oneshot_reports_once_until_rearmed)
{
	int sv[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	ASSERT_EQ(0, poller_add(&self->p, sv[0], EPOLLIN | EPOLLONESHOT));
	ASSERT_EQ(0, put(sv[1]));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, sv[0]));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, put(sv[1]));
	EXPECT_EQ(0, poller_count(&self->p));

	EXPECT_EQ(-EEXIST, poller_add(&self->p, sv[0], EPOLLIN));
	ASSERT_EQ(0, poller_mod(&self->p, sv[0], EPOLLIN | EPOLLONESHOT));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, sv[0]));
	EXPECT_EQ(0, poller_count(&self->p));
	close(sv[0]);
	close(sv[1]);
}

/*
 *	P --one-shot--> pipe, disarmed; even a hang-up is not reported
 */
TEST_F(poller, disarmed_oneshot_is_deaf_to_hang_up)
{
	int fds[2];

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	ASSERT_EQ(0, poller_add(&self->p, fds[0], EPOLLIN | EPOLLONESHOT));
	ASSERT_EQ(0, put(fds[1]));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, fds[0]));
	close(fds[1]);
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, poller_mod(&self->p, fds[0], EPOLLIN | EPOLLONESHOT));
	EXPECT_EQ(EPOLLIN | EPOLLHUP, poller_now(&self->p, fds[0]));
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	P --one-shot--> eventfd, reported for one of its two bits
 */
TEST_F(poller, oneshot_is_used_up_by_any_bit)
{
	int efd = eventfd(0, EFD_CLOEXEC);

	ASSERT_EQ(0, poller_add(&self->p, efd,
				EPOLLIN | EPOLLOUT | EPOLLONESHOT));
	EXPECT_EQ(EPOLLOUT, poller_now(&self->p, efd));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	close(efd);
}

/*
 *	P --one-shot, edge--> pipe; armed again without a new event: still reported
 */
TEST_F(poller, rearming_an_edge_finds_what_is_there)
{
	const uint32_t events = EPOLLIN | EPOLLET | EPOLLONESHOT;
	int fds[2];

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	ASSERT_EQ(0, poller_add(&self->p, fds[0], events));
	ASSERT_EQ(0, put(fds[1]));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, fds[0]));
	ASSERT_EQ(0, put(fds[1]));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, poller_mod(&self->p, fds[0], events));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, fds[0]));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, get(fds[0]));
	ASSERT_EQ(0, get(fds[0]));
	ASSERT_EQ(0, poller_mod(&self->p, fds[0], events));
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	P --one-shot--> 3 eventfds, fetched one at a time: each is reported once
 */
TEST_F(poller, oneshots_are_independent)
{
	struct epoll_event event;
	unsigned int seen = 0;
	int i, efd;

	for (i = 0; i < 3; i++) {
		efd = eventfd(1, EFD_CLOEXEC);
		ASSERT_EQ(0, poller_add_data(&self->p, efd,
					     EPOLLIN | EPOLLONESHOT, i));
	}
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(1, poller_wait(&self->p, &event, 1, NOT_AT_ALL));
		seen |= 1u << event.data.u64;
	}
	EXPECT_EQ(7, seen);
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	P --exclusive--> eventfd: a level like any other
 *	P --exclusive, edge--> eventfd: an edge like any other
 */
TEST_F(poller, exclusive_items_trigger_as_usual)
{
	int level = eventfd(0, EFD_CLOEXEC), edge = eventfd(0, EFD_CLOEXEC);

	ASSERT_EQ(0, poller_add(&self->p, level, EPOLLIN | EPOLLEXCLUSIVE));
	ASSERT_EQ(0, poller_add(&self->p, edge,
				EPOLLIN | EPOLLEXCLUSIVE | EPOLLET));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, eventfd_write(level, 1));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, level));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, level));
	ASSERT_EQ(0, eventfd_write(edge, 1));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, edge));
	EXPECT_EQ(0, poller_now(&self->p, edge));
	close(level);
	close(edge);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Changing the interest list: which changes are accepted, and their effects.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "fixture.h"
#include "pair.h"
#include "waiter.h"

/*
 *	P ---> eventfd	(ADD, MOD, DEL, ADD)
 */
TEST_F(poller, item_lives_from_add_to_del)
{
	int efd = eventfd(1, EFD_CLOEXEC);

	ASSERT_LE(0, efd);
	EXPECT_EQ(-ENOENT, poller_mod(&self->p, efd, EPOLLIN));
	EXPECT_EQ(-ENOENT, poller_del(&self->p, efd));

	EXPECT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	EXPECT_EQ(-EEXIST, poller_add(&self->p, efd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));

	EXPECT_EQ(0, poller_mod(&self->p, efd, EPOLLOUT));
	EXPECT_EQ(EPOLLOUT, poller_now(&self->p, efd));

	EXPECT_EQ(0, poller_del(&self->p, efd));
	EXPECT_EQ(0, poller_count(&self->p));
	EXPECT_EQ(-ENOENT, poller_del(&self->p, efd));
	EXPECT_EQ(-ENOENT, poller_mod(&self->p, efd, EPOLLIN));

	EXPECT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	close(efd);
}

/*
 *	P ---> eventfd, and all 64 bits of user data come back
 */
TEST_F(poller, user_data_comes_back)
{
	const uint64_t added = 0xfedcba9876543210, changed = ~added;
	struct epoll_event event;
	int efd = eventfd(1, EFD_CLOEXEC);

	ASSERT_LE(0, efd);
	ASSERT_EQ(0, poller_add_data(&self->p, efd, EPOLLIN, added));
	ASSERT_EQ(1, poller_wait(&self->p, &event, 1, NOT_AT_ALL));
	EXPECT_EQ(added, event.data.u64);

	event.events = EPOLLIN;
	event.data.u64 = changed;
	ASSERT_EQ(0, variant->ops->ctl(self->p.fd, EPOLL_CTL_MOD, efd, &event));
	event.data.u64 = 0;
	ASSERT_EQ(1, poller_wait(&self->p, &event, 1, NOT_AT_ALL));
	EXPECT_EQ(changed, event.data.u64);
	close(efd);
}

/*
 *	P --(efd)---> eventfd
 *	  `-(copy)---'		one file, two descriptors, two items
 */
TEST_F(poller, file_has_an_item_per_descriptor)
{
	int efd = eventfd(1, EFD_CLOEXEC), copy = dup(efd);

	ASSERT_LE(0, efd);
	ASSERT_LE(0, copy);
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	EXPECT_EQ(-ENOENT, poller_mod(&self->p, copy, EPOLLIN));
	EXPECT_EQ(-ENOENT, poller_del(&self->p, copy));
	ASSERT_EQ(0, poller_add(&self->p, copy, EPOLLOUT));

	EXPECT_EQ(2, poller_count(&self->p));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	EXPECT_EQ(EPOLLOUT, poller_now(&self->p, copy));

	EXPECT_EQ(0, poller_del(&self->p, efd));
	EXPECT_EQ(0, poller_now(&self->p, efd));
	EXPECT_EQ(EPOLLOUT, poller_now(&self->p, copy));
	close(efd);
	close(copy);
}

/*
 *	P ---> pipe's read end, interest 0; the write end is closed
 */
TEST_F(poller, hang_up_needs_no_interest)
{
	int fds[2];

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	ASSERT_EQ(0, poller_add(&self->p, fds[0], 0));
	ASSERT_EQ(0, put(fds[1]));
	EXPECT_EQ(0, poller_count(&self->p));
	close(fds[1]);
	EXPECT_EQ(EPOLLHUP, poller_next(&self->p, fds[0]));
	close(fds[0]);
}

/*
 *	P ---> pipe's write end, interest 0; the read end is closed
 */
TEST_F(poller, error_needs_no_interest)
{
	int fds[2];

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	ASSERT_EQ(0, poller_add(&self->p, fds[1], EPOLLOUT));
	ASSERT_EQ(0, poller_mod(&self->p, fds[1], 0));
	EXPECT_EQ(0, poller_count(&self->p));
	close(fds[0]);
	EXPECT_EQ(EPOLLERR, poller_next(&self->p, fds[1]));
	close(fds[1]);
}

/*
 *	P ---> eventfd that is readable and writable: only requested events are reported
 */
TEST_F(poller, report_is_limited_to_the_interest)
{
	int efd = eventfd(1, EFD_CLOEXEC);

	ASSERT_LE(0, efd);
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLOUT));
	EXPECT_EQ(EPOLLIN | EPOLLOUT, poller_now(&self->p, efd));
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLOUT));
	EXPECT_EQ(EPOLLOUT, poller_now(&self->p, efd));
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLPRI));
	EXPECT_EQ(0, poller_count(&self->p));
	close(efd);
}

/*
 *	P ---> socket, with the synonyms EPOLLRDNORM and EPOLLWRNORM
 */
TEST_F(poller, normal_data_has_bits_of_its_own)
{
	int sv[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	ASSERT_EQ(0, put(sv[1]));
	ASSERT_EQ(0, poller_add(&self->p, sv[0], EPOLLRDNORM | EPOLLWRNORM));
	EXPECT_EQ(EPOLLRDNORM | EPOLLWRNORM, poller_now(&self->p, sv[0]));
	ASSERT_EQ(0, poller_mod(&self->p, sv[0],
				EPOLLIN | EPOLLRDNORM | EPOLLOUT |
				EPOLLWRNORM | EPOLLWRBAND | EPOLLMSG));
	EXPECT_EQ(EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND,
		  poller_now(&self->p, sv[0]));
	close(sv[0]);
	close(sv[1]);
}

/*
 *	P ---> eventfd with EPOLLWAKEUP: accepted, with any privileges
 */
TEST_F(poller, wakeup_source_is_taken_silently)
{
	int efd = eventfd(0, EFD_CLOEXEC);

	ASSERT_LE(0, efd);
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLWAKEUP));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	EXPECT_EQ(0, poller_mod(&self->p, efd, EPOLLIN));
	EXPECT_EQ(0, poller_mod(&self->p, efd, EPOLLIN | EPOLLWAKEUP));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	EXPECT_EQ(0, poller_del(&self->p, efd));
	close(efd);
}

/*
 *	P ---> eventfd with EPOLLEXCLUSIVE and one more bit
 */
TEST_F(poller, exclusive_goes_with_few_bits)
{
	static const struct {
		uint32_t bit;
		int result;
	} bits[] = {
		{ EPOLLIN, 0 },
		{ EPOLLOUT, 0 },
		{ EPOLLERR, 0 },
		{ EPOLLHUP, 0 },
		{ EPOLLET, 0 },
		{ EPOLLWAKEUP, 0 },
		{ EPOLLONESHOT, -EINVAL },
		{ EPOLLPRI, -EINVAL },
		{ EPOLLRDHUP, -EINVAL },
		{ EPOLLRDNORM, -EINVAL },
		{ EPOLLWRNORM, -EINVAL },
		{ EPOLLRDBAND, -EINVAL },
		{ EPOLLWRBAND, -EINVAL },
		{ EPOLLMSG, -EINVAL },
	};
	int efd = eventfd(1, EFD_CLOEXEC);
	unsigned int i;

	ASSERT_LE(0, efd);
	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		int ret = poller_add(&self->p, efd,
				     EPOLLEXCLUSIVE | bits[i].bit);

		EXPECT_EQ(bits[i].result, ret)
			TH_LOG("with bit %#x", bits[i].bit);
		if (!ret) {
			EXPECT_EQ(0, poller_del(&self->p, efd));
		}
	}
	close(efd);
}

/*
 *	P ---> eventfd with EPOLLEXCLUSIVE: it can be deleted, not modified
 */
TEST_F(poller, exclusive_item_cannot_be_modified)
{
	int efd = eventfd(1, EFD_CLOEXEC), other = eventfd(1, EFD_CLOEXEC);

	ASSERT_LE(0, efd);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLEXCLUSIVE));
	EXPECT_EQ(-EINVAL, poller_mod(&self->p, efd, EPOLLIN));
	EXPECT_EQ(-EINVAL, poller_mod(&self->p, efd,
				      EPOLLIN | EPOLLEXCLUSIVE));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	EXPECT_EQ(0, poller_del(&self->p, efd));

	ASSERT_EQ(0, poller_add(&self->p, other, EPOLLIN));
	EXPECT_EQ(-EINVAL, poller_mod(&self->p, other,
				      EPOLLIN | EPOLLEXCLUSIVE));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, other));
	close(efd);
	close(other);
}

/*
 *	P ---> 800 copies of an eventfd; every third is deleted again
 */
TEST_F(poller, long_list_keeps_its_order)
{
	enum { ITEMS = 800 };
	struct epoll_event events[ITEMS];
	int fds[ITEMS], efd, i, n, expected = 0;

	efd = eventfd(1, EFD_CLOEXEC);
	ASSERT_LE(0, efd);
	for (i = 0; i < ITEMS; i++) {
		fds[i] = dup(efd);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, poller_add_data(&self->p, fds[i], EPOLLIN, i));
	}
	for (i = 0; i < ITEMS; i += 3) {
		ASSERT_EQ(0, poller_del(&self->p, fds[i]));
	}
	for (i = 0; i < ITEMS; i++) {
		ASSERT_EQ(i % 3 ? 0 : -ENOENT,
			  poller_mod(&self->p, fds[i], 0));
	}
	for (i = 0; i < ITEMS; i++) {
		struct epoll_event event = {
			.events = EPOLLIN,
			.data.u64 = i,
		};

		if (i % 3) {
			ASSERT_EQ(0, variant->ops->ctl(self->p.fd,
						       EPOLL_CTL_MOD, fds[i],
						       &event));
		}
	}
	n = poller_wait(&self->p, events, ITEMS, NOT_AT_ALL);
	ASSERT_EQ(ITEMS - (ITEMS + 2) / 3, n);
	for (i = 0; i < n; i++) {
		expected += expected % 3 == 0;
		ASSERT_EQ(expected, events[i].data.u64);
		expected++;
	}
}

/*
 *	waiter ---> P <--- ADD(ready), MOD(to an event that the file has)
 */
TEST_F(poller, change_wakes_a_waiter)
{
	int efd = eventfd(1, EFD_CLOEXEC);
	struct waiter w;

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLET));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, efd));

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLOUT | EPOLLET));
	EXPECT_EQ(EPOLLOUT, waiter_event(&w, efd));
	close(efd);
}

TEST_HARNESS_MAIN

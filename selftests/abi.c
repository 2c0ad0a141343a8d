// SPDX-License-Identifier: GPL-2.0
/*
 * The structures of the ioctls, which are the same for 32-bit and for 64-bit
 * programs. This program is built for both.
 */
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "require.h"

/*
 *	sizes and offsets: the same numbers for each size of a pointer
 */
TEST(layout)
{
	EXPECT_EQ(12, sizeof(struct epoll_event));
	EXPECT_EQ(8, sizeof(struct repoll_create));
	EXPECT_EQ(24, sizeof(struct repoll_ctl));
	EXPECT_EQ(16, offsetof(struct repoll_ctl, event));
	EXPECT_EQ(40, sizeof(struct repoll_wait));
	EXPECT_EQ(16, offsetof(struct repoll_wait, timeout_ns));
	EXPECT_EQ(24, offsetof(struct repoll_wait, maxevents));
	EXPECT_EQ(48, sizeof(struct repoll_query));
	EXPECT_EQ(24, offsetof(struct repoll_query, to));
	EXPECT_EQ(32, offsetof(struct repoll_query, count));
	EXPECT_EQ(REPOLL_INFO_SIZE_1, sizeof(struct repoll_info));
	EXPECT_EQ(104, offsetof(struct repoll_info, items));
	EXPECT_EQ(144, offsetof(struct repoll_info, tids));
	EXPECT_EQ(176, offsetof(struct repoll_info, comm));
	EXPECT_EQ(REPOLL_ITEM_SIZE_1, sizeof(struct repoll_item));
	EXPECT_EQ(24, offsetof(struct repoll_item, fd));
	EXPECT_EQ(16, sizeof(struct repoll_features));
	EXPECT_EQ(8, offsetof(struct repoll_features, bits));
}

/*
 *	address + a bit above all user addresses: EFAULT, although the
 *	lower bits are valid
 */
TEST(addresses_are_not_cut_off)
{
	const uint64_t beyond = 1ULL << (sizeof(void *) == 4 ? 32 : 63);
	struct epoll_event event = { .events = EPOLLIN };
	const uint64_t at = (uintptr_t)&event, no_signal = 0;
	struct repoll_ctl ctl = { .op = EPOLL_CTL_ADD, .event = at + beyond };
	struct repoll_wait wait = { .events = at + beyond, .maxevents = 1 };
	struct poller p;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&p, &repoll_ops));
	ctl.fd = eventfd(1, EFD_CLOEXEC);
	EXPECT_EQ(-1, ioctl(p.fd, REPOLL_CTL, &ctl));
	EXPECT_EQ(EFAULT, errno);
	ctl.event = at;
	ASSERT_EQ(0, ioctl(p.fd, REPOLL_CTL, &ctl));

	EXPECT_EQ(-1, ioctl(p.fd, REPOLL_WAIT, &wait));
	EXPECT_EQ(EFAULT, errno);
	wait.events = at;
	wait.sigmask = (uintptr_t)&no_signal + beyond;
	wait.sigsetsize = sizeof(no_signal);
	EXPECT_EQ(-1, ioctl(p.fd, REPOLL_WAIT, &wait));
	EXPECT_EQ(EFAULT, errno);
	wait.sigmask = (uintptr_t)&no_signal;
	EXPECT_EQ(1, ioctl(p.fd, REPOLL_WAIT, &wait));
	close(p.fd);
	close(ctl.fd);
}

/*
 *	wait ---> only the events are written, and no byte after them; and
 *	nothing in the argument
 */
TEST(nothing_else_is_written)
{
	enum { ROOM = 64, ITEMS = 3 };
	struct epoll_event events[ROOM], before[ROOM];
	struct repoll_wait wait = {
		.events = (uintptr_t)events,
		.maxevents = ROOM,
	};
	const struct repoll_wait as_it_was = wait;
	struct poller p;
	int i, n;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&p, &repoll_ops));
	memset(before, 0xa5, sizeof(before));
	for (n = 0; n <= ITEMS; n++) {
		memcpy(events, before, sizeof(events));
		ASSERT_EQ(n, ioctl(p.fd, REPOLL_WAIT, &wait));
		EXPECT_EQ(0, memcmp(&as_it_was, &wait, sizeof(wait)));
		EXPECT_EQ(0, memcmp(&events[n], &before[n],
				    sizeof(events) - n * sizeof(*events)));
		for (i = 0; i < n; i++) {
			EXPECT_EQ(EPOLLIN, events[i].events);
			EXPECT_EQ(0x0123456789abcdef, events[i].data.u64);
		}
		ASSERT_EQ(0, poller_add_data(&p, eventfd(1, EFD_CLOEXEC),
					     EPOLLIN, 0x0123456789abcdef));
	}
	close(p.fd);
}

/*
 *	parameters ---> each byte of the structure is the value that was set, or zero
 */
TEST(parameters_are_written_in_full)
{
	const struct epoll_params set = {
		.busy_poll_usecs = 1,
		.busy_poll_budget = 2,
	};
	struct epoll_params got;
	struct poller p;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&p, &repoll_ops));
	ASSERT_EQ(0, ioctl(p.fd, EPIOCSPARAMS, &set));
	memset(&got, 0xa5, sizeof(got));
	ASSERT_EQ(0, ioctl(p.fd, EPIOCGPARAMS, &got));
	EXPECT_EQ(0, memcmp(&set, &got, sizeof(set)));
	close(p.fd);
}

TEST_HARNESS_MAIN

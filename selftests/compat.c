// SPDX-License-Identifier: GPL-2.0
/*
 * 32-bit programs on a 64-bit kernel: the same structures, the same numbers.
 *
 * This program is 32-bit itself. Its C library is the kernel's nolibc, for no
 * other need be at hand for it.
 */
#include <fcntl.h>
#include <linux/eventpoll.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "repoll.h"

static int ctl(int pfd, int op, int fd, __u64 event)
{
	struct repoll_ctl args = { .op = op, .fd = fd, .event = event };

	return ioctl(pfd, REPOLL_CTL, &args) < 0 ? -errno : 0;
}

static int wait_for(int pfd, __u64 events, __s64 timeout_ns)
{
	struct repoll_wait args = {
		.events = events,
		.maxevents = 1,
		.timeout_ns = timeout_ns,
	};
	int n = ioctl(pfd, REPOLL_WAIT, &args);

	return n < 0 ? -errno : n;
}

static __u64 address(const void *ptr)
{
	return (unsigned long)ptr;
}

/*
 *	P ---> pipe's reading end <=== writing end
 */
FIXTURE(compat) {
	int node, pfd, in, out;
};

FIXTURE_SETUP(compat) {
	struct repoll_create args = { .flags = REPOLL_CLOEXEC };
	int fds[2];

	ASSERT_EQ(4, sizeof(void *));
	self->node = open(REPOLL_DEVICE, O_RDWR);
	if (self->node < 0 && getenv("REPOLL_OPTIONAL"))
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_LE(0, self->node);
	self->pfd = ioctl(self->node, REPOLL_CREATE, &args);
	ASSERT_LE(0, self->pfd);
	ASSERT_EQ(0, pipe(fds));
	self->in = fds[0];
	self->out = fds[1];
}

FIXTURE_TEARDOWN(compat) {
	close(self->pfd);
	close(self->node);
}

/*
 *	struct of a 32-bit program = struct of a 64-bit program
 */
TEST_F(compat, layout_is_the_same)
{
	EXPECT_EQ(12, sizeof(struct epoll_event));
	EXPECT_EQ(8, sizeof(struct repoll_create));
	EXPECT_EQ(24, sizeof(struct repoll_ctl));
	EXPECT_EQ(16, offsetof(struct repoll_ctl, event));
	EXPECT_EQ(40, sizeof(struct repoll_wait));
	EXPECT_EQ(16, offsetof(struct repoll_wait, timeout_ns));
	EXPECT_EQ(24, offsetof(struct repoll_wait, maxevents));
}

/*
 *	ADD, wait, MOD, wait, DEL, wait
 */
TEST_F(compat, instance_works)
{
	const __u64 data = 0xfedcba9876543210ULL;
	struct epoll_event event = { .events = EPOLLIN, .data = data };

	ASSERT_EQ(0, ctl(self->pfd, EPOLL_CTL_ADD, self->in, address(&event)));
	EXPECT_EQ(-EEXIST, ctl(self->pfd, EPOLL_CTL_ADD, self->in,
			       address(&event)));
	EXPECT_EQ(0, wait_for(self->pfd, address(&event), 0));
	EXPECT_EQ(0, wait_for(self->pfd, address(&event), 1000000));

	ASSERT_EQ(1, write(self->out, "x", 1));
	memset(&event, 0, sizeof(event));
	EXPECT_EQ(1, wait_for(self->pfd, address(&event), INT64_MAX));
	EXPECT_EQ(EPOLLIN, event.events);
	EXPECT_EQ(data, event.data);

	event.events = EPOLLIN | EPOLLET;
	event.data = ~data;
	ASSERT_EQ(0, ctl(self->pfd, EPOLL_CTL_MOD, self->in, address(&event)));
	EXPECT_EQ(1, wait_for(self->pfd, address(&event), -1));
	EXPECT_EQ(~data, event.data);
	EXPECT_EQ(0, wait_for(self->pfd, address(&event), 0));
	EXPECT_EQ(0, ctl(self->pfd, EPOLL_CTL_DEL, self->in, 0));
	EXPECT_EQ(-ENOENT, ctl(self->pfd, EPOLL_CTL_DEL, self->in, 0));
}

/*
 *	address + 4 GiB: nothing is there, though the lower half looks good
 */
TEST_F(compat, addresses_are_not_cut_off)
{
	struct epoll_event event = { .events = EPOLLIN };
	const __u64 beyond = 1ULL << 32;

	EXPECT_EQ(-EFAULT, ctl(self->pfd, EPOLL_CTL_ADD, self->in,
			       address(&event) + beyond));
	ASSERT_EQ(0, ctl(self->pfd, EPOLL_CTL_ADD, self->in, address(&event)));
	ASSERT_EQ(1, write(self->out, "x", 1));
	EXPECT_EQ(-EFAULT, wait_for(self->pfd, address(&event) + beyond, 0));
	EXPECT_EQ(1, wait_for(self->pfd, address(&event), 0));
}

/*
 *	mask of 8 bytes (64 signals) ---> wait; of 4, as for the first signals
 */
TEST_F(compat, signal_mask_has_the_kernels_size)
{
	struct epoll_event event;
	const __u64 mask = 0;
	struct repoll_wait args = {
		.events = address(&event),
		.maxevents = 1,
		.sigmask = address(&mask),
		.sigsetsize = sizeof(mask),
	};

	EXPECT_EQ(0, ioctl(self->pfd, REPOLL_WAIT, &args));
	args.sigsetsize = 4;
	EXPECT_EQ(-1, ioctl(self->pfd, REPOLL_WAIT, &args));
	EXPECT_EQ(EINVAL, errno);
}

/*
 *	unknown ioctl ---> node, instance
 */
TEST_F(compat, unknown_ioctls)
{
	const int fds[] = { self->node, self->pfd };
	int i;

	for (i = 0; i < 2; i++) {
		EXPECT_EQ(-1, ioctl(fds[i], _IO(REPOLL_IOC_TYPE, 0xff), NULL));
		EXPECT_EQ(ENOTTY, errno);
	}
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * The parameters of busy polling, which an instance has through the same ioctls
 * as an epoll.
 */
#include <limits.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "fixture.h"
#include "waiter.h"

#define NOBODY 65534

/* The highest budget without privileges: the kernel's NAPI_POLL_WEIGHT. */
#define WEIGHT 64

static int set(const struct poller *p, struct epoll_params params)
{
	return ioctl(p->fd, EPIOCSPARAMS, &params) ? -errno : 0;
}

/* Whether the parameters have these values. */
static bool are(const struct poller *p, struct epoll_params expected)
{
	struct epoll_params params;

	memset(&params, 0xff, sizeof(params));
	return !ioctl(p->fd, EPIOCGPARAMS, &params) &&
	       !memcmp(&params, &expected, sizeof(params));
}

static const struct epoll_params none;
static const struct epoll_params some = {
	.busy_poll_usecs = 100,
	.busy_poll_budget = 8,
	.prefer_busy_poll = 1,
};

/*
 *	set ---> P ---> get	and P' has separate ones
 */
TEST_F(poller, parameters_come_back)
{
	const struct epoll_params highest = {
		.busy_poll_usecs = INT_MAX,
		.busy_poll_budget = WEIGHT,
	};
	struct poller other;

	ASSERT_EQ(0, poller_open(&other, variant->ops));
	EXPECT_TRUE(are(&self->p, none));
	EXPECT_EQ(0, set(&self->p, some));
	EXPECT_TRUE(are(&self->p, some));
	EXPECT_EQ(0, set(&self->p, highest));
	EXPECT_TRUE(are(&self->p, highest));
	EXPECT_TRUE(are(&other, none));
	EXPECT_EQ(0, set(&self->p, none));
	EXPECT_TRUE(are(&self->p, none));
	close(other.fd);
}

/*
 *	bad parameters ---> P: refused, and the previous values stay
 */
TEST_F(poller, bad_parameters_are_refused)
{
	static const struct epoll_params bad[] = {
		{ .__pad = 1 },
		{ .busy_poll_usecs = INT_MAX + 1U },
		{ .busy_poll_usecs = UINT_MAX },
		{ .prefer_busy_poll = 2 },
		{ .prefer_busy_poll = UCHAR_MAX },
	};
	int i;

	ASSERT_EQ(0, set(&self->p, some));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, set(&self->p, bad[i]))
			TH_LOG("case %d", i);
	}
	EXPECT_EQ(-1, ioctl(self->p.fd, EPIOCSPARAMS, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->p.fd, EPIOCGPARAMS, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_TRUE(are(&self->p, some));
}

/*
 *	a budget of more than 64 ---> P, by root and by nobody
 */
TEST_F(poller, high_budget_needs_a_capability)
{
	static const struct epoll_params highest[] = {
		{ .busy_poll_budget = USHRT_MAX },
		{ .prefer_busy_poll = 1 },
		{ .busy_poll_usecs = INT_MAX, .busy_poll_budget = USHRT_MAX },
		{ .busy_poll_usecs = INT_MAX, .prefer_busy_poll = 1 },
	};
	struct epoll_params high = { .busy_poll_budget = WEIGHT + 1 };
	int status, i;
	pid_t pid;

	if (geteuid())
		SKIP(return, "only root may set a high budget");
	EXPECT_EQ(0, set(&self->p, high));
	EXPECT_TRUE(are(&self->p, high));
	for (i = 0; i < ARRAY_SIZE(highest); i++) {
		EXPECT_EQ(0, set(&self->p, highest[i]));
		EXPECT_TRUE(are(&self->p, highest[i]));
	}
	ASSERT_EQ(0, set(&self->p, some));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (setuid(NOBODY) || set(&self->p, high) != -EPERM)
			_exit(1);
		/* Other errors take precedence. */
		high.prefer_busy_poll = 2;
		if (set(&self->p, high) != -EINVAL || !are(&self->p, some))
			_exit(2);
		high = (struct epoll_params) { .busy_poll_budget = WEIGHT };
		_exit(set(&self->p, high) ? 3 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/*
 *	wait ---> P, which busy-polls: the same results, only the time differs
 */
TEST_F(poller, waits_as_before)
{
	int efd = eventfd(0, EFD_CLOEXEC);
	struct epoll_event event;
	struct waiter w;
	int64_t start;

	ASSERT_EQ(0, set(&self->p, some));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLET));
	EXPECT_EQ(0, poller_count(&self->p));
	start = now_ns();
	EXPECT_EQ(0, poller_wait(&self->p, &event, 1, NSEC_PER_MSEC));
	EXPECT_LE(NSEC_PER_MSEC, now_ns() - start);
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, efd));
	EXPECT_EQ(0, poller_count(&self->p));
	close(efd);
}

TEST_HARNESS_MAIN

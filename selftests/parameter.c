// SPDX-License-Identifier: GPL-2.0
/*
 * The module's parameter: with direct=0, it answers no direct call.
 *
 * These tests unload the module and load it again from the file that REPOLL_MODULE
 * in the environment names, and are skipped without it.
 */
#include <fcntl.h>
#include <sys/eventfd.h>

#include "calls.h"
#include "module.h"
#include "query.h"
#include "require.h"

FIXTURE(parameter) {
	struct poller p;
	int node, efd;
};

FIXTURE_VARIANT(parameter) {
	const char *parameters;
	bool direct;
};

FIXTURE_VARIANT_ADD(parameter, none) {
	.parameters = "",
	.direct = true,
};

FIXTURE_VARIANT_ADD(parameter, direct_0) {
	.parameters = "direct=0",
};

FIXTURE_VARIANT_ADD(parameter, direct_1) {
	.parameters = "direct=1",
	.direct = true,
};

FIXTURE_SETUP(parameter) {
	if (!getenv("REPOLL_MODULE"))
		SKIP(return, "REPOLL_MODULE does not name the module's file");
	if (geteuid())
		SKIP(return, "only root may load and unload modules");
	ASSERT_EQ(0, unload());
	ASSERT_EQ(0, load_with(variant->parameters));
	calls_go(BY_IOCTL);
	ASSERT_EQ(0, poller_open(&self->p, &repoll_ops));
	self->node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->node);
	self->efd = eventfd(1, EFD_CLOEXEC);
}

/* Load it again for other programs, with its former parameter. */
FIXTURE_TEARDOWN(parameter) {
	close(self->efd);
	close(self->node);
	close(self->p.fd);
	EXPECT_EQ(0, unload());
	EXPECT_EQ(0, load());
}

/*
 *	direct calls ---> P: their effect, or EINVAL; ioctls always work
 */
TEST_F(parameter, direct_calls_are_answered_or_not)
{
	struct epoll_event event = {};
	struct repoll_batch_wait both = {
		.wait = { .events = (uintptr_t)&event, .maxevents = 1 },
	};
	const struct repoll_change_wait change = {
		.op = EPOLL_CTL_ADD, .fd = self->efd, .events = EPOLLOUT,
		.to = (uintptr_t)&event,
	};
	const uint64_t what = REPOLL_DIRECT_PAIR(self->efd, EPOLLIN);
	const uint64_t room = REPOLL_DIRECT_PAIR(1, 0);
	const struct {
		uint64_t first, second;
		int operation, result;
	} calls[] = {
		{ 5, what, REPOLL_DIRECT_ADD, 0 },
		{ (uintptr_t)&event, room, REPOLL_DIRECT_WAIT, 1 },
		{ (uintptr_t)&both.wait, 0, REPOLL_DIRECT_PWAIT, 1 },
		{ (uintptr_t)&both.batch, 0, REPOLL_DIRECT_BATCH, 0 },
		{ (uintptr_t)&both, 0, REPOLL_DIRECT_BATCH_WAIT, 1 },
		{ 6, what, REPOLL_DIRECT_MOD, 0 },
		{ 0, self->efd, REPOLL_DIRECT_DEL, 0 },
		{ (uintptr_t)&change, room, REPOLL_DIRECT_CHANGE_WAIT, 1 },
	};
	int i, advice;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		EXPECT_EQ(variant->direct ? calls[i].result : -EINVAL,
			  call_directly(self->p.fd, calls[i].first, calls[i].second,
					calls[i].operation))
			TH_LOG("call %d", i);
	}
	EXPECT_EQ(variant->direct ? -EEXIST : 0,
		  poller_add(&self->p, self->efd, EPOLLIN));
	EXPECT_EQ(1, poller_count(&self->p));
	for (advice = POSIX_FADV_NORMAL; advice <= POSIX_FADV_NOREUSE; advice++) {
		EXPECT_EQ(0, call_directly(self->p.fd, 0, 0, advice));
		EXPECT_EQ(-EINVAL, call_directly(self->p.fd, 0, -1, advice));
	}
}

/*
 *	FEATURES ---> the node, P: whether direct calls are answered
 */
TEST_F(parameter, feature_tells)
{
	uint64_t bits = 0;

	ASSERT_EQ(0, query_features(self->node, 0, &bits));
	EXPECT_EQ(variant->direct, !!(bits & 1ULL << REPOLL_FEATURE_DIRECT));
	ASSERT_EQ(0, query_features(self->p.fd, 0, &bits));
	EXPECT_EQ(variant->direct, !!(bits & 1ULL << REPOLL_FEATURE_DIRECT));
}

/*
 *	load with an invalid value ---> EINVAL, and the module is not loaded
 */
TEST_F(parameter, value_is_none)
{
	close(self->node);
	close(self->p.fd);
	ASSERT_EQ(0, unload());
	EXPECT_EQ(-EINVAL, load_with("direct=maybe"));
	EXPECT_EQ(-EINVAL, load_with("direct="));
	EXPECT_EQ(-1, access(REPOLL_DEVICE, F_OK));
	ASSERT_EQ(0, load());
	self->p.fd = -1;
	self->node = -1;
}

TEST_HARNESS_MAIN

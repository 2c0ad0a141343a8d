/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fixture of tests with queries: an instance, its description when it was new, and a
 * control node.
 */
#ifndef SELFTESTS_ASKED_H
#define SELFTESTS_ASKED_H

#include <fcntl.h>

#include "query.h"
#include "require.h"

FIXTURE(asked) {
	struct poller p;
	int node;
	struct repoll_info info;
};

FIXTURE_SETUP(asked) {
	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	self->node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->node);
	ASSERT_EQ(0, poller_open(&self->p, &repoll_ops));
	memset(&self->info, 0xa5, sizeof(self->info));
	ASSERT_EQ(0, query_info(self->p.fd, &self->info));
}

FIXTURE_TEARDOWN(asked) {
	close(self->p.fd);
	close(self->node);
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fixture of most tests: a new instance, once of the native epoll and once
 * of repoll.
 */
#ifndef SELFTESTS_FIXTURE_H
#define SELFTESTS_FIXTURE_H

#include "require.h"

FIXTURE(poller) {
	struct poller p;
};

FIXTURE_VARIANT(poller) {
	const struct poller_ops *ops;
};

FIXTURE_VARIANT_ADD(poller, native) {
	.ops = &native_ops,
};

FIXTURE_VARIANT_ADD(poller, repoll) {
	.ops = &repoll_ops,
};

FIXTURE_SETUP(poller) {
	if (variant->ops == &repoll_ops && may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&self->p, variant->ops));
}

FIXTURE_TEARDOWN(poller) {
	close(self->p.fd);
}

#endif

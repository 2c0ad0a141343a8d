/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The harness, and what a test may require.
 */
#ifndef SELFTESTS_REQUIRE_H
#define SELFTESTS_REQUIRE_H

#include "kselftest_harness.h"
#include "poller.h"
#include "repoll.h"

/*
 * Seconds until a test is given up. The harness's own 30 are too few for a kernel
 * with sanitizers on a processor that is emulated.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 240

/*
 * Without /dev/repoll the tests of repoll fail. REPOLL_OPTIONAL in the
 * environment makes them skip, so that the native half, which shows that the
 * tests themselves are right, can run on any machine.
 */
static inline bool may_skip_repoll(void)
{
	return getenv("REPOLL_OPTIONAL") && access(REPOLL_DEVICE, F_OK);
}

#endif

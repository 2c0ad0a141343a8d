/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The harness, and the requirements of tests.
 */
#ifndef SELFTESTS_REQUIRE_H
#define SELFTESTS_REQUIRE_H

#include "kselftest_harness.h"
#include "poller.h"
#include "repoll.h"

/*
 * The time limit of a test in seconds. The harness's default of 30 is too short
 * for a kernel with sanitizers on an emulated processor.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 240

/*
 * Without /dev/repoll, the tests of repoll fail. If REPOLL_OPTIONAL is in the
 * environment, they skip instead, so that the native half, which shows that the
 * tests themselves are correct, runs on any machine.
 */
static inline bool may_skip_repoll(void)
{
	return getenv("REPOLL_OPTIONAL") && access(REPOLL_DEVICE, F_OK);
}

#endif

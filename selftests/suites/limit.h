/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Included before the kernel's tests, because the harness's limit of 30 seconds per test
 * is too short for millions of waits on an emulated processor of a busy host.
 */
#include "kselftest_harness.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 600

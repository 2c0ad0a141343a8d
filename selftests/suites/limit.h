/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Read before the kernel's tests: 30 seconds, which the harness allows each, do
 * not suffice for millions of waits on an emulated processor of a busy host.
 */
#include "kselftest_harness.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 600

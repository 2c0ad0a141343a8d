/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Running on a certain processor.
 */
#ifndef SELFTESTS_PROCESSOR_H
#define SELFTESTS_PROCESSOR_H

#include <errno.h>
#include <sched.h>

/*
 * Binds the calling thread to a processor; with SCHED_FIFO, which requires privileges,
 * before all others there, otherwise among them. Returns 0 or -errno.
 */
static inline int stay_on(int cpu, int policy)
{
	struct sched_param param = { .sched_priority = policy == SCHED_FIFO };
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(cpu, &here);
	if (sched_setaffinity(0, sizeof(here), &here) ||
	    sched_setscheduler(0, policy, &param))
		return -errno;
	return 0;
}

#endif

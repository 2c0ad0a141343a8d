// SPDX-License-Identifier: GPL-2.0

#include "calls.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "repoll.h"

static enum way way;
static unsigned int seed, forks;

static void count_fork(void)
{
	forks++;
}

/* Otherwise all children would make the same choices. */
static void choose_anew(void)
{
	seed += forks;
}

__attribute__((constructor)) static void choose(void)
{
	const char *calls = getenv("REPOLL_CALLS") ?: "";
	const char *text = getenv("REPOLL_SEED") ?: "0";

	seed = strtoul(text, NULL, 0);
	if (!strcmp(calls, "ioctl"))
		way = BY_IOCTL;
	else if (!strcmp(calls, "direct"))
		way = DIRECTLY;
	pthread_atfork(count_fork, NULL, choose_anew);
}

void calls_go(enum way wanted)
{
	way = wanted;
}

bool calls_next_directly(void)
{
	static unsigned int calls;
	uint64_t mixed;

	if (way != EITHER_WAY)
		return way == DIRECTLY;
	mixed = (uint64_t)seed << 32 |
		__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
	return mixed >> 63;
}

int call_directly(int fd, uint64_t first, uint64_t second, int operation)
{
#if __SIZEOF_LONG__ == 4
	long ret = syscall(DIRECT_SYSCALL, fd, (uint32_t)first, (uint32_t)(first >> 32),
			   (uint32_t)second, (uint32_t)(second >> 32), operation);
#else
	long ret = syscall(DIRECT_SYSCALL, fd, first, second, operation);
#endif

	return ret < 0 ? -errno : ret;
}

static int operation_of(unsigned long command)
{
	switch (command) {
	case REPOLL_WAIT:
		return REPOLL_DIRECT_PWAIT;
	case REPOLL_BATCH:
		return REPOLL_DIRECT_BATCH;
	default:
		return REPOLL_DIRECT_BATCH_WAIT;
	}
}

int call_with(int pfd, unsigned long command, void *argument)
{
	int ret;

	if (calls_next_directly())
		return call_directly(pfd, (uintptr_t)argument, 0, operation_of(command));
	ret = ioctl(pfd, command, argument);
	return ret < 0 ? -errno : ret;
}

// SPDX-License-Identifier: GPL-2.0

#include "caller.h"

#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "calls.h"
#include "waiter.h"

static void *call_once(void *arg)
{
	struct caller *c = arg;

	__atomic_store_n(&c->tid, gettid(), __ATOMIC_RELEASE);
	c->result = call_directly(c->fd, c->first, c->second, c->operation);
	__atomic_store_n(&c->done, true, __ATOMIC_RELEASE);
	return NULL;
}

bool caller_sleeps(const struct caller *c)
{
	pid_t tid = __atomic_load_n(&c->tid, __ATOMIC_ACQUIRE);

	return tid && is_asleep_in(tid, DIRECT_SYSCALL);
}

int caller_start(struct caller *c)
{
	int64_t deadline = now_ns() + SOON;
	int err;

	c->done = false;
	c->tid = 0;
	err = pthread_create(&c->thread, NULL, call_once, c);
	if (err)
		return -err;
	while (!__atomic_load_n(&c->done, __ATOMIC_ACQUIRE) && !caller_sleeps(c)) {
		if (now_ns() > deadline)
			return -ETIMEDOUT;
		sched_yield();
	}
	return 0;
}

int caller_join(struct caller *c)
{
	pthread_join(c->thread, NULL);
	return c->result;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * No memory for another item: the memory cgroup that pays for it is full.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fixture.h"
#include "sysfile.h"
#include "waiter.h"

#define CGROUPS "/sys/fs/cgroup"
#define FULL CGROUPS "/repoll_nomem"
#define LIMIT "524288"
#define COPIES 8000

/*
 * Fills the group and empties it again. Runs in a process of its own, which the
 * kernel must not kill to make room, and whose own pages are not to be paid for.
 * Returns what went wrong.
 */
static const char *fill_and_empty(const struct poller *p)
{
	struct rlimit files = { COPIES + 64, COPIES + 64 };
	struct epoll_event event;
	int i, n, err = 0, first;
	int64_t deadline;

	if (setrlimit(RLIMIT_NOFILE, &files))
		return "cannot raise the number of files";
	/* Where all numbers are free. */
	first = fcntl(eventfd(1, EFD_CLOEXEC), F_DUPFD_CLOEXEC, 48);
	for (i = 1; i < COPIES; i++)
		if (fcntl(first, F_DUPFD_CLOEXEC, first) != first + i)
			return "cannot copy the eventfd";
	if (mlockall(MCL_CURRENT | MCL_FUTURE) ||
	    sysfile_write("/proc/self/oom_score_adj", "-1000") ||
	    sysfile_write(FULL "/cgroup.procs", "0") ||
	    sysfile_write(FULL "/memory.max", LIMIT))
		return "cannot enter the group";

	for (n = 0; n < COPIES && !err; n++)
		err = poller_add(p, first + n, EPOLLIN);
	if (err != -ENOMEM)
		return "was not refused with ENOMEM";
	n--;
	if (poller_del(p, first + n) != -ENOENT)
		return "what was refused is an item";
	if (poller_wait(p, &event, 1, NOT_AT_ALL) != 1)
		return "a full group keeps events from being reported";
	for (i = 0; i < n; i++)
		if (poller_del(p, first + i))
			return "an item is missing";
	if (poller_wait(p, &event, 1, NOT_AT_ALL))
		return "something is left";
	/* The kernel's own items are freed a grace period later. */
	deadline = now_ns() + SOON;
	while (poller_add(p, first, EPOLLIN) && now_ns() < deadline)
		poll(NULL, 0, 1);
	if (poller_wait(p, &event, 1, NOT_AT_ALL) != 1)
		return "deleting items has made no room";
	return NULL;
}

/*
 *	P ---> eventfd, under one number after the other, until memory.max
 */
TEST_F(poller, full_memory_cgroup)
{
	const char *problem;
	int status;
	pid_t pid;

	if (sysfile_write(CGROUPS "/cgroup.subtree_control", "+memory") ||
	    (mkdir(FULL, 0755) && errno != EEXIST))
		SKIP(return, "no memory cgroup to be had");
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		problem = fill_and_empty(&self->p);
		if (problem)
			TH_LOG("%s", problem);
		_exit(!!problem);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, rmdir(FULL));
}

TEST_HARNESS_MAIN

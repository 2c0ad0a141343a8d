// SPDX-License-Identifier: GPL-2.0
/*
 * What inotify reports about watched files of others: as much as if they were not
 * watched.
 */
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/wait.h>

#include "fixture.h"

/* Uses a watched eventfd, like a task that knows nothing of listeners. */
static int use_watched(const struct poller *p)
{
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), copy = dup(efd);
	eventfd_t value;

	if (poller_add(p, efd, EPOLLIN) || poller_add(p, copy, EPOLLIN) ||
	    eventfd_write(efd, 1) || poller_count(p) != 2 ||
	    eventfd_read(efd, &value) || poller_count(p))
		return 1;
	/*
	 * Then an eventfd that was watched before, and one that is closed while it is
	 * watched.
	 */
	if (poller_del(p, copy) || close(copy) || eventfd_write(efd, 1) ||
	    poller_del(p, efd) || eventfd_write(efd, 1) ||
	    poller_add(p, efd, EPOLLIN) || eventfd_read(efd, &value))
		return 2;
	close(efd);
	return poller_count(p) ? 3 : 0;
}

/*
 *	inotify ---> its own eventfd
 *	another process: P ---> another eventfd: read, written, closed
 *
 * All anonymous files share an inode, so each event that one of them reports arrives.
 */
TEST_F(poller, eventfds_of_others_are_silent)
{
	int mine = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), in, status;
	char path[64], buffer[4096];
	pid_t pid;

	in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	ASSERT_LE(0, in);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", mine);
	if (inotify_add_watch(in, path, IN_ALL_EVENTS) < 0)
		SKIP(return, "only root may listen to anonymous files");
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(use_watched(&self->p));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_EQ(-1, read(in, buffer, sizeof(buffer)));
	EXPECT_EQ(EAGAIN, errno);
	close(in);
	close(mine);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * The module cannot be unloaded while it is in use.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "require.h"

static long use_count(void)
{
	FILE *file = fopen("/sys/module/repoll/refcnt", "re");
	long count = -1;

	if (!file)
		return -errno;
	if (fscanf(file, "%ld", &count) != 1)
		count = -EPROTO;
	fclose(file);
	return count;
}

/*
 *	open(/dev/repoll)	holds the module, as does
 *	an instance		after the node was closed
 */
TEST(open_files_hold_the_module)
{
	struct poller p, q;
	long before;
	int node;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	before = use_count();
	if (before == -ENOENT)
		SKIP(return, "repoll is not a module here");
	ASSERT_LE(0, before);
	node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, node);
	EXPECT_LT(before, use_count());
	close(node);
	EXPECT_EQ(before, use_count());

	ASSERT_EQ(0, poller_open(&p, &repoll_ops));
	EXPECT_EQ(before + 1, use_count());
	ASSERT_EQ(0, poller_open(&q, &repoll_ops));
	EXPECT_EQ(before + 2, use_count());
	close(p.fd);
	close(q.fd);
	EXPECT_EQ(before, use_count());
}

/*
 *	delete_module(repoll) -X-> instance
 */
TEST(unloading_is_refused_while_an_instance_is_open)
{
	int efd = eventfd(1, EFD_CLOEXEC);
	struct poller p;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	if (use_count() == -ENOENT)
		SKIP(return, "repoll is not a module here");
	if (geteuid())
		SKIP(return, "only root may unload modules");
	ASSERT_EQ(0, poller_open(&p, &repoll_ops));
	ASSERT_EQ(0, poller_add(&p, efd, EPOLLIN));
	/* If the unload were allowed nevertheless, this would do it. */
	EXPECT_EQ(-1, syscall(SYS_delete_module, "repoll", O_NONBLOCK));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(EPOLLIN, poller_now(&p, efd));
	close(p.fd);
	close(efd);
}

TEST_HARNESS_MAIN

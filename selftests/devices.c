// SPDX-License-Identifier: GPL-2.0
/*
 * Files of /dev and /proc, and files that cannot be polled at all.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "fixture.h"
#include "pair.h"
#include "waiter.h"

/*
 *	P ---> regular files, folders, devices without a poll operation
 */
TEST_F(poller, files_that_cannot_be_polled)
{
	static const struct {
		const char *path;
		int flags;
	} files[] = {
		{ "/proc/self/exe", O_RDONLY },
		{ "/proc/self/status", O_RDONLY },
		{ "/proc/self/fd", O_RDONLY | O_DIRECTORY },
		{ "/tmp", O_RDONLY | O_DIRECTORY },
		{ "/tmp", O_RDWR | O_TMPFILE },
		{ "/dev/null", O_RDWR },
		{ "/dev/zero", O_RDWR },
	};
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		fd = open(files[i].path, files[i].flags | O_CLOEXEC, 0600);
		ASSERT_LE(0, fd);
		EXPECT_EQ(-EPERM, poller_add(&self->p, fd, EPOLLIN))
			TH_LOG("%s", files[i].path);
		EXPECT_EQ(-EPERM, poller_mod(&self->p, fd, EPOLLIN));
		EXPECT_EQ(-EPERM, poller_del(&self->p, fd));
		close(fd);
	}
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	P ---> /proc/self/mounts <--- a file system is mounted
 */
TEST_F(poller, mounts_change)
{
	struct waiter w;
	int fd;

	if (unshare(CLONE_NEWNS)) {
		ASSERT_EQ(EPERM, errno);
		SKIP(return, "mounting needs CAP_SYS_ADMIN");
	}
	/* Hide the mount from others; in a chroot, "/" may not be a mount. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		ASSERT_EQ(EINVAL, errno);
	}
	fd = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, poller_add(&self->p, fd, EPOLLPRI));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, mount("repoll", "/tmp", "tmpfs", 0, NULL));
	EXPECT_EQ(EPOLLPRI | EPOLLERR, waiter_event(&w, fd));
	EXPECT_EQ(0, poller_count(&self->p));

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, umount("/tmp"));
	EXPECT_EQ(EPOLLPRI | EPOLLERR, waiter_event(&w, fd));
	close(fd);
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	P ---> /dev/kmsg <--- a line is logged
 */
TEST_F(poller, kernel_logs_a_line)
{
	char line[8192];
	struct waiter w;
	int fd;

	fd = open("/dev/kmsg", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		SKIP(return, "no access to /dev/kmsg");
	ASSERT_EQ(0, lseek(fd, 0, SEEK_END));
	while (read(fd, line, sizeof(line)) > 0)
		;
	ASSERT_EQ(EAGAIN, errno);
	ASSERT_EQ(0, poller_add(&self->p, fd, EPOLLIN));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_LT(0, write(fd, "repoll selftest\n", 16));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, fd));
	close(fd);
	EXPECT_EQ(0, poller_count(&self->p));
}

TEST_HARNESS_MAIN

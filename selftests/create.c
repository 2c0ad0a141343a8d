// SPDX-License-Identifier: GPL-2.0
/*
 * Creating instances.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "fixture.h"
#include "sysfile.h"

#define FILE_MAX "/proc/sys/fs/file-max"
#define NOBODY 65534

/*
 *	create(0) ---> fd
 *	create(CLOEXEC) ---> fd, FD_CLOEXEC
 */
TEST_F(poller, close_on_exec_is_a_choice)
{
	int plain, cloexec;

	plain = variant->ops->create(false);
	ASSERT_LE(0, plain);
	cloexec = variant->ops->create(true);
	ASSERT_LE(0, cloexec);

	EXPECT_EQ(0, fcntl(plain, F_GETFD));
	EXPECT_EQ(FD_CLOEXEC, fcntl(cloexec, F_GETFD));

	close(plain);
	close(cloexec);
}

/*
 *	exec ---> a program that checks the descriptors
 *	  |
 *	plain: open	cloexec: closed
 */
TEST_F(poller, only_the_plain_one_survives_exec)
{
	static const char script[] =
		"[ -e /proc/self/fd/$1 ] && [ ! -e /proc/self/fd/$2 ]";
	char plain_arg[16], cloexec_arg[16];
	int plain, cloexec, status;
	pid_t pid;

	plain = variant->ops->create(false);
	ASSERT_LE(0, plain);
	cloexec = variant->ops->create(true);
	ASSERT_LE(0, cloexec);
	snprintf(plain_arg, sizeof(plain_arg), "%d", plain);
	snprintf(cloexec_arg, sizeof(cloexec_arg), "%d", cloexec);

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		execl("/bin/sh", "sh", "-c", script, "sh", plain_arg,
		      cloexec_arg, NULL);
		_exit(127);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);

	close(plain);
	close(cloexec);
}

/*
 *	0 1 2 3 [ ] 5 6 ---> the instance becomes 4
 */
TEST_F(poller, lowest_free_descriptor_is_taken)
{
	int hole, above, pfd;

	hole = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, hole);
	above = eventfd(0, EFD_CLOEXEC);
	ASSERT_LT(hole, above);
	close(hole);
	/*
	 * repoll opens the control node for a moment: keep that descriptor
	 * above.
	 */
	if (variant->ops == &repoll_ops) {
		struct repoll_create args = {};
		int node = fcntl(self->p.fd, F_DUPFD_CLOEXEC, above);
		int control = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);

		ASSERT_LE(0, control);
		ASSERT_LE(0, dup2(control, node));
		close(control);
		pfd = ioctl(node, REPOLL_CREATE, &args);
		close(node);
	} else {
		pfd = variant->ops->create(false);
	}
	EXPECT_EQ(hole, pfd);

	close(pfd);
	close(above);
}

/*
 *	read(fd), write(fd) ---> EINVAL, although the file is open for both
 */
TEST_F(poller, file_has_no_bytes)
{
	char byte = 0;

	EXPECT_EQ(O_RDWR, fcntl(self->p.fd, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(-1, read(self->p.fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->p.fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
}

/*
 *	wait ---> 0 events
 */
TEST_F(poller, empty_instance_has_nothing)
{
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	instance A ---.
 *	               eventfd, ready
 *	instance B ---'
 *	instance C      (not affected)
 */
TEST_F(poller, instances_are_independent)
{
	struct poller b, c;
	int efd;

	ASSERT_EQ(0, poller_open(&b, variant->ops));
	ASSERT_EQ(0, poller_open(&c, variant->ops));
	efd = eventfd(1, EFD_CLOEXEC);
	ASSERT_LE(0, efd);
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLET));
	ASSERT_EQ(0, poller_add(&b, efd, EPOLLIN));

	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	EXPECT_EQ(EPOLLIN, poller_now(&b, efd));
	EXPECT_EQ(EPOLLIN, poller_now(&b, efd));
	EXPECT_EQ(0, poller_count(&self->p));
	EXPECT_EQ(0, poller_count(&c));

	EXPECT_EQ(0, poller_del(&self->p, efd));
	EXPECT_EQ(EPOLLIN, poller_now(&b, efd));

	close(efd);
	close(b.fd);
	close(c.fd);
}

/*
 *	1 2 3 ... 500 instances ---> one eventfd
 */
TEST_F(poller, five_hundred_instances_watch_one_file)
{
	enum { INSTANCES = 500 };
	struct poller many[INSTANCES];
	int efd, i, seen = 0;

	efd = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, efd);
	for (i = 0; i < INSTANCES; i++) {
		ASSERT_EQ(0, poller_open(&many[i], variant->ops));
		ASSERT_EQ(0, poller_add(&many[i], efd, EPOLLIN));
	}
	ASSERT_EQ(0, eventfd_write(efd, 1));
	for (i = 0; i < INSTANCES; i++)
		seen += poller_now(&many[i], efd) == EPOLLIN;
	EXPECT_EQ(INSTANCES, seen);

	for (i = 0; i < INSTANCES; i++)
		close(many[i].fd);
	close(efd);
}

/*
 *	every descriptor in use ---> EMFILE, one closed ---> success
 */
TEST_F(poller, no_free_descriptor)
{
	struct repoll_create args = {};
	struct rlimit limit;
	int node = -1, pfd;

	if (variant->ops == &repoll_ops) {
		node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
		ASSERT_LE(0, node);
	}
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	pfd = dup(self->p.fd);
	ASSERT_LE(0, pfd);
	limit.rlim_cur = pfd + 1;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));

	if (node < 0) {
		EXPECT_EQ(-EMFILE, variant->ops->create(true));
	} else {
		EXPECT_TRUE(ioctl(node, REPOLL_CREATE, &args) == -1 &&
			    errno == EMFILE);
	}
	close(pfd);
	if (node < 0) {
		EXPECT_EQ(pfd, variant->ops->create(true));
	} else {
		EXPECT_EQ(pfd, ioctl(node, REPOLL_CREATE, &args));
	}

	close(pfd);
	close(node);
}

/*
 *	every open file of the system in use ---> ENFILE, except for root
 */
TEST_F(poller, no_free_file)
{
	struct repoll_create args = {};
	int node = -1, status;
	char before[32];
	pid_t pid;

	if (geteuid())
		SKIP(return, "only root may limit the number of files");
	if (variant->ops == &repoll_ops) {
		node = open(REPOLL_DEVICE, O_RDWR | O_CLOEXEC);
		ASSERT_LE(0, node);
	}
	ASSERT_LT(0, sysfile_read(FILE_MAX, before, sizeof(before)));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (sysfile_write(FILE_MAX, "1\n") || setuid(NOBODY))
			_exit(1);
		if (node < 0)
			_exit(variant->ops->create(true) == -ENFILE ? 0 : 2);
		_exit(ioctl(node, REPOLL_CREATE, &args) == -1 &&
		      errno == ENFILE ? 0 : 3);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, sysfile_write(FILE_MAX, before));
	EXPECT_EQ(0, status);
	close(node);
}

/*
 *	/dev/repoll: a character device, by default only for root
 */
TEST(node_is_there)
{
	struct stat st;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, stat(REPOLL_DEVICE, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(0600, st.st_mode & 07777);
	EXPECT_EQ(0, st.st_uid);
}

TEST_HARNESS_MAIN

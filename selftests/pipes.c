// SPDX-License-Identifier: GPL-2.0
/*
 * Pipes, FIFOs and event counters.
 *
 * Here and in the other programs about a kind of file, each change of a file's
 * state must wake a waiter that is already asleep.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "fixture.h"
#include "pair.h"
#include "waiter.h"

/*
 *	P ---> read end <=== write end
 */
TEST_F(poller, pipe_becomes_readable)
{
	struct waiter w;
	int fds[2];

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	ASSERT_EQ(0, poller_add(&self->p, fds[0], EPOLLIN));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, put(fds[1]));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, fds[0]));
	ASSERT_EQ(0, get(fds[0]));
	EXPECT_EQ(0, poller_count(&self->p));

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	close(fds[1]);
	EXPECT_EQ(EPOLLHUP, waiter_event(&w, fds[0]));
}

/*
 *	read end <=== write end <--- P
 */
TEST_F(poller, pipe_becomes_writable)
{
	struct waiter w;
	int fds[2];

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC | O_NONBLOCK));
	ASSERT_EQ(0, fill(fds[1]));
	ASSERT_EQ(0, poller_add(&self->p, fds[1], EPOLLOUT));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, drain(fds[0]));
	EXPECT_EQ(EPOLLOUT, waiter_event(&w, fds[1]));
	ASSERT_EQ(0, fill(fds[1]));
	EXPECT_EQ(0, poller_count(&self->p));

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	close(fds[0]);
	EXPECT_EQ(EPOLLERR, waiter_event(&w, fds[1]));
}

/*
 *	P ---> both ends of one pipe: two files, each with a wait queue
 */
TEST_F(poller, both_ends_of_a_pipe)
{
	int fds[2];

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC | O_NONBLOCK));
	ASSERT_EQ(0, poller_add(&self->p, fds[0], EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, fds[1], EPOLLOUT));
	EXPECT_EQ(1, poller_count(&self->p));
	ASSERT_EQ(0, put(fds[1]));
	EXPECT_EQ(2, poller_count(&self->p));
	ASSERT_EQ(0, fill(fds[1]));
	EXPECT_EQ(1, poller_count(&self->p));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, fds[0]));
	ASSERT_EQ(0, drain(fds[0]));
	EXPECT_EQ(1, poller_count(&self->p));
	EXPECT_EQ(EPOLLOUT, poller_now(&self->p, fds[1]));
}

/*
 *	P ---> FIFO, opened for both: one file with two wait queues
 */
TEST_F(poller, fifo_open_for_both)
{
	char path[] = "/tmp/repoll-fifo-XXXXXX";
	struct waiter w;
	int fd;

	ASSERT_TRUE(!!mkdtemp(path));
	ASSERT_EQ(0, rmdir(path));
	ASSERT_EQ(0, mkfifo(path, 0600));
	fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, poller_add(&self->p, fd, EPOLLIN | EPOLLOUT | EPOLLET));
	EXPECT_EQ(EPOLLOUT, poller_now(&self->p, fd));

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, put(fd));
	EXPECT_EQ(EPOLLIN | EPOLLOUT, waiter_event(&w, fd));

	ASSERT_EQ(0, fill(fd));
	poller_count(&self->p);
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, drain(fd));
	/* The event may be seen while the drain is still in progress. */
	EXPECT_EQ(EPOLLOUT, EPOLLOUT & waiter_event(&w, fd));

	/* Its name does not matter. */
	poller_count(&self->p);
	ASSERT_EQ(0, unlink(path));
	ASSERT_EQ(0, put(fd));
	EXPECT_EQ(EPOLLIN | EPOLLOUT, poller_now(&self->p, fd));
	close(fd);
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	P ---> FIFO's read end; a writer opens it, writes, and closes it
 */
TEST_F(poller, fifo_with_a_writer_that_comes_and_goes)
{
	char path[] = "/tmp/repoll-fifo-XXXXXX";
	struct waiter w;
	int in, out;

	ASSERT_TRUE(!!mkdtemp(path));
	ASSERT_EQ(0, rmdir(path));
	ASSERT_EQ(0, mkfifo(path, 0600));
	in = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ASSERT_LE(0, in);
	ASSERT_EQ(0, poller_add(&self->p, in, EPOLLIN));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	out = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	ASSERT_LE(0, out);
	ASSERT_EQ(0, unlink(path));
	ASSERT_EQ(0, put(out));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, in));
	ASSERT_EQ(0, get(in));

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	close(out);
	EXPECT_EQ(EPOLLHUP, waiter_event(&w, in));
	close(in);
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	P ---> FIFO's read end, opened twice, and its write end
 *
 * Three files on one inode: each is independent.
 */
TEST_F(poller, fifo_that_is_open_three_times)
{
	char path[] = "/tmp/repoll-fifo-XXXXXX";
	int in[2], out;

	ASSERT_TRUE(!!mkdtemp(path));
	ASSERT_EQ(0, rmdir(path));
	ASSERT_EQ(0, mkfifo(path, 0600));
	in[0] = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	in[1] = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	out = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	ASSERT_LE(0, out);
	ASSERT_EQ(0, unlink(path));
	ASSERT_EQ(0, poller_add(&self->p, in[0], EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, in[1], EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, out, EPOLLOUT));
	ASSERT_EQ(0, put(out));
	EXPECT_EQ(3, poller_count(&self->p));

	ASSERT_EQ(0, poller_del(&self->p, out));
	close(in[0]);
	EXPECT_EQ(1, poller_count(&self->p));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, in[1]));
	ASSERT_EQ(0, poller_add(&self->p, out, EPOLLOUT));
	ASSERT_EQ(0, poller_del(&self->p, in[1]));
	EXPECT_EQ(1, poller_count(&self->p));
	close(out);
	EXPECT_EQ(0, poller_count(&self->p));
	close(in[1]);
}

/*
 *	P ---> eventfd: 0, counted up, read, at its limit
 */
TEST_F(poller, eventfd_goes_up_and_down)
{
	const uint32_t both = EPOLLIN | EPOLLOUT;
	struct waiter w;
	eventfd_t value;
	int efd;

	efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, efd);
	ASSERT_EQ(0, poller_add(&self->p, efd, both | EPOLLET));
	EXPECT_EQ(EPOLLOUT, poller_now(&self->p, efd));

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(both, waiter_event(&w, efd));

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, eventfd_read(efd, &value));
	EXPECT_EQ(EPOLLOUT, waiter_event(&w, efd));

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, eventfd_write(efd, UINT64_MAX - 1));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, efd));
	close(efd);
}

/*
 *	P ---> eventfd as a semaphore
 */
TEST_F(poller, semaphore_counts_down)
{
	eventfd_t value;
	int efd, i;

	efd = eventfd(3, EFD_CLOEXEC | EFD_SEMAPHORE);
	ASSERT_LE(0, efd);
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
		ASSERT_EQ(0, eventfd_read(efd, &value));
	}
	EXPECT_EQ(0, poller_count(&self->p));
	close(efd);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Files with more than one descriptor: duplicated, inherited, or in transit in
 * a message. An item lives as long as the open file, not as long as the number.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "fixture.h"
#include "pair.h"
#include "waiter.h"

/* Sends a descriptor through a UNIX socket. */
static int send_fd(int socket, int fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {
		.header.cmsg_len = CMSG_LEN(sizeof(int)),
		.header.cmsg_level = SOL_SOCKET,
		.header.cmsg_type = SCM_RIGHTS,
	};
	struct iovec iov = { .iov_base = "x", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(socket, &msg, 0) == 1 ? 0 : -errno;
}

/* Receives a descriptor. */
static int receive_fd(int socket)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &msg, 0) != 1)
		return -errno;
	if (msg.msg_controllen != sizeof(control))
		return -ENODATA;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

/*
 *	P --(efd)---> eventfd <--(copy)
 */
TEST_F(poller, copy_keeps_the_item)
{
	int efd = eventfd(0, EFD_CLOEXEC), copy = dup(efd);

	ASSERT_LE(0, copy);
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	close(efd);
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, eventfd_write(copy, 1));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));

	/*
	 * The item cannot be accessed: its key contains the number that was
	 * closed.
	 */
	EXPECT_EQ(-EBADF, poller_del(&self->p, efd));
	EXPECT_EQ(-ENOENT, poller_del(&self->p, copy));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));

	/* With the number back, the item can be accessed again. */
	ASSERT_EQ(efd, dup2(copy, efd));
	EXPECT_EQ(-EEXIST, poller_add(&self->p, efd, EPOLLIN));
	EXPECT_EQ(0, poller_mod(&self->p, efd, EPOLLIN | EPOLLOUT));
	EXPECT_EQ(EPOLLIN | EPOLLOUT, poller_now(&self->p, efd));
	close(efd);

	EXPECT_EQ(1, poller_count(&self->p));
	close(copy);
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	P --(efd)---> eventfd; dup2() replaces it with another file
 */
TEST_F(poller, dup2_is_a_close)
{
	int efd = eventfd(1, EFD_CLOEXEC), other = eventfd(1, EFD_CLOEXEC);

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	ASSERT_EQ(efd, dup2(other, efd));
	EXPECT_EQ(0, poller_count(&self->p));
	EXPECT_EQ(-ENOENT, poller_del(&self->p, efd));
	EXPECT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	close(efd);
	close(other);
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	parent: P ---> pipe's read end <--- child
 *	        closes it                   keeps it, then exits
 */
TEST_F(poller, child_keeps_the_item)
{
	int fds[2], stop[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(0, pipe(stop));
	ASSERT_EQ(0, poller_add(&self->p, fds[0], EPOLLIN));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(stop[1]);
		_exit(read(stop[0], &byte, 1));
	}
	close(fds[0]);
	ASSERT_EQ(0, put(fds[1]));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, fds[0]));

	close(stop[1]);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(0, poller_count(&self->p));
	EXPECT_EQ(POLLERR, await(fds[1], POLLERR) & POLLERR);
	close(fds[1]);
}

/*
 *	parent: P ---> pipe's read end <--- child
 *	        closes it                   execs, which closes it
 */
TEST_F(poller, exec_is_a_close)
{
	int fds[2], go[2], hold[2], status;
	pid_t pid;

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(hold, O_CLOEXEC));
	ASSERT_EQ(0, poller_add(&self->p, fds[0], EPOLLIN));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(go[1]);
		get(go[0]);
		/* The new program lives until the other end is closed. */
		dup2(hold[0], STDIN_FILENO);
		close(hold[1]);
		execl("/bin/cat", "cat", NULL);
		_exit(127);
	}
	close(fds[0]);
	ASSERT_EQ(0, put(fds[1]));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, fds[0]));
	ASSERT_EQ(0, put(go[1]));
	/* The last reader is gone. */
	EXPECT_EQ(POLLERR, await(fds[1], POLLERR) & POLLERR);
	EXPECT_EQ(0, poller_count(&self->p));
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	close(hold[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(fds[1]);
}

/*
 *	child: ADD ---> P (shared) <--- parent: wait
 *	  `---> a file that only the child has
 */
TEST_F(poller, parent_sees_events_of_a_childs_file)
{
	int go[2], status;
	struct waiter w;
	pid_t pid;

	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int efd = eventfd(1, EFD_CLOEXEC);

		close(go[1]);
		if (efd < 0 || poller_add_data(&self->p, efd, EPOLLIN, 4711))
			_exit(1);
		_exit(get(go[0]) == -EPIPE ? 0 : 2);
	}
	EXPECT_EQ(EPOLLIN, waiter_event(&w, 4711));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, 4711));
	close(go[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	parent: write ---> pipe <--- P (shared) <--- child: wait
 */
TEST_F(poller, child_waits_on_an_inherited_instance)
{
	int fds[2], status;
	pid_t pid;

	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(0, poller_add(&self->p, fds[0], EPOLLIN));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(poller_next(&self->p, fds[0]) == EPOLLIN ? 0 : 1);
	ASSERT_TRUE(falls_asleep(pid, variant->ops));
	ASSERT_EQ(0, put(fds[1]));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(fds[0]);
	close(fds[1]);
}

/*
 *	parent: closes P while the child still has it; P continues to work
 */
TEST_F(poller, instance_lives_until_its_last_copy_is_closed)
{
	int efd = eventfd(1, EFD_CLOEXEC);
	struct poller copy = { .ops = variant->ops };

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	copy.fd = dup(self->p.fd);
	ASSERT_LE(0, copy.fd);
	close(self->p.fd);
	EXPECT_EQ(EPOLLIN, poller_now(&copy, efd));
	EXPECT_EQ(-EEXIST, poller_add(&copy, efd, EPOLLIN));
	close(copy.fd);
	/* No item is left on the file. */
	ASSERT_EQ(0, eventfd_write(efd, 1));
	close(efd);
}

/*
 *	P ---> eventfd <--- a message that nobody has received yet
 */
TEST_F(poller, file_under_way_in_a_message)
{
	int efd = eventfd(1, EFD_CLOEXEC), sv[2], fd;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	ASSERT_EQ(0, send_fd(sv[0], efd));
	close(efd);
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));

	fd = receive_fd(sv[1]);
	ASSERT_LE(0, fd);
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	close(fd);
	EXPECT_EQ(0, poller_count(&self->p));
	close(sv[0]);
	close(sv[1]);
}

/*
 *	the same, and the message is discarded with its socket
 */
TEST_F(poller, message_with_the_file_is_lost)
{
	int efd = eventfd(1, EFD_CLOEXEC), sv[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	ASSERT_EQ(0, send_fd(sv[0], efd));
	close(efd);
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	close(sv[1]);
	EXPECT_EQ(0, poller_count(&self->p));
	close(sv[0]);
}

/*
 *	P ===> message ===> P': the same instance under another number
 */
TEST_F(poller, instance_in_a_message)
{
	int efd = eventfd(1, EFD_CLOEXEC), sv[2];
	struct poller received = { .ops = variant->ops };

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	ASSERT_EQ(0, send_fd(sv[0], self->p.fd));
	close(self->p.fd);
	received.fd = receive_fd(sv[1]);
	ASSERT_LE(0, received.fd);
	EXPECT_EQ(EPOLLIN, poller_now(&received, efd));
	EXPECT_EQ(0, poller_del(&received, efd));
	close(received.fd);
	close(efd);
	close(sv[0]);
	close(sv[1]);
}

TEST_HARNESS_MAIN

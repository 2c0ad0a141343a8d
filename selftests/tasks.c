// SPDX-License-Identifier: GPL-2.0
/*
 * Files that represent processes and their signals.
 */
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "waiter.h"

static int block(sigset_t *set, int signal)
{
	sigemptyset(set);
	sigaddset(set, signal);
	return sigprocmask(SIG_BLOCK, set, NULL);
}

/* Starts a process that ends when the other end of *pipe_end is closed. */
static pid_t start_child(int *pipe_end)
{
	int fds[2];
	char byte;
	pid_t pid;

	if (pipe(fds))
		return -1;
	pid = fork();
	if (!pid) {
		close(fds[1]);
		_exit(read(fds[0], &byte, 1) ? 1 : 0);
	}
	close(fds[0]);
	*pipe_end = fds[1];
	return pid;
}

/*
 *	P ---> pidfd ---> child, which ends
 */
TEST_F(poller, pidfd_tells_of_the_end)
{
	struct waiter w;
	int pidfd, end;
	pid_t pid;

	pid = start_child(&end);
	ASSERT_LT(0, pid);
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	ASSERT_LE(0, pidfd);
	ASSERT_EQ(0, poller_add(&self->p, pidfd, EPOLLIN));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	EXPECT_FALSE(waiter_is_done(&w));
	close(end);
	EXPECT_EQ(EPOLLIN, waiter_event(&w, pidfd));

	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(EPOLLIN | EPOLLHUP, poller_now(&self->p, pidfd));
	close(pidfd);
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	P ---> signalfd ---> SIGUSR1 of this process
 */
TEST_F(poller, signalfd_tells_of_a_signal)
{
	struct signalfd_siginfo info;
	struct waiter w;
	sigset_t set;
	int sfd;

	ASSERT_EQ(0, block(&set, SIGUSR1));
	sfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	ASSERT_LE(0, sfd);
	ASSERT_EQ(0, poller_add(&self->p, sfd, EPOLLIN));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, sfd));
	ASSERT_EQ(sizeof(info), read(sfd, &info, sizeof(info)));
	EXPECT_EQ(SIGUSR1, info.ssi_signo);
	EXPECT_EQ(0, poller_count(&self->p));
	close(sfd);
}

/*
 *	        .---> signalfd <---.
 *	P (shared)                  child: ADD, then the end
 *
 * The wait queue with the item is part of the child's signal state, and is
 * freed with the child, before the file and before the item.
 */
TEST_F(poller, wait_queue_goes_before_the_file)
{
	sigset_t set;
	int sfd, status, round;
	pid_t pid;

	ASSERT_EQ(0, block(&set, SIGUSR1));
	sfd = signalfd(-1, &set, SFD_CLOEXEC);
	ASSERT_LE(0, sfd);
	for (round = 0; round < 20; round++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(poller_add(&self->p, sfd, EPOLLIN) ? 1 : 0);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(0, status);

		EXPECT_EQ(0, poller_count(&self->p));
		EXPECT_EQ(-EEXIST, poller_add(&self->p, sfd, EPOLLIN));
		EXPECT_EQ(0, poller_mod(&self->p, sfd, EPOLLIN | EPOLLET));
		EXPECT_EQ(0, poller_del(&self->p, sfd));
	}
	close(sfd);
}

/*
 *	the same, but the instance is closed, and the item is not deleted
 */
TEST_F(poller, wait_queue_goes_before_the_instance)
{
	struct poller p;
	sigset_t set;
	int sfd, status, round;
	pid_t pid;

	ASSERT_EQ(0, block(&set, SIGUSR1));
	sfd = signalfd(-1, &set, SFD_CLOEXEC);
	ASSERT_LE(0, sfd);
	for (round = 0; round < 20; round++) {
		ASSERT_EQ(0, poller_open(&p, variant->ops));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(poller_add(&p, sfd, EPOLLIN) ? 1 : 0);
		/* In half of the rounds, both at once. */
		if (round % 2)
			close(p.fd);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(0, status);
		if (round % 2 == 0)
			close(p.fd);
	}
	/* The file still works. */
	ASSERT_EQ(0, poller_add(&self->p, sfd, EPOLLIN));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(EPOLLIN, poller_next(&self->p, sfd));
	close(sfd);
}

TEST_HARNESS_MAIN

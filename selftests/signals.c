// SPDX-License-Identifier: GPL-2.0
/*
 * Signals during a wait, and the signal mask for the wait.
 */
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "fixture.h"
#include "waiter.h"

static int handled;

static void handle(int signal)
{
	(void)signal;
	__atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
}

static int set_handler(void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	handled = 0;
	return sigaction(SIGUSR1, &action, NULL) ? -errno : 0;
}

static int block(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return sigprocmask(SIG_BLOCK, &set, NULL) ? -errno : 0;
}

static bool is_blocked(void)
{
	sigset_t set;

	return !sigprocmask(SIG_BLOCK, NULL, &set) &&
	       sigismember(&set, SIGUSR1);
}

static bool is_pending(void)
{
	sigset_t set;

	return !sigpending(&set) && sigismember(&set, SIGUSR1);
}

/* The kernel's signal set: empty, or with SIGUSR1. */
static const uint64_t no_signal;
static const uint64_t only_usr1 = 1ULL << (SIGUSR1 - 1);

static int wait_masked(const struct poller *p, int64_t timeout_ns,
		       const uint64_t *mask)
{
	struct epoll_event event;

	return p->ops->wait(p->fd, &event, 1, timeout_ns, mask,
			    KERNEL_SIGSET_SIZE);
}

/*
 *	signal ---> waiter ---> P	with and without SA_RESTART
 */
TEST_F(poller, handled_signal_ends_the_wait)
{
	static const int flags[] = { 0, SA_RESTART };
	struct waiter w;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		ASSERT_EQ(0, set_handler(handle, flags[i]));
		ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
		ASSERT_EQ(0, pthread_kill(w.thread, SIGUSR1));
		EXPECT_EQ(-EINTR, waiter_join(&w));
		EXPECT_EQ(1, handled);

		ASSERT_EQ(0, waiter_start(&w, &self->p, 1, FOR_EVER));
		ASSERT_EQ(0, pthread_kill(w.thread, SIGUSR1));
		EXPECT_EQ(-EINTR, waiter_join(&w));
	}
}

/*
 *	ignored signal ---> waiter ---> P ---> eventfd, written afterwards
 */
TEST_F(poller, ignored_signal_does_not_end_it)
{
	int efd = eventfd(0, EFD_CLOEXEC);
	struct waiter w;

	ASSERT_EQ(0, set_handler(SIG_IGN, 0));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, pthread_kill(w.thread, SIGUSR1));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, efd));
	close(efd);
}

/*
 *	signal, then wait ---> P: a pending event comes first
 */
TEST_F(poller, event_goes_before_a_pending_signal)
{
	int efd = eventfd(1, EFD_CLOEXEC);

	ASSERT_EQ(0, set_handler(handle, 0));
	ASSERT_EQ(0, block());
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(1, wait_masked(&self->p, SOON, &no_signal));
	/*
	 * The handler runs neither in the wait nor after it, when the signal is
	 * blocked again.
	 */
	EXPECT_EQ(0, handled);
	EXPECT_TRUE(is_blocked());
	EXPECT_TRUE(is_pending());
	close(efd);
}

/*
 *	wait, timeout 0, with a signal pending ---> P, empty
 */
TEST_F(poller, signal_does_not_end_what_does_not_wait)
{
	ASSERT_EQ(0, set_handler(handle, 0));
	ASSERT_EQ(0, block());
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(0, wait_masked(&self->p, NOT_AT_ALL, &no_signal));
	EXPECT_EQ(0, handled);
	EXPECT_TRUE(is_blocked());
	EXPECT_TRUE(is_pending());
}

/*
 *	blocked and pending; the wait's mask allows it
 */
TEST_F(poller, mask_lets_a_signal_through)
{
	ASSERT_EQ(0, set_handler(handle, 0));
	ASSERT_EQ(0, block());
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(-EINTR, wait_masked(&self->p, SOON, &no_signal));
	EXPECT_EQ(1, handled);
	EXPECT_TRUE(is_blocked());
	EXPECT_FALSE(is_pending());
}

/*
 *	the signal comes while the waiter sleeps under such a mask
 */
TEST_F(poller, mask_lets_a_signal_through_while_it_sleeps)
{
	struct waiter w;

	ASSERT_EQ(0, set_handler(handle, 0));
	ASSERT_EQ(0, block());
	ASSERT_EQ(0, waiter_start_masked(&w, &self->p, &no_signal));
	ASSERT_EQ(0, pthread_kill(w.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, waiter_join(&w));
	EXPECT_EQ(1, handled);
}

/*
 *	not blocked; the wait's mask blocks it until the wait is over
 */
TEST_F(poller, mask_keeps_a_signal_off)
{
	int efd = eventfd(0, EFD_CLOEXEC);
	struct waiter w;

	ASSERT_EQ(0, set_handler(handle, 0));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	ASSERT_EQ(0, waiter_start_masked(&w, &self->p, &only_usr1));
	ASSERT_EQ(0, pthread_kill(w.thread, SIGUSR1));
	EXPECT_TRUE(waiter_sleeps(&w));
	EXPECT_EQ(0, handled);
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, efd));
	/* The thread cannot have ended without running the handler. */
	EXPECT_EQ(1, handled);
	close(efd);
}

/* The mask under which handle_and_look() ran. */
static sigset_t seen;

static void handle_and_look(int signal)
{
	handle(signal);
	sigprocmask(SIG_BLOCK, NULL, &seen);
}

/*
 *	the handler runs under the wait's mask: SIGUSR2 is blocked in it, though
 *	not around the wait, and SIGUSR1 because it is being handled
 */
TEST_F(poller, handler_sees_the_mask_of_the_wait)
{
	const uint64_t only_usr2 = 1ULL << (SIGUSR2 - 1);

	ASSERT_EQ(0, set_handler(handle_and_look, 0));
	ASSERT_EQ(0, block());
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(-EINTR, wait_masked(&self->p, SOON, &only_usr2));
	EXPECT_EQ(1, handled);
	EXPECT_TRUE(sigismember(&seen, SIGUSR1));
	EXPECT_TRUE(sigismember(&seen, SIGUSR2));
	EXPECT_TRUE(is_blocked());
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, NULL, &seen));
	EXPECT_FALSE(sigismember(&seen, SIGUSR2));
}

#define SIGNALS 100

/* A thread that allows SIGUSR1 only while it waits. */
struct receiver {
	const struct poller *p;
	pthread_t thread;
	/* The number of waits with a wrong result. */
	int wrong;
};

static void *receive(void *arg)
{
	struct receiver *r = arg;
	int i;

	for (i = 0; i < SIGNALS; i++)
		r->wrong += wait_masked(r->p, SOON, &no_signal) != -EINTR;
	return NULL;
}

/*
 *	signal, at any moment ---> waiter: it ends the current wait, or else
 *	the next one, before that sleeps
 */
TEST_F(poller, no_signal_is_missed)
{
	struct receiver r = { .p = &self->p };
	int64_t until;
	int i;

	ASSERT_EQ(0, set_handler(handle, 0));
	ASSERT_EQ(0, block());
	ASSERT_EQ(0, pthread_create(&r.thread, NULL, receive, &r));
	for (i = 1; i <= SIGNALS; i++) {
		/* Somewhere between two waits, or during one. */
		until = now_ns() + i % 50 * 1000;
		while (now_ns() < until)
			;
		ASSERT_EQ(0, pthread_kill(r.thread, SIGUSR1));
		until = now_ns() + SOON;
		while (__atomic_load_n(&handled, __ATOMIC_RELAXED) != i &&
		       now_ns() < until)
			sched_yield();
		ASSERT_EQ(i, __atomic_load_n(&handled, __ATOMIC_RELAXED));
	}
	ASSERT_EQ(0, pthread_join(r.thread, NULL));
	EXPECT_EQ(0, r.wrong);
}

/*
 *	the mask after a wait, however that ended, is the one from before
 */
TEST_F(poller, mask_is_restored)
{
	int efd = eventfd(1, EFD_CLOEXEC);

	ASSERT_EQ(0, set_handler(handle, 0));
	EXPECT_EQ(0, wait_masked(&self->p, NOT_AT_ALL, &only_usr1));
	EXPECT_FALSE(is_blocked());
	EXPECT_EQ(0, wait_masked(&self->p, 1, &only_usr1));
	EXPECT_FALSE(is_blocked());
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	EXPECT_EQ(1, wait_masked(&self->p, NOT_AT_ALL, &only_usr1));
	EXPECT_FALSE(is_blocked());
	/* A wait that fails because there is no room for an event. */
	EXPECT_EQ(-EINVAL, self->p.ops->wait(self->p.fd, NULL, 0, NOT_AT_ALL,
					     &only_usr1, KERNEL_SIGSET_SIZE));
	EXPECT_FALSE(is_blocked());
	EXPECT_EQ(-EFAULT, self->p.ops->wait(self->p.fd, NULL, 1, NOT_AT_ALL,
					     &only_usr1, KERNEL_SIGSET_SIZE));
	EXPECT_FALSE(is_blocked());
	close(efd);
}

/*
 *	SIGKILL, SIGSTOP cannot be masked
 */
TEST_F(poller, kill_cannot_be_masked)
{
	const uint64_t all = ~0ULL;
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		wait_masked(&self->p, FOR_EVER, &all);
		_exit(1);
	}
	ASSERT_TRUE(falls_asleep(pid, variant->ops));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
}

static void *wait_for_ever(void *arg)
{
	for (;;)
		wait_masked(arg, FOR_EVER, NULL);
	return NULL;
}

/*
 *	3 threads: wait, wait ---> P --edge--> eventfd <--- write, write
 *	^
 *	SIGKILL: all end, even while they are being woken
 */
TEST_F(poller, killed_while_being_woken)
{
	int efd = eventfd(0, EFD_CLOEXEC), round, i, status;
	pthread_t thread;
	pid_t pid;

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLET));
	for (round = 0; round < 8; round++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			for (i = 0; i < 2; i++)
				pthread_create(&thread, NULL, wait_for_ever,
					       &self->p);
			wait_for_ever(&self->p);
		}
		ASSERT_TRUE(falls_asleep(pid, variant->ops));
		for (i = 0; i < 20 + round; i++) {
			ASSERT_EQ(0, eventfd_write(efd, 1));
		}
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(0, eventfd_write(efd, 1));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
	}
	/* Nothing of them disturbs the next waiter. */
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(EPOLLIN, poller_next(&self->p, efd));
	EXPECT_EQ(0, poller_count(&self->p));
	close(efd);
}

/*
 *	SIGSTOP, SIGCONT ---> waiter: the wait is over, without any handler
 */
TEST_F(poller, stop_and_continue_end_it)
{
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(wait_masked(&self->p, SOON, NULL) == -EINTR ? 0 : 1);
	ASSERT_TRUE(falls_asleep(pid, variant->ops));
	ASSERT_EQ(0, kill(pid, SIGSTOP));
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, kill(pid, SIGCONT));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Concurrent operations: no event is lost, and none is invented.
 *
 * A lost event shows as a wait that takes SOON and returns nothing.
 */
#include <signal.h>
#include <sys/eventfd.h>

#include "fixture.h"
#include "pair.h"
#include "processor.h"
#include "waiter.h"

/* A thread that writes to an eventfd on request. */
struct writer {
	pthread_t thread;
	int efd;
	unsigned int told, written;
	bool stop;
};

static void *write_when_told(void *arg)
{
	struct writer *writer = arg;
	unsigned int n = 0;

	while (!__atomic_load_n(&writer->stop, __ATOMIC_ACQUIRE)) {
		if (__atomic_load_n(&writer->told, __ATOMIC_ACQUIRE) == n) {
			sched_yield();
			continue;
		}
		n++;
		eventfd_write(writer->efd, 1);
		__atomic_store_n(&writer->written, n, __ATOMIC_RELEASE);
	}
	return NULL;
}

static int writer_start(struct writer *writer)
{
	*writer = (struct writer) {
		.efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	if (writer->efd < 0)
		return -errno;
	return -pthread_create(&writer->thread, NULL, write_when_told, writer);
}

static void writer_tell(struct writer *writer)
{
	__atomic_fetch_add(&writer->told, 1, __ATOMIC_RELEASE);
}

static void writer_settle(const struct writer *writer)
{
	while (__atomic_load_n(&writer->written, __ATOMIC_ACQUIRE) !=
	       writer->told)
		sched_yield();
}

static void writer_stop(struct writer *writer)
{
	__atomic_store_n(&writer->stop, true, __ATOMIC_RELEASE);
	pthread_join(writer->thread, NULL);
	close(writer->efd);
}

/*
 *	ADD(eventfd)	at the same time as	write(eventfd)
 */
TEST_F(poller, adding_misses_nothing)
{
	struct writer writer;
	eventfd_t value;
	int round;

	ASSERT_EQ(0, writer_start(&writer));
	for (round = 0; round < 300; round++) {
		writer_tell(&writer);
		if (round % 2)
			sched_yield();
		ASSERT_EQ(0, poller_add(&self->p, writer.efd,
					EPOLLIN | EPOLLET));
		ASSERT_EQ(EPOLLIN, poller_next(&self->p, writer.efd));
		writer_settle(&writer);
		ASSERT_EQ(0, poller_del(&self->p, writer.efd));
		ASSERT_EQ(0, eventfd_read(writer.efd, &value));
		ASSERT_EQ(0, poller_count(&self->p));
	}
	writer_stop(&writer);
}

/*
 *	MOD(eventfd, armed again)	at the same time as	write(eventfd)
 */
TEST_F(poller, rearming_misses_nothing)
{
	const uint32_t events = EPOLLIN | EPOLLET | EPOLLONESHOT;
	struct writer writer;
	eventfd_t value;
	int round;

	ASSERT_EQ(0, writer_start(&writer));
	ASSERT_EQ(0, poller_add(&self->p, writer.efd, 0));
	for (round = 0; round < 500; round++) {
		writer_tell(&writer);
		if (round % 2)
			sched_yield();
		ASSERT_EQ(0, poller_mod(&self->p, writer.efd, events));
		ASSERT_EQ(EPOLLIN, poller_next(&self->p, writer.efd));
		writer_settle(&writer);
		ASSERT_EQ(0, poller_count(&self->p));
		ASSERT_EQ(0, eventfd_read(writer.efd, &value));
	}
	writer_stop(&writer);
}

/*
 *	wait	at the same time as	write(eventfd)
 *	  `--> P --edge--> eventfd
 *
 * A waiter that goes to sleep is woken, or sees that the file is ready.
 */
TEST_F_TIMEOUT(poller, going_to_sleep_misses_nothing, 1200)
{
	struct writer writer;
	int round;

	ASSERT_EQ(0, writer_start(&writer));
	ASSERT_EQ(0, poller_add(&self->p, writer.efd, EPOLLIN | EPOLLET));
	for (round = 0; round < 5000; round++) {
		writer_tell(&writer);
		ASSERT_EQ(EPOLLIN, poller_next(&self->p, writer.efd));
		writer_settle(&writer);
		ASSERT_EQ(0, poller_count(&self->p));
	}
	writer_stop(&writer);
}

/*
 *	wait with a timeout of 0	at the same time as	wait, wait, wait
 *	                   `--> P ---> ready eventfd <---'
 *
 * One thread's fetch must not hide a level from another thread.
 */
TEST_F(poller, level_never_flickers)
{
	int64_t end = now_ns() + NSEC_PER_SEC / 5;
	int efd = eventfd(1, EFD_CLOEXEC);
	int misses = 0, misses_there = 0;
	pid_t pid;
	int status;

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		while (now_ns() < end)
			misses_there += poller_count(&self->p) != 1;
		_exit(misses_there ? 1 : 0);
	}
	while (now_ns() < end)
		misses += poller_count(&self->p) != 1;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, misses);
	EXPECT_EQ(0, status);
	close(efd);
}

/*
 *	waiter with a short timeout ---.
 *	                                P --edge--> eventfd, written about then
 *	waiter with a long one --------'
 *
 * If the first waiter returns without an event, the second one receives it.
 */
TEST_F(poller, wakeup_at_the_timeout_is_passed_on)
{
	const int64_t timeout = NSEC_PER_MSEC / 2;
	int efd = eventfd(0, EFD_CLOEXEC), round, first;
	struct waiter brief, patient;

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLET));
	for (round = 0; round < 50; round++) {
		int64_t end;

		ASSERT_EQ(0, waiter_start(&patient, &self->p, 1, SOON));
		ASSERT_EQ(0, waiter_start(&brief, &self->p, 1, timeout));
		end = now_ns() + timeout * (round % 8) / 8;
		while (now_ns() < end)
			sched_yield();
		ASSERT_EQ(0, eventfd_write(efd, 1));
		first = waiter_join(&brief);
		ASSERT_TRUE(first == 0 || first == 1);
		if (first) {
			ASSERT_EQ(0, eventfd_write(efd, 1));
		}
		ASSERT_EQ(1, waiter_join(&patient));
		ASSERT_EQ(0, poller_count(&self->p));
	}
	close(efd);
}

static void ignore(int signal)
{
	(void)signal;
}

/*
 *	waiter <--- signal -------------.
 *	                                 P --edge--> eventfd, written about then
 *	waiter without signals ---------'
 */
TEST_F(poller, wakeup_at_a_signal_is_passed_on)
{
	struct sigaction action = { .sa_handler = ignore };
	int efd = eventfd(0, EFD_CLOEXEC), round, first;
	struct waiter disturbed, quiet;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLET));
	for (round = 0; round < 50; round++) {
		ASSERT_EQ(0, waiter_start(&quiet, &self->p, 1, SOON));
		ASSERT_EQ(0, waiter_start(&disturbed, &self->p, 1, SOON));
		if (round % 2)
			pthread_kill(disturbed.thread, SIGUSR1);
		ASSERT_EQ(0, eventfd_write(efd, 1));
		if (round % 2 == 0)
			pthread_kill(disturbed.thread, SIGUSR1);
		first = waiter_join(&disturbed);
		ASSERT_TRUE(first == -EINTR || first == 1);
		if (first == 1) {
			ASSERT_EQ(0, eventfd_write(efd, 1));
		}
		ASSERT_EQ(1, waiter_join(&quiet));
		ASSERT_EQ(0, poller_count(&self->p));
	}
	close(efd);
}

/*
 *	process, killed when woken ---.
 *	                              P --level--> eventfd, written
 *	waiter -----------------------'
 *
 * The process cannot run in between, because this thread precedes it on its
 * processor. Native epoll then leaves the waiter asleep.
 */
TEST(wakeup_of_a_killed_waiter_is_passed_on)
{
	struct waiter w;
	struct poller p;
	int efd, err;
	pid_t pid;

	if (may_skip_repoll())
		SKIP(return, "no " REPOLL_DEVICE);
	ASSERT_EQ(0, poller_open(&p, &repoll_ops));
	efd = eventfd(0, EFD_CLOEXEC);
	ASSERT_EQ(0, poller_add(&p, efd, EPOLLIN));
	ASSERT_EQ(0, waiter_start(&w, &p, 1, SOON));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct epoll_event event;

		stay_on(0, SCHED_OTHER);
		poller_wait(&p, &event, 1, FOR_EVER);
		_exit(0);
	}
	ASSERT_TRUE(falls_asleep(pid, &repoll_ops));
	err = stay_on(0, SCHED_FIFO);
	if (err == -EPERM)
		SKIP(goto out, "real-time priority needs CAP_SYS_NICE");
	ASSERT_EQ(0, err);
	/* The last waiter is the first to be woken. */
	ASSERT_EQ(0, eventfd_write(efd, 1));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, efd));
out:
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(p.fd);
	close(efd);
}

/* Shared by the producers and the consumers of the test below. */
struct market {
	const struct poller *p;
	int efds[4];
	unsigned int left;	/* to be produced */
	unsigned int sold;	/* consumed */
};

#define GOODS 4000

static void *produce(void *arg)
{
	struct market *m = arg;
	unsigned int n;

	while ((n = __atomic_fetch_sub(&m->left, 1, __ATOMIC_RELAXED)) - 1 <
	       GOODS)
		eventfd_write(m->efds[n % ARRAY_SIZE(m->efds)], 1);
	return NULL;
}

static void *consume(void *arg)
{
	struct market *m = arg;
	struct epoll_event event;
	eventfd_t value;
	int fd;

	while (__atomic_load_n(&m->sold, __ATOMIC_ACQUIRE) < GOODS) {
		/* When all is consumed, the short timeout ends the wait. */
		if (poller_wait(m->p, &event, 1, 50 * NSEC_PER_MSEC) != 1)
			continue;
		fd = event.data.u64;
		if (!eventfd_read(fd, &value))
			__atomic_fetch_add(&m->sold, value, __ATOMIC_RELEASE);
		poller_mod(m->p, fd, EPOLLIN | EPOLLET | EPOLLONESHOT);
	}
	return NULL;
}

/*
 *	2 producers ---> 4 eventfds <--one-shot, edge-- P <--- 3 consumers
 *
 * If one event were lost, the value in its eventfd would never be consumed, and
 * the test would reach its time limit.
 */
TEST_F(poller, everything_that_is_produced_is_consumed)
{
	struct market m = { .p = &self->p, .left = GOODS };
	pthread_t threads[5];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(m.efds); i++) {
		m.efds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ASSERT_EQ(0, poller_add(&self->p, m.efds[i],
					EPOLLIN | EPOLLET | EPOLLONESHOT));
	}
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		ASSERT_EQ(0, pthread_create(&threads[i], NULL,
					    i < 2 ? produce : consume, &m));
	}
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	}
	EXPECT_EQ(GOODS, m.sold);
	EXPECT_EQ(0, poller_count(&self->p));
}

struct changer {
	const struct poller *p;
	int64_t end;
	int efd;
	unsigned int errors;
};

static void *change(void *arg)
{
	struct changer *c = arg;

	while (now_ns() < c->end) {
		c->errors += poller_add(c->p, c->efd, EPOLLIN) != 0;
		c->errors += poller_mod(c->p, c->efd, EPOLLIN | EPOLLET) != 0;
		c->errors += eventfd_write(c->efd, 1) != 0;
		c->errors += poller_del(c->p, c->efd) != 0;
	}
	return NULL;
}

/*
 *	3 threads: ADD, MOD, write, DEL, each its own eventfd ---> P
 *	                              this thread: wait, wait ---> P
 */
TEST_F(poller, list_changes_while_it_is_waited_on)
{
	enum { THREADS = 3 };
	struct changer changers[THREADS] = {};
	int64_t end = now_ns() + NSEC_PER_SEC / 3;
	pthread_t threads[THREADS];
	struct epoll_event event;
	int i;

	for (i = 0; i < THREADS; i++) {
		changers[i].p = &self->p;
		changers[i].end = end;
		changers[i].efd = eventfd(0, EFD_CLOEXEC);
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, change,
					    &changers[i]));
	}
	while (now_ns() < end) {
		ASSERT_LE(0, poller_wait(&self->p, &event, 1, NSEC_PER_MSEC));
	}
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, changers[i].errors);
	}
	EXPECT_EQ(0, poller_count(&self->p));
}

TEST_HARNESS_MAIN

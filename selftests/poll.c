// SPDX-License-Identifier: GPL-2.0
/*
 * An instance that is itself watched: by poll(2), by select(2), by native epoll.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/select.h>

#include "fixture.h"
#include "pair.h"
#include "processor.h"
#include "sleeper.h"
#include "waiter.h"

static short poll_now(const struct poller *p)
{
	struct pollfd pfd = {
		.fd = p->fd,
		.events = POLLIN | POLLOUT | POLLPRI | POLLRDNORM,
	};

	return poll(&pfd, 1, 0) < 0 ? POLLNVAL : pfd.revents;
}

/*
 *	poll ---> P ---> eventfd
 */
TEST_F(poller, poll_shows_readiness)
{
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	eventfd_t value;

	EXPECT_EQ(0, poll_now(&self->p));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	EXPECT_EQ(0, poll_now(&self->p));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(POLLIN | POLLRDNORM, poll_now(&self->p));
	/* A level stays, whether it was fetched or not. */
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	EXPECT_EQ(POLLIN | POLLRDNORM, poll_now(&self->p));
	ASSERT_EQ(0, eventfd_read(efd, &value));
	EXPECT_EQ(0, poll_now(&self->p));
	close(efd);
}

/*
 *	poll ---> P --edge--> eventfd: a poll consumes nothing
 */
TEST_F(poller, poll_does_not_use_up_an_edge)
{
	int efd = eventfd(1, EFD_CLOEXEC);

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLET));
	EXPECT_EQ(POLLIN | POLLRDNORM, poll_now(&self->p));
	EXPECT_EQ(POLLIN | POLLRDNORM, poll_now(&self->p));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	EXPECT_EQ(0, poll_now(&self->p));
	close(efd);
}

/*
 *	poll ---> P ---> A (no longer ready), B
 */
TEST_F(poller, poll_looks_behind_what_is_over)
{
	int a = eventfd(0, EFD_CLOEXEC), b = eventfd(0, EFD_CLOEXEC);
	eventfd_t value;

	ASSERT_EQ(0, poller_add(&self->p, a, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, b, EPOLLIN));
	ASSERT_EQ(0, eventfd_write(a, 1));
	ASSERT_EQ(0, eventfd_write(b, 1));
	ASSERT_EQ(0, eventfd_read(a, &value));
	EXPECT_EQ(POLLIN | POLLRDNORM, poll_now(&self->p));
	ASSERT_EQ(0, eventfd_read(b, &value));
	EXPECT_EQ(0, poll_now(&self->p));
	/* This has lost neither item. */
	ASSERT_EQ(0, eventfd_write(a, 1));
	EXPECT_EQ(POLLIN | POLLRDNORM, poll_now(&self->p));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, a));
	close(a);
	close(b);
}

/*
 *	poll ---> P ---> ready eventfd: deleted, closed, modified, disarmed
 */
TEST_F(poller, poll_follows_the_list)
{
	int efd = eventfd(1, EFD_CLOEXEC);

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	EXPECT_EQ(POLLIN | POLLRDNORM, poll_now(&self->p));
	ASSERT_EQ(0, poller_del(&self->p, efd));
	EXPECT_EQ(0, poll_now(&self->p));

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLONESHOT));
	EXPECT_EQ(POLLIN | POLLRDNORM, poll_now(&self->p));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	EXPECT_EQ(0, poll_now(&self->p));
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLIN));
	EXPECT_EQ(POLLIN | POLLRDNORM, poll_now(&self->p));
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLPRI));
	EXPECT_EQ(0, poll_now(&self->p));

	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLIN));
	EXPECT_EQ(POLLIN | POLLRDNORM, poll_now(&self->p));
	close(efd);
	EXPECT_EQ(0, poll_now(&self->p));
}

/*
 *	select ---> P ---> eventfd
 */
TEST_F(poller, select_shows_readiness)
{
	int efd = eventfd(0, EFD_CLOEXEC), ready;
	struct timeval zero = {};
	fd_set in, out, except;

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	for (ready = 0; ready < 2; ready++) {
		FD_ZERO(&in);
		FD_SET(self->p.fd, &in);
		out = in;
		except = in;
		EXPECT_EQ(ready, select(self->p.fd + 1, &in, &out, &except,
					&zero));
		EXPECT_EQ(ready, !!FD_ISSET(self->p.fd, &in));
		EXPECT_FALSE(FD_ISSET(self->p.fd, &out));
		EXPECT_FALSE(FD_ISSET(self->p.fd, &except));
		ASSERT_EQ(0, eventfd_write(efd, 1));
	}
	close(efd);
}

/*
 *	thread 1: poll ---.
 *	thread 2: poll ----+---> P ---> eventfd, written
 *	thread 3: wait ---'
 */
TEST_F(poller, pollers_wake_and_so_does_the_waiter)
{
	int efd = eventfd(0, EFD_CLOEXEC), i;
	struct sleeper s[2];
	struct waiter w;

	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, sleeper_start(&s[i], self->p.fd));
	}
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, efd));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(1, sleeper_join(&s[i]));
		EXPECT_EQ(POLLIN, s[i].pfd.revents);
	}
	close(efd);
}

/*
 *	thread: poll ---> P <--- ADD of a ready file, MOD to an event that the file has
 */
TEST_F(poller, pollers_wake_when_the_list_changes)
{
	int efd = eventfd(1, EFD_CLOEXEC);
	struct sleeper s;

	ASSERT_EQ(0, sleeper_start(&s, self->p.fd));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	EXPECT_EQ(1, sleeper_join(&s));

	ASSERT_EQ(0, poller_mod(&self->p, efd, 0));
	ASSERT_EQ(0, sleeper_start(&s, self->p.fd));
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLIN));
	EXPECT_EQ(1, sleeper_join(&s));
	close(efd);
}

/*
 *	native epoll ---> P ---> eventfd	level- and edge-triggered
 */
TEST_F(poller, epoll_shows_readiness)
{
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct poller outer;
	struct waiter w;
	eventfd_t value;

	ASSERT_EQ(0, poller_open(&outer, &native_ops));
	ASSERT_EQ(0, poller_add(&outer, self->p.fd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN));
	EXPECT_EQ(0, poller_count(&outer));
	ASSERT_EQ(0, waiter_start(&w, &outer, 1, SOON));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, self->p.fd));
	EXPECT_EQ(EPOLLIN, poller_now(&outer, self->p.fd));
	ASSERT_EQ(0, eventfd_read(efd, &value));
	EXPECT_EQ(0, poller_count(&outer));

	ASSERT_EQ(0, poller_mod(&outer, self->p.fd, EPOLLIN | EPOLLET));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(EPOLLIN, poller_now(&outer, self->p.fd));
	EXPECT_EQ(0, poller_count(&outer));
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(EPOLLIN, poller_now(&outer, self->p.fd));
	close(outer.fd);
	close(efd);
}

/*
 *	native epoll ---> P, which is closed
 */
TEST_F(poller, epoll_forgets_a_closed_instance)
{
	int efd = eventfd(1, EFD_CLOEXEC);
	struct poller outer, p;

	ASSERT_EQ(0, poller_open(&outer, &native_ops));
	ASSERT_EQ(0, poller_open(&p, variant->ops));
	ASSERT_EQ(0, poller_add(&p, efd, EPOLLIN));
	ASSERT_EQ(0, poller_add(&outer, p.fd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, poller_now(&outer, p.fd));
	close(p.fd);
	EXPECT_EQ(0, poller_count(&outer));
	close(outer.fd);
	close(efd);
}

/*
 *	native epoll ---> P1, P2 ... P100 ---> one eventfd	one write, all shown
 */
TEST_F(poller, crowd_on_one_file_is_shown)
{
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct poller outer, crowd[100];
	struct epoll_event event;
	int i, shown;

	ASSERT_EQ(0, poller_open(&outer, &native_ops));
	for (i = 0; i < ARRAY_SIZE(crowd); i++) {
		ASSERT_EQ(0, poller_open(&crowd[i], variant->ops));
		ASSERT_EQ(0, poller_add(&crowd[i], efd, EPOLLIN | EPOLLET));
		ASSERT_EQ(0, poller_add(&outer, crowd[i].fd, EPOLLIN | EPOLLET));
	}
	ASSERT_EQ(0, eventfd_write(efd, 1));
	for (shown = 0; shown < ARRAY_SIZE(crowd); shown++) {
		ASSERT_EQ(1, poller_wait(&outer, &event, 1, SOON));
		for (i = 0; crowd[i].fd != event.data.u64; i++)
			ASSERT_GT(ARRAY_SIZE(crowd), i + 1);
		EXPECT_EQ(EPOLLIN, poller_now(&crowd[i], efd));
	}
	for (i = 0; i < ARRAY_SIZE(crowd); i++) {
		EXPECT_EQ(0, poller_count(&crowd[i]));
		close(crowd[i].fd);
	}
	close(outer.fd);
	close(efd);
}

/* A thread that leaves no time for others on its processor. */
struct hog {
	int cpu, err;
	bool begun, stop;
	pthread_t thread;
};

static void *hog(void *arg)
{
	struct hog *me = arg;

	me->err = stay_on(me->cpu, SCHED_FIFO);
	__atomic_store_n(&me->begun, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&me->stop, __ATOMIC_ACQUIRE) && !me->err)
		;
	return NULL;
}

/* Threads that poll these instances, which watch one file. */
#define CROWD 40

struct crowd {
	struct poller p[CROWD];
	struct sleeper s[CROWD];
	int efd;
};

/*
 * Writes to the file with hogs on all processors, which leave no time for a worker, and
 * returns how many sleepers the write has woken; or -errno: -EAGAIN if it took so long
 * that the scheduler has throttled the hogs.
 */
static int count_woken(const struct crowd *crowd, struct hog *hogs, int cpus)
{
	int64_t start = now_ns();
	int i, woken = 0, err;

	for (i = 1; i < cpus; i++) {
		hogs[i].begun = false;
		hogs[i].stop = false;
		if (pthread_create(&hogs[i].thread, NULL, hog, &hogs[i]))
			return -ENOMEM;
		while (!__atomic_load_n(&hogs[i].begun, __ATOMIC_ACQUIRE))
			sched_yield();
	}
	err = stay_on(hogs[0].cpu, SCHED_FIFO);
	eventfd_write(crowd->efd, 1);
	for (i = 0; i < CROWD; i++)
		woken += !sleeper_sleeps(&crowd->s[i]);
	for (i = 1; i < cpus; i++)
		__atomic_store_n(&hogs[i].stop, true, __ATOMIC_RELEASE);
	stay_on(hogs[0].cpu, SCHED_OTHER);
	for (i = 1; i < cpus; i++) {
		pthread_join(hogs[i].thread, NULL);
		err = err ?: hogs[i].err;
	}
	if (!err && now_ns() - start > NSEC_PER_SEC / 2)
		err = -EAGAIN;
	return err ?: woken;
}

/*
 *	poll ---> P1, P2 ... P40 ---> one eventfd	one write wakes 32
 *
 * A worker makes the other wake-ups.
 */
TEST_F_TIMEOUT(poller, crowd_is_woken_by_a_worker, 1200)
{
	const int expected = variant->ops == &repoll_ops ? 32 : CROWD;
	int cpu, cpus = 0, i, woken = -EAGAIN;
	struct hog hogs[CPU_SETSIZE] = {};
	struct crowd crowd;
	cpu_set_t all;

	ASSERT_EQ(0, sched_getaffinity(0, sizeof(all), &all));
	if (CPU_COUNT(&all) < sysconf(_SC_NPROCESSORS_ONLN))
		SKIP(return, "not all processors are available");
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all))
			hogs[cpus++].cpu = cpu;
	crowd.efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (i = 0; i < CROWD; i++) {
		ASSERT_EQ(0, poller_open(&crowd.p[i], variant->ops));
		ASSERT_EQ(0, poller_add(&crowd.p[i], crowd.efd, EPOLLIN));
	}
	while (woken == -EAGAIN) {
		for (i = 0; i < CROWD; i++) {
			ASSERT_EQ(0, sleeper_start(&crowd.s[i],
						   crowd.p[i].fd));
		}
		woken = count_woken(&crowd, hogs, cpus);
		for (i = 0; i < CROWD; i++) {
			EXPECT_EQ(1, sleeper_join(&crowd.s[i]));
		}
		ASSERT_EQ(0, drain(crowd.efd));
	}
	if (woken == -EPERM)
		SKIP(return, "real-time priority needs CAP_SYS_NICE");
	EXPECT_EQ(expected, woken);
}

TEST_HARNESS_MAIN

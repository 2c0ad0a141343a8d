// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers and memory that are reused: a new file is never mistaken for the old
 * one.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "fixture.h"
#include "pair.h"
#include "waiter.h"

/*
 *	number N: eventfd A (watched, closed), then eventfd B
 */
TEST_F(poller, number_is_used_again)
{
	int a, b;

	a = eventfd(1, EFD_CLOEXEC);
	ASSERT_LE(0, a);
	ASSERT_EQ(0, poller_add_data(&self->p, a, EPOLLIN, 1));
	close(a);
	b = eventfd(0, EFD_CLOEXEC);
	ASSERT_EQ(a, b);

	EXPECT_EQ(-ENOENT, poller_mod(&self->p, b, EPOLLIN));
	EXPECT_EQ(-ENOENT, poller_del(&self->p, b));
	ASSERT_EQ(0, eventfd_write(b, 1));
	EXPECT_EQ(0, poller_count(&self->p));

	ASSERT_EQ(0, poller_add_data(&self->p, b, EPOLLIN, 2));
	EXPECT_EQ(1, poller_count(&self->p));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, 2));
	close(b);
}

/*
 *	number N: A, kept open by a copy, and B: two items with one number
 */
TEST_F(poller, number_is_used_twice)
{
	int a, copy, b;

	a = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, a);
	copy = dup(a);
	ASSERT_LE(0, copy);
	ASSERT_EQ(0, poller_add_data(&self->p, a, EPOLLIN, 1));
	close(a);
	b = eventfd(0, EFD_CLOEXEC);
	ASSERT_EQ(a, b);
	ASSERT_EQ(0, poller_add_data(&self->p, b, EPOLLIN, 2));

	ASSERT_EQ(0, eventfd_write(copy, 1));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, 1));
	EXPECT_EQ(0, poller_now(&self->p, 2));
	ASSERT_EQ(0, eventfd_write(b, 1));
	EXPECT_EQ(2, poller_count(&self->p));

	/* The number now means B, and only B. */
	ASSERT_EQ(0, poller_del(&self->p, b));
	EXPECT_EQ(-ENOENT, poller_del(&self->p, b));
	EXPECT_EQ(0, poller_now(&self->p, 2));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, 1));
	close(copy);
	EXPECT_EQ(0, poller_count(&self->p));
	close(b);
}

/*
 *	socket(), ADD, close(), again and again
 *
 * The kernel returns the same struct file and the same number each time.
 */
TEST_F(poller, sockets_in_turn)
{
	enum { ROUNDS = 1000 };
	int round, sv[2];
	uint64_t data;

	for (round = 0; round < ROUNDS; round++) {
		data = round;
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
		ASSERT_EQ(0, poller_add_data(&self->p, sv[0], EPOLLIN, data));
		ASSERT_EQ(0, poller_count(&self->p));
		ASSERT_EQ(0, put(sv[1]));
		ASSERT_EQ(EPOLLIN, poller_now(&self->p, data));
		close(sv[0]);
		ASSERT_EQ(0, poller_count(&self->p));
		close(sv[1]);
	}
}

/*
 *	the same with files of many kinds, one after the other
 */
TEST_F(poller, files_of_all_kinds_in_turn)
{
	enum { ROUNDS = 200 };
	int round, fds[2] = { -1, -1 }, err;

	for (round = 0; round < ROUNDS; round++) {
		switch (round % 4) {
		case 0:
			err = pipe2(fds, O_CLOEXEC);
			break;
		case 1:
			err = socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
			break;
		case 2:
			err = tcp_pair(fds);
			break;
		default:
			fds[0] = eventfd(0, EFD_CLOEXEC);
			fds[1] = dup(fds[0]);
			err = fds[1] < 0;
		}
		ASSERT_EQ(0, err);
		ASSERT_EQ(0, poller_add_data(&self->p, fds[0], EPOLLIN, round));
		if (round % 4 == 3)
			eventfd_write(fds[1], 1);
		else
			put(fds[1]);
		ASSERT_EQ(EPOLLIN, poller_next(&self->p, round));
		close(fds[0]);
		close(fds[1]);
		ASSERT_EQ(0, poller_count(&self->p));
	}
}

/* Deletes an item on request. */
struct deleter {
	const struct poller *p;
	int fd, delay;
	bool ready, go;
};

static void *delete_when_told(void *arg)
{
	struct deleter *d = arg;
	int i;

	__atomic_store_n(&d->ready, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&d->go, __ATOMIC_ACQUIRE))
		;
	for (i = 0; i < d->delay && __atomic_load_n(&d->go, __ATOMIC_ACQUIRE); i++)
		;
	poller_del(d->p, d->fd);
	return NULL;
}

/*
 *	DEL ---> Q ---.	at the same time as
 *	               eventfd, closed in the end
 *	ADD ---> P ---'
 *
 * P notices the close, although the previous watcher of the file has just left
 * it. Otherwise the next file, with the same number and at the same address,
 * would be mistaken for the old one.
 */
TEST_F(poller, watchers_take_turns)
{
	enum { ROUNDS = 600 };
	struct deleter d = {};
	pthread_t thread;
	struct poller q;
	int round;

	ASSERT_EQ(0, poller_open(&q, variant->ops));
	d.p = &q;
	for (round = 0; round < ROUNDS; round++) {
		d.fd = eventfd(1, EFD_CLOEXEC);
		ASSERT_LE(0, d.fd);
		ASSERT_EQ(0, poller_add(&q, d.fd, EPOLLIN));
		d.go = false;
		d.ready = false;
		/* Shift the two operations against each other. */
		d.delay = round * 5;
		ASSERT_EQ(0, pthread_create(&thread, NULL, delete_when_told,
					    &d));
		while (!__atomic_load_n(&d.ready, __ATOMIC_ACQUIRE))
			sched_yield();
		__atomic_store_n(&d.go, true, __ATOMIC_RELEASE);
		ASSERT_EQ(0, poller_add(&self->p, d.fd, EPOLLIN));
		ASSERT_EQ(0, pthread_join(thread, NULL));
		close(d.fd);
		ASSERT_EQ(0, poller_count(&self->p));
	}
	close(q.fd);
}

struct churn {
	const struct poller *p;
	int64_t end;
	unsigned int errors;
};

/* Opens, adds, closes, and never deletes. */
static void *churn(void *arg)
{
	struct churn *c = arg;
	int fd;

	do {
		fd = eventfd(1, EFD_CLOEXEC);
		/*
		 * Another thread may have just closed this number. It is a new
		 * file nevertheless: there is no EEXIST.
		 */
		c->errors += poller_add(c->p, fd, EPOLLIN) != 0;
		c->errors += close(fd) != 0;
	} while (now_ns() < c->end);
	return NULL;
}

/*
 *	3 threads: eventfd(), ADD, close() ---> P <--- wait, wait, wait
 */
TEST_F(poller, threads_recycle_each_others_files)
{
	enum { THREADS = 3 };
	struct churn churns[THREADS] = {};
	int64_t end = now_ns() + NSEC_PER_SEC / 2;
	pthread_t threads[THREADS];
	int i;

	for (i = 0; i < THREADS; i++) {
		churns[i].p = &self->p;
		churns[i].end = end;
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, churn,
					    &churns[i]));
	}
	while (now_ns() < end) {
		ASSERT_LE(0, poller_count(&self->p));
	}
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, churns[i].errors);
	}
	EXPECT_EQ(0, poller_count(&self->p));
}

TEST_HARNESS_MAIN

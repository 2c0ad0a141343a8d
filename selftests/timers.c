// SPDX-License-Identifier: GPL-2.0
/*
 * Files that become ready by themselves: timers and file system notifications.
 */
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include "fixture.h"
#include "pair.h"
#include "waiter.h"

static int set_timer(int fd, int64_t first_ns, int64_t interval_ns)
{
	struct itimerspec spec = {
		.it_value.tv_nsec = first_ns,
		.it_interval.tv_nsec = interval_ns,
	};

	return timerfd_settime(fd, 0, &spec, NULL) ? -errno : 0;
}

/*
 *	P ---> timerfd: the wake-up comes from a hard interrupt
 */
TEST_F(poller, timer_fires)
{
	struct waiter w;
	uint64_t times;
	int tfd;

	tfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	ASSERT_LE(0, tfd);
	ASSERT_EQ(0, poller_add(&self->p, tfd, EPOLLIN));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	EXPECT_FALSE(waiter_is_done(&w));
	ASSERT_EQ(0, set_timer(tfd, NSEC_PER_MSEC, 0));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, tfd));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, tfd));
	ASSERT_EQ(sizeof(times), read(tfd, &times, sizeof(times)));
	EXPECT_EQ(1, times);
	EXPECT_EQ(0, poller_count(&self->p));
	close(tfd);
}

/*
 *	P --edge--> periodic timerfd, read after each expiry
 */
TEST_F(poller, each_expiry_is_an_edge)
{
	struct epoll_event event;
	int tfd, i;

	tfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	ASSERT_LE(0, tfd);
	ASSERT_EQ(0, poller_add(&self->p, tfd, EPOLLIN | EPOLLET));
	ASSERT_EQ(0, set_timer(tfd, NSEC_PER_MSEC, 2 * NSEC_PER_MSEC));
	for (i = 0; i < 10; i++) {
		uint64_t times;

		ASSERT_EQ(1, poller_wait(&self->p, &event, 1, SOON));
		ASSERT_EQ(EPOLLIN, event.events);
		/* The read makes the kernel start the next period. */
		ASSERT_EQ(sizeof(times), read(tfd, &times, sizeof(times)));
	}
	ASSERT_EQ(0, set_timer(tfd, 0, 0));
	poller_count(&self->p);
	EXPECT_EQ(0, poller_count(&self->p));
	close(tfd);
}

/*
 *	P ---> 50 timerfds that fire within few milliseconds, out of order
 */
TEST_F(poller, many_timers)
{
	enum { TIMERS = 50 };
	struct epoll_event event;
	int fds[TIMERS], i;
	uint64_t seen = 0;

	for (i = 0; i < TIMERS; i++) {
		fds[i] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, poller_add_data(&self->p, fds[i],
					     EPOLLIN | EPOLLET, i));
	}
	for (i = 0; i < TIMERS; i++) {
		ASSERT_EQ(0, set_timer(fds[i], (1 + i * 7 % TIMERS) *
				       NSEC_PER_MSEC / 10, 0));
	}
	for (i = 0; i < TIMERS; i++) {
		ASSERT_EQ(1, poller_wait(&self->p, &event, 1, SOON));
		seen |= 1ULL << event.data.u64;
	}
	EXPECT_EQ((1ULL << TIMERS) - 1, seen);
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	P ---> inotify <--- a folder in which a file appears
 */
TEST_F(poller, inotify_reports_a_new_file)
{
	char dir[] = "/tmp/repoll-XXXXXX", path[64], buf[512];
	struct waiter w;
	int ifd, fd;

	ASSERT_TRUE(!!mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	ifd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	ASSERT_LE(0, ifd);
	ASSERT_LE(0, inotify_add_watch(ifd, dir, IN_CREATE | IN_DELETE));
	ASSERT_EQ(0, poller_add(&self->p, ifd, EPOLLIN));

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(EPOLLIN, waiter_event(&w, ifd));
	ASSERT_LT(0, read(ifd, buf, sizeof(buf)));
	EXPECT_EQ(0, poller_count(&self->p));

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, unlink(path));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, ifd));
	ASSERT_EQ(0, rmdir(dir));
	close(ifd);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * EPOLLWAKEUP: the system does not go to sleep while there is an event that
 * nobody has handled.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "pair.h"
#include "waiter.h"

#define NOBODY 65534
#define WAKEUP_COUNT "/sys/power/wakeup_count"

/* The bits of the only item, as in fdinfo. */
static uint32_t item_events(const struct poller *p)
{
	unsigned int events = 0;
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", p->fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "tfd: %*d events: %x", &events);
	if (file)
		fclose(file);
	return events;
}

/*
 * Whether something keeps the system from going to sleep: then a read of this
 * file blocks until it ends. Returns -errno if the file cannot be read.
 */
static int is_kept_awake(void)
{
	int64_t deadline = now_ns() + SOON;
	int status = -ETIMEDOUT, fd;
	pid_t pid, ended;
	char count[32];

	fd = open(WAKEUP_COUNT, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	pid = fork();
	if (!pid)
		_exit(read(fd, count, sizeof(count)) <= 0);
	close(fd);
	do {
		sched_yield();
		ended = waitpid(pid, &status, WNOHANG);
		if (ended)
			return status ? -EIO : 0;
	} while (!is_asleep_in(pid, SYS_read) && now_ns() < deadline);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 1;
}

/* Whether this kernel can go to sleep, and this process may prevent that. */
static bool can_keep_awake(void)
{
	return !geteuid() && is_kept_awake() == 0;
}

/*
 *	ADD, MOD with EPOLLWAKEUP, by root and by nobody ---> P: the bit is
 *	dropped without CAP_BLOCK_SUSPEND, or if the system cannot sleep
 */
TEST_F(poller, bit_needs_a_capability)
{
	const uint32_t always = EPOLLERR | EPOLLHUP;
	int efd = eventfd(0, EFD_CLOEXEC), status;
	uint32_t bit = 0;
	pid_t pid;

	if (geteuid())
		SKIP(return, "only root can stop being root");
	if (!access(WAKEUP_COUNT, F_OK))
		bit = EPOLLWAKEUP;
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLWAKEUP));
	EXPECT_EQ(EPOLLIN | always | bit, item_events(&self->p));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (setuid(NOBODY))
			_exit(1);
		if (poller_mod(&self->p, efd, EPOLLOUT | EPOLLWAKEUP) ||
		    poller_del(&self->p, efd) ||
		    poller_add(&self->p, efd, EPOLLOUT | EPOLLWAKEUP))
			_exit(2);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(EPOLLOUT | always, item_events(&self->p));
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLIN | EPOLLWAKEUP));
	EXPECT_EQ(EPOLLIN | always | bit, item_events(&self->p));
	close(efd);
}

/*
 *	P --EPOLLWAKEUP--> eventfd: from its event to the wait after the one that
 *	has reported it
 */
TEST_F(poller, level_keeps_awake)
{
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (!can_keep_awake())
		SKIP(return, "the system cannot go to sleep");
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLWAKEUP));
	EXPECT_EQ(0, is_kept_awake());
	ASSERT_EQ(0, eventfd_write(efd, 1));
	EXPECT_EQ(1, is_kept_awake());
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	EXPECT_EQ(1, is_kept_awake());
	ASSERT_EQ(0, drain(efd));
	EXPECT_EQ(1, is_kept_awake());
	EXPECT_EQ(0, poller_count(&self->p));
	EXPECT_EQ(0, is_kept_awake());
	close(efd);
}

/*
 *	the same with an edge, or one-shot: until it is reported
 */
TEST_F(poller, edge_keeps_awake)
{
	static const uint32_t modes[] = { EPOLLET, EPOLLONESHOT };
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), i;

	if (!can_keep_awake())
		SKIP(return, "the system cannot go to sleep");
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		ASSERT_EQ(0, poller_add(&self->p, efd,
					EPOLLIN | EPOLLWAKEUP | modes[i]));
		ASSERT_EQ(0, eventfd_write(efd, 1));
		EXPECT_EQ(1, is_kept_awake());
		EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
		EXPECT_EQ(0, is_kept_awake());
		ASSERT_EQ(0, poller_del(&self->p, efd));
		ASSERT_EQ(0, drain(efd));
	}
	close(efd);
}

/*
 *	the same if a modification sets the bit
 */
TEST_F(poller, change_keeps_awake)
{
	static const uint32_t modes[] = { 0, EPOLLET, EPOLLONESHOT };
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), i;

	if (!can_keep_awake())
		SKIP(return, "the system cannot go to sleep");
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | modes[i]));
		ASSERT_EQ(0, poller_mod(&self->p, efd,
					EPOLLIN | EPOLLWAKEUP | modes[i]));
		EXPECT_EQ(0, is_kept_awake());
		ASSERT_EQ(0, eventfd_write(efd, 1));
		EXPECT_EQ(1, is_kept_awake());
		EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
		EXPECT_EQ(!modes[i], is_kept_awake());
		ASSERT_EQ(0, drain(efd));
		EXPECT_EQ(0, poller_count(&self->p));
		EXPECT_EQ(0, is_kept_awake());
		ASSERT_EQ(0, poller_del(&self->p, efd));
	}
	close(efd);
}

/*
 *	event pending; then the bit is removed, the item deleted, the file
 *	closed, the instance closed
 */
TEST_F(poller, let_go_with_the_item)
{
	int efd = eventfd(1, EFD_CLOEXEC);

	if (!can_keep_awake())
		SKIP(return, "the system cannot go to sleep");
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLWAKEUP));
	EXPECT_EQ(1, is_kept_awake());
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLIN));
	EXPECT_EQ(0, is_kept_awake());
	ASSERT_EQ(0, poller_mod(&self->p, efd, EPOLLIN | EPOLLWAKEUP));
	EXPECT_EQ(EPOLLIN, poller_now(&self->p, efd));
	EXPECT_EQ(1, is_kept_awake());

	ASSERT_EQ(0, poller_del(&self->p, efd));
	EXPECT_EQ(0, is_kept_awake());
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLWAKEUP));
	EXPECT_EQ(1, is_kept_awake());
	close(efd);
	EXPECT_EQ(0, is_kept_awake());

	efd = eventfd(1, EFD_CLOEXEC);
	ASSERT_EQ(0, poller_add(&self->p, efd, EPOLLIN | EPOLLWAKEUP));
	EXPECT_EQ(1, is_kept_awake());
	close(self->p.fd);
	EXPECT_EQ(0, is_kept_awake());
	ASSERT_EQ(0, poller_open(&self->p, variant->ops));
	close(efd);
}

TEST_HARNESS_MAIN

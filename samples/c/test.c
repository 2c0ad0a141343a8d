// SPDX-License-Identifier: GPL-2.0
/* What repoll_poller.h offers, on the module. Compiled as C and as C++. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "repoll_poller.h"

/* Ends the program, whose plan is then not fulfilled. */
#define CHECK(condition)						\
do {									\
	if (!(condition)) {						\
		printf("not ok: line %d: %s: %s\n", __LINE__,		\
		       #condition, strerror(errno));			\
		exit(1);						\
	}								\
} while (0)

static struct epoll_event event_of(unsigned int events, uint64_t data)
{
	struct epoll_event event;

	event.events = events;
	event.data.u64 = data;
	return event;
}

static void one_at_a_time(int rpfd, const int *ends)
{
	struct epoll_event in = event_of(EPOLLIN, 1), out = event_of(EPOLLOUT, 2);
	struct epoll_event shared = event_of(EPOLLIN | EPOLLEXCLUSIVE, 3);
	struct timespec now = { 0, 0 }, wrong = { 0, -1 };
	struct epoll_event events[2];
	sigset_t none;

	CHECK(!sigemptyset(&none));
	CHECK(!repoll_add(rpfd, ends[0], &in));
	CHECK(repoll_add(rpfd, ends[0], &in) < 0 && errno == EEXIST);
	CHECK(!repoll_wait_ms(rpfd, events, 2, 0));
	CHECK(write(ends[1], "x", 1) == 1);
	CHECK(repoll_wait_ms(rpfd, events, 2, -1) == 1);
	CHECK(events[0].events == EPOLLIN && events[0].data.u64 == 1);

	CHECK(!repoll_modify(rpfd, ends[0], &out));
	CHECK(repoll_pwait(rpfd, events, 2, NULL, NULL) == 1);
	CHECK(events[0].events == EPOLLOUT && events[0].data.u64 == 2);
	CHECK(repoll_pwait(rpfd, events, 2, &now, &none) == 1);
	CHECK(repoll_pwait(rpfd, events, 2, &wrong, NULL) < 0 && errno == EINVAL);
	CHECK(!repoll_delete(rpfd, ends[0]));
	CHECK(repoll_delete(rpfd, ends[0]) < 0 && errno == ENOENT);

	CHECK(repoll_add_round_robin(rpfd, ends[0], &in) < 0 && errno == EINVAL);
	CHECK(!repoll_add_round_robin(rpfd, ends[0], &shared));
	CHECK(repoll_wait_ms(rpfd, events, 2, -1) == 1);
	CHECK(events[0].events == EPOLLIN && events[0].data.u64 == 3);
	CHECK(!repoll_delete(rpfd, ends[0]));
}

static void many_at_a_time(int rpfd, const int *ends)
{
	struct epoll_event out = event_of(EPOLLOUT | EPOLLONESHOT, 4);
	struct repoll_change changes[] = {
		repoll_change_of(EPOLL_CTL_ADD, ends[0], &out),
		repoll_change_of(EPOLL_CTL_ADD, ends[1], &out),
		repoll_change_of(EPOLL_CTL_DEL, ends[1], NULL),
		repoll_change_of(EPOLL_CTL_DEL, ends[1], NULL),
	};
	struct repoll_change arm = repoll_change_of(EPOLL_CTL_MOD, ends[0], &out);
	struct epoll_event events[2];
	struct repoll_batch batch;
	unsigned int failed;

	CHECK(changes[0].result == ECANCELED);
	CHECK(repoll_apply(rpfd, changes, 4, &failed) == 4 && failed == 1);
	CHECK(!changes[0].result && !changes[1].result && !changes[2].result);
	CHECK(changes[3].result == ENOENT);
	CHECK(repoll_wait_ms(rpfd, events, 2, -1) == 1);
	CHECK(!repoll_wait_ms(rpfd, events, 2, 0));

	CHECK(repoll_apply_wait_ms(rpfd, &arm, 1, events, 2, -1, &batch) == 1);
	CHECK(batch.done == 1 && !batch.failed && !arm.result);
	CHECK(events[0].events == EPOLLOUT && events[0].data.u64 == 4);
}

static void what_there_is(int rpfd, const int *ends)
{
	struct epoll_event in = event_of(EPOLLIN, 1);
	struct repoll_info info;

	CHECK(repoll_has(rpfd, REPOLL_FEATURE_BATCH) == 1);
	CHECK(!repoll_has(rpfd, 63) && !repoll_has(rpfd, 64) && !repoll_has(rpfd, ~0U));
	CHECK(repoll_has(ends[0], REPOLL_FEATURE_BATCH) < 0);
	CHECK(!repoll_add(rpfd, ends[0], &in));
	memset(&info, 0xa5, sizeof(info));
	CHECK(!repoll_get_info(rpfd, &info));
	CHECK(info.items == 1 && info.pid == getpid());
	CHECK(repoll_get_info(ends[0], &info) < 0);
	CHECK(!repoll_delete(rpfd, ends[0]));
}

int main(void)
{
	int rpfd = repoll_open(REPOLL_CLOEXEC), fifo = repoll_open(REPOLL_FIFO);
	int ends[2];

	puts("KTAP version 1\n1..4");
	CHECK(rpfd >= 0 && fcntl(rpfd, F_GETFD) == FD_CLOEXEC);
	CHECK(fifo >= 0 && !fcntl(fifo, F_GETFD));
	CHECK(repoll_open(~0U) < 0 && errno == EINVAL);
	puts("ok 1 instances");
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	one_at_a_time(rpfd, ends);
	puts("ok 2 one change at a time");
	many_at_a_time(fifo, ends);
	puts("ok 3 many changes at a time");
	what_there_is(rpfd, ends);
	puts("ok 4 what there is");
	return 0;
}

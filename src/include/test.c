// SPDX-License-Identifier: GPL-2.0
/* Tests of repoll_poller.h with the real module. Compiled as C and as C++. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "repoll_poller.h"

/* Ends the program, so that fewer tests run than its plan announces. */
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
	CHECK(repoll_control(rpfd, 99, ends[0], &out) < 0 && errno == EINVAL);
	CHECK(repoll_add(rpfd, ends[0], NULL) < 0 && errno == EFAULT);

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

#ifdef SYS_fadvise64_64
#define SYS_DIRECT SYS_fadvise64_64
#else
#define SYS_DIRECT SYS_fadvise64
#endif

/* Makes a system call fail from now on. */
static void refuse(long number, int error)
{
	struct sock_filter statements[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (__u32)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (__u32)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, statements };

	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

/* Makes each call that has a direct form. */
static void directly(int rpfd, const int *ends)
{
	struct epoll_event out = event_of(EPOLLOUT | EPOLLONESHOT, UINT64_MAX - 5);
	struct repoll_change changes[] = {
		repoll_change_of(EPOLL_CTL_MOD, ends[0], &out),
		repoll_change_of(EPOLL_CTL_DEL, ends[0], NULL),
	};
	struct timespec moment = { 0, 1500000 };
	struct epoll_event events[2];
	struct repoll_batch batch;

	CHECK(!repoll_add(rpfd, ends[0], &out));
	CHECK(repoll_wait_ms(rpfd, events, 2, -1) == 1);
	CHECK(events[0].events == EPOLLOUT && events[0].data.u64 == UINT64_MAX - 5);
	CHECK(!repoll_pwait(rpfd, events, 2, &moment, NULL));
	CHECK(!repoll_modify(rpfd, ends[0], &out));
	CHECK(repoll_pwait(rpfd, events, 2, &moment, NULL) == 1);
	CHECK(repoll_apply_wait_ms(rpfd, changes, 1, events, 2, 20, &batch) == 1);
	CHECK(batch.done == 1 && !batch.failed && !changes[0].result);
	CHECK(repoll_apply(rpfd, changes, 1, NULL) == 1);
	CHECK(!repoll_apply_wait_ms(rpfd, changes, 2, events, 2, 1, &batch));
	CHECK(batch.done == 2 && !batch.failed);

	/* A change that fails does not end the batch. */
	CHECK(!repoll_apply_wait_ms(rpfd, changes, 1, events, 2, -1, &batch));
	CHECK(batch.done == 1 && batch.failed == 1 && changes[0].result == ENOENT);
	CHECK(repoll_apply_wait_ms(rpfd, changes, 1, events, 0, -1, &batch) < 0);
	CHECK(errno == EINVAL && batch.done == 1 && batch.failed == 1);
	CHECK(repoll_delete(rpfd, ends[0]) < 0 && errno == ENOENT);
}

static void what_cannot_be_polled(int rpfd)
{
	struct epoll_event in = event_of(EPOLLIN, 1);
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	CHECK(file >= 0);
	CHECK(repoll_add(rpfd, file, &in) < 0 && errno == EPERM);
	CHECK(!close(file));
}

/* Runs in a child in which one system call fails, from the beginning or only later. */
static void without(long number, int error, int late)
{
	int rpfd = repoll_open(REPOLL_CLOEXEC), *makes = repoll_makes_direct_calls();
	struct epoll_event event;
	int ends[2], status;
	pid_t child;

	CHECK(rpfd >= 0 && !socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	CHECK(!*makes && repoll_wait_ms(ends[0], &event, 1, 0) < 0 && !*makes);
	child = fork();
	CHECK(child >= 0);
	if (child) {
		CHECK(waitpid(child, &status, 0) == child && !status);
		CHECK(!close(rpfd) && !close(ends[0]) && !close(ends[1]));
		return;
	}
	if (late) {
		CHECK(!repoll_wait_ms(rpfd, &event, 1, 0) && *makes == 1);
		what_cannot_be_polled(rpfd);
		CHECK(repoll_wait_ms(rpfd, &event, 0, 0) < 0 && errno == EINVAL);
		CHECK(*makes == 1);
	}
	refuse(number, error);
	what_cannot_be_polled(rpfd);
	directly(rpfd, ends);
	CHECK(*makes == (number == SYS_DIRECT ? -1 : 1));
	if (number == SYS_DIRECT) {
		one_at_a_time(rpfd, ends);
		many_at_a_time(rpfd, ends);
	}
	exit(0);
}

int main(void)
{
	int rpfd = repoll_open(REPOLL_CLOEXEC), fifo = repoll_open(REPOLL_FIFO);
	int ends[2];

	puts("KTAP version 1\n1..5");
	/* A process decides once on direct calls, so these tests run in children, and first. */
	fflush(stdout);
	without(SYS_DIRECT, EPERM, 0);
	without(SYS_DIRECT, ENOSYS, 0);
	without(SYS_DIRECT, EPERM, 1);
	without(SYS_DIRECT, ENOSYS, 1);
	without(SYS_ioctl, EPERM, 1);
	puts("ok 1 direct calls, and no direct calls");
	CHECK(rpfd >= 0 && fcntl(rpfd, F_GETFD) == FD_CLOEXEC);
	CHECK(fifo >= 0 && !fcntl(fifo, F_GETFD));
	CHECK(repoll_open(~0U) < 0 && errno == EINVAL);
	puts("ok 2 instances");
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	one_at_a_time(rpfd, ends);
	puts("ok 3 one change at a time");
	many_at_a_time(fifo, ends);
	puts("ok 4 many changes at a time");
	what_there_is(rpfd, ends);
	puts("ok 5 what there is");
	return 0;
}

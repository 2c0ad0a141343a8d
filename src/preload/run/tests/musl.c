// SPDX-License-Identifier: GPL-2.0
/*
 * A program of musl's dynamic linker, for the tests to run with the library preloaded.
 *
 * It does without musl's headers and start files, which take a compiler of their own, and is
 * linked with glibc: musl's linker is its C library, takes glibc's name for its own, and
 * what is used here looks the same in both. INTERPRETER is the linker's path.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int epfd, efd;

static void check(int good, const char *what)
{
	if (good)
		return;
	printf("failed: %s\n", what);
	exit(1);
}

static int next(int timeout)
{
	struct epoll_event event = { 0 };

	return epoll_wait(epfd, &event, 1, timeout) == 1 ? (int)event.data.u64 : -1;
}

static void *wait_for_ever(void *unused)
{
	next(-1);
	return unused;
}

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = 7 };
	const struct timespec while_it_falls_asleep = { .tv_nsec = 100000000 };
	uint64_t one = 1;
	pthread_t thread;
	void *result;
	int status;
	pid_t child;

	epfd = epoll_create1(EPOLL_CLOEXEC);
	efd = eventfd(0, EFD_CLOEXEC);
	check(epfd >= 0 && efd >= 0, "make");
	check(!epoll_ctl(epfd, EPOLL_CTL_ADD, efd, &event), "add");
	check(next(0) == -1, "nothing");
	check(write(efd, &one, sizeof(one)) == sizeof(one) && next(-1) == 7, "an event");
	check(epoll_create1(-1) == -1, "an error");

	check(!pthread_create(&thread, NULL, wait_for_ever, NULL), "thread");
	nanosleep(&while_it_falls_asleep, NULL);
	check(!pthread_cancel(thread), "cancel");
	check(!pthread_join(thread, &result) && result == PTHREAD_CANCELED, "cancelled");

	child = fork();
	if (!child)
		_exit(write(efd, &one, sizeof(one)) == sizeof(one) && next(-1) == 7 ? 0 : 1);
	check(waitpid(child, &status, 0) == child && !status, "a child");
	close(epfd);
	printf("all is well\n");
	return 0;
}

/* What start files hold: who is to run the program, and how it gets to main(). */
__asm__(".pushsection .interp, \"a\"\n"
	"	.string \"" INTERPRETER "\"\n"
	".popsection\n"
	".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov main@GOTPCREL(%rip), %rdi\n"
	"	mov (%rsp), %rsi\n"
	"	lea 8(%rsp), %rdx\n"
	"	xor %ecx, %ecx\n"
	"	xor %r8d, %r8d\n"
	"	xor %r9d, %r9d\n"
	"	and $-16, %rsp\n"
	"	call *__libc_start_main@GOTPCREL(%rip)\n"
	"	hlt\n");

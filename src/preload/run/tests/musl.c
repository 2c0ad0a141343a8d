// SPDX-License-Identifier: GPL-2.0
/*
 * A program for musl's dynamic linker, which the tests run with the library preloaded.
 *
 * It does without musl's headers and start files, which need their own compiler, and is linked with
 * glibc. musl's linker is also its C library and accepts glibc's name for itself; what the program
 * uses is the same in both. INTERPRETER is the path of the linker.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* In the flags register: a trap after each instruction. */
#define TRAP 0x100

static int epfd, efd;
/* How many instructions a waiter has run in steps, and after how many it stops. */
static atomic_long steps, stop_at;
static atomic_bool stopped, released;

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

static void trapped(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)signal;
	(void)info;
	if (released)
		registers[REG_EFL] &= ~TRAP;
	if (released || ++steps != stop_at)
		return;
	registers[REG_EFL] &= ~TRAP;
	stopped = true;
	while (!released)
		sched_yield();
	/* A pending signal is delivered at the end of a system call at the latest. */
	sched_yield();
}

static void *wait_by_steps(void *unused)
{
	__asm__ volatile("pushfq; orq %0, (%%rsp); popfq" : : "i"(TRAP) : "cc", "memory");
	next(-1);
	return unused;
}

static void *wait_and_forbid(void *unused)
{
	int event;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	do {
		event = next(-1);
	} while (event == -1);
	check(event == 7, "an event for who forbids to be cancelled");
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	pthread_testcancel();
	return unused;
}

static void *wait_or_be_cut_off(void *unused)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	next(-1);
	return unused;
}

static void is_cancelled(pthread_t thread, const char *what)
{
	void *result;

	check(!pthread_join(thread, &result) && result == PTHREAD_CANCELED, what);
}

/*
 * Cancels a waiter after each of its instructions until it sleeps: while it handles a signal of the
 * program, or right after that.
 */
static void cancel_by_steps(bool at_once)
{
	const struct timespec a_moment = { .tv_nsec = 1000000 };
	struct sigaction action = { .sa_sigaction = trapped, .sa_flags = SA_SIGINFO };
	pthread_t thread;
	bool reached;
	int tries;

	memset(&action.sa_mask, at_once ? 0 : 0xff, sizeof(action.sa_mask));
	check(!sigaction(SIGTRAP, &action, NULL), "a handler");
	stop_at = 0;
	do {
		steps = 0;
		++stop_at;
		stopped = false;
		released = false;
		check(!pthread_create(&thread, NULL, wait_by_steps, NULL), "thread by steps");
		for (tries = 0; !stopped && tries < 200; tries++)
			nanosleep(&a_moment, NULL);
		reached = stopped;
		check(!pthread_cancel(thread), "cancel by steps");
		released = true;
		is_cancelled(thread, at_once ? "cancelled in a handler" : "cancelled by steps");
	} while (reached);
}

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = 7 };
	const struct timespec while_it_falls_asleep = { .tv_nsec = 100000000 };
	uint64_t one = 1;
	pthread_t thread;
	int round, status;
	pid_t child;

	/* A thread that is not cancelled sleeps for ever. */
	alarm(120);
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
	is_cancelled(thread, "cancelled");

	cancel_by_steps(true);
	cancel_by_steps(false);
	for (round = 0; round < 1000; round++) {
		check(!pthread_create(&thread, NULL, wait_for_ever, NULL), "one more thread");
		for (steps = 0; steps < round * 37 % 1000; steps++)
			;
		check(!pthread_cancel(thread), "one more cancel");
		is_cancelled(thread, "cancelled some moment");
	}

	check(!pthread_create(&thread, NULL, wait_or_be_cut_off, NULL), "asynchronous thread");
	nanosleep(&while_it_falls_asleep, NULL);
	check(!pthread_cancel(thread), "asynchronous cancel");
	is_cancelled(thread, "cancelled asynchronously");

	check(!pthread_create(&thread, NULL, wait_and_forbid, NULL), "thread that forbids it");
	nanosleep(&while_it_falls_asleep, NULL);
	check(!pthread_cancel(thread), "forbidden cancel");
	check(write(efd, &one, sizeof(one)) == sizeof(one), "an event later");
	is_cancelled(thread, "cancelled later");

	child = fork();
	if (!child)
		_exit(write(efd, &one, sizeof(one)) == sizeof(one) && next(-1) == 7 ? 0 : 1);
	check(waitpid(child, &status, 0) == child && !status, "a child");
	close(epfd);
	printf("all is well\n");
	return 0;
}

/* The content of start files: the interpreter, and the code that calls main(). */
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

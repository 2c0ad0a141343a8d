// SPDX-License-Identifier: GPL-2.0
/*
 * instrumented - what a sanitizer or memcheck observes while a program waits for events:
 * memory that the kernel fills, memory that one thread passes to another only through
 * epoll and, with an argument, events that are read after their memory was freed.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

struct job {
	int fd;
	int number;
};

static int ep;

/* Writes the job, which the thread that receives its event reads. */
static void *hand_out(void *arg)
{
	struct job *job = arg;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = job };

	job->number = 7;
	epoll_ctl(ep, EPOLL_CTL_ADD, job->fd, &event);
	return NULL;
}

static int number_of(const struct epoll_event *event)
{
	const struct job *job = event->data.ptr;

	return event->events == EPOLLIN ? job->number : 0;
}

/* Calls all functions that wait, with memory that nobody has written to. */
static int sum_of_waits(void)
{
	struct epoll_event *events = malloc(4 * sizeof(*events));
	int sum = 0;

	if (epoll_wait(ep, events, 4, -1) == 1)
		sum += number_of(&events[0]);
	events = realloc(events, 400 * sizeof(*events));
	if (epoll_pwait(ep, events + 100, 4, -1, NULL) == 1)
		sum += number_of(&events[100]);
	if (epoll_pwait2(ep, events + 200, 4, NULL, NULL) == 1)
		sum += number_of(&events[200]);
	free(events);
	return sum;
}

int main(int argc, char **argv)
{
	struct job *job = calloc(1, sizeof(*job));
	pthread_t thread;

	(void)argv;
	job->fd = eventfd(1, 0);
	ep = epoll_create1(0);
	if (ep < 0)
		return 2;
	pthread_create(&thread, NULL, hand_out, job);
	printf("sum: %d\n", sum_of_waits());
	pthread_join(thread, NULL);
	if (argc > 1) {
		struct epoll_event *events = malloc(sizeof(*events));

		epoll_wait(ep, events, 1, -1);
		free(events);
		printf("freed: %u\n", events->events);
	}
	free(job);
	printf("preload: %s\n", getenv("LD_PRELOAD") ?: "");
	fflush(stdout);
	return system("sh -c 'echo shell: $LD_PRELOAD'");
}

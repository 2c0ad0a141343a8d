// SPDX-License-Identifier: GPL-2.0
/*
 * first - the smallest program: sleeps until there is something to read on
 * stdin, and prints how much, until the end of the file.
 */
#include <stdio.h>

#include <repoll_poller.h>

static int failed(const char *what)
{
	perror(what);
	return 1;
}

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int rpfd = repoll_open(REPOLL_CLOEXEC);
	char buffer[4096];
	ssize_t count;

	if (rpfd < 0)
		return failed(REPOLL_DEVICE);
	if (repoll_add(rpfd, STDIN_FILENO, &event))
		return failed("stdin");
	for (;;) {
		if (repoll_wait_ms(rpfd, &event, 1, -1) < 0) {
			/* The process may have been stopped and continued. */
			if (errno == EINTR)
				continue;
			return failed("wait");
		}
		count = read(STDIN_FILENO, buffer, sizeof(buffer));
		if (count < 0)
			return failed("read");
		if (!count)
			break;
		printf("%zd bytes\n", count);
		fflush(stdout);
	}
	puts("the end");
	return 0;
}

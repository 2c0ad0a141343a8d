// SPDX-License-Identifier: GPL-2.0
/*
 * first - the least that a program has to do: sleeps until there is something to
 * read on stdin, and tells so, until its end.
 */
#include <stdio.h>

#include <repoll_poller.h>

int main(void)
{
	struct epoll_event stdin_readable = { .events = EPOLLIN }, event;
	int rpfd = repoll_open(REPOLL_CLOEXEC);
	char buffer[4096];
	ssize_t count;

	if (rpfd < 0) {
		perror(REPOLL_DEVICE);
		return 1;
	}
	if (repoll_add(rpfd, STDIN_FILENO, &stdin_readable) < 0) {
		perror("stdin");
		return 1;
	}
	do {
		if (repoll_wait_ms(rpfd, &event, 1, -1) < 0) {
			perror("wait");
			return 1;
		}
		count = read(STDIN_FILENO, buffer, sizeof(buffer));
		printf("%zd bytes\n", count);
	} while (count > 0);
	return count < 0;
}

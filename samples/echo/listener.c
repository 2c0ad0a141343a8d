// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listener.h"
#include "poller.h"

/* How many unsent bytes a socket accepts. */
#define MAX_UNSENT (64 * 1024)

int listener_open(const char *address, const char *port)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE,
	};
	struct addrinfo *found, *a;
	const int on = 1, unsent = MAX_UNSENT;
	int error, fd = -1;

	error = getaddrinfo(address, port, &hints, &found);
	if (error)
		errx(EXIT_FAILURE, "%s port %s: %s", address,
		     port, gai_strerror(error));

	for (a = found; a; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK |
			    SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		/*
		 * Accepted sockets inherit the last three: a peer that falls
		 * silent is noticed, echoes do not wait for more data, and a
		 * peer that does not receive does not get megabytes of the
		 * kernel's memory.
		 */
		if (!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
		    !setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) &&
		    !setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) &&
		    !setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent,
				sizeof(unsent)) &&
		    !bind(fd, a->ai_addr, a->ai_addrlen) &&
		    !listen(fd, SOMAXCONN))
			break;
		error = errno;
		close(fd);
		errno = error;
		fd = -1;
	}
	if (fd < 0)
		err(EXIT_FAILURE, "%s port %s", address,
		    port);
	freeaddrinfo(found);
	return fd;
}

void listener_announce(int listener)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	int error;

	if (getsockname(listener, (struct sockaddr *)&address, &size))
		err(EXIT_FAILURE, "getsockname");
	error = getnameinfo((struct sockaddr *)&address, size, host,
			    sizeof(host), port, sizeof(port),
			    NI_NUMERICHOST | NI_NUMERICSERV);
	if (error)
		errx(EXIT_FAILURE, "getnameinfo: %s", gai_strerror(error));
	printf("{\"poller\":\"%s\",\"address\":\"%s\",\"port\":%s}\n",
	       poller_name, host, port);
	if (fflush(stdout))
		err(EXIT_FAILURE, "standard output");
}

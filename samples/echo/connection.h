/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An accepted connection: the bytes that came in and have not been sent back
 * yet, and the events that it needs because of that.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#define CONNECTION_BUFFER (16 * 1024)

struct connection {
	LIST_ENTRY(connection) link;
	int fd;
	unsigned int watched;	/* the interest that the poller has now */
	bool eof;		/* the peer will send no more */
	size_t start, end;	/* buffer[start..end] is still to be sent */
	char buffer[CONNECTION_BUFFER];
};

/* The sums over all connections. */
struct traffic {
	unsigned long long messages;	/* successful reads */
	unsigned long long bytes_in;
	unsigned long long bytes_out;
	unsigned long long blocked;	/* times a send found no room for all */
	unsigned long long vanished;	/* connections that ended in an error */
};

/* Takes over @fd, a non-blocking socket. Returns NULL if there is no memory. */
struct connection *connection_new(int fd);

/* Closes the socket, which also removes it from the poller. */
void connection_free(struct connection *conn);

/*
 * Handles @events. Returns false when the connection has ended and must be
 * freed.
 */
bool connection_serve(struct connection *conn, unsigned int events,
		      struct traffic *traffic);

/* The events that the connection needs in its present state. */
unsigned int connection_interest(const struct connection *conn);

#endif /* CONNECTION_H */

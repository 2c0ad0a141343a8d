// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"

struct connection *connection_new(int fd)
{
	struct connection *conn = malloc(sizeof(*conn));

	if (!conn)
		return NULL;
	conn->fd = fd;
	conn->watched = 0;
	conn->eof = false;
	conn->start = 0;
	conn->end = 0;
	return conn;
}

void connection_free(struct connection *conn)
{
	close(conn->fd);
	free(conn);
}

static bool has_room(const struct connection *conn)
{
	return conn->end < sizeof(conn->buffer);
}

static bool has_output(const struct connection *conn)
{
	return conn->start < conn->end;
}

/*
 * Back-pressure: a full buffer is not read into until all of it is sent. So TCP
 * stops a peer that sends without receiving, and the peer takes no memory here.
 * EPOLLRDHUP is level-triggered and stays once raised: it is useful only while
 * the server may read, and would make the waits spin at any other time.
 */
unsigned int connection_interest(const struct connection *conn)
{
	unsigned int events = 0;

	if (!conn->eof && has_room(conn))
		events |= EPOLLIN | EPOLLRDHUP;
	if (has_output(conn))
		events |= EPOLLOUT;
	return events;
}

/* Reads once. Returns false if the connection broke. */
static bool fill(struct connection *conn, struct traffic *traffic)
{
	ssize_t n;

	n = recv(conn->fd, conn->buffer + conn->end,
		 sizeof(conn->buffer) - conn->end, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0) {
		conn->eof = true;
		return true;
	}
	conn->end += n;
	traffic->messages++;
	traffic->bytes_in += n;
	return true;
}

/* Sends as much as the socket takes. Returns false if the connection broke. */
static bool drain(struct connection *conn, struct traffic *traffic)
{
	while (has_output(conn)) {
		ssize_t n = send(conn->fd, conn->buffer + conn->start,
				 conn->end - conn->start, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			traffic->blocked++;
			return true;
		}
		if (n < 0)
			return false;
		conn->start += n;
		traffic->bytes_out += n;
	}
	conn->start = 0;
	conn->end = 0;
	return true;
}

bool connection_serve(struct connection *conn, unsigned int events,
		      struct traffic *traffic)
{
	/*
	 * The server never shuts down only its own side, so EPOLLHUP means that
	 * both are closed: nobody is left to send to.
	 */
	if (events & (EPOLLERR | EPOLLHUP))
		goto vanished;

	if (!drain(conn, traffic))
		goto vanished;

	/*
	 * Level-triggered: one read per event is enough, and fair to the other
	 * connections. But EPOLLRDHUP says that nothing will follow what is in
	 * the socket: go on to the end of file without another wait.
	 */
	if (events & (EPOLLIN | EPOLLRDHUP)) {
		do {
			if (!fill(conn, traffic) || !drain(conn, traffic))
				goto vanished;
		} while ((events & EPOLLRDHUP) && !conn->eof && has_room(conn));
	}
	return !conn->eof || has_output(conn);

vanished:
	traffic->vanished++;
	return false;
}

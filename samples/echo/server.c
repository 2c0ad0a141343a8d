// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "listener.h"
#include "poller.h"
#include "server.h"

#define MAX_EVENTS 256

/*
 * New connections to accept per event, so that the others also get their turn.
 */
#define ACCEPT_BATCH 64

/* How soon to try again when accept() lacked a descriptor or memory. */
#define SHORTAGE_MS 100

struct server {
	int poller;
	int listener;
	int signals;
	bool accepting;		/* the listener is watched */
	long long retry_at;	/* if not, for lack of resources: until then */
	size_t max_connections;
	size_t open;
	LIST_HEAD(, connection) connections;

	size_t peak;
	unsigned long long accepted;
	unsigned long long refused;	/* accepted, but there was no memory to serve */
	unsigned long long waits;
	unsigned long long events;
	struct traffic traffic;
};

static long long now_ms(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now))
		err(EXIT_FAILURE, "clock_gettime");
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void watch_listener(struct server *server, bool on)
{
	if (server->accepting == on)
		return;
	if (poller_ctl(server->poller, EPOLL_CTL_MOD, server->listener,
		       on ? EPOLLIN : 0, &server->listener))
		err(EXIT_FAILURE, "changing the listening socket's events");
	server->accepting = on;
	server->retry_at = 0;
}

static bool update_interest(struct server *server, struct connection *conn,
			    int op)
{
	unsigned int wanted = connection_interest(conn);

	if (op == EPOLL_CTL_MOD && conn->watched == wanted)
		return true;
	if (poller_ctl(server->poller, op, conn->fd, wanted, conn))
		return false;
	conn->watched = wanted;
	return true;
}

static void admit(struct server *server, int fd)
{
	struct connection *conn = connection_new(fd);

	if (!conn) {
		close(fd);
		server->refused++;
		return;
	}
	if (!update_interest(server, conn, EPOLL_CTL_ADD)) {
		connection_free(conn);
		server->refused++;
		return;
	}
	LIST_INSERT_HEAD(&server->connections, conn, link);
	server->accepted++;
	if (++server->open > server->peak)
		server->peak = server->open;
}

/*
 * While no more connections can be accepted, the listener is not watched: as it
 * is level-triggered, it would be reported all the time. Clients wait in the
 * backlog meanwhile. The server continues when a connection closes. A shortage
 * of resources may also end elsewhere in the system, so the server also tries
 * again after a while.
 */
static void accept_some(struct server *server)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd;

		if (server->open >= server->max_connections) {
			watch_listener(server, false);
			return;
		}
		fd = accept4(server->listener, NULL, NULL,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			admit(server, fd);
			continue;
		}
		switch (errno) {
		case EAGAIN:
			return;
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
			watch_listener(server, false);
			server->retry_at = now_ms() + SHORTAGE_MS;
			return;
		case EBADF:
		case EFAULT:
		case EINVAL:
		case ENOTSOCK:
		case EOPNOTSUPP:
			err(EXIT_FAILURE, "accept4");
		default:
			/*
			 * The connection failed before it was accepted; see
			 * accept(2).
			 */
			break;
		}
	}
}

static void retire(struct server *server, struct connection *conn)
{
	LIST_REMOVE(conn, link);
	connection_free(conn);
	server->open--;
	watch_listener(server, true);
}

/* Returns false when a signal asks for the end. */
static bool handle(struct server *server, const struct epoll_event *event)
{
	struct connection *conn = event->data.ptr;

	if (event->data.ptr == &server->signals)
		return false;
	if (event->data.ptr == &server->listener) {
		accept_some(server);
		return true;
	}

	/*
	 * Each descriptor is one item and has at most one event in a batch: no
	 * later event can point to a connection that is freed here.
	 */
	if (!connection_serve(conn, event->events, &server->traffic) ||
	    !update_interest(server, conn, EPOLL_CTL_MOD))
		retire(server, conn);
	return true;
}

static void serve(struct server *server)
{
	struct epoll_event events[MAX_EVENTS];
	bool running = true;

	while (running) {
		int n = poller_wait(server->poller, events, MAX_EVENTS,
				    server->retry_at ? SHORTAGE_MS : -1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err(EXIT_FAILURE, "waiting for events");
		server->waits++;
		server->events += n;
		for (int i = 0; i < n; i++)
			running &= handle(server, &events[i]);
		if (server->retry_at && now_ms() >= server->retry_at)
			watch_listener(server, true);
	}
}

static void figure(const char *name, unsigned long long value)
{
	printf("\"%s\":%llu,", name, value);
}

static void report(const struct server *server)
{
	const struct traffic *traffic = &server->traffic;
	double waits = server->waits ? server->waits : 1;

	printf("{\"poller\":\"%s\",", poller_name);
	figure("connections", server->accepted);
	figure("peak", server->peak);
	figure("refused", server->refused);
	figure("vanished", traffic->vanished);
	figure("messages", traffic->messages);
	figure("bytes_in", traffic->bytes_in);
	figure("bytes_out", traffic->bytes_out);
	figure("blocked", traffic->blocked);
	figure("waits", server->waits);
	figure("events", server->events);
	printf("\"events_per_wait\":%.2f}\n", server->events / waits);
	if (fflush(stdout))
		err(EXIT_FAILURE, "standard output");
}

void server_run(int poller, int listener, int signals, size_t max_connections)
{
	struct server server = {
		.poller = poller,
		.listener = listener,
		.signals = signals,
		.accepting = true,
		.max_connections = max_connections,
		.connections = LIST_HEAD_INITIALIZER(server.connections),
	};
	struct connection *conn;

	if (poller_ctl(poller, EPOLL_CTL_ADD, signals, EPOLLIN,
		       &server.signals) ||
	    poller_ctl(poller, EPOLL_CTL_ADD, listener, EPOLLIN,
		       &server.listener))
		err(EXIT_FAILURE, "watching the listening socket and signals");

	listener_announce(listener);
	serve(&server);
	report(&server);

	while ((conn = LIST_FIRST(&server.connections))) {
		LIST_REMOVE(conn, link);
		connection_free(conn);
	}
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The reactor: a listening socket, its connections and the signals that end it,
 * all on one poller and one thread.
 */
#ifndef SERVER_H
#define SERVER_H

#include <stddef.h>

/*
 * Serves the clients of @listener, at most @max_connections at a time, until
 * @signals (a signalfd) is readable; then prints its figures. Exits with the
 * reason if it cannot continue.
 */
void server_run(int poller, int listener, int signals, size_t max_connections);

#endif /* SERVER_H */

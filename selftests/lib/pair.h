/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two connected ends, and operations on them.
 *
 * Every function returns its result, or -errno.
 */
#ifndef SELFTESTS_PAIR_H
#define SELFTESTS_PAIR_H

#include <netinet/in.h>

/* A TCP socket that listens on the loopback device; its address goes to @addr. */
int tcp_listen(struct sockaddr_in *addr, int backlog);

/* A connected pair of TCP sockets: [0] connected, [1] accepted. */
int tcp_pair(int sv[2]);

/* Waits with poll(2) until @fd shows all of @events; returns what it shows. */
short await(int fd, short events);

/* Writes to a non-blocking descriptor until it accepts no more. */
int fill(int fd);

/* Reads from a non-blocking descriptor until it returns no more. */
int drain(int fd);

/*
 * Writes or reads one byte. Returns 0, or -errno (-EPIPE at the end of a file).
 */
int put(int fd);
int get(int fd);

#endif

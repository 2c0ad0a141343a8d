/* SPDX-License-Identifier: GPL-2.0 */
/* The listening socket. */
#ifndef LISTENER_H
#define LISTENER_H

/* A non-blocking listening socket; exits with the reason if there is none. */
int listener_open(const char *address, const char *port);

/* Prints where @listener listens, for the program that started this one. */
void listener_announce(int listener);

#endif /* LISTENER_H */

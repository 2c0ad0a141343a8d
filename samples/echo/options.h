/* SPDX-License-Identifier: GPL-2.0 */
/* The options on the command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stddef.h>

struct options {
	const char *address;
	const char *port;
	size_t max_connections;
};

/* Exits with the reason on standard error if the arguments are wrong. */
struct options options_parse(int argc, char **argv);

#endif /* OPTIONS_H */

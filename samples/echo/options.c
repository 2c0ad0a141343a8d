// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "options.h"
#include "poller.h"

static void usage(FILE *to)
{
	fprintf(to,
		"Usage: %s [OPTION]...\n"
		"TCP echo server on %s.\n\n"
		"  -l, --listen=ADDRESS       address to listen on (127.0.0.1)\n"
		"  -p, --port=PORT            port to listen on, 0 for any free one (7007)\n"
		"  -m, --max-connections=N    let more clients wait (10000)\n"
		"  -h, --help                 show this help\n",
		program_invocation_short_name, poller_name);
}

/* A decimal number; exits with a message that names @what if it is not. */
static unsigned long number(const char *text, unsigned long min,
			    unsigned long max, const char *what)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < min ||
	    value > max)
		errx(2, "not a %s: %s", what, text);
	return value;
}

struct options options_parse(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "port", required_argument, NULL, 'p' },
		{ "max-connections", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct options options = {
		.address = "127.0.0.1",
		.port = "7007",
		.max_connections = 10000,
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "l:p:m:h", longopts, NULL)) >= 0) {
		switch (opt) {
		case 'l':
			options.address = optarg;
			break;
		case 'p':
			number(optarg, 0, UINT16_MAX, "port");
			options.port = optarg;
			break;
		case 'm':
			options.max_connections = number(optarg, 1, SIZE_MAX,
							 "number of connections");
			break;
		case 'h':
			usage(stdout);
			exit(EXIT_SUCCESS);
		default:
			usage(stderr);
			exit(2);
		}
	}
	if (optind < argc)
		errx(2, "unexpected argument: %s", argv[optind]);
	return options;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * A TCP echo server with one thread and one poller: a reactor.
 *
 * It is level-triggered, because then only the state of a descriptor determines
 * its interest: nothing has to be read or written until EAGAIN, no edge can be
 * missed, and the server stops reading by not watching for EPOLLIN.
 *
 * Standard output has two lines, each one JSON object: the address, once the
 * server accepts connections, and the figures, when SIGTERM or SIGINT ends it.
 */
#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "listener.h"
#include "options.h"
#include "poller.h"
#include "server.h"

/* SIGTERM and SIGINT, delivered like other events. */
static int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		err(EXIT_FAILURE, "sigprocmask");
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		err(EXIT_FAILURE, "signalfd");
	return fd;
}

/*
 * Raises the limit on descriptors as far as possible; a lower limit is no
 * failure.
 */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		err(EXIT_FAILURE, "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		warn("raising the descriptor limit");
}

int main(int argc, char **argv)
{
	const struct options options = options_parse(argc, argv);
	int poller, listener, signals;

	raise_descriptor_limit();
	signals = open_signals();
	poller = poller_open();
	if (poller < 0)
		return EXIT_FAILURE;
	listener = listener_open(options.address, options.port);

	server_run(poller, listener, signals, options.max_connections);

	close(listener);
	close(poller);
	close(signals);
	return EXIT_SUCCESS;
}

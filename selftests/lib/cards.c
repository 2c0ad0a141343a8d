// SPDX-License-Identifier: GPL-2.0

#include "cards.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Creates a socket in a network namespace, bound to an address there. Returns
 * it or -errno.
 */
static int socket_in(const char *namespace, const char *address)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	int before, file, fd, err = 0;

	file = open(namespace, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return errno == ENOENT ? -EOPNOTSUPP : -errno;
	before = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (before < 0 || setns(file, CLONE_NEWNET))
		return -errno;
	inet_pton(AF_INET, address, &name.sin_addr);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (void *)&name, sizeof(name)))
		err = -errno;
	if (setns(before, CLONE_NEWNET))
		err = -errno;
	close(before);
	close(file);
	return err ?: fd;
}

/* Connects a socket to the address of another. Returns 0 or -errno. */
static int connect_to(int fd, int other)
{
	struct sockaddr_in name;
	socklen_t size = sizeof(name);

	if (getsockname(other, (void *)&name, &size) ||
	    connect(fd, (void *)&name, size))
		return -errno;
	return 0;
}

int cards_sockets(int *left, int *right)
{
	*left = socket_in("/run/netns/left", "192.0.2.1");
	if (*left < 0)
		return *left;
	*right = socket_in("/run/netns/right", "192.0.2.2");
	if (*right < 0)
		return *right;
	return connect_to(*left, *right) ?: connect_to(*right, *left);
}

/* The number that a shell command prints, or -1. */
static long number_from(const char *command)
{
	FILE *output = popen(command, "re");
	long number;

	if (!output)
		return -1;
	if (fscanf(output, "%ld", &number) != 1)
		number = -1;
	return pclose(output) ? -1 : number;
}

bool cards_mask_interrupts(void)
{
	return number_from("ip netns exec right ethtool -i right |\n"
			   "awk '/^driver:/ { print $2 == \"virtio_net\" }'") == 1;
}

long cards_interrupts(void)
{
	/*
	 * The interrupts of a virtio card are named after its device, not after
	 * the card.
	 */
	return number_from("d=$(ip netns exec right readlink /sys/class/net/right/device)\n"
			   "case $d in *virtio*) n=${d##*/}-input ;; *) n='right-(rx|TxRx)' ;; esac\n"
			   "awk -v n=\"^$n\" '$NF ~ n { for (i = 2; $i ~ /^[0-9]+$/; i++) s += $i }\n"
			   "END { print s + 0 }' /proc/interrupts");
}

long cards_polled(void)
{
	return number_from("ip netns exec right cat /proc/net/netstat |\n"
			   "awk '/^TcpExt/ && !n { n = split($0, name); next }\n"
			   "/^TcpExt/ { for (i = 1; i <= n; i++) if (name[i] == \"BusyPollRxPackets\") print $i }'");
}

int cards_defer_interrupts(long nsec)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "ip netns exec right sh -ec 'cd /sys/class/net/right\n"
		 "echo %ld >gro_flush_timeout; echo %d >napi_defer_hard_irqs'",
		 nsec, nsec ? 2 : 0);
	return system(command) ? -1 : 0;
}

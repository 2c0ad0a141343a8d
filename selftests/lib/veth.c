// SPDX-License-Identifier: GPL-2.0

#include "veth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TX_ADDRESS "10.0.0.1"
#define RX_ADDRESS "10.0.0.2"

/* Appends an attribute to a message that has room for it. */
static struct rtattr *append(struct nlmsghdr *message, int type,
			     const void *data, int size)
{
	struct rtattr *attr = (void *)message + NLMSG_ALIGN(message->nlmsg_len);

	attr->rta_type = type;
	attr->rta_len = RTA_LENGTH(size);
	memcpy(RTA_DATA(attr), data, size);
	message->nlmsg_len = (void *)attr - (void *)message +
			     RTA_SPACE(size);
	return attr;
}

/* Makes @attr contain everything that was appended after it. */
static void enclose(struct nlmsghdr *message, struct rtattr *attr)
{
	attr->rta_len = (void *)message + message->nlmsg_len - (void *)attr;
}

/*
 * Creates the devices: rx here, tx in the other namespace. Returns 0 or -errno.
 */
static int make_devices(int other)
{
	struct {
		struct nlmsghdr message;
		struct ifinfomsg info;
		char attrs[256];
	} request = {
		.message = {
			.nlmsg_len = NLMSG_LENGTH(sizeof(request.info)),
			.nlmsg_type = RTM_NEWLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE |
				       NLM_F_EXCL | NLM_F_ACK,
		},
	};
	struct {
		struct nlmsghdr message;
		struct nlmsgerr error;
		char rest[512];
	} reply;
	struct nlmsghdr *message = &request.message;
	struct rtattr *info, *data, *peer;
	int fd, err = 0;

	append(message, IFLA_IFNAME, "rx", sizeof("rx"));
	info = append(message, IFLA_LINKINFO, "", 0);
	append(message, IFLA_INFO_KIND, "veth", sizeof("veth"));
	data = append(message, IFLA_INFO_DATA, "", 0);
	peer = append(message, VETH_INFO_PEER, &request.info,
		      sizeof(request.info));
	append(message, IFLA_IFNAME, "tx", sizeof("tx"));
	append(message, IFLA_NET_NS_FD, &other, sizeof(other));
	enclose(message, peer);
	enclose(message, data);
	enclose(message, info);

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0 || send(fd, message, message->nlmsg_len, 0) < 0 ||
	    recv(fd, &reply, sizeof(reply), 0) < 0)
		err = -errno;
	close(fd);
	return err ?: reply.error.error;
}

/* Assigns the address to the device and brings it up. Returns 0 or -errno. */
static int configure(int fd, const char *name, const char *address,
		     uint32_t command, uint32_t value)
{
	struct ethtool_value feature = { .cmd = command, .data = value };
	struct ifreq ifr = {};
	struct sockaddr_in *addr = (struct sockaddr_in *)&ifr.ifr_addr;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	addr->sin_family = AF_INET;
	addr->sin_addr.s_addr = inet_addr(address);
	if (ioctl(fd, SIOCSIFADDR, &ifr))
		return -errno;
	ifr.ifr_data = (void *)&feature;
	if (ioctl(fd, SIOCETHTOOL, &ifr))
		return -errno;
	ifr.ifr_flags = IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &ifr) ? -errno : 0;
}

/* Creates a socket in a new namespace. */
static int socket_apart(void)
{
	return unshare(CLONE_NEWNET) ? -1 :
	       socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static int join_up(int tx, int rx)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = inet_addr(RX_ADDRESS),
	};
	socklen_t size = sizeof(addr);
	int err;

	/* A device with GRO uses NAPI... */
	err = configure(rx, "rx", RX_ADDRESS, ETHTOOL_SGRO, 1);
	if (err)
		return err;
	/* ...unless the other device could have left the segmentation to it. */
	err = configure(tx, "tx", TX_ADDRESS, ETHTOOL_STSO, 0);
	if (err)
		return err;
	if (bind(rx, (struct sockaddr *)&addr, size) ||
	    getsockname(rx, (struct sockaddr *)&addr, &size) ||
	    connect(tx, (struct sockaddr *)&addr, size))
		return -errno;
	return 0;
}

int veth_sockets(int *tx, int *rx)
{
	int other, err;

	*tx = socket_apart();
	other = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	*rx = socket_apart();
	if (*tx < 0 || other < 0 || *rx < 0)
		return -errno;
	err = make_devices(other);
	close(other);
	return err ?: join_up(*tx, *rx);
}

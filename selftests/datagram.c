// SPDX-License-Identifier: GPL-2.0
/*
 * UDP, packet and netlink sockets.
 */
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sys/socket.h>

#include "fixture.h"
#include "pair.h"
#include "waiter.h"

/* A UDP socket with its own port on the loopback device. */
static int udp_socket(struct sockaddr_in *addr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(*addr);

	*addr = (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	if (fd < 0 || bind(fd, (struct sockaddr *)addr, len) ||
	    getsockname(fd, (struct sockaddr *)addr, &len))
		return -errno;
	return fd;
}

/*
 *	P ---> UDP <=== UDP
 */
TEST_F(poller, udp_datagram_arrives)
{
	struct sockaddr_in a_addr, b_addr;
	struct waiter w;
	int a, b;

	a = udp_socket(&a_addr);
	ASSERT_LE(0, a);
	b = udp_socket(&b_addr);
	ASSERT_LE(0, b);
	ASSERT_EQ(0, connect(b, (struct sockaddr *)&a_addr, sizeof(a_addr)));
	ASSERT_EQ(0, poller_add(&self->p, a, EPOLLIN));
	EXPECT_EQ(0, poller_count(&self->p));

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, put(b));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, a));
	ASSERT_EQ(0, get(a));
	EXPECT_EQ(0, poller_count(&self->p));

	ASSERT_EQ(0, poller_mod(&self->p, a, EPOLLIN | EPOLLOUT));
	EXPECT_EQ(EPOLLOUT, poller_now(&self->p, a));
	close(a);
	close(b);
}

/*
 *	P ---> UDP ===> an unused port: refused, asynchronously
 */
TEST_F(poller, udp_datagram_is_refused)
{
	struct sockaddr_in a_addr, gone_addr;
	struct waiter w;
	int a, gone;

	a = udp_socket(&a_addr);
	ASSERT_LE(0, a);
	gone = udp_socket(&gone_addr);
	ASSERT_LE(0, gone);
	ASSERT_EQ(0, connect(a, (struct sockaddr *)&gone_addr,
			     sizeof(gone_addr)));
	close(gone);
	ASSERT_EQ(0, poller_add(&self->p, a, 0));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(0, put(a));
	EXPECT_EQ(EPOLLERR, waiter_event(&w, a));
	EXPECT_EQ(-ECONNREFUSED, get(a));
	EXPECT_EQ(0, poller_count(&self->p));
	close(a);
}

/*
 *	P ---> packet socket on lo <=== packet socket on lo
 *
 * They use a protocol number that is reserved for experiments, so that no other
 * traffic interferes.
 */
TEST_F(poller, packet_arrives)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(0x88b5),
		.sll_ifindex = if_nametoindex("lo"),
		.sll_halen = ETH_ALEN,
	};
	char frame[64] = {};
	struct waiter w;
	int in, out;

	in = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (in < 0 && errno == EPERM)
		SKIP(return, "packet sockets need CAP_NET_RAW");
	ASSERT_LE(0, in);
	out = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ASSERT_LE(0, out);
	ASSERT_EQ(0, bind(in, (struct sockaddr *)&addr, sizeof(addr)));
	ASSERT_EQ(0, poller_add(&self->p, in, EPOLLIN));
	EXPECT_EQ(0, poller_count(&self->p));

	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(sizeof(frame), sendto(out, frame, sizeof(frame), 0,
					(struct sockaddr *)&addr,
					sizeof(addr)));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, in));
	close(in);
	close(out);
	EXPECT_EQ(0, poller_count(&self->p));
}

/*
 *	P ---> netlink ===> kernel: list the network devices
 *	          ^===========' the list
 */
TEST_F(poller, netlink_answers)
{
	struct {
		struct nlmsghdr header;
		struct rtgenmsg body;
	} request = {
		.header.nlmsg_len = sizeof(request),
		.header.nlmsg_type = RTM_GETLINK,
		.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
	};
	struct waiter w;
	int nl;

	nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    NETLINK_ROUTE);
	ASSERT_LE(0, nl);
	ASSERT_EQ(0, poller_add(&self->p, nl, EPOLLIN));
	EXPECT_EQ(0, poller_count(&self->p));
	ASSERT_EQ(0, waiter_start(&w, &self->p, 1, SOON));
	ASSERT_EQ(sizeof(request), send(nl, &request, sizeof(request), 0));
	EXPECT_EQ(EPOLLIN, waiter_event(&w, nl));
	ASSERT_EQ(0, drain(nl));
	EXPECT_EQ(0, poller_count(&self->p));
	close(nl);
}

/*
 *	P ---> netlink, member of a group <=== netlink, sends to the group
 *	  `--> netlink, member of a group <==='
 */
TEST_F(poller, netlink_multicast)
{
	struct sockaddr_nl group = { .nl_family = AF_NETLINK, .nl_groups = 4 };
	struct nlmsghdr message = { .nlmsg_len = sizeof(message) };
	struct epoll_event event;
	unsigned int seen = 0;
	int in[2], out, i;

	for (i = 0; i < 2; i++) {
		in[i] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
			       NETLINK_USERSOCK);
		ASSERT_LE(0, in[i]);
		if (bind(in[i], (struct sockaddr *)&group, sizeof(group))) {
			ASSERT_EQ(EPERM, errno);
			SKIP(return, "netlink groups need CAP_NET_ADMIN");
		}
		ASSERT_EQ(0, poller_add_data(&self->p, in[i],
					     EPOLLIN | EPOLLET, i));
	}
	out = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK);
	ASSERT_LE(0, out);
	/*
	 * The message goes to the group, and then to the kernel, which does not
	 * listen.
	 */
	ASSERT_EQ(-1, sendto(out, &message, sizeof(message), 0,
			     (struct sockaddr *)&group, sizeof(group)));
	ASSERT_EQ(ECONNREFUSED, errno);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(1, poller_wait(&self->p, &event, 1, SOON));
		EXPECT_EQ(EPOLLIN, event.events);
		seen |= 1u << event.data.u64;
	}
	EXPECT_EQ(3, seen);
	close(in[0]);
	close(in[1]);
	close(out);
}

TEST_HARNESS_MAIN

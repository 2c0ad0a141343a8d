// SPDX-License-Identifier: GPL-2.0
/* Busy polling. In a kernel without it, no file has a queue. */

#include <linux/net.h>
#include <net/busy_poll.h>
#include <net/sock.h>

#include "../helpers.h"

/* The queue from which the file's packets come, or 0. */
unsigned int rp_file_napi_id(struct file *file)
{
#ifdef CONFIG_NET_RX_BUSY_POLL
	struct socket *sock = sock_from_file(file);
	struct sock *sk = sock ? READ_ONCE(sock->sk) : NULL;
	unsigned int id = sk ? READ_ONCE(sk->sk_napi_id) : 0;

	return napi_id_valid(id) ? id : 0;
#else
	return 0;
#endif
}

void rp_napi_busy_loop(unsigned int id,
		       bool (*loop_end)(void *arg, unsigned long start),
		       void *arg, bool prefer, u16 budget)
{
#ifdef CONFIG_NET_RX_BUSY_POLL
	napi_busy_loop(id, loop_end, arg, prefer, budget ?: BUSY_POLL_BUDGET);
#endif
}

unsigned long rp_busy_loop_time(void)
{
	return busy_loop_current_time();
}

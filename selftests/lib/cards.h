/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two network cards of the virtual machine with NIC=, and a UDP socket on each:
 *
 *	left, 192.0.2.1 <---> 192.0.2.2, right
 */
#ifndef SELFTESTS_CARDS_H
#define SELFTESTS_CARDS_H

/* Creates the sockets. Returns 0, or -errno, with -EOPNOTSUPP if there are no cards. */
int cards_sockets(int *left, int *right);

/*
 * The number of interrupts that the receive queues of the right card have caused, or -1.
 */
long cards_interrupts(void);

/*
 * Keeps the right card's interrupts off for @nsec after each busy poll; with 0, restores
 * the normal behaviour. Returns 0 or -1.
 */
int cards_defer_interrupts(long nsec);

#endif

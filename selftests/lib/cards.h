/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two network cards of the virtual machine with NIC=, and a UDP socket on each:
 *
 *	left, 192.0.2.1 <---> 192.0.2.2, right
 */
#ifndef SELFTESTS_CARDS_H
#define SELFTESTS_CARDS_H

#include <stdbool.h>

/* Creates the sockets. Returns 0, or -errno, with -EOPNOTSUPP if there are no cards. */
int cards_sockets(int *left, int *right);

/*
 * Whether the cards keep quiet while their interrupts are masked. The emulated igb
 * card does not: it interrupts in vain.
 */
bool cards_mask_interrupts(void);

/* How many packets waits on the right have taken from the card themselves, or -1. */
long cards_polled(void);

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

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two network namespaces with a pair of veth devices between them, and a UDP
 * socket in each:
 *
 *	tx, 10.0.0.1 ---> 10.0.0.2, rx
 *
 * The device rx receives by NAPI, as a network card does.
 */
#ifndef SELFTESTS_VETH_H
#define SELFTESTS_VETH_H

/*
 * Creates the sockets; afterwards, the calling thread is in the namespace of
 * rx. Returns 0, or -errno, with -EOPNOTSUPP if the kernel has no veth devices.
 */
int veth_sockets(int *tx, int *rx);

#endif

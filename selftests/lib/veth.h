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
 * Makes them; the calling thread is in the namespace of rx from then on. Returns
 * 0, or -errno, with -EOPNOTSUPP if there are no such devices.
 */
int veth_sockets(int *tx, int *rx);

#endif

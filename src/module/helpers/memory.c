// SPDX-License-Identifier: GPL-2.0
/* Slab caches, and the size of memory. */

#include <linux/mm.h>
#include <linux/slab.h>

#include "../helpers.h"

struct kmem_cache *rp_cache_create(const char *name, unsigned int size,
				   unsigned int align)
{
	/* Not merged with other caches, so that its objects can be counted. */
	return kmem_cache_create(name, size, align,
				 SLAB_ACCOUNT | SLAB_NO_MERGE, NULL);
}

unsigned long rp_lowmem_bytes(void)
{
	struct sysinfo si;

	si_meminfo(&si);
	return (si.totalram - si.totalhigh) << PAGE_SHIFT;
}

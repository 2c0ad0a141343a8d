/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The live objects in slab caches.
 */
#ifndef SELFTESTS_SLAB_H
#define SELFTESTS_SLAB_H

/*
 * The number of objects in use in all caches whose names begin with @prefix, or -errno:
 * -EACCES if this process may not read /proc/slabinfo, -ENOENT without a cache. Free
 * objects that the kernel keeps for a processor, or with KASAN to detect later uses, do
 * not count if /sys/kernel/slab can flush them.
 */
long slab_objects(const char *prefix);

/* The same for repoll's caches. */
long slab_count(void);

/*
 * Waits until at most @limit objects are left; frees may be deferred, so the count may
 * fall slowly. Returns the last count.
 */
long slab_falls_to(long limit);

#endif

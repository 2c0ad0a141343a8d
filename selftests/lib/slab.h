/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The live objects in slab caches.
 */
#ifndef SELFTESTS_SLAB_H
#define SELFTESTS_SLAB_H

/*
 * The number of objects in use in all caches whose names begin with @prefix, or
 * -errno: -EACCES if /proc/slabinfo is not for us, -ENOENT without a cache. Free
 * objects that are kept at hand for a processor or, by KASAN, to see who uses them
 * after all, do not count where /sys/kernel/slab lets us have them given back.
 */
long slab_objects(const char *prefix);

/* The same for repoll's caches. */
long slab_count(void);

/*
 * Waits until no more than @limit objects are left; frees may be deferred, so
 * that the count needs a while to fall. Returns the last count seen.
 */
long slab_falls_to(long limit);

#endif

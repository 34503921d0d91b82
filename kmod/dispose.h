/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Evicting dentries that were chosen under their directory's lock, once that lock is dropped: by the
 * kernel's own shrink list where that is exported (Linux 7.2), else by the last dput() of each.
 *
 * What dput() does with a dentry that nobody uses any more: it is not kept if it is not in the hash,
 * or has DCACHE_DONTCACHE (fs/dcache.c: retain_dentry()). The figures of dentry-state and the LRU are
 * the kernel's own to keep right, as it is its own way to evict.
 */
#ifndef SLABSCOPE_DISPOSE_H
#define SLABSCOPE_DISPOSE_H

#include <linux/bits.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/list.h>

#include "compat.h"

#ifdef SLABSCOPE_HAS_SHRINK_LIST

struct dispose {
	struct list_head list;
};

static inline void dispose_init(struct dispose *dispose)
{
	INIT_LIST_HEAD(&dispose->list);
}

/* How many more it takes. */
static inline u32 dispose_room(const struct dispose *dispose)
{
	return U32_MAX;
}

/*
 * Takes a dentry whose count is 0. Called under its d_lock. Out of the hash nobody can find a negative
 * dentry and make it positive before shrink_dentry_list() gets to it.
 */
static inline bool dispose_take(struct dispose *dispose, struct dentry *dentry, bool negative)
{
	if (negative)
		__d_drop(dentry);
	return __move_to_shrink_list(dentry, &dispose->list);
}

/* May sleep. */
static inline void dispose_all(struct dispose *dispose)
{
	shrink_dentry_list(&dispose->list);
}

#else

/* Each is kept in use until its turn, which others must not notice: few at a time. */
#define DISPOSE_ROOM 64

struct dispose {
	u64 flagged;		/* those that have DCACHE_DONTCACHE from us, a bit each */
	u32 count;
	struct dentry *dentries[DISPOSE_ROOM];
};

static_assert(DISPOSE_ROOM <= BITS_PER_TYPE(u64));

static inline void dispose_init(struct dispose *dispose)
{
	dispose->flagged = 0;
	dispose->count = 0;
}

static inline u32 dispose_room(const struct dispose *dispose)
{
	return DISPOSE_ROOM - dispose->count;
}

/*
 * A positive dentry stays in the hash until __dentry_kill() takes it out, behind d_prune(). Before
 * Linux 5.11 fast_dput() keeps what is referenced, whatever else it is.
 */
static inline bool dispose_take(struct dispose *dispose, struct dentry *dentry, bool negative)
{
	if (!dispose_room(dispose))
		return false;
	if (negative) {
		__d_drop(dentry);
	} else {
		if (!(dentry->d_flags & DCACHE_DONTCACHE))
			dispose->flagged |= BIT_ULL(dispose->count);
		dentry->d_flags = (dentry->d_flags & ~DCACHE_REFERENCED) | DCACHE_DONTCACHE;
	}
	dispose->dentries[dispose->count++] = dget_dlock(dentry);
	return true;
}

/*
 * One that somebody has taken into use meanwhile stays, and the flag is taken back. Who takes it
 * between unlock and dput() finds it flagged: it goes after that use. May sleep.
 */
static inline void dispose_all(struct dispose *dispose)
{
	while (dispose->count) {
		struct dentry *dentry = dispose->dentries[--dispose->count];
		struct inode *inode;

		if (dispose->flagged & BIT_ULL(dispose->count)) {
			spin_lock(&dentry->d_lock);
			inode = dentry->d_inode;
			/* d_mark_dontcache() marks the inode as well. */
			if (dentry->d_lockref.count > 1 &&
			    !(inode && inode_state_read_once(inode) & I_DONTCACHE))
				dentry->d_flags &= ~DCACHE_DONTCACHE;
			spin_unlock(&dentry->d_lock);
		}
		dput(dentry);
	}
	dispose->flagged = 0;
}

#endif

#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * The sections of the walk that hold a dentry's lock, and what is inline in the kernel's headers.
 * Policy, stack and lifetimes are in the .rs files. Everything that is read out of a dentry is
 * read here; what is done with inodes is in inodes_helper.c.
 *
 * Lock order (fs/dcache.c):
 *
 *   directory->d_lock
 *     child->d_lock (DENTRY_D_LOCK_NESTED)
 *       what dispose_take() takes: a chain of the hash, a list of the LRU
 *
 * No other lock is held while one of these is taken here. rename_lock is never held: a directory
 * on the stack is pinned, and its cursor keeps the place among its children.
 */

#include <linux/bottom_half.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "dispose.h"
#include "helpers.h"

/*
 * How many children are handled between two looks at the clock and at who waits; when evicting,
 * each may have to wait for the lock of the LRU. Powers of 2.
 */
#define SLABSCOPE_STRIDE 128
#define SLABSCOPE_EVICT_STRIDE 8

/*
 * A cursor is a dentry without a name that stands among the children of a directory, as those of
 * dcache_dir_open() do (d_alloc_cursor() is not exported). Whoever walks d_children skips it.
 */
struct dentry *slabscope_cursor_alloc(struct dentry *dir)
{
	struct dentry *cursor = d_alloc_anon(dir->d_sb);

	if (cursor)
		cursor->d_flags |= DCACHE_DENTRY_CURSOR | SLABSCOPE_CURSOR_NORCU;
	return cursor;
}

/*
 * The cursor now holds a reference to @dir, which slabscope_cursor_free() drops. False: they are of
 * two superblocks.
 */
bool slabscope_cursor_attach(struct dentry *cursor, struct dentry *dir)
{
	if (cursor->d_sb != dir->d_sb)
		return false;
	cursor->d_parent = dget(dir);
	return true;
}

void slabscope_cursor_free(struct dentry *cursor)
{
	dput(cursor);
}

/* What dentry_free() gives back besides the dentry. */
static u64 external_bytes(const struct dentry *dentry)
{
	if (dentry->d_name.name == slabscope_short_name(dentry))
		return 0;
	return kmalloc_size_roundup(offsetof(struct slabscope_external_name, name[1]) +
				    dentry->d_name.len);
}

/*
 * The inode is counted at the first of its names alone. Its memory is safe to read under RCU even
 * if the dentry just became negative; what is read may then be stale, as any census is.
 */
static void count_inode(const struct dentry *dentry, struct slabscope_counters *found)
{
	struct inode *inode = READ_ONCE(dentry->d_inode);
	struct address_space *mapping;

	if (!inode || READ_ONCE(inode->i_dentry.first) != &dentry->d_alias)
		return;
	found->inodes++;
	/* Of a block device, i_mapping is that of another inode. */
	mapping = &inode->i_data;
	if (S_ISREG(inode->i_mode))
		found->pages += READ_ONCE(mapping->nrpages);
	if ((inode_state_read_once(inode) & I_DIRTY_ALL) ||
	    mapping_tagged(mapping, PAGECACHE_TAG_DIRTY))
		found->dirty++;
	if (mapping_tagged(mapping, PAGECACHE_TAG_WRITEBACK))
		found->writeback++;
}

static void count_type(unsigned int flags, struct slabscope_counters *found)
{
	switch (flags & DCACHE_ENTRY_TYPE) {
	case DCACHE_MISS_TYPE:
		found->negative++;
		break;
	case DCACHE_DIRECTORY_TYPE:
	case DCACHE_AUTODIR_TYPE:
		found->dirs++;
		break;
	case DCACHE_REGULAR_TYPE:
		found->files++;
		break;
	default:
		found->other++;
	}
	if ((flags & (DCACHE_LRU_LIST | DCACHE_SHRINK_LIST)) == DCACHE_LRU_LIST)
		found->lru++;
	if (flags & DCACHE_PAR_LOOKUP)
		found->in_lookup++;
	if (flags & DCACHE_MOUNTED)
		found->mountpoints++;
}

/* A negative dentry has none of the bits of DCACHE_ENTRY_TYPE. */
static_assert(DCACHE_MISS_TYPE == 0);

/* Whether the dentry may be moved to a shrink list of ours, if its count is 0. */
static bool may_evict(const struct dentry *dentry, u32 evict)
{
	unsigned int stays = DCACHE_NORCU | DCACHE_PAR_LOOKUP | DCACHE_SHRINK_LIST;

	/* Unhashing it first (below) would hide it from the filesystem's d_prune(). */
	if (evict == SLABSCOPE_EVICT_NEGATIVE)
		stays |= DCACHE_ENTRY_TYPE | DCACHE_OP_PRUNE;
	return evict != SLABSCOPE_EVICT_NOTHING && !(READ_ONCE(dentry->d_flags) & stays);
}

/* Whether nothing but this unused dentry keeps its inode. As stale as the above. */
static bool is_sole_user(const struct dentry *dentry, struct inode *inode)
{
	return READ_ONCE(inode->i_dentry.first) == &dentry->d_alias &&
	       !READ_ONCE(dentry->d_alias.next) && icount_read_once(inode) == 1;
}

/* Counts the inode of a child that would go. Called under the parent's d_lock and RCU. */
static void count_prunable_inode(const struct dentry *child, struct slabscope_counters *found)
{
	struct inode *inode = READ_ONCE(child->d_inode);
	enum slabscope_stay stay;

	if (!inode || !is_sole_user(child, inode))
		return;
	stay = slabscope_stay(inode);
	/* A file with page cache is held, and counted with that. */
	if (stay == SLABSCOPE_STAY_FAILED && slabscope_has_pages(inode))
		return;
	if (stay) {
		slabscope_count_stay(stay, found);
		return;
	}
	found->inodes_prunable++;
	if (S_ISREG(inode->i_mode))
		found->pages_prunable += READ_ONCE(inode->i_data.nrpages);
}

/* What a batch keeps while it holds the directory's lock. */
struct pass {
	struct dentry *last;		/* handled last */
	struct dispose dispose;		/* to be evicted once the lock is dropped */
	struct slabscope_held *held;	/* where to hold the inodes of those, or NULL */
	u32 evict;
	u32 handled;
	u32 plain;			/* of those, found by is_plain_negative() */
	u32 moved;			/* and of those moved to dispose */
};

/*
 * Called under the parent's d_lock and RCU. The inode is held before the dentry, whose lock is
 * held, can drop it; igrab() would take i_lock, which is taken before d_lock.
 */
static bool evict_child(struct dentry *child, struct pass *pass)
{
	bool moved = false;

	spin_lock_nested(&child->d_lock, DENTRY_D_LOCK_NESTED);
	if (!child->d_lockref.count && may_evict(child, pass->evict)) {
		moved = dispose_take(&pass->dispose, child,
				     pass->evict == SLABSCOPE_EVICT_NEGATIVE);
		if (moved && pass->held)
			slabscope_hold(child->d_inode, pass->held);
	}
	spin_unlock(&child->d_lock);
	return moved;
}

/* Whether pages of the file are not on the disk yet, or may never be. */
static bool has_dirty_pages(struct inode *inode)
{
	enum slabscope_stay stay = slabscope_stay(inode);

	return stay == SLABSCOPE_STAY_DIRTY || stay == SLABSCOPE_STAY_FAILED;
}

/*
 * Holds the inode of a child that stays, if there is something to do with it. Called under the
 * parent's d_lock and RCU.
 */
static void hold_child(struct dentry *child, struct slabscope_held *held)
{
	struct inode *inode = READ_ONCE(child->d_inode);

	if (!inode || !slabscope_has_pages(inode) ||
	    (held->how == SLABSCOPE_HOLD_DIRTY && !has_dirty_pages(inode)))
		return;
	spin_lock_nested(&child->d_lock, DENTRY_D_LOCK_NESTED);
	if (child->d_inode == inode)
		slabscope_hold(inode, held);
	spin_unlock(&child->d_lock);
}

/* Called under the parent's d_lock and RCU, for a child without children. */
static void handle_leaf(struct dentry *child, struct slabscope_batch *batch, struct pass *pass)
{
	struct slabscope_counters *found = &batch->found;
	bool negative = (READ_ONCE(child->d_flags) & DCACHE_ENTRY_TYPE) == DCACHE_MISS_TYPE;
	u64 external;

	if (READ_ONCE(child->d_lockref.count)) {
		found->in_use++;
		batch->refs++;
		return;
	}
	external = external_bytes(child);
	found->prunable++;
	found->external_names += !!external;
	found->external_bytes += external;
	if (negative) {
		found->negative_prunable++;
		found->negative_external_bytes += external;
	} else if (batch->held && batch->held->how == SLABSCOPE_HOLD_DIRTY) {
		count_prunable_inode(child, found);
	}
	if (batch->evict == SLABSCOPE_EVICT_UNUSED ||
	    (batch->evict == SLABSCOPE_EVICT_NEGATIVE && negative)) {
		if (evict_child(child, pass)) {
			found->moved++;
			return;
		}
		found->busy++;
	}
	batch->refs++;
}

/*
 * Whether the child is what a directory is full of when pruning is worth it: an unused negative
 * dentry on the LRU, with nothing else to report of it. Any other, and any in between, takes the
 * long way. Such a dentry has no children, each of which would hold a reference, and no inode,
 * which may change for as long as d_lock is not held.
 */
static bool is_plain_negative(const struct dentry *child)
{
	const unsigned int seen = DCACHE_ENTRY_TYPE | DCACHE_DENTRY_CURSOR | DCACHE_PAR_LOOKUP |
				  DCACHE_MOUNTED | DCACHE_LRU_LIST | DCACHE_SHRINK_LIST;

	return (READ_ONCE(child->d_flags) & seen) == DCACHE_LRU_LIST &&
	       !READ_ONCE(child->d_lockref.count) &&
	       child->d_name.name == slabscope_short_name(child);
}

/*
 * Handles the plain negatives that follow each other from @child on, @most at most: how many there
 * were. A directory that is full of them has little else, so that the speed of a walk is that of
 * this loop. Called under the parent's d_lock and RCU.
 */
static u32 handle_plain(struct dentry *dir, struct pass *pass, struct dentry *child, u32 most)
{
	u32 run;

	for (run = 0; child && run < most; run++) {
		if (!is_plain_negative(child))
			break;
		pass->last = child;
		child = slabscope_next_child(dir, child);
		if (pass->evict)
			pass->moved += evict_child(pass->last, pass);
	}
	pass->plain += run;
	pass->handled += run;
	return run;
}

/* Counts the plain negatives of a batch all at once: one by one it takes half of a census. */
static void count_plain(const struct pass *pass, struct slabscope_batch *batch)
{
	struct slabscope_counters *found = &batch->found;
	u32 left = pass->plain - pass->moved;

	found->total += pass->plain;
	found->negative += pass->plain;
	found->prunable += pass->plain;
	found->negative_prunable += pass->plain;
	found->lru += pass->plain;
	found->moved += pass->moved;
	if (pass->evict)
		found->busy += left;
	batch->refs += left;
}

/* Pins @child if it still has children. Called under the parent's d_lock and RCU. */
static bool enter_child(struct dentry *child, struct slabscope_batch *batch)
{
	struct inode *inode;

	spin_lock_nested(&child->d_lock, DENTRY_D_LOCK_NESTED);
	if (!slabscope_first_child(child)) {
		spin_unlock(&child->d_lock);
		return false;
	}
	batch->child = dget_dlock(child);
	inode = child->d_inode;
	batch->ino = inode ? inode->i_ino : 0;
	batch->name_len = min_t(u32, child->d_name.len, sizeof(batch->name));
	memcpy(batch->name, child->d_name.name, batch->name_len);
	spin_unlock(&child->d_lock);
	return true;
}

/*
 * Handles one child and returns whether it was pinned, to be walked next. Called under the
 * parent's d_lock and RCU.
 */
static bool handle_child(struct dentry *child, struct slabscope_batch *batch, struct pass *pass)
{
	struct slabscope_counters *found = &batch->found;

	/*
	 * Not in refs: a cursor moves, so that it could be met twice, and its owner holds the
	 * directory itself.
	 */
	if (READ_ONCE(child->d_flags) & DCACHE_DENTRY_CURSOR)
		return false;
	if ((int)READ_ONCE(child->d_lockref.count) < 0) {
		batch->refs++;	/* dying: dentry_kill() has yet to drop its reference */
		return false;
	}
	found->total++;
	count_type(READ_ONCE(child->d_flags), found);
	count_inode(child, found);
	if (batch->list)
		slabscope_list_child(child, batch);
	if (batch->held && batch->held->how != SLABSCOPE_HOLD_EVICTED)
		hold_child(child, batch->held);
	if (slabscope_first_child(child)) {
		if (batch->list) {
			found->pinned++;
			batch->refs++;
			return false;
		}
		if (enter_child(child, batch)) {
			batch->refs++;
			return true;
		}
	}
	handle_leaf(child, batch, pass);
	return false;
}

/* Whether there is no room for another record. */
static bool list_is_full(const struct slabscope_batch *batch)
{
	return batch->list && batch->list_room - batch->listed <
	       sizeof(struct slabscope_header) + ALIGN(NAME_MAX, 8);
}

static u32 stride(const struct slabscope_batch *batch)
{
	return batch->evict ? SLABSCOPE_EVICT_STRIDE : SLABSCOPE_STRIDE;
}

/* Whether to let others have the lock. */
static bool batch_is_over(struct dentry *dir, const struct slabscope_batch *batch,
			  const struct pass *pass, u64 start)
{
	u32 handled = pass->handled;

	if (handled >= batch->limit || !dispose_room(&pass->dispose) ||
	    (batch->held && batch->held->count == SLABSCOPE_HELD))
		return true;
	if (handled & (stride(batch) - 1))
		return false;
	return need_resched() || spin_needbreak(&dir->d_lock) ||
	       (batch->limit_ns && ktime_get_ns() - start >= batch->limit_ns);
}

/**
 * slabscope_batch - handle the next children of a directory
 * @dir: the directory, pinned
 * @cursor: where among the children the last batch ended
 * @batch: what to do, and what was found
 *
 * Ends at the first child that has children itself, which is then pinned in @batch->child, at the
 * limits of @batch, or behind the last child. New children are added before the cursor, so that
 * the walk of a directory ends however fast it grows.
 *
 * Context: takes @dir->d_lock; evicts after dropping it, which may sleep.
 */
void slabscope_batch(struct dentry *dir, struct dentry *cursor, struct slabscope_batch *batch)
{
	struct pass pass = { .evict = batch->evict, .held = batch->held };
	u64 start = batch->limit_ns ? ktime_get_ns() : 0;
	struct dentry *child;

	dispose_init(&pass.dispose);
	/*
	 * What interrupts leave to be done, above all the RCU callbacks that free what was evicted, takes
	 * milliseconds at a time: not while others wait for this lock.
	 */
	local_bh_disable();
	rcu_read_lock();
	spin_lock(&dir->d_lock);
	child = slabscope_is_placed(cursor) ? slabscope_next_child(dir, cursor) :
					      slabscope_first_child(dir);
	while (child && !list_is_full(batch)) {
		u32 to_look = stride(batch) - (pass.handled & (stride(batch) - 1));
		u32 most = min3(batch->limit - pass.handled, to_look,
				dispose_room(&pass.dispose));

		if (batch->list || !handle_plain(dir, &pass, child, most)) {
			pass.last = child;
			pass.handled++;
			if (handle_child(pass.last, batch, &pass))
				break;
		}
		child = slabscope_next_child(dir, pass.last);
		if (batch_is_over(dir, batch, &pass, start))
			break;
	}
	batch->end = !child && !batch->child;
	if (pass.last && !batch->end)
		slabscope_place_child(cursor, pass.last);
	spin_unlock(&dir->d_lock);
	rcu_read_unlock();
	local_bh_enable();
	count_plain(&pass, batch);

	dispose_all(&pass.dispose);
	cond_resched();
}

/**
 * slabscope_leave - drop the pin of a directory
 * @dir: the directory; its cursor is gone
 * @refs: its children that stay, each of which holds a reference
 * @evict: evict the directory if nothing refers to it
 * @held: where to hold its inode then, or NULL
 * @left: what became of it
 *
 * A plain dput() of a directory that is on the LRU would set DCACHE_REFERENCED and so keep it
 * there longer: where others hold the directory, and its children do, the count is lowered under
 * the lock instead.
 */
void slabscope_leave(struct dentry *dir, u64 refs, bool evict, struct slabscope_held *held,
		     struct slabscope_left *left)
{
	struct dispose dispose;
	struct inode *inode;

	dispose_init(&dispose);
	spin_lock(&dir->d_lock);
	left->external_bytes = external_bytes(dir);
	left->in_use = dir->d_lockref.count - 1 > refs;
	inode = dir->d_inode;
	left->sole_user = inode && is_sole_user(dir, inode);
	if (left->sole_user)
		left->stay = slabscope_stay(inode);
	if (dir->d_lockref.count > 1) {
		dir->d_lockref.count--;
		spin_unlock(&dir->d_lock);
		return;
	}
	if (evict && may_evict(dir, SLABSCOPE_EVICT_UNUSED)) {
		dir->d_lockref.count--;
		left->evicted = dispose_take(&dispose, dir, false);
		if (left->evicted && held)
			slabscope_hold(inode, held);
		spin_unlock(&dir->d_lock);
		dispose_all(&dispose);
		return;
	}
	spin_unlock(&dir->d_lock);
	dput(dir);
}

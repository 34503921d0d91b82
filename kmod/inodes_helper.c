// SPDX-License-Identifier: GPL-2.0
/*
 * What is done with the inodes below a directory: those that lost their last name to a prune are
 * evicted, or the page cache of files is dropped. A batch of dcache_helper.c holds them by ihold(),
 * one reference each, in a struct slabscope_held; here they are handled and released, without any
 * lock of the dcache.
 *
 * Lock order:
 *
 *   sb_start_write_trylock()		while an inode is evicted or written: nothing freezes then
 *     inode->i_lock			nothing is taken under it
 *     what evict.c takes
 *
 * The superblock stays: the session has a file of it open, which is closed after the last iput().
 */

#include <linux/blkdev.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/pagemap.h>
#include <linux/rcupdate_wait.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/writeback.h>
#include <linux/xarray.h>

#include "compat.h"
#include "helpers.h"

/* Pages of one file that are dropped between two looks at the clock and at signals. */
#define SLABSCOPE_DROP max_t(unsigned long, SZ_64M >> PAGE_SHIFT, 1UL << MAX_PAGECACHE_ORDER)

/* Pages that went or stayed after which the clock is looked at. */
#define SLABSCOPE_MANY (SZ_4M >> PAGE_SHIFT)

/* Inodes that are handled between two looks at the clock, if not many pages went with them. */
#define SLABSCOPE_LOOK 8

/* What is to become of an inode that is held. */
enum fate {
	FATE_GOES,
	FATE_STAYS,	/* something would be lost with it: slabscope_stay() */
	FATE_BUSY,	/* another task has taken it into use */
	FATE_OTHERS,	/* has another name, or none any more: not ours to judge */
};

/* Whether it is a regular file with page cache. */
bool slabscope_has_pages(const struct inode *inode)
{
	return S_ISREG(inode->i_mode) && READ_ONCE(inode->i_data.nrpages);
}

/*
 * Whether a write of the inode, or of its pages, has failed while it was in memory. The pages are
 * clean then, and what is on the disk is old: only these two words show it (ext4:
 * ext4_finish_bio(), XFS: iomap_finish_ioend_buffered_write(), btrfs: end_bbio_data_write()).
 * That fsync() has reported it, and the file was written anew since, is not known from
 * them: a file with an error stays until the kernel takes it.
 *
 * A block of metadata that could not be written is known from the device alone: what is in memory
 * of any inode there may be the only copy.
 */
static bool write_failed(const struct inode *inode)
{
	const struct address_space *mapping = &inode->i_data;
	const struct block_device *bdev = inode->i_sb->s_bdev;

	return READ_ONCE(mapping->wb_err) || test_bit(AS_EIO, &mapping->flags) ||
	       test_bit(AS_ENOSPC, &mapping->flags) ||
	       (bdev && READ_ONCE(slabscope_bdev_mapping(bdev)->wb_err));
}

/*
 * Whether the filesystem has given up writing, as ext4 does when its journal fails. Pages that are
 * clean, without an error, may then be the only copy: what they were written to stays unwritten
 * extents, that read as zeros (ext4_end_io_end()). It is to be seen by write_inode() alone, which
 * says so first, and without WB_SYNC_ALL writes nothing.
 *
 * A btrfs whose transaction was aborted is read-only from then on (__btrfs_handle_fs_error()): extents
 * that were finished within it are clean, without an error, and nothing on the disk refers to them. One
 * that was mounted read-only looks the same; there nothing was written, and little is lost by sparing it.
 *
 * Context: process context without locks; before Linux 7.3 ext4 without a journal may sleep.
 */
static bool has_given_up(struct inode *inode)
{
	struct writeback_control wbc = { .sync_mode = WB_SYNC_NONE };
	struct super_block *sb = inode->i_sb;
	const char *type = sb->s_type->name;

	if (!strcmp(type, "btrfs"))
		return sb_rdonly(sb);
	return !strcmp(type, "ext4") &&
	       (sb->s_op->write_inode(inode, &wbc) || slabscope_ext4_has_error(sb));
}

static bool has_unwritten_pages(struct address_space *mapping)
{
	return mapping_tagged(mapping, PAGECACHE_TAG_DIRTY) ||
	       mapping_tagged(mapping, PAGECACHE_TAG_WRITEBACK);
}

/* What would be lost with the inode: asked in this order, since what fails to be written is clean. */
enum slabscope_stay slabscope_stay(struct inode *inode)
{
	unsigned int state = inode_state_read_once(inode);

	if ((state & (I_DIRTY_ALL | I_SYNC | I_SYNC_QUEUED)) ||
	    has_unwritten_pages(&inode->i_data))
		return write_failed(inode) ? SLABSCOPE_STAY_FAILED : SLABSCOPE_STAY_DIRTY;
	/* Paired with the barriers between an error's being recorded and the end of the write. */
	smp_rmb();
	if (write_failed(inode))
		return SLABSCOPE_STAY_FAILED;
	return state & SLABSCOPE_METADATA ? SLABSCOPE_STAY_UNSYNCED : SLABSCOPE_STAY_NOT;
}

void slabscope_count_stay(enum slabscope_stay stay, struct slabscope_counters *found)
{
	found->skipped_dirty += stay == SLABSCOPE_STAY_DIRTY;
	found->unsynced += stay == SLABSCOPE_STAY_UNSYNCED;
	found->write_failed += stay == SLABSCOPE_STAY_FAILED;
}

/*
 * Called under the d_lock of a dentry whose inode it is. That of a removed file is left to its
 * last user: whose iput() removes the file's data. What an inode of a block device maps is the disk's
 * page cache, which is nobody's to drop by a name.
 */
void slabscope_hold(struct inode *inode, struct slabscope_held *held)
{
	if (!inode || !READ_ONCE(inode->i_nlink) || inode->i_mapping != &inode->i_data ||
	    held->count == SLABSCOPE_HELD)
		return;
	ihold(inode);
	held->inodes[held->count++] = inode;
}

/* Pages with a mark, as filemap_cachestat() counts them. False: a signal came first. */
static bool count_marked(struct address_space *mapping, xa_mark_t mark, u64 *pages)
{
	XA_STATE(xas, &mapping->i_pages, 0);
	bool counted = true;
	unsigned int seen = 0;
	void *entry;
	u64 sum = 0;

	rcu_read_lock();
	xas_for_each_marked(&xas, entry, ULONG_MAX, mark) {
		if (xas_retry(&xas, entry))
			continue;
		sum += slabscope_entry_pages(&xas);
		if (++seen % XA_CHECK_SCHED)
			continue;
		xas_pause(&xas);
		cond_resched_rcu();
		counted = !signal_pending(current);
		if (!counted)
			break;
	}
	rcu_read_unlock();
	if (counted)
		*pages += sum;
	return counted;
}

/*
 * What of a file stays since it is not on the disk yet, or may never be. False: a signal came
 * first.
 */
static bool count_dirty(struct inode *inode, enum slabscope_stay stay,
			struct slabscope_counters *found)
{
	u64 dirty = 0, writeback = 0;

	if (stay == SLABSCOPE_STAY_FAILED) {
		if (S_ISREG(inode->i_mode))
			found->failed_pages += READ_ONCE(inode->i_data.nrpages);
		return true;
	}
	if (!count_marked(&inode->i_data, PAGECACHE_TAG_DIRTY, &dirty) ||
	    !count_marked(&inode->i_data, PAGECACHE_TAG_WRITEBACK, &writeback))
		return false;
	found->dirty_pages += dirty;
	found->writeback_pages += writeback;
	return true;
}

/*
 * btrfs ends the writeback of a page before it records that the write has failed
 * (end_bbio_data_write()): the page is clean, and there is no error yet. Until it is recorded the
 * ordered extent holds the inode, besides its names and us.
 */
static bool is_ending(const struct slabscope_held *held, struct inode *inode)
{
	unsigned int i, holders = 0;
	struct dentry *alias;

	if (strcmp(inode->i_sb->s_type->name, "btrfs"))
		return false;
	for (i = 0; i < held->count; i++)
		holders += held->inodes[i] == inode;
	spin_lock(&inode->i_lock);
	hlist_for_each_entry(alias, &inode->i_dentry, d_alias)
		holders++;
	spin_unlock(&inode->i_lock);
	if (icount_read_once(inode) > holders)
		return true;
	smp_rmb();	/* the error is recorded before the ordered extent is released */
	return false;
}

/*
 * iomap ends the writeback of a page that it could not submit before it records the error, but keeps
 * the page locked meanwhile (iomap_writeback_folio()). ext4 and btrfs do not. Up to Linux 6.12 it
 * unlocks the page first, but its batch still refers to it: such a page is not dropped.
 */
static bool is_locked_until_recorded(const struct inode *inode)
{
	const char *type = inode->i_sb->s_type->name;

	return strcmp(type, "ext4") && strcmp(type, "btrfs");
}

/*
 * The first page from @index to @last that may be clean, and the only copy, once its write has
 * failed: it is dirty or being written, or the error is yet to be recorded. ULONG_MAX: none.
 */
static unsigned long next_unfinished(struct inode *inode, unsigned long index, unsigned long last)
{
	struct address_space *mapping = &inode->i_data;
	unsigned long unwritten = index;

	if (slabscope_next_unwritten(mapping, &unwritten, last)) {
		if (unwritten <= index)
			return unwritten;
		last = unwritten - 1;
	}
	if (is_locked_until_recorded(inode))
		return min(unwritten, slabscope_next_locked(mapping, index, last));
	return unwritten;
}

/*
 * Drops what invalidate_mapping_pages() drops: no page that is dirty, being written, locked, mapped
 * or referenced by anybody; and nothing of a file of which a write has failed. False: the time was
 * over first, and held->index is where to go on.
 */
static bool drop_pages(struct slabscope_held *held, struct inode *inode, u64 end_ns,
		       struct slabscope_counters *found)
{
	struct address_space *mapping = &inode->i_data;
	unsigned long before = READ_ONCE(mapping->nrpages), after = before;
	unsigned long index = held->index;
	/* By its size: what stands in for pages that were reclaimed takes time, too. */
	bool small = i_size_read(inode) <= SZ_64M;
	bool done = true;

	while (done && after && !IS_DAX(inode) &&
	       (small || xa_find(&mapping->i_pages, &index, ULONG_MAX, XA_PRESENT))) {
		/* No folio lies across the end of an aligned piece, which would spare it. */
		unsigned long last = small ? ULONG_MAX : index | (SLABSCOPE_DROP - 1);
		unsigned long unfinished = next_unfinished(inode, index, last);

		/* The piece ends before it. */
		if (unfinished <= index) {
			held->index = ++index;
			done = !slabscope_is_over(end_ns);
			continue;
		}
		if (unfinished != ULONG_MAX)
			last = unfinished - 1;
		smp_rmb();	/* an error is recorded before its page stops being written, or locked */
		if (is_ending(held, inode) || write_failed(inode) || has_given_up(inode))
			break;
		invalidate_mapping_pages(mapping, index, last);
		after = READ_ONCE(mapping->nrpages);
		if (last == ULONG_MAX)
			break;
		held->index = index = last + 1;
		done = !after || !slabscope_is_over(end_ns);
	}
	if (after < before)
		found->pages_evicted += before - after;
	return done;
}

/*
 * With FATE_STAYS, @stay is why. Also asked without i_lock, where only FATE_GOES may come out wrong
 * without harm.
 */
static enum fate fate_of(struct inode *inode, enum slabscope_stay *stay)
{
	unsigned int nlink = READ_ONCE(inode->i_nlink);
	bool busy;

	*stay = SLABSCOPE_STAY_NOT;
	if (!nlink)
		return FATE_OTHERS;
	/* The only name of a file is the dentry that we evicted: another task used it first. */
	if (!hlist_empty(&inode->i_dentry))
		return S_ISDIR(inode->i_mode) || nlink == 1 ? FATE_BUSY : FATE_OTHERS;
	busy = icount_read_once(inode) > 1 ||
	       (inode_state_read_once(inode) & ~(I_REFERENCED | I_DONTCACHE));
	smp_rmb();	/* an error is recorded before the write releases the inode */
	*stay = slabscope_stay(inode);
	if (*stay)
		return FATE_STAYS;
	return busy ? FATE_BUSY : FATE_GOES;
}

/* Whether two names of the last inode were evicted: it is handled with the other one. */
static bool is_held_twice(const struct slabscope_held *held, const struct inode *inode)
{
	u32 i;

	if (icount_read_once(inode) < 2)
		return false;
	for (i = 0; i < held->count - 1; i++)
		if (held->inodes[i] == inode)
			return true;
	return false;
}

/* Evicts the last inode held, or releases it. False: the time was over first. */
static bool evict_held(struct slabscope_held *held, struct inode *inode, u64 end_ns,
		       struct slabscope_counters *found)
{
	enum slabscope_stay stay;
	bool flagged = false, given_up;
	enum fate fate;

	if (is_held_twice(held, inode)) {
		iput(inode);
		return true;
	}
	if (fate_of(inode, &stay) == FATE_GOES && !drop_pages(held, inode, end_ns, found))
		return false;
	given_up = has_given_up(inode);
	spin_lock(&inode->i_lock);
	fate = fate_of(inode, &stay);
	if (fate == FATE_GOES && given_up) {
		fate = FATE_STAYS;
		stay = SLABSCOPE_STAY_FAILED;
	}
	if (fate == FATE_GOES && READ_ONCE(inode->i_data.nrpages))
		fate = FATE_BUSY;	/* a page that is being read, or pinned */
	if (fate == FATE_GOES && !(inode_state_read(inode) & I_DONTCACHE)) {
		inode_state_set(inode, I_DONTCACHE);
		flagged = true;
	}
	spin_unlock(&inode->i_lock);

	if (stay && !count_dirty(inode, stay, found))
		return false;
	slabscope_count_stay(stay, found);
	if (fate != FATE_GOES)
		iput(inode);
	else if (slabscope_put_watched(inode, flagged))
		found->evict_attempted++;
	else
		fate = FATE_BUSY;
	found->busy += fate == FATE_BUSY;
	return true;
}

/* Drops the page cache of the last inode held, and releases it. False: the time was over first. */
static bool drop_held(struct slabscope_held *held, struct inode *inode, u64 end_ns,
		      struct slabscope_counters *found)
{
	struct address_space *mapping = &inode->i_data;
	enum slabscope_stay stay = SLABSCOPE_STAY_NOT;

	if (!drop_pages(held, inode, end_ns, found))
		return false;
	if (write_failed(inode) || has_given_up(inode))
		stay = SLABSCOPE_STAY_FAILED;
	else if (has_unwritten_pages(mapping))
		stay = SLABSCOPE_STAY_DIRTY;
	else
		found->busy += !!READ_ONCE(mapping->nrpages);
	if (stay && !count_dirty(inode, stay, found))
		return false;
	slabscope_count_stay(stay, found);
	found->evict_attempted++;
	iput(inode);
	return true;
}

/* Handles the last inode held, which then is not. False: the time was over first. */
static bool handle_held(struct slabscope_held *held, u64 end_ns,
			struct slabscope_counters *found)
{
	struct inode *inode = held->inodes[held->count - 1];

	if (held->how == SLABSCOPE_HOLD_DIRTY) {
		bool failed = write_failed(inode) || has_given_up(inode);

		if (!count_dirty(inode, failed ? SLABSCOPE_STAY_FAILED : SLABSCOPE_STAY_DIRTY,
				 found))
			return false;
		found->write_failed += failed;
		iput(inode);
		return true;
	}
	if (held->write_back && !held->written) {
		if (!slabscope_write_back(held, inode, end_ns))
			return false;
		held->written = true;
		held->index = 0;
	}
	if (held->how == SLABSCOPE_HOLD_EVICTED)
		return evict_held(held, inode, end_ns, found);
	return drop_held(held, inode, end_ns, found);
}

/* Asked after each inode: a look at the clock takes part of what a small file does. */
static bool is_turn_over(const struct slabscope_held *held, u64 end_ns,
			 const struct slabscope_counters *found)
{
	bool look = held->write_back || !(held->count % SLABSCOPE_LOOK) ||
		    found->pages_evicted + found->dirty_pages >= SLABSCOPE_MANY;

	return signal_pending(current) || (look && ktime_get_ns() >= end_ns);
}

/**
 * slabscope_handle - handle inodes that are held, and release them
 * @held: the inodes, at least one
 * @limit_ns: for how long
 * @found: counts what becomes of them
 *
 * Ends when none is left, the time is over, a signal is pending, or, having done nothing, when the
 * filesystem is being frozen.
 *
 * Context: process context without locks; sleeps.
 */
void slabscope_handle(struct slabscope_held *held, u64 limit_ns, struct slabscope_counters *found)
{
	struct super_block *sb = held->inodes[0]->i_sb;
	bool changes = held->how != SLABSCOPE_HOLD_DIRTY;
	u64 end_ns = ktime_get_ns() + limit_ns;

	if (changes && !sb_start_write_trylock(sb)) {
		cond_resched();
		return;
	}
	if (!held->write_back || slabscope_begin_writeback(held, end_ns)) {
		while (held->count && handle_held(held, end_ns, found)) {
			held->count--;
			held->written = false;
			held->index = 0;
			cond_resched();
			if (is_turn_over(held, end_ns, found))
				break;
		}
	}
	if (!held->count)
		held->flushed = 0;
	if (changes)
		sb_end_write(sb);
}

/*
 * Lets go of what is held, as close() does of a file: nothing is evicted or written but for a file
 * that was removed meanwhile and that nobody else uses, which waits for a frozen filesystem.
 */
void slabscope_release(struct slabscope_held *held)
{
	while (held->count)
		iput(held->inodes[--held->count]);
	held->flushed = 0;
	held->written = false;
	held->index = 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What is done with the inodes below a directory: those that lost their last name to a prune are
 * evicted, or the page cache of files is dropped. A batch of shim.c holds them by ihold(), one
 * reference each, in a struct slabscope_held; here they are handled and let go, without any lock
 * of the dcache.
 *
 * Lock order:
 *
 *   sb_start_write_trylock()		while an inode is evicted or written: nothing freezes then
 *     inode->i_lock			nothing is taken under it
 *     what evict.c takes
 *
 * The superblock stays: the session has a file of it open, which is closed after the last iput().
 */

#include <linux/cpu.h>
#include <linux/dcache.h>
#include <linux/errseq.h>
#include <linux/folio_batch.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/pagemap.h>
#include <linux/rcupdate_wait.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include <linux/writeback.h>
#include <linux/xarray.h>

#include "shim.h"

/* Pages of one file that are written, or dropped, between two looks at the clock and at signals. */
#define SLABSCOPE_WRITE (SZ_4M >> PAGE_SHIFT)
#define SLABSCOPE_DROP (SZ_64M >> PAGE_SHIFT)

/* Inodes that are handled between two looks at the clock, if not many pages went with them. */
#define SLABSCOPE_LOOK 8

/* An inode is written, to where only waiting for it tells of. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#define SLABSCOPE_METADATA I_METADATA_WRITEBACK
#else
#define SLABSCOPE_METADATA 0
#endif

/* What is to become of an inode that is held. */
enum fate {
	FATE_GOES,
	FATE_DIRTY,	/* stays until it is written */
	FATE_BUSY,	/* somebody has taken it into use */
	FATE_OTHERS,	/* has another name, or none any more: not ours to judge */
};

/* Whether a write has failed, and whoever calls fsync() next is to hear of it. */
static bool has_news(struct address_space *mapping)
{
	return READ_ONCE(mapping->wb_err) && !errseq_sample(&mapping->wb_err);
}

/* Whether something would be lost with the inode, or is being written. */
bool slabscope_is_dirty(struct inode *inode)
{
	struct address_space *mapping = &inode->i_data;

	return (inode_state_read_once(inode) &
		(I_DIRTY_ALL | I_SYNC | I_SYNC_QUEUED | SLABSCOPE_METADATA)) ||
	       mapping_tagged(mapping, PAGECACHE_TAG_DIRTY) ||
	       mapping_tagged(mapping, PAGECACHE_TAG_WRITEBACK) || has_news(mapping);
}

/*
 * Called under the d_lock of a dentry whose inode it is. That of a removed file is left to its
 * last user: who lets go of that one removes the file's data.
 */
void slabscope_hold(struct inode *inode, struct slabscope_held *held)
{
	if (!inode || !inode->i_nlink || held->count == SLABSCOPE_HELD)
		return;
	ihold(inode);
	held->inodes[held->count++] = inode;
}

static bool is_over(u64 end_ns)
{
	return signal_pending(current) || ktime_get_ns() >= end_ns;
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
		sum += 1UL << xas_get_order(&xas);
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

/* What of a file stays since it is not on the disk yet. False: a signal came first. */
static bool count_dirty(struct inode *inode, struct slabscope_counters *found)
{
	u64 dirty = 0, writeback = 0;

	if (!count_marked(&inode->i_data, PAGECACHE_TAG_DIRTY, &dirty) ||
	    !count_marked(&inode->i_data, PAGECACHE_TAG_WRITEBACK, &writeback))
		return false;
	found->dirty_pages += dirty;
	found->writeback_pages += writeback;
	return true;
}

/* The first page from @index to @last that is dirty or being written. */
static bool next_unwritten(struct address_space *mapping, unsigned long *index, unsigned long last)
{
	unsigned long dirty = *index, writeback = *index;

	if (!xa_find(&mapping->i_pages, &dirty, last, PAGECACHE_TAG_DIRTY))
		dirty = ULONG_MAX;
	if (!xa_find(&mapping->i_pages, &writeback, last, PAGECACHE_TAG_WRITEBACK))
		writeback = ULONG_MAX;
	*index = min(dirty, writeback);
	return *index != ULONG_MAX;
}

/*
 * Writes the inode alone: write_inode_now() would write all pages that others have dirtied by now,
 * and wait for them. Into the journal is enough, as for the flusher; where it is not, onto the
 * disk.
 */
static void write_inode_back(struct inode *inode)
{
	if (inode_state_read_once(inode) & I_DIRTY_ALL)
		sync_inode_metadata(inode, 0);
	if ((inode_state_read_once(inode) & (I_DIRTY_INODE | I_DIRTY_TIME | SLABSCOPE_METADATA)) &&
	    !mapping_tagged(&inode->i_data, PAGECACHE_TAG_WRITEBACK))
		sync_inode_metadata(inode, 1);
}

/*
 * Writes the file once from its beginning to what is its end now, however fast others dirty it or
 * add to it, then the inode. Errors are not taken notice of: whoever calls fsync() is to hear of
 * them. False: the time was over first, and held->index is where to go on.
 */
static bool write_back(struct slabscope_held *held, struct inode *inode, u64 end_ns)
{
	struct address_space *mapping = &inode->i_data;
	unsigned long index = held->index;
	loff_t size = i_size_read(inode);

	if (!index)
		held->last = size ? (size - 1) >> PAGE_SHIFT : 0;
	while (size && next_unwritten(mapping, &index, held->last)) {
		loff_t from = (loff_t)index << PAGE_SHIFT;
		loff_t to = min_t(u64, (u64)from + SZ_4M - 1, LLONG_MAX);

		filemap_fdatawrite_range(mapping, from, to);
		filemap_fdatawait_range_keep_errors(mapping, from, to);
		index += SLABSCOPE_WRITE;
		held->index = index;
		if (is_over(end_ns))
			return false;
	}
	write_inode_back(inode);
	return true;
}

/* Begins to write the first of each file, so that the disk has more than one to do at a time. */
static bool begin_writeback(struct slabscope_held *held, u64 end_ns)
{
	while (held->flushed < held->count) {
		struct address_space *mapping = &held->inodes[held->flushed++]->i_data;

		if (mapping_tagged(mapping, PAGECACHE_TAG_DIRTY))
			filemap_flush_range(mapping, 0, SZ_4M - 1);
		if (is_over(end_ns))
			return false;
	}
	return true;
}

/*
 * Drops what invalidate_mapping_pages() drops: no page that is dirty, being written, locked, mapped
 * or referenced by anybody. False: the time was over first, and held->index is where to go on.
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

		invalidate_mapping_pages(mapping, index, last);
		after = READ_ONCE(mapping->nrpages);
		if (last == ULONG_MAX)
			break;
		held->index = index = last + 1;
		done = !after || !is_over(end_ns);
	}
	if (after < before)
		found->pages_evicted += before - after;
	return done;
}

/* Also asked without i_lock, where only FATE_GOES may come out wrong without harm. */
static enum fate fate_of(struct inode *inode)
{
	if (!inode->i_nlink)
		return FATE_OTHERS;
	/* The only name of a file is the dentry that we evicted: somebody used it first. */
	if (!hlist_empty(&inode->i_dentry))
		return S_ISDIR(inode->i_mode) || inode->i_nlink == 1 ? FATE_BUSY : FATE_OTHERS;
	if (slabscope_is_dirty(inode))
		return FATE_DIRTY;
	if (icount_read_once(inode) > 1 ||
	    (inode_state_read_once(inode) & ~(I_REFERENCED | I_DONTCACHE)))
		return FATE_BUSY;
	return FATE_GOES;
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

/* Evicts the last inode held, or lets go of it. False: the time was over first. */
static bool evict(struct slabscope_held *held, struct inode *inode, u64 end_ns,
		  struct slabscope_counters *found)
{
	bool flagged = false;
	enum fate fate;

	if (is_held_twice(held, inode)) {
		iput(inode);
		return true;
	}
	if (fate_of(inode) == FATE_GOES && !drop_pages(held, inode, end_ns, found))
		return false;
	spin_lock(&inode->i_lock);
	fate = fate_of(inode);
	if (fate == FATE_GOES && inode->i_data.nrpages)
		fate = FATE_BUSY;	/* a page that somebody reads, or has pinned */
	if (fate == FATE_GOES && !(inode_state_read(inode) & I_DONTCACHE)) {
		inode_state_set(inode, I_DONTCACHE);
		flagged = true;
	}
	spin_unlock(&inode->i_lock);

	if (fate == FATE_DIRTY && !count_dirty(inode, found))
		return false;
	found->skipped_dirty += fate == FATE_DIRTY;
	if (fate != FATE_GOES)
		iput(inode);
	else if (slabscope_put_watched(inode, flagged))
		found->evict_attempted++;
	else
		fate = FATE_BUSY;
	found->busy += fate == FATE_BUSY;
	return true;
}

/* Drops the page cache of the last inode held, lets go of it. False: the time was over first. */
static bool drop(struct slabscope_held *held, struct inode *inode, u64 end_ns,
		 struct slabscope_counters *found)
{
	struct address_space *mapping = &inode->i_data;

	if (!drop_pages(held, inode, end_ns, found))
		return false;
	if (mapping_tagged(mapping, PAGECACHE_TAG_DIRTY) ||
	    mapping_tagged(mapping, PAGECACHE_TAG_WRITEBACK)) {
		if (!count_dirty(inode, found))
			return false;
		found->skipped_dirty++;
	} else if (READ_ONCE(mapping->nrpages)) {
		found->busy++;
	}
	found->evict_attempted++;
	iput(inode);
	return true;
}

/* Handles the last inode held, which then is not. False: the time was over first. */
static bool handle(struct slabscope_held *held, u64 end_ns, struct slabscope_counters *found)
{
	struct inode *inode = held->inodes[held->count - 1];

	if (held->how == SLABSCOPE_HOLD_DIRTY) {
		if (!count_dirty(inode, found))
			return false;
		iput(inode);
		return true;
	}
	if (held->write_back && !held->written) {
		if (!write_back(held, inode, end_ns))
			return false;
		held->written = true;
		held->index = 0;
	}
	if (held->how == SLABSCOPE_HOLD_EVICTED)
		return evict(held, inode, end_ns, found);
	return drop(held, inode, end_ns, found);
}

/* Asked after each inode: a look at the clock takes part of what a small file does. */
static bool is_turn_over(const struct slabscope_held *held, u64 end_ns,
			 const struct slabscope_counters *found)
{
	bool look = held->write_back || !(held->count % SLABSCOPE_LOOK) ||
		    found->pages_evicted + found->dirty_pages >= SLABSCOPE_WRITE;

	return signal_pending(current) || (look && ktime_get_ns() >= end_ns);
}

/**
 * slabscope_handle - handle inodes that are held, and let go of them
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
	if (!held->write_back || begin_writeback(held, end_ns)) {
		while (held->count && handle(held, end_ns, found)) {
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

static long drain_cpu(void *unused)
{
	struct folio_batch none;

	folio_batch_init(&none);
	__folio_batch_release(&none);
	return 0;
}

/*
 * Pages that were just read wait in a list of their CPU, which refers to them: none of those would
 * go. lru_add_drain_all() is not exported, but releasing a batch, were it empty, drains the CPU.
 * One that goes offline drains its list itself.
 */
void slabscope_drain(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		if (signal_pending(current))
			break;
		cpus_read_lock();
		if (cpu_online(cpu))
			work_on_cpu(cpu, drain_cpu, NULL);
		cpus_read_unlock();
	}
}

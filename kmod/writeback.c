// SPDX-License-Identifier: GPL-2.0
/*
 * Writing what is dirty of the inodes that are held, so that it can go. Every error is kept in the
 * mapping for the next fsync(), and taken from none.
 *
 * Called within sb_start_write_trylock(), without any other lock.
 */

#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/wait_bit.h>
#include <linux/writeback.h>
#include <linux/xarray.h>

#include "compat.h"
#include "helpers.h"

/* Pages of one file that are written between two looks at the clock and at signals. */
#define SLABSCOPE_WRITE (SZ_4M >> PAGE_SHIFT)

/* Whether to end what is being done. */
bool slabscope_is_over(u64 end_ns)
{
	return signal_pending(current) || ktime_get_ns() >= end_ns;
}

/* The first page from @index to @last that is dirty or being written. */
bool slabscope_next_unwritten(struct address_space *mapping, unsigned long *index,
			      unsigned long last)
{
	unsigned long from = *index, dirty = from, writeback = from;

	if (!xa_find(&mapping->i_pages, &dirty, last, PAGECACHE_TAG_DIRTY))
		dirty = ULONG_MAX;
	if (!xa_find(&mapping->i_pages, &writeback, last, PAGECACHE_TAG_WRITEBACK))
		writeback = ULONG_MAX;
	/* Of a large folio that begins before, xa_find() yields the head. */
	*index = max(from, min(dirty, writeback));
	return min(dirty, writeback) != ULONG_MAX;
}

/*
 * Keeps an error for the next fsync(), to which this very write would have reported it. What passes
 * leaves pages and inode dirty, to be written again: it is no error of the disk.
 */
static void keep_error(struct inode *inode, int error)
{
	if (error != -ENOMEM && error != -EAGAIN && error != -EINTR && error != -ERESTARTSYS)
		mapping_set_error(&inode->i_data, error);
}

/*
 * Whether an inode that is written without waiting for it is clean before it is on the disk, so
 * that a block of the inode table that cannot be written is reported to the device alone, and no
 * fsync() writes it again. I_METADATA_WRITEBACK shows it since Linux 7.3. Whether ext4 runs with
 * its journal is its own to know (it may be mounted with noload); with one, waiting commits the
 * transaction that the inode is in, once for all that are in it.
 */
static bool is_clean_too_early(struct super_block *sb)
{
	return !SLABSCOPE_METADATA && sb->s_op->write_inode;
}

/*
 * Writes the inode alone: write_inode_now() would write all pages that others have dirtied by now,
 * and wait for them. Into the journal is enough, as for the flusher; where it is not, onto the
 * disk. False: we were killed.
 */
static bool write_inode_back(struct inode *inode)
{
	unsigned int dirty = inode_state_read_once(inode) & I_DIRTY_ALL;

	/* Of one whose pages alone are said to be dirty, the filesystem is not asked to write it. */
	if (dirty && (dirty == I_DIRTY_PAGES || !is_clean_too_early(inode->i_sb)))
		keep_error(inode, sync_inode_metadata(inode, 0));
	if (!(inode_state_read_once(inode) & (I_DIRTY_INODE | I_DIRTY_TIME | SLABSCOPE_METADATA)) ||
	    mapping_tagged(&inode->i_data, PAGECACHE_TAG_WRITEBACK))
		return true;
	/* Else sync_inode_metadata() does, unkillably: now it may for one who has just begun alone. */
	if (slabscope_wait_until_written(inode))
		return false;
	keep_error(inode, sync_inode_metadata(inode, 1));
	return true;
}

/*
 * Writes the file once from its beginning to what is its end now, however fast others dirty it or
 * add to it, then the inode. False: the time was over first, and held->index is where to go on.
 */
bool slabscope_write_back(struct slabscope_held *held, struct inode *inode, u64 end_ns)
{
	struct address_space *mapping = &inode->i_data;
	unsigned long index = held->index;
	loff_t size = i_size_read(inode);

	if (!index)
		held->last = size ? (size - 1) >> PAGE_SHIFT : 0;
	while (size && slabscope_next_unwritten(mapping, &index, held->last)) {
		loff_t from = (loff_t)index << PAGE_SHIFT;
		loff_t to = min_t(u64, (u64)from + SZ_4M - 1, LLONG_MAX);

		/* Before, too: writing waits unkillably for a page that is dirty again. */
		if (!slabscope_wait_written(mapping, index, to >> PAGE_SHIFT))
			return false;
		keep_error(inode, filemap_fdatawrite_range(mapping, from, to));
		if (!slabscope_wait_written(mapping, index, to >> PAGE_SHIFT))
			return false;
		index += SLABSCOPE_WRITE;
		held->index = index;
		if (slabscope_is_over(end_ns))
			return false;
	}
	return write_inode_back(inode);
}

/* Begins to write the first of each file, so that the disk has more than one to do at a time. */
bool slabscope_begin_writeback(struct slabscope_held *held, u64 end_ns)
{
	while (held->flushed < held->count) {
		struct inode *inode = held->inodes[held->flushed++];

		if (mapping_tagged(&inode->i_data, PAGECACHE_TAG_DIRTY))
			keep_error(inode, filemap_flush_range(&inode->i_data, 0, SZ_4M - 1));
		if (slabscope_is_over(end_ns))
			return false;
	}
	return true;
}

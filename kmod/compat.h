/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that the module is built for, from Linux 6.1 on. No other file asks
 * for a version.
 */
#ifndef SLABSCOPE_COMPAT_H
#define SLABSCOPE_COMPAT_H

#include <linux/blkdev.h>
#include <linux/buffer_head.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/version.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
#include <linux/writeback.h>
#if __has_include(<linux/folio_batch.h>)
#include <linux/folio_batch.h>
#else
#include <linux/pagevec.h>
#endif

/*
 * Since Linux 7.3 I_METADATA_WRITEBACK says that an inode which was written is not on the disk yet:
 * before, it is clean too early.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#define SLABSCOPE_METADATA		I_METADATA_WRITEBACK
#else
#define SLABSCOPE_METADATA		0
#endif

/*
 * Since Linux 7.2 the kernel's shrink lists are exported, inodes' names are in a union no more, and
 * cursors are freed without a grace period.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
#define SLABSCOPE_SHRINK_LIST
#define SLABSCOPE_CURSOR_NORCU		DCACHE_NORCU
#else
#define SLABSCOPE_CURSOR_NORCU		0
#define d_alias				d_u.d_alias
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 1, 0)
#define icount_read_once(inode)		atomic_read(&(inode)->i_count)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define inode_state_read_once(inode)	READ_ONCE((inode)->i_state)
#define inode_state_read(inode)		READ_ONCE((inode)->i_state)
#define inode_state_set(inode, flags)	((inode)->i_state |= (flags))
#define inode_state_clear(inode, flags)	((inode)->i_state &= ~(flags))
#define filemap_flush_range		slabscope_flush_range
/* Begins to write, and waits for nothing. */
static inline int slabscope_flush_range(struct address_space *mapping, loff_t from, loff_t to)
{
	struct writeback_control wbc = {
		.sync_mode = WB_SYNC_NONE,
		.nr_to_write = LONG_MAX,
		.range_start = from,
		.range_end = to,
	};

	return filemap_fdatawrite_wbc(mapping, &wbc);
}
#endif

/* struct external_name of fs/dcache.c */
struct slabscope_external_name {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
	atomic_t count;
	struct rcu_head head;
#else
	union {
		atomic_t count;
		struct rcu_head head;
	} u;
#endif
	unsigned char name[] __aligned(sizeof(unsigned long));
};

/* Whether an ext4 that keeps silent about it has recorded an error. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
static inline bool slabscope_ext4_has_error(struct super_block *sb)
{
	return false;
}
#else
/*
 * One that has aborted its journal then neither is read-only nor shut down (Linux 6.1:
 * ext4_handle_error()). It marks its superblock, the block of which it keeps: s_state, EXT4_ERROR_FS.
 * Where that block is not cached, as with the option sb=, it may have.
 */
static inline bool slabscope_ext4_has_error(struct super_block *sb)
{
	const size_t at = 1024, state = 0x3a, error = 2;
	struct buffer_head *bh = sb_find_get_block(sb, at / sb->s_blocksize);
	bool has = true;

	if (bh) {
		has = le16_to_cpup((__le16 *)(bh->b_data + at % sb->s_blocksize + state)) & error;
		brelse(bh);
	}
	return has;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define slabscope_bdev_mapping(bdev)	((bdev)->bd_inode->i_mapping)
#else
#define slabscope_bdev_mapping(bdev)	((bdev)->bd_mapping)
#endif

#ifndef MAX_PAGECACHE_ORDER
#define MAX_PAGECACHE_ORDER		(PMD_SHIFT - PAGE_SHIFT)
#endif

/* The pages that the entry at hand of a mapping stands for. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define slabscope_entry_pages(xas)	(1UL << xa_get_order((xas)->xa, (xas)->xa_index))
#else
#define slabscope_entry_pages(xas)	(1UL << xas_get_order(xas))
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define __folio_batch_release(batch)	__pagevec_release((struct pagevec *)(batch))
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define system_percpu_wq		system_wq
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define slabscope_short_name(dentry)	((dentry)->d_shortname.string)
#else
#define slabscope_short_name(dentry)	((dentry)->d_iname)
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define slabscope_i_new_queue(inode)	__var_waitqueue(slabscope_i_new_address(inode))
#define slabscope_i_new_address(inode)	inode_state_wait_address(inode, __I_NEW)
/* As var_wake_function() tells a variable from a bit of a word at the same address. */
#define SLABSCOPE_I_NEW_BIT		-1
#else
#define slabscope_i_new_queue(inode)	bit_waitqueue(slabscope_i_new_address(inode), __I_NEW)
#define slabscope_i_new_address(inode)	((void *)&(inode)->i_state)
#define SLABSCOPE_I_NEW_BIT		__I_NEW
#endif

/* Waits until the inode is not being written any more. Not 0: somebody has killed us. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
/* Asked under i_lock, as its end is announced: see inode_sync_complete(). */
static inline bool slabscope_is_being_written(struct inode *inode)
{
	bool is;

	spin_lock(&inode->i_lock);
	is = inode_state_read(inode) & I_SYNC;
	spin_unlock(&inode->i_lock);
	return is;
}

static inline int slabscope_wait_until_written(struct inode *inode)
{
	return wait_var_event_killable(inode_state_wait_address(inode, __I_SYNC),
				       !slabscope_is_being_written(inode));
}
#else
static inline int slabscope_wait_until_written(struct inode *inode)
{
	return wait_on_bit(&inode->i_state, __I_SYNC, TASK_KILLABLE);
}
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)

static inline struct dentry *slabscope_first_child(struct dentry *dir)
{
	return hlist_entry_safe(dir->d_children.first, struct dentry, d_sib);
}

static inline struct dentry *slabscope_next_child(struct dentry *dir, struct dentry *child)
{
	return hlist_entry_safe(child->d_sib.next, struct dentry, d_sib);
}

/* Whether the cursor stands among its directory's children. */
static inline bool slabscope_is_placed(const struct dentry *cursor)
{
	return !hlist_unhashed(&cursor->d_sib);
}

static inline void slabscope_place_child(struct dentry *cursor, struct dentry *last)
{
	hlist_del_init(&cursor->d_sib);
	hlist_add_behind(&cursor->d_sib, &last->d_sib);
}

#else

static inline struct dentry *slabscope_first_child(struct dentry *dir)
{
	return list_first_entry_or_null(&dir->d_subdirs, struct dentry, d_child);
}

static inline struct dentry *slabscope_next_child(struct dentry *dir, struct dentry *child)
{
	return list_is_last(&child->d_child, &dir->d_subdirs) ? NULL :
								list_next_entry(child, d_child);
}

static inline bool slabscope_is_placed(const struct dentry *cursor)
{
	return !list_empty(&cursor->d_child);
}

static inline void slabscope_place_child(struct dentry *cursor, struct dentry *last)
{
	list_move(&cursor->d_child, &last->d_child);
}

#endif

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that the module is built for, from Linux 5.10 on. features.sh has tried
 * what the kernel at hand has; a version is asked for only where no header shows it. No other file asks for
 * either.
 */
#ifndef SLABSCOPE_COMPAT_H
#define SLABSCOPE_COMPAT_H

#include <linux/blkdev.h>
#include <linux/buffer_head.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/isolation.h>
#include <linux/slab.h>
#include <linux/string_helpers.h>
#include <linux/version.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
#include <linux/writeback.h>

#include "features.h"

/*
 * Before, btrfs recorded no error of an ordered extent that failed to finish, and an inode with
 * I_DONTCACHE could be evicted unwritten.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 13)
#error "slabscope is for Linux 5.10.13 and later"
#endif

#if __has_include(<linux/folio_batch.h>)
#include <linux/folio_batch.h>
#else
#include <linux/pagevec.h>
#endif

/*
 * Since Linux 7.3 I_METADATA_WRITEBACK says that an inode which was written is not on the disk yet:
 * before, it is clean too early.
 */
#ifdef SLABSCOPE_HAS_METADATA_WRITEBACK
#define SLABSCOPE_METADATA		I_METADATA_WRITEBACK
#else
#define SLABSCOPE_METADATA		0
#endif

/* Since Linux 7.2 the kernel's shrink lists are exported, and cursors are freed without a grace period. */
#ifdef SLABSCOPE_HAS_SHRINK_LIST
#define SLABSCOPE_CURSOR_NORCU		DCACHE_NORCU
#else
#define SLABSCOPE_CURSOR_NORCU		0
#endif

/* In a union until Linux 7.1. */
#ifndef SLABSCOPE_HAS_D_ALIAS
#define d_alias				d_u.d_alias
#endif

#ifndef SLABSCOPE_HAS_ICOUNT_READ
#define icount_read_once(inode)		atomic_read(&(inode)->i_count)
#endif

#ifndef SLABSCOPE_HAS_INODE_STATE_READ
#define inode_state_read_once(inode)	READ_ONCE((inode)->i_state)
#define inode_state_read(inode)		READ_ONCE((inode)->i_state)
#define inode_state_set(inode, flags)	((inode)->i_state |= (flags))
#define inode_state_clear(inode, flags)	((inode)->i_state &= ~(flags))
#endif

#ifndef SLABSCOPE_HAS_FLUSH_RANGE
#define filemap_flush_range		slabscope_flush_range
/*
 * Begins to write, and waits for nothing. Linux 5.10 to 5.14 export this for whole files only, which
 * takes as long as a file is large and cannot be killed: there what is large is not begun.
 */
static inline int slabscope_flush_range(struct address_space *mapping, loff_t from, loff_t to)
{
#ifdef SLABSCOPE_HAS_FDATAWRITE_WBC
	struct writeback_control wbc = {
		.sync_mode = WB_SYNC_NONE,
		.nr_to_write = LONG_MAX,
		.range_start = from,
		.range_end = to,
	};

	return filemap_fdatawrite_wbc(mapping, &wbc);
#else
	return i_size_read(mapping->host) <= SZ_64M ? filemap_flush(mapping) : 0;
#endif
}
#endif

/* The size of the object that kmalloc() gives for a size: kmalloc_index() is for constants. */
#ifndef SLABSCOPE_HAS_SIZE_ROUNDUP
#define kmalloc_size_roundup		slabscope_size_roundup
static inline size_t slabscope_size_roundup(size_t size)
{
	if (KMALLOC_MIN_SIZE <= 32 && size > 64 && size <= 96)
		return 96;
	if (KMALLOC_MIN_SIZE <= 64 && size > 128 && size <= 192)
		return 192;
	return max_t(size_t, roundup_pow_of_two(size), KMALLOC_MIN_SIZE);
}
#endif

/* struct external_name, which is private to fs/dcache.c */
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

/* Whether an ext4 that keeps silent about it, as no header shows, has recorded an error. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
static inline bool slabscope_ext4_has_error(struct super_block *sb)
{
	return false;
}
#else
/*
 * One that has aborted its journal then neither is read-only nor shut down (Linux 6.1:
 * ext4_handle_error()). It marks its superblock, the block of which it keeps: s_state, EXT4_ERROR_FS.
 * One that was shut down, or whose device went read-only, marks nothing; made read-only then, it keeps
 * its journal: s_feature_incompat, EXT4_FEATURE_INCOMPAT_RECOVER, which a remount in good order clears.
 * Where that block is not cached, as with the option sb=, either may be so.
 */
static inline bool slabscope_ext4_has_error(struct super_block *sb)
{
	const size_t at = 1024, state = 0x3a, error = 2, incompat = 0x60, recover = 4;
	struct buffer_head *bh = sb_find_get_block(sb, at / sb->s_blocksize);
	bool has = true;

	if (bh) {
		const char *super = bh->b_data + at % sb->s_blocksize;

		has = (le16_to_cpup((__le16 *)(super + state)) & error) ||
		      (sb_rdonly(sb) && (le32_to_cpup((__le32 *)(super + incompat)) & recover));
		brelse(bh);
	}
	return has;
}
#endif

#ifdef SLABSCOPE_HAS_BD_MAPPING
#define slabscope_bdev_mapping(bdev)	((bdev)->bd_mapping)
#else
#define slabscope_bdev_mapping(bdev)	((bdev)->bd_inode->i_mapping)
#endif

#ifndef MAX_PAGECACHE_ORDER
#define MAX_PAGECACHE_ORDER		(PMD_SHIFT - PAGE_SHIFT)
#endif

/* The pages that the entry at hand of a mapping stands for. */
#ifdef SLABSCOPE_HAS_XAS_GET_ORDER
#define slabscope_entry_pages(xas)	(1UL << xas_get_order(xas))
#else
#define slabscope_entry_pages(xas)	(1UL << xa_get_order((xas)->xa, (xas)->xa_index))
#endif

/* What quotes cannot hold becomes an escape. As snprintf() returns what all of it would take. */
static inline int slabscope_escape(const char *text, char *buf, int size)
{
#ifdef SLABSCOPE_HAS_ESCAPE_APPEND
	return string_escape_mem(text, strlen(text), buf, size,
				 ESCAPE_ANY | ESCAPE_NAP | ESCAPE_APPEND, "\"\\");
#else
	int len = 0;

	for (; *text; text++) {
		unsigned char c = *text;
		bool plain = c >= ' ' && c < 0x7f && c != '"' && c != '\\';
		char escaped[5];
		int i, count = snprintf(escaped, sizeof(escaped), plain ? "%c" : "\\%03o", c);

		/* A byte at a time: snprintf() would put a NUL in the place of the last. */
		for (i = 0; i < count; i++, len++)
			if (len < size)
				buf[len] = escaped[i];
	}
	return len;
#endif
}

/* Whether an isolated CPU, which is not ours to disturb. */
static inline bool slabscope_is_isolated(unsigned int cpu)
{
#ifdef SLABSCOPE_HAS_HK_TYPE
	bool housekeeps = housekeeping_cpu(cpu, HK_TYPE_DOMAIN) && housekeeping_cpu(cpu, HK_TYPE_WQ);
#else
	bool housekeeps = housekeeping_cpu(cpu, HK_FLAG_DOMAIN) && housekeeping_cpu(cpu, HK_FLAG_WQ);
#endif

#ifdef SLABSCOPE_HAS_CPU_IS_ISOLATED
	return !housekeeps || cpu_is_isolated(cpu);
#else
	return !housekeeps;
#endif
}

/* Empties this CPU's lists of pages: what releasing a batch begins with. */
static inline void slabscope_release_no_page(void)
{
#ifdef SLABSCOPE_HAS_BATCH_RELEASE
	struct folio_batch none;

	folio_batch_init(&none);
	__folio_batch_release(&none);
#else
	struct pagevec none;

	pagevec_init(&none);
	__pagevec_release(&none);
#endif
}

/* The first page from @index to @last that is locked; ULONG_MAX: none. */
static inline unsigned long slabscope_next_locked(struct address_space *mapping,
						  unsigned long index, unsigned long last)
{
	unsigned long from = index, locked = ULONG_MAX;
#ifdef SLABSCOPE_HAS_GET_FOLIOS
	struct folio_batch batch;

	folio_batch_init(&batch);
	while (locked == ULONG_MAX && filemap_get_folios(mapping, &index, last, &batch)) {
		unsigned int i;

		for (i = 0; i < folio_batch_count(&batch) && locked == ULONG_MAX; i++)
			if (folio_test_locked(batch.folios[i]))
				locked = max(from, batch.folios[i]->index);
		folio_batch_release(&batch);
		cond_resched();
	}
#else
	struct pagevec batch;

	pagevec_init(&batch);
	while (locked == ULONG_MAX && pagevec_lookup_range(&batch, mapping, &index, last)) {
		unsigned int i;

		for (i = 0; i < pagevec_count(&batch) && locked == ULONG_MAX; i++)
			if (PageLocked(batch.pages[i]))
				locked = max(from, page_to_index(batch.pages[i]));
		pagevec_release(&batch);
		cond_resched();
	}
#endif
	return locked;
}

#ifndef SLABSCOPE_HAS_GET_FOLIOS_TAG
/* Not 0: somebody has killed us. */
static inline int slabscope_wait_writeback(struct page *page)
{
#ifdef SLABSCOPE_HAS_FOLIO_WAIT
	return folio_wait_writeback_killable(page_folio(page));
#else
	struct page *head = compound_head(page);
	int killed = 0;

	while (!killed && PageWriteback(head))
		killed = wait_on_page_bit_killable(head, PG_writeback);
	return killed;
#endif
}
#endif

/*
 * Waits until what is being written of a range is, or we are killed; errors stay where they
 * are. filemap_fdatawait_range_keep_errors() cannot be killed, and a disk may never answer.
 */
static inline bool slabscope_wait_written(struct address_space *mapping, pgoff_t index, pgoff_t last)
{
	bool killed = false;
#ifdef SLABSCOPE_HAS_GET_FOLIOS_TAG
	struct folio_batch batch;

	folio_batch_init(&batch);
	while (!killed && filemap_get_folios_tag(mapping, &index, last, PAGECACHE_TAG_WRITEBACK,
						 &batch)) {
		unsigned int i;

		for (i = 0; i < folio_batch_count(&batch) && !killed; i++)
			killed = folio_wait_writeback_killable(batch.folios[i]);
		folio_batch_release(&batch);
		cond_resched();
	}
#else
	struct pagevec batch;

	pagevec_init(&batch);
	while (!killed && pagevec_lookup_range_tag(&batch, mapping, &index, last,
						   PAGECACHE_TAG_WRITEBACK)) {
		unsigned int i;

		for (i = 0; i < pagevec_count(&batch) && !killed; i++)
			killed = slabscope_wait_writeback(batch.pages[i]);
		pagevec_release(&batch);
		cond_resched();
	}
#endif
	return !killed;
}

#ifndef SLABSCOPE_HAS_PERCPU_WQ
#define system_percpu_wq		system_wq
#endif

/* Exported since Linux 6.1: where it is not, waiting for the end is the next best. */
#ifndef SLABSCOPE_HAS_CANCEL_WORK
#define cancel_work(work)		cancel_work_sync(work)
#endif

#ifdef SLABSCOPE_HAS_D_SHORTNAME
#define slabscope_short_name(dentry)	((dentry)->d_shortname.string)
#else
#define slabscope_short_name(dentry)	((dentry)->d_iname)
#endif

#ifdef SLABSCOPE_HAS_STATE_WAIT_ADDRESS
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
#ifdef SLABSCOPE_HAS_STATE_WAIT_ADDRESS
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

#ifdef SLABSCOPE_HAS_D_CHILDREN

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

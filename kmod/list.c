// SPDX-License-Identifier: GPL-2.0
/*
 * The records of MODE_LIST, written while the directory is locked. Lock order: dcache_helper.c.
 */

#include <linux/kernel.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/string.h>

#include "compat.h"
#include "helpers.h"

static u32 entry_flags(struct dentry *child)
{
	unsigned int flags = READ_ONCE(child->d_flags);
	u32 entry = 0;

	switch (flags & DCACHE_ENTRY_TYPE) {
	case DCACHE_MISS_TYPE:
		entry |= SLABSCOPE_ENTRY_NEGATIVE;
		break;
	case DCACHE_DIRECTORY_TYPE:
	case DCACHE_AUTODIR_TYPE:
		entry |= SLABSCOPE_ENTRY_DIR;
		break;
	case DCACHE_REGULAR_TYPE:
		entry |= SLABSCOPE_ENTRY_FILE;
		break;
	}
	if (READ_ONCE(child->d_lockref.count))
		entry |= SLABSCOPE_ENTRY_REFERENCED;
	if (slabscope_first_child(child))
		entry |= SLABSCOPE_ENTRY_CHILDREN;
	if ((flags & (DCACHE_LRU_LIST | DCACHE_SHRINK_LIST)) == DCACHE_LRU_LIST)
		entry |= SLABSCOPE_ENTRY_LRU;
	if (flags & DCACHE_MOUNTED)
		entry |= SLABSCOPE_ENTRY_MOUNTPOINT;
	if (flags & DCACHE_PAR_LOOKUP)
		entry |= SLABSCOPE_ENTRY_IN_LOOKUP;
	return entry;
}

/*
 * Writes the record of one child. Called under the parent's d_lock, which __d_move() needs to
 * change a child's name, and RCU.
 */
void slabscope_list_child(struct dentry *child, struct slabscope_batch *batch)
{
	u32 name_len = min_t(u32, child->d_name.len, NAME_MAX);
	struct inode *inode = READ_ONCE(child->d_inode);
	struct slabscope_header header = {
		.len = ALIGN(sizeof(header) + name_len, 8),
		.kind = SLABSCOPE_REC_ENTRY,
		.flags = entry_flags(child),
		.name_len = name_len,
		.ino = inode ? inode->i_ino : 0,
		.dev = batch->dev,
	};
	u8 *record = batch->list + batch->listed;

	memcpy(record, &header, sizeof(header));
	memcpy(record + sizeof(header), child->d_name.name, name_len);
	memset(record + sizeof(header) + name_len, 0, header.len - sizeof(header) - name_len);
	batch->listed += header.len;
}

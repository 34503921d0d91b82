/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sections of the walk that hold a dentry's lock, for the Rust side. Its mirrors are
 * ffi.rs and device.rs; sizes are asserted on both sides.
 */
#ifndef SLABSCOPE_SHIM_H
#define SLABSCOPE_SHIM_H

#include <linux/bits.h>
#include <linux/types.h>

struct dentry;
struct file;
struct inode;

/* abi.rs: Counters */
struct slabscope_counters {
	u64 total, negative, in_use, prunable, pinned, negative_prunable, lru;
	u64 dirs, files, other, in_lookup, mountpoints;
	u64 external_names, external_bytes, negative_external_bytes;
	u64 inodes, pages, dirty, writeback;
	u64 moved, evict_attempted, busy, skipped_dirty;
	u64 inodes_prunable, pages_prunable, pages_evicted, dirty_pages, writeback_pages;
};

static_assert(sizeof(struct slabscope_counters) == 28 * sizeof(u64));

/* What is evicted. */
enum slabscope_evict {
	SLABSCOPE_EVICT_NOTHING,
	SLABSCOPE_EVICT_NEGATIVE,
	SLABSCOPE_EVICT_UNUSED,
};

/* What is done with the inodes that a walk holds. */
enum slabscope_hold {
	SLABSCOPE_HOLD_DIRTY,	/* of dirty files: count their dirty pages */
	SLABSCOPE_HOLD_EVICTED,	/* of dentries that were evicted: evict them too */
	SLABSCOPE_HOLD_PAGES,	/* of files with page cache: drop that */
};

/* Most inodes held at once, and thus most children in a batch that holds any. */
#define SLABSCOPE_HELD 256

/* The inodes that a batch found, until they are handled; the last is the next. */
struct slabscope_held {
	u32 how;		/* enum slabscope_hold */
	u32 write_back;		/* write dirty files and inodes first */
	u32 count;
	u32 flushed;		/* whose writeback was begun, from the first */
	u32 written;		/* the last one was written */
	u32 reserved;
	u64 index;		/* of the last one's page cache, up to where it is handled */
	u64 last;		/* and up to where it is written */
	struct inode *inodes[SLABSCOPE_HELD];
};

static_assert(sizeof(struct slabscope_held) == 40 + SLABSCOPE_HELD * sizeof(void *));

/* abi.rs: Header */
struct slabscope_header {
	u32 len, kind, flags, name_len;
	u64 ino, dev;
};

static_assert(sizeof(struct slabscope_header) == 32);

/* abi.rs: REC_ENTRY and its flags */
#define SLABSCOPE_REC_ENTRY		3
#define SLABSCOPE_ENTRY_NEGATIVE	BIT(0)
#define SLABSCOPE_ENTRY_DIR		BIT(1)
#define SLABSCOPE_ENTRY_FILE		BIT(2)
#define SLABSCOPE_ENTRY_REFERENCED	BIT(3)
#define SLABSCOPE_ENTRY_CHILDREN	BIT(4)
#define SLABSCOPE_ENTRY_LRU		BIT(5)
#define SLABSCOPE_ENTRY_MOUNTPOINT	BIT(6)
#define SLABSCOPE_ENTRY_IN_LOOKUP	BIT(7)

/* One hold of a directory's lock. */
struct slabscope_batch {
	/* in */
	u32 evict;		/* enum slabscope_evict */
	u32 limit;		/* most children handled */
	u64 limit_ns;		/* longest time, 0: no limit */
	u8 *list;		/* write ENTRY records here and enter no child, or NULL */
	u64 list_room;		/* bytes at @list */
	u64 dev;		/* for those records */
	struct slabscope_held *held;	/* hold inodes here, or NULL; empty */
	/* out */
	u64 listed;		/* bytes written */
	struct slabscope_counters found;
	struct dentry *child;	/* a pinned child that has children itself, or NULL */
	u64 ino;		/* of @child */
	u64 refs;		/* children that hold a reference to the directory and stay */
	u32 end;		/* no children are left */
	u32 name_len;		/* of @child */
	u8 name[256];
};

static_assert(sizeof(struct slabscope_batch) == 56 + 28 * 8 + 32 + 256);

/* Who began a prune. */
struct slabscope_who {
	u32 uid;		/* in the initial user namespace */
	s32 pid;		/* in the initial pid namespace */
	char comm[16];
};

static_assert(sizeof(struct slabscope_who) == 24);

/* What became of a directory that was left. */
struct slabscope_left {
	u64 external_bytes;	/* of its name, 0: the name is inline */
	u32 evicted;
	u32 in_use;		/* by anything but its children */
	u32 inode_prunable;	/* its inode has no other user and is clean */
	u32 inode_dirty;	/* or dirty */
};

static_assert(sizeof(struct slabscope_left) == 24);

struct dentry *slabscope_cursor_alloc(struct dentry *dir);
void slabscope_cursor_attach(struct dentry *cursor, struct dentry *dir);
void slabscope_cursor_free(struct dentry *cursor);
void slabscope_batch(struct dentry *dir, struct dentry *cursor, struct slabscope_batch *batch);
void slabscope_leave(struct dentry *dir, u64 refs, bool evict, struct slabscope_held *held,
		     struct slabscope_left *left);

/* list.c */
void slabscope_list_child(const struct dentry *child, struct slabscope_batch *batch);

/* inodes.c */
bool slabscope_is_dirty(struct inode *inode);
void slabscope_hold(struct inode *inode, struct slabscope_held *held);
void slabscope_handle(struct slabscope_held *held, u64 limit_ns,
		      struct slabscope_counters *found);
void slabscope_release(struct slabscope_held *held);
void slabscope_drain(void);

/* evict.c */
bool slabscope_put_watched(struct inode *inode, bool flagged);

/* session.c */
struct dentry *slabscope_root(struct file *file);
u64 slabscope_dev(struct dentry *dentry);
int slabscope_check(struct file *file, bool prune, bool any_fs);
void slabscope_who(struct slabscope_who *who);
void slabscope_log(struct file *file, const struct slabscope_who *who, const char *what,
		   const struct slabscope_counters *found, bool inodes, const char *status);

/* debugfs.c */
void slabscope_debugfs_init(void);
void slabscope_debugfs_exit(void);

/* device.rs, for debugfs.c: evicts the unused dentries below the directory. */
int slabscope_shrink(struct file *file, struct slabscope_counters *found);

#endif

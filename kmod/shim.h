/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sections of the walk that hold a dentry's lock, for the Rust side. Its mirror is ffi.rs;
 * sizes are asserted on both sides.
 */
#ifndef SLABSCOPE_SHIM_H
#define SLABSCOPE_SHIM_H

#include <linux/bits.h>
#include <linux/types.h>

struct dentry;
struct file;

/* abi.rs: Counters */
struct slabscope_counters {
	u64 total, negative, in_use, prunable, pinned, negative_prunable, lru;
	u64 dirs, files, other, in_lookup, mountpoints;
	u64 external_names, external_bytes, negative_external_bytes;
	u64 inodes, pages, dirty, writeback;
	u64 moved, evict_attempted, busy, skipped_dirty;
};

static_assert(sizeof(struct slabscope_counters) == 23 * sizeof(u64));

/* What is evicted. */
enum slabscope_evict {
	SLABSCOPE_EVICT_NOTHING,
	SLABSCOPE_EVICT_NEGATIVE,
	SLABSCOPE_EVICT_UNUSED,
};

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

static_assert(sizeof(struct slabscope_batch) == 48 + 23 * 8 + 32 + 256);

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
};

static_assert(sizeof(struct slabscope_left) == 16);

struct dentry *slabscope_root(struct file *file);
struct dentry *slabscope_cursor_alloc(struct dentry *dir);
void slabscope_cursor_attach(struct dentry *cursor, struct dentry *dir);
void slabscope_cursor_free(struct dentry *cursor);
void slabscope_batch(struct dentry *dir, struct dentry *cursor, struct slabscope_batch *batch);
void slabscope_leave(struct dentry *dir, u64 refs, bool evict, struct slabscope_left *left);
int slabscope_check(struct file *file, bool prune, bool any_fs);
u64 slabscope_dev(struct dentry *dentry);
void slabscope_who(struct slabscope_who *who);
void slabscope_log(struct file *file, const struct slabscope_who *who, const char *mode,
		   u64 moved, u64 busy, const char *status);

/* debugfs.c */
void slabscope_debugfs_init(void);
void slabscope_debugfs_exit(void);

/* ffi.rs, for debugfs.c: evicts the unused dentries below the directory. */
int slabscope_shrink(struct file *file, struct slabscope_counters *found);

#endif

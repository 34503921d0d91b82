/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The C side of abi.rs, dcache.rs, inodes.rs and root.rs: where each field lies, and which number
 * is which, is asserted on both sides.
 */
#ifndef SLABSCOPE_HELPERS_H
#define SLABSCOPE_HELPERS_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

struct address_space;
struct dentry;
struct file;
struct inode;

#define SLABSCOPE_AT(type, field, at) \
	static_assert(offsetof(struct slabscope_##type, field) == (at))

/* abi.rs: Counters */
struct slabscope_counters {
	u64 total, negative, in_use, prunable, pinned, negative_prunable, lru;
	u64 dirs, files, other, in_lookup, mountpoints;
	u64 external_names, external_bytes, negative_external_bytes;
	u64 inodes, pages, dirty, writeback;
	u64 moved, evict_attempted, busy, skipped_dirty;
	u64 inodes_prunable, pages_prunable, pages_evicted, dirty_pages, writeback_pages;
	u64 write_failed, failed_pages, unsynced;
};

SLABSCOPE_AT(counters, total, 0);
SLABSCOPE_AT(counters, negative, 8);
SLABSCOPE_AT(counters, in_use, 16);
SLABSCOPE_AT(counters, prunable, 24);
SLABSCOPE_AT(counters, pinned, 32);
SLABSCOPE_AT(counters, negative_prunable, 40);
SLABSCOPE_AT(counters, lru, 48);
SLABSCOPE_AT(counters, dirs, 56);
SLABSCOPE_AT(counters, files, 64);
SLABSCOPE_AT(counters, other, 72);
SLABSCOPE_AT(counters, in_lookup, 80);
SLABSCOPE_AT(counters, mountpoints, 88);
SLABSCOPE_AT(counters, external_names, 96);
SLABSCOPE_AT(counters, external_bytes, 104);
SLABSCOPE_AT(counters, negative_external_bytes, 112);
SLABSCOPE_AT(counters, inodes, 120);
SLABSCOPE_AT(counters, pages, 128);
SLABSCOPE_AT(counters, dirty, 136);
SLABSCOPE_AT(counters, writeback, 144);
SLABSCOPE_AT(counters, moved, 152);
SLABSCOPE_AT(counters, evict_attempted, 160);
SLABSCOPE_AT(counters, busy, 168);
SLABSCOPE_AT(counters, skipped_dirty, 176);
SLABSCOPE_AT(counters, inodes_prunable, 184);
SLABSCOPE_AT(counters, pages_prunable, 192);
SLABSCOPE_AT(counters, pages_evicted, 200);
SLABSCOPE_AT(counters, dirty_pages, 208);
SLABSCOPE_AT(counters, writeback_pages, 216);
SLABSCOPE_AT(counters, write_failed, 224);
SLABSCOPE_AT(counters, failed_pages, 232);
SLABSCOPE_AT(counters, unsynced, 240);
static_assert(sizeof(struct slabscope_counters) == 31 * sizeof(u64));

/* What is evicted. */
enum slabscope_evict {
	SLABSCOPE_EVICT_NOTHING,
	SLABSCOPE_EVICT_NEGATIVE,
	SLABSCOPE_EVICT_UNUSED,
};

static_assert(SLABSCOPE_EVICT_NOTHING == 0 && SLABSCOPE_EVICT_NEGATIVE == 1 &&
	      SLABSCOPE_EVICT_UNUSED == 2);

/* What is done with the inodes that a walk holds. */
enum slabscope_hold {
	SLABSCOPE_HOLD_DIRTY,	/* of dirty files: count their dirty pages */
	SLABSCOPE_HOLD_EVICTED,	/* of dentries that were evicted: evict them too */
	SLABSCOPE_HOLD_PAGES,	/* of files with page cache: drop that */
};

static_assert(SLABSCOPE_HOLD_DIRTY == 0 && SLABSCOPE_HOLD_EVICTED == 1 && SLABSCOPE_HOLD_PAGES == 2);

/* Most inodes held at once, and thus most children in a batch that holds any. */
#define SLABSCOPE_HELD 256

/* Why an unused inode has to stay. */
enum slabscope_stay {
	SLABSCOPE_STAY_NOT,
	SLABSCOPE_STAY_DIRTY,		/* until it is written */
	SLABSCOPE_STAY_UNSYNCED,	/* until its metadata is waited for */
	SLABSCOPE_STAY_FAILED,		/* for good: a write has failed */
};

static_assert(SLABSCOPE_STAY_NOT == 0 && SLABSCOPE_STAY_DIRTY == 1 &&
	      SLABSCOPE_STAY_UNSYNCED == 2 && SLABSCOPE_STAY_FAILED == 3);

/* The inodes that a batch found, until they are handled; the last is the next. */
struct slabscope_held {
	u32 how;		/* enum slabscope_hold */
	u32 write_back;		/* write dirty files and inodes first */
	u32 count;
	u32 flushed;		/* whose writeback was begun, from the first */
	u32 written;		/* the last one was written */
	u32 reserved;		/* 0 */
	u64 index;		/* of the last one's page cache, up to where it is handled */
	u64 last;		/* and up to where it is written */
	struct inode *inodes[SLABSCOPE_HELD];
};

SLABSCOPE_AT(held, how, 0);
SLABSCOPE_AT(held, write_back, 4);
SLABSCOPE_AT(held, count, 8);
SLABSCOPE_AT(held, flushed, 12);
SLABSCOPE_AT(held, written, 16);
SLABSCOPE_AT(held, reserved, 20);
SLABSCOPE_AT(held, index, 24);
SLABSCOPE_AT(held, last, 32);
SLABSCOPE_AT(held, inodes, 40);
static_assert(sizeof(struct slabscope_held) == 40 + SLABSCOPE_HELD * sizeof(void *));

/* abi.rs: Header */
struct slabscope_header {
	u32 len, kind, flags, name_len;
	u64 ino, dev;
};

SLABSCOPE_AT(header, len, 0);
SLABSCOPE_AT(header, kind, 4);
SLABSCOPE_AT(header, flags, 8);
SLABSCOPE_AT(header, name_len, 12);
SLABSCOPE_AT(header, ino, 16);
SLABSCOPE_AT(header, dev, 24);
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

static_assert(SLABSCOPE_REC_ENTRY == 3 && SLABSCOPE_ENTRY_NEGATIVE == 1 &&
	      SLABSCOPE_ENTRY_DIR == 2 && SLABSCOPE_ENTRY_FILE == 4 &&
	      SLABSCOPE_ENTRY_REFERENCED == 8 && SLABSCOPE_ENTRY_CHILDREN == 16 &&
	      SLABSCOPE_ENTRY_LRU == 32 && SLABSCOPE_ENTRY_MOUNTPOINT == 64 &&
	      SLABSCOPE_ENTRY_IN_LOOKUP == 128);

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

SLABSCOPE_AT(batch, evict, 0);
SLABSCOPE_AT(batch, limit, 4);
SLABSCOPE_AT(batch, limit_ns, 8);
SLABSCOPE_AT(batch, list, 16);
SLABSCOPE_AT(batch, list_room, 24);
SLABSCOPE_AT(batch, dev, 32);
SLABSCOPE_AT(batch, held, 40);
SLABSCOPE_AT(batch, listed, 48);
SLABSCOPE_AT(batch, found, 56);
SLABSCOPE_AT(batch, child, 304);
SLABSCOPE_AT(batch, ino, 312);
SLABSCOPE_AT(batch, refs, 320);
SLABSCOPE_AT(batch, end, 328);
SLABSCOPE_AT(batch, name_len, 332);
SLABSCOPE_AT(batch, name, 336);
static_assert(sizeof(struct slabscope_batch) == 592);

/* Who began a prune. */
struct slabscope_who {
	u32 uid;		/* in the initial user namespace */
	s32 pid;		/* in the initial pid namespace */
	char comm[16];
};

SLABSCOPE_AT(who, uid, 0);
SLABSCOPE_AT(who, pid, 4);
SLABSCOPE_AT(who, comm, 8);
static_assert(sizeof(struct slabscope_who) == 24);

/* What became of a directory that was left. */
struct slabscope_left {
	u64 external_bytes;	/* of its name, 0: the name is inline */
	u32 evicted;
	u32 in_use;		/* by anything but its children */
	u32 sole_user;		/* nothing but the directory's name keeps its inode */
	u32 stay;		/* why that stays: enum slabscope_stay */
};

SLABSCOPE_AT(left, external_bytes, 0);
SLABSCOPE_AT(left, evicted, 8);
SLABSCOPE_AT(left, in_use, 12);
SLABSCOPE_AT(left, sole_user, 16);
SLABSCOPE_AT(left, stay, 20);
static_assert(sizeof(struct slabscope_left) == 24);

struct dentry *slabscope_cursor_alloc(struct dentry *dir);
bool slabscope_cursor_attach(struct dentry *cursor, struct dentry *dir);
void slabscope_cursor_free(struct dentry *cursor);
void slabscope_batch(struct dentry *dir, struct dentry *cursor, struct slabscope_batch *batch);
void slabscope_leave(struct dentry *dir, u64 refs, bool evict, struct slabscope_held *held,
		     struct slabscope_left *left);

/* list.c */
void slabscope_list_child(struct dentry *child, struct slabscope_batch *batch);

/* inodes_helper.c */
bool slabscope_has_pages(const struct inode *inode);
enum slabscope_stay slabscope_stay(struct inode *inode);
void slabscope_count_stay(enum slabscope_stay stay, struct slabscope_counters *found);
void slabscope_hold(struct inode *inode, struct slabscope_held *held);
void slabscope_handle(struct slabscope_held *held, u64 limit_ns,
		      struct slabscope_counters *found);
void slabscope_release(struct slabscope_held *held);

/* writeback.c */
bool slabscope_is_over(u64 end_ns);
bool slabscope_next_unwritten(struct address_space *mapping, unsigned long *index,
			      unsigned long last);
bool slabscope_write_back(struct slabscope_held *held, struct inode *inode, u64 end_ns);
bool slabscope_begin_writeback(struct slabscope_held *held, u64 end_ns);

/* drain.c */
void slabscope_drain(void);
void slabscope_drain_init(void);
void slabscope_drain_exit(void);

/* evict.c */
bool slabscope_put_watched(struct inode *inode, bool flagged);

/* root_helper.c */
struct dentry *slabscope_root(struct file *file);
u64 slabscope_dev(struct dentry *dentry);
int slabscope_check(struct file *file, bool prune, bool any_fs);
void slabscope_who(struct slabscope_who *who);
const char *slabscope_quoted(const char *text, char *buf, int size);
void slabscope_log(struct file *file, const struct slabscope_who *who, const char *what,
		   const struct slabscope_counters *found, bool inodes, const char *status);

/* debugfs.c */
void slabscope_debugfs_init(void);
void slabscope_debugfs_exit(void);

/* root.rs, for debugfs.c: evicts the unused dentries below the directory; @found is written. */
int slabscope_shrink(struct file *file, struct slabscope_counters *found);

#endif

/* SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0 */
/*
 * What census.bpf.c and its driver (../src/kernel/reader/bpf/layout.rs) share: the values of two maps, one
 * each. Their layout is asserted on the other side.
 */
#ifndef SLABSCOPE_CENSUS_H
#define SLABSCOPE_CENSUS_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;

/* Directories that one request names, and children that one run can report. */
#define UNITS 64
#define CHILDREN 512
/* Places of the directory under way that a walk can return to. */
#define CRUMBS 8
#define NAME 256

/* A dentry and what it was when it was found: if that still holds, it is the directory of that name. */
struct unit {
	u64 dentry;
	u64 parent;		/* 0: the directory that is open as state.fd */
	u64 hash_len;
};

/* Of the children of one directory; the names are those of kmod/abi.rs. */
struct counts {
	u64 total, negative, in_use, prunable, pinned, negative_prunable, lru;
	u64 dirs, files, other, in_lookup, mountpoints;
	u64 external_names, external_bytes, negative_external_bytes;
	u64 inodes, pages;
	u64 refs;		/* children that hold a reference to the directory */
};

enum found_flags {
	FOUND_GONE = 1,		/* it was no longer what it was when it was found */
	FOUND_CHANGED = 2,	/* children came or went: part of it was counted anew */
	FOUND_PARTIAL = 4,	/* they came and went faster than they could be counted */
};

struct found {
	struct counts counts;
	u64 external_bytes;	/* of the directory's own name */
	u64 ino;
	u32 flags;
	u32 restarts;
	s32 extra;		/* references to the directory besides its children's */
	u32 name_len;
	u8 name[NAME];		/* if the request wants names */
};

/* The bits are those of kmod/abi.rs: ENTRY_. */
enum child_flags {
	CHILD_NEGATIVE = 1,
	CHILD_DIR = 2,
	CHILD_FILE = 4,
	CHILD_REFERENCED = 8,
	CHILD_CHILDREN = 16,
	CHILD_LRU = 32,
	CHILD_MOUNTPOINT = 64,
	CHILD_IN_LOOKUP = 128,
};

/* A child that has children itself or, in a list, any child, which then has its name here. */
struct child {
	u64 dentry;
	u64 hash_len;
	u64 ino;
	u32 of;			/* which of the request's directories it is in */
	u32 flags;
	u32 name_len;
	u32 reserved;
	u8 name[NAME];
};

struct crumb {
	u64 dentry, hash_len, inode, pprev;
	u32 seq;
	u32 emitted;
	u64 run;
	struct counts counts;
};

enum known_flags {
	KNOWN_FLAGS = 1,	/* the kernel's BTF has the bits of d_flags */
};

/* A request, the place of a walk, and what the last run says: few bytes, as they are copied each run. */
struct state {
	/* The request; and rows.work. */
	s32 fd;
	u32 units;
	u64 max_ns;		/* how long a run may take */
	u64 limit;		/* children of one directory after which it is given up */
	u32 list;		/* report every child, enter none */
	u32 names;		/* report the names of directories */
	u32 known;		/* answer: enum known_flags */
	/* Of d_flags; 0: unknown. */
	u32 lru_bit, shrink_bit, mounted_bit, lookup_bit;
	u32 type_bits, dir_type, file_type;
	u32 file_bits, rare_bits, plain_bits;	/* unions of them */

	/* The place, kept from run to run; and rows.crumbs. */
	u32 at;			/* the directory under way: work[at]; units: all are done */
	u32 opened;
	u32 last_seq;
	u64 dir;
	u64 node, end;
	u64 last, last_hash_len, last_inode, last_pprev;
	u32 emitted;		/* children of the directory that were reported so far */
	u32 restarts;
	u32 rolled;
	s32 error;		/* answer */
	u64 runs;
	u64 deadline;
	struct counts counts;

	/* The answer; and rows.found, rows.child. */
	u32 kept_of, kept;	/* of what was reported of work[kept_of] before, this much holds */
	u32 children;
	u32 partial;		/* the directory under way is left as counted in part */
	u64 held_ns;		/* the longest run */
};

/* Mapped by the driver. */
struct rows {
	struct unit work[UNITS];
	struct found found[UNITS];
	struct crumb crumbs[CRUMBS];
	struct child child[CHILDREN];
};

#endif

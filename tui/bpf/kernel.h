/* SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0 */
/*
 * How census.bpf.c reads the kernel's memory: the structures, with the fields that are read, and a
 * child by one copy or, with DIRECT defined, by loads.
 */
#ifndef SLABSCOPE_KERNEL_H
#define SLABSCOPE_KERNEL_H

#include "census.h"

#define SEC(name) __attribute__((section(name), used))
#define inline_always inline __attribute__((always_inline))
/* Not static either: the verifier then looks at it once, and not at each call. */
#define noinline __attribute__((noinline))
#define relocated __attribute__((preserve_access_index))

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static u64 (*bpf_get_current_task)(void) = (void *)35;

/* BPF_FIELD_BYTE_OFFSET, BPF_FIELD_EXISTS; BPF_ENUMVAL_EXISTS, BPF_ENUMVAL_VALUE; BPF_TYPE_SIZE */
#define offset_of(type, field) \
	((u32)__builtin_preserve_field_info(((struct type *)0)->field, 0))
#define has_field(type, field) __builtin_preserve_field_info(((struct type *)0)->field, 2)
#define type_id(type) ((u32)__builtin_btf_type_id(*(struct type *)0, 1))
#define has_bit(bit) __builtin_preserve_enum_value(*(enum dentry_flags *)bit, 0)
#define bit_of(bit) ((u32)__builtin_preserve_enum_value(*(enum dentry_flags *)bit, 1))

struct list_head { struct list_head *next, *prev; } relocated;
struct hlist_node { struct hlist_node *next, **pprev; } relocated;
struct hlist_head { struct hlist_node *first; } relocated;
struct qstr { u64 hash_len; const u8 *name; } relocated;
struct lockref { int count; } relocated;
typedef struct { u32 sequence; } relocated seqcount_t;
typedef struct { seqcount_t seqcount; } relocated seqcount_spinlock_t;
struct inode;

struct dentry {
	u32 d_flags;
	seqcount_spinlock_t d_seq;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct lockref d_lockref;
	struct list_head d_lru;
	union { struct hlist_node d_alias; } d_u;
} relocated;

/* Linux 6.8: hlists of children. */
struct dentry___sib { struct hlist_node d_sib; struct hlist_head d_children; } relocated;
struct dentry___child { struct list_head d_child, d_subdirs; } relocated;
/* After Linux 6.12. */
struct dentry___alias { struct hlist_node d_alias; } relocated;
struct dentry___short { struct { u8 string[1]; } d_shortname; } relocated;
struct dentry___iname { u8 d_iname[1]; } relocated;

struct external_name { u8 name[1]; } relocated;
struct address_space { unsigned long nrpages; } relocated;
struct inode {
	u16 i_mode;
	unsigned long i_ino;
	struct address_space i_data;
	struct hlist_head i_dentry;
} relocated;
struct inode___u64 { u64 i_ino; } relocated;

struct path { struct dentry *dentry; } relocated;
struct file { struct path f_path; } relocated;
struct fdtable { u32 max_fds; struct file **fd; } relocated;
struct files_struct { struct fdtable *fdt; } relocated;
struct task_struct { struct files_struct *files; } relocated;

/* The values here are of no account: those of the running kernel take their place. */
enum dentry_flags {
	DCACHE_LRU_LIST = 1,
	DCACHE_SHRINK_LIST = 2,
	DCACHE_MOUNTED = 4,
	DCACHE_PAR_LOOKUP = 8,
	DCACHE_ENTRY_TYPE = 16,		/* several bits, none of which a negative has */
	DCACHE_DIRECTORY_TYPE = 32,
	DCACHE_REGULAR_TYPE = 48,
};

#define S_IFMT 0170000
#define S_IFDIR 0040000
#define S_IFREG 0100000

static inline_always u64 read64(u64 from)
{
	u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)from);
	return value;
}

static inline_always u32 read32(u64 from)
{
	u32 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)from);
	return value;
}

static inline_always u16 read16(u64 from)
{
	u16 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)from);
	return value;
}

static inline_always int has_sib(void)
{
	return has_field(dentry___sib, d_sib);
}

static inline_always u32 sib_offset(void)
{
	return has_sib() ? offset_of(dentry___sib, d_sib) : offset_of(dentry___child, d_child);
}

static inline_always u32 children_offset(void)
{
	return has_sib() ? offset_of(dentry___sib, d_children) : offset_of(dentry___child, d_subdirs);
}

static inline_always u32 short_name_offset(void)
{
	return has_field(dentry___iname, d_iname) ? offset_of(dentry___iname, d_iname) :
						    offset_of(dentry___short, d_shortname);
}

static inline_always u32 hash_len_offset(void)
{
	return offset_of(dentry, d_name) + offset_of(qstr, hash_len);
}

static inline_always u32 name_offset(void)
{
	return offset_of(dentry, d_name) + offset_of(qstr, name);
}

static inline_always u32 seq_offset(void)
{
	return offset_of(dentry, d_seq);
}

static inline_always u32 count_offset(void)
{
	return offset_of(dentry, d_lockref.count);
}

/* The lists of old and new kernels both have the forward link first, the backward link behind. */
static inline_always u64 pprev_of(u64 dentry)
{
	return read64(dentry + sib_offset() + sizeof(u64));
}

/* What is needed of a child. */
struct view {
	u64 dentry, parent, inode, hash_len, name;
	u64 next, pprev, first, alias;
	u32 flags, seq;
	s32 count;
};

/* A load that the compiler leaves where it stands. */
#define load_here(field) (*(volatile typeof(field) *)&(field))

#ifdef DIRECT
#define load load_here
/* Not a helper but a function of the kernel: the driver (load.rs) puts its BTF id in this place. */
static void *(*bpf_rdonly_cast)(const void *from, u32 type) = (void *)0x6b66756e;

#define as(type, address) ((struct type *)bpf_rdonly_cast((void *)(address), type_id(type)))
#define get(type, address, field) load(as(type, address)->field)
#else
/* Of a copy. */
#define load(field) (field)
#define get(type, address, field) ({ \
	typeof(((struct type *)0)->field) value = 0; \
	bpf_probe_read_kernel(&value, sizeof(value), (void *)((address) + offset_of(type, field))); \
	value; \
})
#endif

/*
 * The fields that kernels name differently. The load of a name that the running kernel lacks is
 * invalid, and must not be moved out of the branch that is not taken.
 */
static inline_always u64 next_in(const struct dentry *dentry, int sib)
{
	return sib ? (u64)load_here(((const struct dentry___sib *)dentry)->d_sib.next) :
		     (u64)load_here(((const struct dentry___child *)dentry)->d_child.next);
}

static inline_always u64 pprev_in(const struct dentry *dentry, int sib)
{
	return sib ? (u64)load_here(((const struct dentry___sib *)dentry)->d_sib.pprev) :
		     (u64)load_here(((const struct dentry___child *)dentry)->d_child.prev);
}

static inline_always u64 first_in(const struct dentry *dentry)
{
	return has_sib() ? (u64)load_here(((const struct dentry___sib *)dentry)->d_children.first) :
			   (u64)load_here(((const struct dentry___child *)dentry)->d_subdirs.next);
}

static inline_always u64 alias_in(const struct dentry *dentry)
{
	return has_field(dentry, d_u.d_alias) ?
		       (u64)load_here(dentry->d_u.d_alias.pprev) :
		       (u64)load_here(((const struct dentry___alias *)dentry)->d_alias.pprev);
}

/* Fills all but hash_len and first from a dentry, or from a copy of it. */
static inline_always void see(struct view *view, const struct dentry *dentry)
{
	view->seq = load(dentry->d_seq.seqcount.sequence);
	view->flags = load(dentry->d_flags);
	view->parent = (u64)load(dentry->d_parent);
	view->name = (u64)load(dentry->d_name.name);
	view->inode = (u64)load(dentry->d_inode);
	view->count = load(dentry->d_lockref.count);
	view->alias = alias_in(dentry);
	view->next = next_in(dentry, has_sib());
	view->pprev = pprev_in(dentry, has_sib());
}

#ifdef DIRECT
/*
 * Reads a child; its hash_len only if wanted, or if more than its address and inode are asked for.
 * Not 0: it cannot be read.
 */
static inline_always int look(struct view *view, int wanted)
{
	const struct dentry *dentry = as(dentry, view->dentry);

	see(view, dentry);
	if (wanted || !view->inode || view->name != view->dentry + short_name_offset())
		view->hash_len = load(dentry->d_name.hash_len);
	return 0;
}

static inline_always u64 hash_len_of(const struct view *view)
{
	return get(dentry, view->dentry, d_name.hash_len);
}

static inline_always u64 first_of(const struct view *view)
{
	return first_in(as(dentry, view->dentry));
}
#else
static inline_always u32 alias_offset(void)
{
	return has_field(dentry, d_u.d_alias) ? offset_of(dentry, d_u.d_alias) :
						offset_of(dentry___alias, d_alias);
}

/* More than a dentry has, but where locks are debugged; there direct loads serve. */
#define COPY 224

static inline_always int look(struct view *view, int wanted)
{
	u32 size = alias_offset() + 2 * sizeof(u64);
	u8 copy[COPY] __attribute__((aligned(8)));
	const struct dentry *dentry = (const void *)copy;

	if (size > COPY || children_offset() + sizeof(u64) > size ||
	    bpf_probe_read_kernel(copy, size, (void *)view->dentry))
		return 1;
	see(view, dentry);
	view->hash_len = load(dentry->d_name.hash_len);
	view->first = first_in(dentry);
	return 0;
}

static inline_always u64 hash_len_of(const struct view *view)
{
	return view->hash_len;
}

static inline_always u64 first_of(const struct view *view)
{
	return view->first;
}
#endif

#endif

// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
/*
 * A census of the dentry cache without a kernel module. The program is never attached to anything:
 * BPF_PROG_TEST_RUN runs it in the caller's context, under rcu_read_lock() with preemption off, so
 * that a dentry which was alive when a run began stays readable until its end (dentry_free() waits
 * for a grace period). It only reads, by bpf_probe_read_kernel(), which yields an error where a
 * module would fault. With DIRECT defined the children are read by plain loads instead, which the
 * kernel lets yield 0 where they would fault: bpf_rdonly_cast(), Linux 6.2.
 *
 * A run counts the children of the directories that the request names, for as long as it may take,
 * and keeps its place. No lock is held: before the next run the child that was handled last may be
 * freed, or be another one. So a run goes on behind it only if it is still what it was (parent,
 * name, sequence count, inode, predecessor, not dying), else at a crumb for which the same holds,
 * else at the directory's beginning. Children are added at the head, so that a directory ends
 * however fast it grows.
 *
 * Structures are declared with the fields that are read, and relocated by the kernel's BTF.
 */
#include "census.h"
#include "kernel.h"

/* How many plain negatives, files and others are handled between two looks at the clock. */
#define PLAIN_STRIDE 64
#define FILE_STRIDE 32
#define STRIDE 16
/* Times a directory is begun anew before it is left as counted in part. */
#define RESTARTS 16
/* The same for returns to a place on the way. */
#define ROLL_BACKS 20000

struct state st;

struct {
	int (*type)[2];		/* BPF_MAP_TYPE_ARRAY */
	int (*max_entries)[1];
	int (*map_flags)[1 << 10];	/* BPF_F_MMAPABLE */
	u32 *key;
	struct rows *value;
} rows SEC(".maps");

static inline_always struct rows *get_rows(void)
{
	u32 key = 0;

	return bpf_map_lookup_elem(&rows, &key);
}

/* What a name that does not fit into the dentry has allocated, by the classes of kmalloc(). */
static inline_always u32 external_size(u64 dentry, u64 name, u64 hash_len)
{
	u32 size = offset_of(external_name, name) + 1 + (u32)(hash_len >> 32);

	if (name == dentry + short_name_offset())
		return 0;
	return size <= 32 ? 32 : size <= 64 ? 64 : size <= 96 ? 96 : size <= 128 ? 128 :
	       size <= 192 ? 192 : size <= 256 ? 256 : 512;
}

static inline_always int is_still(u64 dentry, u64 parent, u64 hash_len)
{
	return read64(dentry + offset_of(dentry, d_parent)) == parent &&
	       read64(dentry + hash_len_offset()) == hash_len &&
	       (s32)read32(dentry + count_offset()) >= 0;
}

/* Opens work[at]; its children are counted from the first one on. */
noinline int open_dir(void)
{
	struct rows *rows = get_rows();
	u32 at = st.at;
	struct found *found;
	struct unit *unit;
	u64 dir;

	if (!rows || at >= UNITS)
		return 1;
	unit = &rows->work[at];
	found = &rows->found[at];
	dir = unit->parent ? unit->dentry : st.dir;
	st.dir = dir;
	__builtin_memset(&st.counts, 0, sizeof(st.counts));
	st.last = 0;
	st.emitted = 0;
	st.opened = 1;
	found->flags = st.restarts ? FOUND_CHANGED : 0;
	found->name_len = 0;
	if (unit->parent && !is_still(dir, unit->parent, unit->hash_len)) {
		found->flags |= FOUND_GONE;
		st.node = st.end = 0;
		return 0;
	}
	if (st.names) {
		u32 len = (u32)(unit->hash_len >> 32) & (NAME - 1);
		u64 inode = read64(dir + offset_of(dentry, d_inode));

		found->ino = inode ? read64(inode + offset_of(inode, i_ino)) : 0;
		if (!bpf_probe_read_kernel(found->name, len, (void *)read64(dir + name_offset())))
			found->name_len = len;
	}
	st.node = read64(dir + children_offset());
	st.end = has_sib() ? 0 : dir + children_offset();
	return 0;
}

static inline_always void close_dir(void)
{
	struct rows *rows = get_rows();
	u32 at = st.at;
	struct found *found;

	if (!rows || at >= UNITS)
		return;
	found = &rows->found[at];
	found->counts = st.counts;
	found->restarts = st.restarts;
	if (st.rolled)
		found->flags |= FOUND_CHANGED;
	if (st.partial)
		found->flags |= FOUND_PARTIAL;
	if (!(found->flags & FOUND_GONE)) {
		u64 name = read64(st.dir + name_offset());

		found->extra = (s32)read32(st.dir + count_offset()) - (s32)st.counts.refs;
		found->external_bytes = external_size(st.dir, name, read64(st.dir + hash_len_offset()));
	}
	st.opened = 0;
	st.restarts = 0;
	st.rolled = 0;
	st.partial = 0;
	st.at = at + 1;
	for (int i = 0; i < CRUMBS; i++)
		rows->crumbs[i].dentry = 0;
}

/* Goes on at the latest crumb that still stands; without one at the directory's beginning. */
noinline int roll_back(void)
{
	struct rows *rows = get_rows();
	u32 best = CRUMBS;
	u64 run = 0;

	if (!rows)
		return 1;
	for (u32 i = 0; i < CRUMBS; i++) {
		struct crumb *crumb = &rows->crumbs[i];

		if (!crumb->dentry || crumb->run < run)
			continue;
		if (!is_still(crumb->dentry, st.dir, crumb->hash_len) ||
		    read64(crumb->dentry + offset_of(dentry, d_inode)) != crumb->inode ||
		    read32(crumb->dentry + seq_offset()) != crumb->seq ||
		    pprev_of(crumb->dentry) != crumb->pprev) {
			crumb->dentry = 0;
			continue;
		}
		best = i;
		run = crumb->run;
	}
	if (++st.rolled > ROLL_BACKS) {
		st.restarts = RESTARTS;
		best = CRUMBS;
	}
	if (best < CRUMBS) {
		struct crumb *crumb = &rows->crumbs[best];

		st.counts = crumb->counts;
		st.emitted = crumb->emitted;
		st.last = crumb->dentry;
		st.last_hash_len = crumb->hash_len;
		st.last_inode = crumb->inode;
		st.last_pprev = crumb->pprev;
		st.last_seq = crumb->seq;
		st.node = read64(crumb->dentry + sib_offset());
		return 0;
	}
	if (++st.restarts > RESTARTS) {
		st.partial = 1;
		st.node = st.end;
		return 0;
	}
	return open_dir();
}

#include "child.h"
#include "plain.h"

/* Some children. Not 0: the run is over. */
noinline int steps(void)
{
	if (st.opened && (plain() == PLAIN_STRIDE || plain_files() == FILE_STRIDE))
		return bpf_ktime_get_ns() > st.deadline;
	for (int i = 0; i < STRIDE; i++) {
		if (st.children >= CHILDREN)
			return 1;
		if (!st.opened) {
			if (st.at >= st.units)
				return 1;
			open_dir();
		}
		if (step())
			return 1;
	}
	return bpf_ktime_get_ns() > st.deadline;
}

/*
 * The bits of d_flags, where BTF names them. Elsewhere the instructions that yield them are invalid,
 * and must not be moved out of the branch that is not taken.
 */
noinline int find_bits(void)
{
	st.known = 0;
	if (!has_bit(DCACHE_LRU_LIST))
		return 0;
	asm volatile("" ::: "memory");
	st.lru_bit = bit_of(DCACHE_LRU_LIST);
	st.shrink_bit = bit_of(DCACHE_SHRINK_LIST);
	st.mounted_bit = bit_of(DCACHE_MOUNTED);
	st.lookup_bit = bit_of(DCACHE_PAR_LOOKUP);
	st.type_bits = bit_of(DCACHE_ENTRY_TYPE);
	st.dir_type = bit_of(DCACHE_DIRECTORY_TYPE);
	st.file_type = bit_of(DCACHE_REGULAR_TYPE);
	st.file_bits = st.file_type | st.lru_bit;
	st.rare_bits = st.mounted_bit | st.lookup_bit;
	st.plain_bits = st.rare_bits | st.type_bits | st.lru_bit | st.shrink_bit;
	st.known = KNOWN_FLAGS;
	return 0;
}

/* The dentry that the caller has open as st.fd: the open file pins it. */
static inline_always int find_root(void)
{
	u64 task = bpf_get_current_task(), table, file;

	table = read64(read64(task + offset_of(task_struct, files)) + offset_of(files_struct, fdt));
	if (st.fd < 0 || (u32)st.fd >= read32(table + offset_of(fdtable, max_fds)))
		return -1;
	file = read64(read64(table + offset_of(fdtable, fd)) + 8 * (u64)(u32)st.fd);
	if (!file)
		return -1;
	st.dir = read64(file + offset_of(file, f_path.dentry));
	return st.dir ? 0 : -1;
}

/* Whether the child that was handled last still is where it was, so that its next one is, too. */
static inline_always int is_in_place(void)
{
	return is_still(st.last, st.dir, st.last_hash_len) &&
	       read64(st.last + offset_of(dentry, d_inode)) == st.last_inode &&
	       read32(st.last + seq_offset()) == st.last_seq && pprev_of(st.last) == st.last_pprev;
}

SEC("raw_tp") int census(void *unused)
{
	u64 start = bpf_ktime_get_ns(), took, run = ++st.runs;
	struct rows *rows = get_rows();

	if (!rows)
		return 0;
	st.deadline = start + st.max_ns;
	st.children = 0;
	st.error = 0;
	find_bits();
	if (st.at < UNITS && !st.opened && !rows->work[st.at].parent)
		st.error = find_root();
#ifndef DIRECT
	if (alias_offset() + 2 * sizeof(u64) > COPY)
		st.error = -2;
#endif
	if (st.error)
		return 0;
	if (st.opened) {
		if (!st.last)
			open_dir();
		else if (is_in_place())
			st.node = read64(st.last + sib_offset());
		else
			roll_back();
	}
	st.kept_of = st.at;
	st.kept = st.opened ? st.emitted : 0;
	for (int i = 0; i < 256; i++)
		if (steps())
			break;
	if (st.opened && st.last) {
		/*
		 * What it is now: if it was renamed since it was handled, its sequence count is no
		 * longer last_seq.
		 */
		st.last_hash_len = read64(st.last + hash_len_offset());
		st.last_inode = read64(st.last + offset_of(dentry, d_inode));
		st.last_pprev = pprev_of(st.last);
		/* At distances that grow exponentially: a ruler's marks. */
		u32 i = run & 1 ? 0 : run & 3 ? 1 : run & 15 ? 2 : run & 63 ? 3 : run & 255 ? 4 :
			run & 1023 ? 5 : run & 4095 ? 6 : 7;
		struct crumb *crumb = &rows->crumbs[i];

		crumb->dentry = st.last;
		crumb->hash_len = st.last_hash_len;
		crumb->inode = st.last_inode;
		crumb->pprev = st.last_pprev;
		crumb->seq = st.last_seq;
		crumb->emitted = st.emitted;
		crumb->run = run;
		crumb->counts = st.counts;
	}
	took = bpf_ktime_get_ns() - start;
	if (took > st.held_ns)
		st.held_ns = took;
	return 0;
}

char _license[] SEC("license") = "Dual MIT/GPL";

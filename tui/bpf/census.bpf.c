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

static inline_always int is_on_lru(const struct view *view)
{
	return (view->flags & (st.lru_bit | st.shrink_bit)) == st.lru_bit && st.lru_bit;
}

static inline_always u32 flags_of(const struct view *view)
{
	u32 flags = 0;

	if (view->count > 0)
		flags |= CHILD_REFERENCED;
	if (is_on_lru(view))
		flags |= CHILD_LRU;
	if (view->flags & st.mounted_bit)
		flags |= CHILD_MOUNTPOINT;
	if (view->flags & st.lookup_bit)
		flags |= CHILD_IN_LOOKUP;
	return flags;
}

static inline_always void count_flags(const struct view *view)
{
	if (is_on_lru(view))
		st.counts.lru++;
	if (view->flags & st.rare_bits) {
		st.counts.mountpoints += !!(view->flags & st.mounted_bit);
		st.counts.in_lookup += !!(view->flags & st.lookup_bit);
	}
}

static inline_always u32 type_of(const struct view *view)
{
	u32 type = view->flags & st.type_bits;

	if (type == st.file_type && type)
		return S_IFREG;
	if (type == st.dir_type && type)
		return S_IFDIR;
	return get(inode, view->inode, i_mode) & S_IFMT;
}

/* At which its inode is counted, as by the module: the name whose link back is to the inode. */
static inline_always int is_first_name(const struct view *view)
{
	return view->alias == view->inode + offset_of(inode, i_dentry);
}

/* Returns the inode's type. */
static inline_always u32 count_inode(const struct view *view)
{
	u32 type = type_of(view);

	if (is_first_name(view)) {
		st.counts.inodes++;
		if (type == S_IFREG)
			st.counts.pages += get(inode, view->inode, i_data.nrpages);
	}
	return type;
}

/* Reports a child. There is room: steps() has seen to it. */
static inline_always void emit(const struct view *view, u32 flags)
{
	u64 hash_len = st.list ? view->hash_len : hash_len_of(view);
	u32 i = st.children, len = (u32)(hash_len >> 32) & (NAME - 1);
	struct rows *rows = get_rows();
	struct child *child;

	if (!rows || i >= CHILDREN)
		return;
	child = &rows->child[i];
	child->dentry = view->dentry;
	child->hash_len = hash_len;
	child->of = st.at;
	child->flags = flags;
	st.children = i + 1;
	st.emitted++;
	if (!st.list)
		return;
	child->ino = view->inode ? read64(view->inode + offset_of(inode, i_ino)) : 0;
	child->name_len = len;
	if (bpf_probe_read_kernel(child->name, len, (void *)view->name))
		child->name_len = 0;
}

/* Counts a child without children. */
static inline_always void count_leaf(const struct view *view)
{
	u32 external;

	if (view->count > 0) {
		st.counts.in_use++;
		return;
	}
	external = external_size(view->dentry, view->name, view->hash_len);
	st.counts.prunable++;
	st.counts.external_names += !!external;
	st.counts.external_bytes += external;
	if (!view->inode) {
		st.counts.negative_prunable++;
		st.counts.negative_external_bytes += external;
	}
}

/* Where the link to st.node stands, unless a child that is dying is between. */
static inline_always u64 link(void)
{
	return st.last ? st.last + sib_offset() : st.dir + children_offset();
}

/* Handles the child at st.node. Not 0: the run is over. */
noinline int step(void)
{
	struct view view = { .dentry = st.node - sib_offset() };
	u32 flags = 0;

	if (st.node == st.end) {
		close_dir();
		return 0;
	}
	/* It was moved elsewhere: the list that it stands in now is not the one that is counted. */
	if (look(&view, st.list) || view.parent != st.dir) {
		roll_back();
		return 1;
	}
	/*
	 * It is being renamed, or turned into a file: the next run reads it again. Whatever is renamed
	 * goes to the head of its list: as long as its link back, which was read after its next, is to
	 * where the walk came from, it was not.
	 */
	if ((view.seq & 1) ||
	    ((st.list || view.pprev != link()) &&
	     get(dentry, view.dentry, d_seq.seqcount.sequence) != view.seq))
		return 1;
	st.node = view.next;
	if (view.count < 0) {
		st.counts.refs++;	/* dying: it has yet to drop its reference */
		return 0;
	}
	st.last = view.dentry;
	st.last_seq = view.seq;
	if (st.counts.total >= st.limit) {
		st.partial = 1;
		st.node = st.end;
		return 0;
	}
	/* A directory reader's cursor: it has no inode, and a name that no file can have. */
	if (!view.inode && view.count && (view.hash_len >> 32) == 1 &&
	    (read16(view.name) & 0xff) == '/')
		return 0;

	st.counts.total++;
	st.counts.refs++;
	count_flags(&view);
	if (!view.inode) {
		flags = CHILD_NEGATIVE;
		st.counts.negative++;
	} else {
		u32 type = count_inode(&view);

		if (type == S_IFREG) {
			flags = CHILD_FILE;
			st.counts.files++;
		} else if (type == S_IFDIR) {
			u64 first = first_of(&view);

			flags = CHILD_DIR;
			st.counts.dirs++;
			if (first && first != view.dentry + children_offset())
				flags |= CHILD_CHILDREN;
		} else {
			st.counts.other++;
		}
	}
	if (st.list || (flags & CHILD_CHILDREN))
		emit(&view, flags | flags_of(&view));
	if (!(flags & CHILD_CHILDREN))
		count_leaf(&view);
	else if (st.list)
		st.counts.pinned++;
	return 0;
}

/*
 * Passes plain negatives, what a directory is full of when somebody wants to know: without inode,
 * reference and allocated name, and on the LRU. The next of each was read before that was seen, or
 * with the link back to where the walk came from. Returns how many; *node is the next one's place in
 * the list, *last that of the last one.
 */
#ifdef DIRECT
static inline_always u32 pass(u64 *node, u64 *last, int sib, int bits)
{
	u32 lru = st.lru_bit, plain = st.plain_bits, seen;
	u32 place = sib ? offset_of(dentry___sib, d_sib) : offset_of(dentry___child, d_child);
	u64 name = (u64)short_name_offset() - place, at = *node, end = sib ? 0 : st.end;

#pragma clang loop unroll_count(4)
	for (seen = 0; seen < PLAIN_STRIDE && at != end; seen++) {
		const struct dentry *dentry = as(dentry, at - place);
		u64 next = next_in(dentry, sib);

		if (load(dentry->d_lockref.count))
			break;
		if (bits ? (load(dentry->d_flags) & plain) != lru : load(dentry->d_inode) != 0)
			break;
		if ((u64)load(dentry->d_name.name) - at != name)
			break;
		*last = at;
		at = next;
	}
	*node = at;
	return seen;
}

static inline_always u32 pass_by(u64 *node, u64 *last, int sib)
{
	return st.type_bits ? pass(node, last, sib, 1) : pass(node, last, sib, 0);
}
#else
/* Up to its place in the list and, as it is read, from the name on. */
#define PART 256

static inline_always u32 pass_by(u64 *node, u64 *last, int sib)
{
	u32 place = sib ? offset_of(dentry___sib, d_sib) : offset_of(dentry___child, d_child);
	u32 from = name_offset(), size = place + 16 - from, seen;
	u64 name = (u64)short_name_offset() - place, lru = (u64)offset_of(dentry, d_lru) - place;
	u64 at = *node, end = sib ? 0 : st.end, back = link();
	u8 part[PART] __attribute__((aligned(8)));
	const struct dentry *dentry = (const void *)part;

	if (from + size > PART)
		return 0;
	for (seen = 0; seen < PLAIN_STRIDE && at != end; seen++) {
		if (bpf_probe_read_kernel(part + from, size, (void *)(at - place + from)))
			break;
		/* What is not referenced is no mount point, nor being looked up. */
		if (pprev_in(dentry, sib) != back || load(dentry->d_inode) ||
		    load(dentry->d_lockref.count) || (u64)load(dentry->d_name.name) - at != name ||
		    (u64)load(dentry->d_lru.next) - at == lru)
			break;
		back = at;
		at = next_in(dentry, sib);
	}
	*node = at;
	*last = back;
	return seen;
}
#endif

/* Those never move; the first and the last are asked for their parent. Returns how many. */
noinline int plain(void)
{
	u64 node = st.node, last = 0;
	u32 seen;

	if (st.list || st.node == st.end || st.counts.total >= st.limit ||
	    (u64)get(dentry, st.node - sib_offset(), d_parent) != st.dir)
		return 0;
	seen = has_sib() ? pass_by(&node, &last, 1) : pass_by(&node, &last, 0);
	if (!seen)
		return 0;
	last -= sib_offset();
	/* Not where it was: step() sees to it. */
	if (read64(last + offset_of(dentry, d_parent)) != st.dir)
		return 0;
	st.node = node;
	st.counts.total += seen;
	st.counts.negative += seen;
	st.counts.prunable += seen;
	st.counts.negative_prunable += seen;
	st.counts.refs += seen;
	st.counts.lru += st.lru_bit ? seen : 0;
	st.last = last;
	st.last_seq = read32(last + seq_offset());
	return seen;
}

/* Whether it is a regular file, or has no inode, and whether its flags say nothing else of it. */
static inline_always int is_plain_child(const struct view *view)
{
	if (st.type_bits) {
		u32 bits = view->flags & st.plain_bits;

		return bits == (view->inode ? st.file_bits : st.lru_bit);
	}
	/* What is not referenced is no mount point, nor being looked up. */
	return !view->inode || (get(inode, view->inode, i_mode) & S_IFMT) == S_IFREG;
}

/*
 * Passes plain files, and plain negatives among them: without reference and allocated name, and on the
 * LRU. For what is renamed, see step(). Returns how many.
 */
noinline int plain_files(void)
{
	u64 node = st.node, back = link(), place = sib_offset(), files = 0, inodes = 0, pages = 0;
	u32 seq = 0, seen = 0;

	/* A loop that begins with a choice has a way back that Linux 6.1 refuses: check_cfg(). */
	asm volatile("" : "+r"(place));
	if (st.list || node == st.end || st.counts.total >= st.limit)
		return 0;
	do {
		struct view view = { .dentry = node - place };

		if (look(&view, 0) || view.count || (view.seq & 1) || view.parent != st.dir ||
		    view.pprev != back || view.name != view.dentry + short_name_offset() ||
		    !is_plain_child(&view))
			break;
		if (view.inode) {
			files++;
			if (is_first_name(&view)) {
				inodes++;
				pages += get(inode, view.inode, i_data.nrpages);
			}
		}
		seq = view.seq;
		back = node;
		node = view.next;
	} while (++seen < FILE_STRIDE && node != st.end);
	if (!seen)
		return 0;
	st.node = node;
	st.last = back - place;
	st.last_seq = seq;
	st.counts.total += seen;
	st.counts.refs += seen;
	st.counts.prunable += seen;
	st.counts.negative += seen - files;
	st.counts.negative_prunable += seen - files;
	st.counts.lru += st.lru_bit ? seen : 0;
	st.counts.files += files;
	st.counts.inodes += inodes;
	st.counts.pages += pages;
	return seen;
}

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

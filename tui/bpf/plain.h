/* SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0 */
/*
 * Children that follow each other and are counted all at once: plain negatives, and files. Part of
 * census.bpf.c.
 */
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

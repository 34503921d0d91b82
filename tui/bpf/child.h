/* SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0 */
/*
 * One child of a directory, whatever it is: counted, and reported where it is listed or to be entered.
 * Part of census.bpf.c.
 */
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

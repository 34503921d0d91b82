// SPDX-License-Identifier: GPL-2.0
/*
 * What surrounds a walk: whether it may begin, who began it, and what the kernel log says of it.
 */

#define pr_fmt(fmt) "slabscope: " fmt

#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/string_helpers.h>

#include "dispose.h"
#include "helpers.h"

/* Taken out of the caller's struct file, which pins it until slabscope_leave(). */
struct dentry *slabscope_root(struct file *file)
{
	return dget(file->f_path.dentry);
}

u64 slabscope_dev(struct dentry *dentry)
{
	return new_encode_dev(dentry->d_sb->s_dev);
}

/* The filesystems on which pruning is tested. */
static bool is_tested(const struct super_block *sb)
{
	static const char *const tested[] = { "ext4", "xfs", "btrfs", "overlay", "tmpfs" };
	int i;

	for (i = 0; i < ARRAY_SIZE(tested); i++)
		if (!strcmp(sb->s_type->name, tested[i]))
			return true;
	return false;
}

/*
 * Without shrink lists a file's dentry is in use for a moment before it goes. Its removal by others
 * would not remove it then, but rename it (nfs_unlink(), afs_unlink()); autofs takes such a dentry up
 * again (autofs_lookup_active()).
 */
static bool may_be_pinned(const struct super_block *sb)
{
#ifdef SLABSCOPE_HAS_SHRINK_LIST
	return true;
#else
	return strncmp(sb->s_type->name, "nfs", 3) && strcmp(sb->s_type->name, "afs") &&
	       strcmp(sb->s_type->name, "autofs");
#endif
}

/**
 * slabscope_check - whether a walk of @file may begin or go on
 * @file: what is to be walked
 * @prune: the walk evicts
 * @any_fs: on any type of filesystem
 *
 * Return: 0, -ENOTDIR, -EINVAL for a filesystem internal to the kernel, -EOPNOTSUPP for a type
 * that is not tested, or where removing what is in use renames it, -EBUSY for a frozen filesystem (iput() of an unlinked inode would wait).
 */
int slabscope_check(struct file *file, bool prune, bool any_fs)
{
	struct super_block *sb = file->f_path.dentry->d_sb;
	unsigned long flags = READ_ONCE(sb->s_flags);

	if (!d_is_dir(file->f_path.dentry))
		return -ENOTDIR;
	if (flags & (SB_NOUSER | SB_KERNMOUNT))
		return -EINVAL;
	if (!prune)
		return 0;
	if ((!any_fs && !is_tested(sb)) || !may_be_pinned(sb))
		return -EOPNOTSUPP;
	if (READ_ONCE(sb->s_writers.frozen) != SB_UNFROZEN)
		return -EBUSY;
	return 0;
}

/* Asked when a prune begins: another task, or a kernel thread, may close the session. */
void slabscope_who(struct slabscope_who *who)
{
	who->uid = from_kuid(&init_user_ns, current_uid());
	who->pid = task_tgid_nr(current);
	strscpy_pad(who->comm, current->comm, sizeof(who->comm));
}

/* Escapes what may end the quotes or the line, and all beyond ASCII; cuts off what has no room. */
const char *slabscope_quoted(const char *text, char *buf, int size)
{
	int len = slabscope_escape(text, buf, size - 1);

	buf[min(len, size - 1)] = '\0';
	return buf;
}

/* Bytes of a path, escaped, that the log has room for in one line. */
#define LOG_PATH 700

/*
 * One line a prune, the path last since a long one may be cut off. The path is the one within the
 * filesystem: d_path() needs current->fs, which is gone when an exiting task closes its session.
 */
void slabscope_log(struct file *file, const struct slabscope_who *who, const char *what,
		   const struct slabscope_counters *found, bool inodes, const char *status)
{
	struct dentry *dentry = file->f_path.dentry;
	char *buf = kmalloc(PATH_MAX + LOG_PATH, GFP_KERNEL);
	const char *path = buf ? dentry_path_raw(dentry, buf, PATH_MAX) : ERR_PTR(-ENOMEM);
	char comm[4 * sizeof(who->comm)], id[4 * sizeof(dentry->d_sb->s_id)];
	char more[160] = "";

	path = IS_ERR(path) ? "?" : slabscope_quoted(path, buf + PATH_MAX, LOG_PATH);
	if (inodes)
		snprintf(more, sizeof(more),
			 " %llu inodes, %llu pages, %llu left dirty, %llu with a failed write,",
			 found->evict_attempted, found->pages_evicted,
			 found->skipped_dirty + found->unsynced, found->write_failed);
	pr_info("uid %u, pid %d (%s) pruned %s: %llu evicted,%s %llu busy, %s; %s (%s) below \"%s\"\n",
		who->uid, who->pid, slabscope_quoted(who->comm, comm, sizeof(comm)), what, found->moved,
		more, found->busy, status, dentry->d_sb->s_type->name,
		slabscope_quoted(dentry->d_sb->s_id, id, sizeof(id)), path);
	kfree(buf);
}

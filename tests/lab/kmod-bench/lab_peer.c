// SPDX-License-Identifier: GPL-2.0
/*
 * What `cargo lab bench` compares the module with: `echo DIR > /proc/lab_peer` calls
 * shrink_dcache_parent() on a directory, as the first module of this kind did. For the lab's guest
 * alone.
 */
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/string.h>

static ssize_t peer_write(struct file *file, const char __user *text, size_t len, loff_t *pos)
{
	char *name = memdup_user_nul(text, min_t(size_t, len, PATH_MAX));
	struct path path;
	int err;

	if (IS_ERR(name))
		return PTR_ERR(name);
	err = kern_path(strim(name), LOOKUP_DIRECTORY, &path);
	kfree(name);
	if (err)
		return err;
	shrink_dcache_parent(path.dentry);
	path_put(&path);
	return len;
}

static const struct proc_ops peer_ops = {
	.proc_write = peer_write,
};

static int __init peer_init(void)
{
	return proc_create("lab_peer", 0200, NULL, &peer_ops) ? 0 : -ENOMEM;
}

static void __exit peer_exit(void)
{
	remove_proc_entry("lab_peer", NULL);
}

module_init(peer_init);
module_exit(peer_exit);
MODULE_DESCRIPTION("shrink_dcache_parent(), to measure slabscope against");
MODULE_LICENSE("GPL");

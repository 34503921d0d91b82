// SPDX-License-Identifier: GPL-2.0
/*
 * echo DIR > /sys/kernel/debug/slabscope/shrink_dcache evicts the unused dentries below DIR;
 * reading the file shows what became of the last ones. Scripts have the device and the
 * program; this is for a rescue shell.
 *
 * C, because the files of kernel::debugfs have no owner: one that is held open would outlive the
 * module's code.
 */

#define pr_fmt(fmt) "slabscope: " fmt

#include <linux/capability.h>
#include <linux/debugfs.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string_helpers.h>

#include "helpers.h"

#define RESULTS 8
#define RESULT_PATH 128

struct result {
	char path[RESULT_PATH];		/* as given, cut off */
	int error;
	struct slabscope_counters found;
};

static struct dentry *dir;
/* Protects what follows. */
static DEFINE_SPINLOCK(results_lock);
static struct result results[RESULTS];
static unsigned int nr_results;
static char quoted[4 * RESULT_PATH];

static int shrink_dcache_show(struct seq_file *m, void *unused)
{
	unsigned int i;

	spin_lock(&results_lock);
	for (i = nr_results > RESULTS ? nr_results - RESULTS : 0; i < nr_results; i++) {
		const struct result *r = &results[i % RESULTS];

		seq_printf(m, "\"%s\": found %llu, evicted %llu, in use %llu, busy %llu",
			   slabscope_quoted(r->path, quoted, sizeof(quoted)), r->found.total,
			   r->found.moved, r->found.in_use, r->found.busy);
		if (r->error)
			seq_printf(m, ", error %d", r->error);
		seq_puts(m, "\n");
	}
	spin_unlock(&results_lock);
	return 0;
}

static void remember(const char *path, int error, const struct slabscope_counters *found)
{
	struct result *r;

	spin_lock(&results_lock);
	r = &results[nr_results++ % RESULTS];
	strscpy(r->path, path, sizeof(r->path));
	r->error = error;
	r->found = *found;
	spin_unlock(&results_lock);
}

static ssize_t shrink_dcache_write(struct file *unused, const char __user *buf, size_t len,
				   loff_t *ppos)
{
	struct slabscope_counters found = {};
	size_t written = len;
	struct file *file;
	char *path;
	int error;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!len || *ppos)
		return -EINVAL;
	if (len > PATH_MAX)
		return -ENAMETOOLONG;
	path = memdup_user_nul(buf, len);
	if (IS_ERR(path))
		return PTR_ERR(path);
	if (path[len - 1] == '\n')
		path[--len] = '\0';
	/*
	 * A path that ends early would lead higher up; one that is empty, as "$UNSET" is, or
	 * relative, to the writer's directory.
	 */
	if (strlen(path) != len || path[0] != '/') {
		kfree(path);
		return -EINVAL;
	}
	file = filp_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (IS_ERR(file)) {
		error = PTR_ERR(file);
	} else {
		error = slabscope_shrink(file, &found);
		fput(file);
	}
	remember(path, error == -ERESTARTSYS ? -EINTR : error, &found);
	kfree(path);
	return error ?: written;
}

static int shrink_dcache_open(struct inode *inode, struct file *file)
{
	return single_open(file, shrink_dcache_show, NULL);
}

static const struct file_operations shrink_dcache_fops = {
	.owner = THIS_MODULE,
	.open = shrink_dcache_open,
	.read = seq_read,
	.write = shrink_dcache_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* Without debugfs there is no file, which is no error. */
void slabscope_debugfs_init(void)
{
	if (dir)
		return;
	dir = debugfs_create_dir("slabscope", NULL);
	debugfs_create_file("shrink_dcache", 0600, dir, NULL, &shrink_dcache_fops);
}

void slabscope_debugfs_exit(void)
{
	debugfs_remove(dir);
	dir = NULL;
}

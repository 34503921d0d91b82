// SPDX-License-Identifier: GPL-2.0
/*
 * The device for kernels that are built without Rust: what slabscope_main.rs is elsewhere. The state of an
 * open file is core.rs'.
 */

#define pr_fmt(fmt) "slabscope: " fmt

#include <linux/capability.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "../helpers.h"

/* abi.rs */
struct slabscope_info {
	u32 size, version, modes, flags, max_depth, reserved;
};

struct slabscope_begin {
	u32 size, version;
	s32 fd;
	u32 mode, flags, depth, batch, reserved;
	u64 max_dentries, max_ns;
};

SLABSCOPE_AT(info, flags, 12);
static_assert(sizeof(struct slabscope_info) == 24);
SLABSCOPE_AT(begin, fd, 8);
SLABSCOPE_AT(begin, max_ns, 40);
static_assert(sizeof(struct slabscope_begin) == 48);

#define IOC_INFO	_IOR(0xDC, 1, struct slabscope_info)
#define IOC_BEGIN	_IOW(0xDC, 2, struct slabscope_begin)
#define IOC_STOP	_IO(0xDC, 3)

/* core.rs */
void slabscope_info(struct slabscope_info *info);
void *slabscope_open(void);
void slabscope_close(void *state);
long slabscope_begin(void *state, const struct slabscope_begin *begin);
long slabscope_stop(void *state);
long slabscope_read(void *state, struct iov_iter *to, size_t room);

/* For kernel.rs and core.rs. */
void *slabscope_alloc(size_t size, bool account, bool zero);
void slabscope_free(void *object);
s64 slabscope_now(void);
bool slabscope_signal_pending(void);
void slabscope_get_file(struct file *file);
bool slabscope_is_read_only(void);
size_t slabscope_copy_out(struct iov_iter *to, const void *bytes, size_t len);

static u8 read_only;
module_param(read_only, byte, 0444);
MODULE_PARM_DESC(read_only, "1: refuse every prune");

void *slabscope_alloc(size_t size, bool account, bool zero)
{
	return kvmalloc(size, (account ? GFP_KERNEL_ACCOUNT : GFP_KERNEL) | (zero ? __GFP_ZERO : 0));
}

void slabscope_free(void *object)
{
	kvfree(object);
}

s64 slabscope_now(void)
{
	return ktime_get_ns();
}

bool slabscope_signal_pending(void)
{
	return signal_pending(current);
}

void slabscope_get_file(struct file *file)
{
	get_file(file);
}

bool slabscope_is_read_only(void)
{
	return read_only;
}

size_t slabscope_copy_out(struct iov_iter *to, const void *bytes, size_t len)
{
	return copy_to_iter(bytes, len, to);
}

struct session {
	struct mutex lock;	/* protects the state */
	void *state;
};

static int device_open(struct inode *inode, struct file *file)
{
	struct session *session;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);
	if (!session)
		return -ENOMEM;
	mutex_init(&session->lock);
	session->state = slabscope_open();
	if (!session->state) {
		kfree(session);
		return -ENOMEM;
	}
	file->private_data = session;
	return 0;
}

static int device_release(struct inode *inode, struct file *file)
{
	struct session *session = file->private_data;

	slabscope_close(session->state);
	mutex_destroy(&session->lock);
	kfree(session);
	return 0;
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct session *session = file->private_data;
	void __user *user = (void __user *)arg;
	struct slabscope_begin begin;
	struct slabscope_info info;
	long done;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	switch (cmd) {
	case IOC_INFO:
		slabscope_info(&info);
		return copy_to_user(user, &info, sizeof(info)) ? -EFAULT : 0;
	case IOC_BEGIN:
		if (copy_from_user(&begin, user, sizeof(begin)))
			return -EFAULT;
		if (mutex_lock_killable(&session->lock))
			return -EINTR;
		done = slabscope_begin(session->state, &begin);
		mutex_unlock(&session->lock);
		return done;
	case IOC_STOP:
		if (mutex_lock_killable(&session->lock))
			return -EINTR;
		done = slabscope_stop(session->state);
		mutex_unlock(&session->lock);
		return done;
	default:
		return -ENOTTY;
	}
}

static ssize_t device_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct session *session = iocb->ki_filp->private_data;
	ssize_t done;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (mutex_lock_killable(&session->lock))
		return -EINTR;
	done = slabscope_read(session->state, to, iov_iter_count(to));
	mutex_unlock(&session->lock);
	return done;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.open = device_open,
	.release = device_release,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.read_iter = device_read_iter,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "slabscope",
	.fops = &fops,
};

static int __init slabscope_init(void)
{
	struct slabscope_info info;
	int error;

	slabscope_info(&info);
	slabscope_drain_init();
	error = misc_register(&device);
	if (error) {
		slabscope_drain_exit();
		return error;
	}
	slabscope_debugfs_init();
	pr_info("ABI %u%s\n", info.version, read_only ? ", read-only" : "");
	return 0;
}

static void __exit slabscope_exit(void)
{
	slabscope_debugfs_exit();
	misc_deregister(&device);
	slabscope_drain_exit();
}

module_init(slabscope_init);
module_exit(slabscope_exit);
MODULE_AUTHOR("The slabscope authors");
MODULE_DESCRIPTION("Counts and prunes what the dentry cache holds below one directory");
MODULE_LICENSE("GPL");

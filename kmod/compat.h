/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that the module is built for. No other file asks for a version.
 */
#ifndef SLABSCOPE_COMPAT_H
#define SLABSCOPE_COMPAT_H

#include <linux/fs.h>
#include <linux/version.h>

/*
 * Since Linux 7.3 I_METADATA_WRITEBACK says that an inode which was written is not on the disk yet:
 * before, it is clean too early.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#define SLABSCOPE_METADATA		I_METADATA_WRITEBACK
#else
#define SLABSCOPE_METADATA		0
#endif

#endif

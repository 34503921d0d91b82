#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What the kernel has, as macros for compat.h: features.sh COMPILER FLAGS... Distributions take later work
# into earlier kernels, so that a version does not say. The kernel's own compiler is given all of it at once,
# a line each; what it refuses is not there.
set -eu

probes='
METADATA_WRITEBACK	(void)I_METADATA_WRITEBACK
SHRINK_LIST		shrink_dentry_list((struct list_head *)0)
D_ALIAS			(void)sizeof(((struct dentry *)0)->d_alias)
D_CHILDREN		(void)sizeof(((struct dentry *)0)->d_children)
D_SHORTNAME		(void)sizeof(((struct dentry *)0)->d_shortname)
ICOUNT_READ		(void)icount_read_once((struct inode *)0)
INODE_STATE_READ	(void)inode_state_read_once((struct inode *)0)
STATE_WAIT_ADDRESS	(void)inode_state_wait_address((struct inode *)0, 0)
BD_MAPPING		(void)sizeof(((struct block_device *)0)->bd_mapping)
FLUSH_RANGE		(void)filemap_flush_range((struct address_space *)0, 0, 0)
FDATAWRITE_WBC		(void)filemap_fdatawrite_wbc((struct address_space *)0, (struct writeback_control *)0)
SIZE_ROUNDUP		(void)kmalloc_size_roundup(1)
XAS_GET_ORDER		(void)xas_get_order((struct xa_state *)0)
GET_FOLIOS		(void)filemap_get_folios((struct address_space *)0, (void *)0, 0, (void *)0)
GET_FOLIOS_TAG		(void)filemap_get_folios_tag((struct address_space *)0, (void *)0, 0, 0, (void *)0)
FOLIO_WAIT		(void)folio_wait_writeback_killable((void *)0)
CANCEL_WORK		(void)cancel_work((struct work_struct *)0)
BATCH_RELEASE		__folio_batch_release((struct folio_batch *)0)
CPU_IS_ISOLATED		(void)cpu_is_isolated(0)
HK_TYPE			(void)housekeeping_cpu(0, HK_TYPE_WQ)
ESCAPE_APPEND		(void)ESCAPE_APPEND
PERCPU_WQ		(void)system_percpu_wq
'

source=$(
	for header in blkdev dcache fs pagemap sched/isolation slab string_helpers workqueue xarray; do echo "#include <linux/$header.h>"; done
	echo '#if __has_include(<linux/folio_batch.h>)'
	echo '#include <linux/folio_batch.h>'
	echo '#else'
	echo '#include <linux/pagevec.h>'
	echo '#endif'
	echo '#line 1 "features"'
	echo "$probes" | while read -r name code; do
		echo "${name:+void probe_$name(void); void probe_$name(void) { $code; \}}"
	done
)
status=0
said=$(echo "$source" | LC_ALL=C "$@" -fsyntax-only -Werror=implicit-function-declaration -x c - 2>&1) || status=$?
errors=$(echo "$said" | grep -E '(error|fatal):' || :)

# Else nothing or everything would be found, and the module be built for another kernel.
others=$(echo "$errors" | grep -v '^features:\|^$' || :)
if [ "$status" -gt 1 ] || [ "$others" ] || { [ "$status" = 1 ] && [ ! "$errors" ]; }; then
	echo "features.sh: the kernel's headers do not compile:" >&2
	echo "${others:-$said}" >&2
	exit 1
fi

line=0
echo "$probes" | while read -r name _; do
	line=$((line + 1))
	if [ "$name" ] && ! echo "$errors" | grep -q "^features:$line:"; then
		echo "#define SLABSCOPE_HAS_$name"
	fi
done

// SPDX-License-Identifier: GPL-2.0
/*
 * Letting go of an inode that was flagged to be evicted, and seeing whether it was.
 *
 * Lock order:
 *
 *   wait queue of the inode		interrupts off
 *     inode->i_lock			trylock only: find_inode() takes the two the other way round
 */

#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>
#include <linux/wait_bit.h>

#include "compat.h"
#include "helpers.h"

/* How long a killed task tries for i_lock, which is held briefly everywhere. */
#define SLABSCOPE_PATIENCE_MS 100

/*
 * Whether a filesystem wants the inode gone after its last use: d_mark_dontcache() marks its
 * dentries, too.
 */
static bool is_unwanted(struct inode *inode)
{
	struct dentry *alias;

	hlist_for_each_entry(alias, &inode->i_dentry, d_alias)
		if (READ_ONCE(alias->d_flags) & DCACHE_DONTCACHE)
			return true;
	return false;
}

struct watch {
	struct wait_queue_entry entry;	/* in its queue until the inode is evicted */
	const void *var;
};

static int note_evicted(struct wait_queue_entry *entry, unsigned int mode, int sync, void *arg)
{
	struct watch *watch = container_of(entry, struct watch, entry);
	const struct wait_bit_key *key = arg;

	if (key->flags == watch->var && key->bit_nr == SLABSCOPE_I_NEW_BIT)
		list_del_init_careful(&entry->entry);
	return 0;	/* other waiters are still to be woken */
}

/*
 * Takes the flag back from an inode that is in use again. False: try again, the owner of i_lock
 * may be waiting for the queue, whose lock is held here.
 */
static bool take_back(struct inode *inode)
{
	if (!spin_trylock(&inode->i_lock))
		return false;
	if (!(inode_state_read(inode) & (I_FREEING | I_WILL_FREE)) && !is_unwanted(inode))
		inode_state_clear(inode, I_DONTCACHE);
	spin_unlock(&inode->i_lock);
	return true;
}

/**
 * slabscope_put_watched - release an inode that is to be evicted, and see whether it is
 * @inode: the inode
 * @flagged: it has I_DONTCACHE from us
 *
 * Between unlocking the inode and the count's fall another task may take it: igrab() needs no lock
 * while the count is not 0. iput() then evicts nothing, and the flag would stay for as long as the
 * inode does. We have no reference any more by which to take it back, but evict() wakes those who
 * wait in __wait_on_freeing_inode() before it frees: as long as we, among them, were not woken
 * and hold the queue's lock, the inode is there.
 *
 * Return: whether it was evicted.
 */
bool slabscope_put_watched(struct inode *inode, bool flagged)
{
	void *var = slabscope_i_new_address(inode);
	struct wait_queue_head *queue = slabscope_i_new_queue(inode);
	struct watch watch = { .entry.func = note_evicted, .var = var };
	unsigned int patience = msecs_to_jiffies(SLABSCOPE_PATIENCE_MS);
	bool evicted, done;

	INIT_LIST_HEAD(&watch.entry.entry);
	add_wait_queue(queue, &watch.entry);
	iput(inode);
	/* As in finish_wait(): the task that removed the entry is done with it. */
	if (list_empty_careful(&watch.entry.entry))
		return true;
	for (;;) {
		spin_lock_irq(&queue->lock);
		evicted = list_empty(&watch.entry.entry);
		done = evicted || !flagged || take_back(inode);
		if (done)
			list_del_init(&watch.entry.entry);
		spin_unlock_irq(&queue->lock);
		if (done)
			return evicted;
		/*
		 * On PREEMPT_RT the owner of i_lock may want this CPU, at a lower priority. Killed,
		 * we leave the flag in the end: the inode is evicted once, early, after its last use.
		 */
		schedule_timeout_uninterruptible(1);
		if (fatal_signal_pending(current) && !--patience)
			flagged = false;
	}
}

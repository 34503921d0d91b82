// SPDX-License-Identifier: GPL-2.0
/*
 * Emptying the lists of pages that CPUs keep. Pages that were just read wait in a list of their
 * CPU, which refers to them: none of those would go. lru_add_drain_all() is not exported, but
 * releasing a batch, were it empty, drains the CPU that it happens on.
 *
 * Whether a CPU has anything to drain is hidden outside mm/. A CPU may be kept busy by
 * others for as long as they like: it is waited for WAIT_MS at most, which a kill ends, and then
 * done without.
 */

#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "helpers.h"

#define WAIT_MS 100

struct drain {
	struct work_struct work;
	unsigned int done;	/* the round that was the last one when it began */
};

static DEFINE_PER_CPU(struct drain, drains);
static atomic_t rounds = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(drained);
static bool ready;

/* Sessions that wait. What one of them has queued is another's, too: the last one cancels it. */
static DEFINE_SPINLOCK(waiters_lock);
static unsigned int waiters;

/* The work holds a reference to the module, so that it ends before that is unloaded. */
static void drain_cpu(struct work_struct *work)
{
	struct drain *drain = container_of(work, struct drain, work);
	unsigned int round = atomic_read(&rounds);

	slabscope_release_no_page();
	/* Paired with the acquire in is_done(). */
	smp_store_release(&drain->done, round);
	wake_up_all(&drained);
	module_put(THIS_MODULE);
}

static void queue_drain(unsigned int cpu)
{
	/* One that is pending has yet to begin, and sees this round. */
	__module_get(THIS_MODULE);
	if (!queue_work_on(cpu, system_percpu_wq, &per_cpu(drains, cpu).work))
		module_put(THIS_MODULE);
}

static bool is_done(const struct cpumask *cpus, unsigned int round)
{
	unsigned int cpu;

	for_each_cpu(cpu, cpus)
		if ((int)(smp_load_acquire(&per_cpu(drains, cpu).done) - round) < 0)
			return false;
	return true;
}

static void begin_waiting(void)
{
	spin_lock(&waiters_lock);
	waiters++;
	spin_unlock(&waiters_lock);
}

/* What has not begun is not left behind: a module with work to do cannot be unloaded. */
static void end_waiting(void)
{
	unsigned int cpu;

	spin_lock(&waiters_lock);
	if (!--waiters)
		for_each_possible_cpu(cpu)
			if (cancel_work(&per_cpu(drains, cpu).work))
				module_put(THIS_MODULE);
	spin_unlock(&waiters_lock);
}

/**
 * slabscope_drain - have pages that were just read counted as what they are
 *
 * On all CPUs but isolated ones, which are not ours to disturb. No lock is held meanwhile: one that
 * goes offline drains its list itself, and the work is done elsewhere.
 *
 * Context: process context without locks; sleeps.
 */
void slabscope_drain(void)
{
	cpumask_var_t cpus;
	unsigned int cpu, round;

	if (!ready || !zalloc_cpumask_var(&cpus, GFP_KERNEL))
		return;
	begin_waiting();
	round = atomic_inc_return(&rounds);
	for_each_online_cpu(cpu) {
		/* Who isolates a CPU frees the old mask after a grace period, and flushes then. */
		rcu_read_lock();
		if (!slabscope_is_isolated(cpu)) {
			cpumask_set_cpu(cpu, cpus);
			queue_drain(cpu);
		}
		rcu_read_unlock();
	}
	wait_event_killable_timeout(drained, is_done(cpus, round), msecs_to_jiffies(WAIT_MS));
	end_waiting();
	free_cpumask_var(cpus);
}

void slabscope_drain_init(void)
{
	unsigned int cpu;

	if (ready)
		return;
	for_each_possible_cpu(cpu)
		INIT_WORK(&per_cpu(drains, cpu).work, drain_cpu);
	ready = true;
}

/* Without a reference no work is pending: what is waited for is the end of module_put(). */
void slabscope_drain_exit(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		flush_work(&per_cpu(drains, cpu).work);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The algorithm as published in June 2026, for comparison only. Written anew from the public
 * description of the C series "Add RMPOPT support", last version of June 2026;
 * it shares no code with it. Never use it for anything but the bench.
 *
 * What it does besides is left out, because nothing of it is measured: CPU
 * hotplug is not switched off, and a processor that faults is not reported.
 *
 * At load RMPOPT_BASE is set on one thread of each core, from the lowest RAM on.
 * A pass is a work item: the CPU that it happens to run on verifies every GiB
 * from the lowest to the highest page frame, holes included; then, for each GiB,
 * one thread of every other core is interrupted, all at once, and all are waited
 * for. At most 2 TiB are covered.
 *
 * debugfs rmpopt_june/: pass, guest_ended, passes; see walk.h.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/smp.h>
#include <linux/topology.h>

#include <asm/cpuid/api.h>
#include <asm/msr.h>

#include "../../tests/selftests/modules/walk.h"

static struct dentry *dir;

static void verify(void *address)
{
	walk_verify(*(phys_addr_t *)address);
}

static void pass_work(struct work_struct *work)
{
	cpumask_var_t followers;
	phys_addr_t pa;

	if (!zalloc_cpumask_var(&followers, GFP_KERNEL))
		return;

	cpus_read_lock();

	migrate_disable();
	for (pa = walk_start; pa < walk_end; pa += SZ_1G) {
		walk_verify(pa);
		cond_resched();
	}
	cpumask_andnot(followers, walk_threads, topology_sibling_cpumask(smp_processor_id()));
	migrate_enable();

	for (pa = walk_start; pa < walk_end; pa += SZ_1G) {
		on_each_cpu_mask(followers, verify, &pa, true);
		cond_resched();
	}

	cpus_read_unlock();
	free_cpumask_var(followers);
	WRITE_ONCE(passes, passes + 1);
}

static void write_base(void *value)
{
	wrmsrq_safe(MSR_RMPOPT_BASE, *(u64 *)value);
}

static void write_bases(u64 value)
{
	on_each_cpu_mask(walk_threads, write_base, &value, true);
}

static int __init published_init(void)
{
	if (cpuid_eax(0x80000000) < 0x80000025 || !(cpuid_edx(0x80000025) & BIT(0)))
		return -ENODEV;
	if (!zalloc_cpumask_var(&walk_threads, GFP_KERNEL))
		return -ENOMEM;

	walk_find_ram();
	if (walk_start > walk_end) {
		free_cpumask_var(walk_threads);
		return -ENODEV;
	}
	walk_end = min(walk_end, walk_start + 2 * SZ_1T);

	cpus_read_lock();
	walk_find_threads();
	write_bases(walk_start | RMPOPT_EN);
	cpus_read_unlock();

	mod_delayed_work(system_dfl_wq, &pass_item, 0);

	dir = walk_files("rmpopt_june");
	return 0;
}

static void __exit published_exit(void)
{
	debugfs_remove(dir);
	cancel_delayed_work_sync(&pass_item);
	cpus_read_lock();
	write_bases(0);
	cpus_read_unlock();
	free_cpumask_var(walk_threads);
}

module_init(published_init);
module_exit(published_exit);

MODULE_DESCRIPTION("The RMPOPT algorithm of June 2026, for the bench only");
MODULE_LICENSE("GPL");

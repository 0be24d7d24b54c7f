// SPDX-License-Identifier: GPL-2.0
/*
 * The published algorithm, for comparison only. Written anew from the public
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
 * debugfs rmpopt_published/:
 *   pass         write anything: one pass now; the write returns when it is done
 *   guest_ended  write anything: one pass in 10 seconds, as after the last guest
 *   passes       passes finished since load
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sizes.h>
#include <linux/smp.h>
#include <linux/topology.h>
#include <linux/workqueue.h>

#include <asm/asm.h>
#include <asm/cpuid/api.h>
#include <asm/msr.h>

#define MSR_RMPOPT_BASE		0xc0010139
#define RMPOPT_EN		BIT_ULL(0)
#define RMPOPT_VERIFY		0

#define GUEST_ENDED_DELAY	(10 * HZ)

static phys_addr_t ram_start, ram_end;	/* 1 GiB aligned */
static cpumask_var_t leaders;		/* one thread of each core */
static struct dentry *dir;
static u32 passes;

static void pass_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(pass_item, pass_work);

/* Returns the carry flag: true if the region is optimised now. */
static bool __rmpopt(u64 rax, u64 rcx)
{
	bool cf = false;

	asm volatile("1: .byte 0xf2, 0x0f, 0x01, 0xfc\n\t"
		     "setc %b[cf]\n"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : [cf] "+q" (cf), "+a" (rax), "+c" (rcx)
		     : : "memory", "cc");
	return cf;
}

static void rmpopt_verify(void *address)
{
	__rmpopt(*(phys_addr_t *)address, RMPOPT_VERIFY);
}

static void pass_work(struct work_struct *work)
{
	cpumask_var_t followers;
	phys_addr_t pa;

	if (!zalloc_cpumask_var(&followers, GFP_KERNEL))
		return;

	cpus_read_lock();

	migrate_disable();
	for (pa = ram_start; pa < ram_end; pa += SZ_1G) {
		rmpopt_verify(&pa);
		cond_resched();
	}
	cpumask_andnot(followers, leaders, topology_sibling_cpumask(smp_processor_id()));
	migrate_enable();

	for (pa = ram_start; pa < ram_end; pa += SZ_1G) {
		on_each_cpu_mask(followers, rmpopt_verify, &pa, true);
		cond_resched();
	}

	cpus_read_unlock();
	free_cpumask_var(followers);
	WRITE_ONCE(passes, passes + 1);
}

static ssize_t pass_write(struct file *file, const char __user *user, size_t len, loff_t *pos)
{
	mod_delayed_work(system_dfl_wq, &pass_item, 0);
	flush_delayed_work(&pass_item);
	return len;
}

static const struct file_operations pass_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= pass_write,
};

static ssize_t guest_ended_write(struct file *file, const char __user *user, size_t len,
				 loff_t *pos)
{
	mod_delayed_work(system_dfl_wq, &pass_item, GUEST_ENDED_DELAY);
	return len;
}

static const struct file_operations guest_ended_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= guest_ended_write,
};

static int note_ram(struct resource *res, void *arg)
{
	ram_start = min(ram_start, ALIGN_DOWN(res->start, SZ_1G));
	ram_end = max(ram_end, ALIGN(res->end + 1, SZ_1G));
	return 0;
}

static void write_base(void *value)
{
	wrmsrq_safe(MSR_RMPOPT_BASE, *(u64 *)value);
}

static void write_bases(u64 value)
{
	on_each_cpu_mask(leaders, write_base, &value, true);
}

static int __init published_init(void)
{
	int cpu;

	if (cpuid_eax(0x80000000) < 0x80000025 || !(cpuid_edx(0x80000025) & BIT(0)))
		return -ENODEV;
	if (!zalloc_cpumask_var(&leaders, GFP_KERNEL))
		return -ENOMEM;

	ram_start = PHYS_ADDR_MAX;
	walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0, -1,
			    NULL, note_ram);
	if (ram_start > ram_end) {
		free_cpumask_var(leaders);
		return -ENODEV;
	}
	ram_end = min(ram_end, ram_start + 2 * SZ_1T);

	cpus_read_lock();
	for_each_online_cpu(cpu)
		if (cpu == cpumask_first(topology_sibling_cpumask(cpu)))
			cpumask_set_cpu(cpu, leaders);
	write_bases(ram_start | RMPOPT_EN);
	cpus_read_unlock();

	mod_delayed_work(system_dfl_wq, &pass_item, 0);

	dir = debugfs_create_dir("rmpopt_published", NULL);
	debugfs_create_file("pass", 0200, dir, NULL, &pass_fops);
	debugfs_create_file("guest_ended", 0200, dir, NULL, &guest_ended_fops);
	debugfs_create_u32("passes", 0400, dir, &passes);
	return 0;
}

static void __exit published_exit(void)
{
	debugfs_remove(dir);
	cancel_delayed_work_sync(&pass_item);
	cpus_read_lock();
	write_bases(0);
	cpus_read_unlock();
	free_cpumask_var(leaders);
}

module_init(published_init);
module_exit(published_exit);

MODULE_DESCRIPTION("The published RMPOPT algorithm, for the bench only");
MODULE_LICENSE("GPL");

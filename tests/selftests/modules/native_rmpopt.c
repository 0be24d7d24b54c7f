// SPDX-License-Identifier: GPL-2.0
/*
 * Plays a kernel that has RMPOPT of its own, after the public description of
 * what was taken into the x86 tree in September 2026. It shares no code with it.
 *
 * At load it sets the CPU feature bit, and where SNP is on RMPOPT_BASE of each core, on
 * one thread: one window from the lowest RAM on. RMPOPT_BASE is left alone where
 * the CPU that loads it reads it enabled already. A pass is a work item: it
 * verifies every GiB on the CPU on which it happens to run, then interrupts all
 * cores at once, and each walks the same list. Nothing of it is ever undone but
 * the feature bit, which goes with the module: a test needs both.
 *
 * Parameter base_gib: where the window begins instead.
 *
 * debugfs native_rmpopt/:
 *   pass         write anything: one pass now; the write returns when it is done
 *   guest_ended  write anything: one pass in 10 seconds, as after the last guest
 *   passes       passes finished since load
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/smp.h>
#include <linux/topology.h>
#include <linux/workqueue.h>

#include <asm/asm.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>

#define MSR_RMPOPT_BASE		0xc0010139
#define RMPOPT_EN		BIT_ULL(0)
#define SYSCFG_SNP_EN		BIT_ULL(24)

/* Kernels that do not know the name leave the bit free. */
#ifndef X86_FEATURE_RMPOPT
#define X86_FEATURE_RMPOPT	(3 * 32 + 7)
#endif

static int base_gib = -1;
module_param(base_gib, int, 0);
MODULE_PARM_DESC(base_gib, "GiB at which the window begins; the lowest RAM without it");

static phys_addr_t first, end;		/* what a pass walks, 1 GiB aligned */
static cpumask_var_t threads;		/* one of each core */
static struct dentry *dir;
static u32 passes;

static void pass_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(pass_item, pass_work);

/* Verifies a GiB. The carry flag, which tells what came of it, is thrown away. */
static void verify(phys_addr_t pa)
{
	bool cf;

	asm volatile("1: .byte 0xf2, 0x0f, 0x01, 0xfc\n\t"
		     "setc %b[cf]\n"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : [cf] "=q" (cf) : "a" (pa), "c" (0) : "memory", "cc");
}

static void verify_all(void *unused)
{
	phys_addr_t pa;

	for (pa = first; pa < end; pa += SZ_1G)
		verify(pa);
}

static void pass_work(struct work_struct *work)
{
	phys_addr_t pa;

	cpus_read_lock();
	migrate_disable();
	for (pa = first; pa < end; pa += SZ_1G) {
		verify(pa);
		cond_resched();
	}
	migrate_enable();
	on_each_cpu_mask(threads, verify_all, NULL, true);
	cpus_read_unlock();
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
	mod_delayed_work(system_dfl_wq, &pass_item, 10 * HZ);
	return len;
}

static const struct file_operations guest_ended_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= guest_ended_write,
};

static int note_ram(struct resource *res, void *arg)
{
	first = min(first, ALIGN_DOWN(res->start, SZ_1G));
	end = max(end, ALIGN(res->end + 1, SZ_1G));
	return 0;
}

static void write_base(void *unused)
{
	wrmsrq_safe(MSR_RMPOPT_BASE, first | RMPOPT_EN);
}

static int __init native_init(void)
{
	u64 value = 0;
	int cpu;

	if (!zalloc_cpumask_var(&threads, GFP_KERNEL))
		return -ENOMEM;
	first = PHYS_ADDR_MAX;
	walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0, -1,
			    NULL, note_ram);
	if (base_gib >= 0)
		first = (phys_addr_t)base_gib * SZ_1G;
	end = min(end, first + 2 * SZ_1T);

	set_cpu_cap(&boot_cpu_data, X86_FEATURE_RMPOPT);

	cpus_read_lock();
	for_each_online_cpu(cpu)
		if (cpu == cpumask_first(topology_sibling_cpumask(cpu)))
			cpumask_set_cpu(cpu, threads);
	if (!rdmsrq_safe(MSR_AMD64_SYSCFG, &value) && value & SYSCFG_SNP_EN &&
	    !rdmsrq_safe(MSR_RMPOPT_BASE, &value) && !(value & RMPOPT_EN))
		on_each_cpu_mask(threads, write_base, NULL, true);
	cpus_read_unlock();

	dir = debugfs_create_dir("native_rmpopt", NULL);
	debugfs_create_file("pass", 0200, dir, NULL, &pass_fops);
	debugfs_create_file("guest_ended", 0200, dir, NULL, &guest_ended_fops);
	debugfs_create_u32("passes", 0400, dir, &passes);
	return 0;
}

static void __exit native_exit(void)
{
	debugfs_remove(dir);
	cancel_delayed_work_sync(&pass_item);
	clear_bit(X86_FEATURE_RMPOPT, (unsigned long *)boot_cpu_data.x86_capability);
	free_cpumask_var(threads);
}

module_init(native_init);
module_exit(native_exit);

MODULE_DESCRIPTION("Plays a kernel with RMPOPT of its own, for the selftests");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/*
 * Simulates a kernel that has RMPOPT of its own, after the public description of
 * the code that was taken into the x86 tree in September 2026. It shares no code
 * with that.
 *
 * When it is loaded it sets the CPU feature bit. Where SNP is on it also sets
 * RMPOPT_BASE of each core, on one thread of the core, to one window from the lowest
 * RAM on; it does not where the CPU that runs this reads RMPOPT_BASE as enabled
 * already. Nobody tells it that SNP was initialised: a test does. A pass is a work
 * item: it verifies every GiB on the CPU on which it runs, then
 * interrupts all cores at once, and each core walks the same list. When the module
 * is unloaded it clears the feature bit, because a test needs a kernel without it,
 * and undoes nothing else.
 *
 * Parameters: base_gib is the GiB at which the window begins instead. only is the
 * CPU on which a pass walks instead of all cores. With enable=0 loading only sets the
 * CPU feature bit.
 *
 * debugfs native_rmpopt/:
 *   enable       write anything: what follows the end of SNP's initialisation,
 *                RMPOPT_BASE is set
 *   pass, guest_ended, passes: see walk.h
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/smp.h>

#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>

#include "walk.h"

#define SYSCFG_SNP_EN		BIT_ULL(24)

/* Kernels that do not know the name leave the bit free. */
#ifndef X86_FEATURE_RMPOPT
#define X86_FEATURE_RMPOPT	(3 * 32 + 7)
#endif

static int base_gib = -1;
module_param(base_gib, int, 0);
MODULE_PARM_DESC(base_gib, "GiB at which the window begins; the lowest RAM without it");

static int only = -1;
module_param(only, int, 0600);
MODULE_PARM_DESC(only, "CPU on which alone a pass walks; all cores without it");

static bool enable = true;
module_param(enable, bool, 0);
MODULE_PARM_DESC(enable, "Set RMPOPT_BASE while the module is loaded; true without it");

static struct dentry *dir;

static void verify_all(void *unused)
{
	phys_addr_t pa;

	for (pa = walk_start; pa < walk_end; pa += SZ_1G)
		walk_verify(pa);
}

static void pass_work(struct work_struct *work)
{
	int cpu = READ_ONCE(only);
	phys_addr_t pa;

	if (cpu >= 0) {
		smp_call_function_single(cpu, verify_all, NULL, true);
		WRITE_ONCE(passes, passes + 1);
		return;
	}
	cpus_read_lock();
	migrate_disable();
	for (pa = walk_start; pa < walk_end; pa += SZ_1G) {
		walk_verify(pa);
		cond_resched();
	}
	migrate_enable();
	on_each_cpu_mask(walk_threads, verify_all, NULL, true);
	cpus_read_unlock();
	WRITE_ONCE(passes, passes + 1);
}

static void write_base(void *unused)
{
	wrmsrq_safe(MSR_RMPOPT_BASE, walk_start | RMPOPT_EN);
}

static void enable_cores(void)
{
	u64 value = 0;

	cpus_read_lock();
	walk_find_threads();
	if (!rdmsrq_safe(MSR_AMD64_SYSCFG, &value) && value & SYSCFG_SNP_EN &&
	    !rdmsrq_safe(MSR_RMPOPT_BASE, &value) && !(value & RMPOPT_EN))
		on_each_cpu_mask(walk_threads, write_base, NULL, true);
	cpus_read_unlock();
}

static ssize_t enable_write(struct file *file, const char __user *user, size_t len, loff_t *pos)
{
	enable_cores();
	return len;
}
DEFINE_WRITE_FILE(enable);

static int __init native_init(void)
{
	if (!zalloc_cpumask_var(&walk_threads, GFP_KERNEL))
		return -ENOMEM;
	walk_find_ram();
	if (base_gib >= 0)
		walk_start = (phys_addr_t)base_gib * SZ_1G;
	walk_end = min(walk_end, walk_start + 2 * SZ_1T);

	set_cpu_cap(&boot_cpu_data, X86_FEATURE_RMPOPT);

	if (enable)
		enable_cores();

	dir = walk_files("native_rmpopt");
	debugfs_create_file("enable", 0200, dir, NULL, &enable_fops);
	return 0;
}

static void __exit native_exit(void)
{
	debugfs_remove(dir);
	cancel_delayed_work_sync(&pass_item);
	clear_bit(X86_FEATURE_RMPOPT, (unsigned long *)boot_cpu_data.x86_capability);
	free_cpumask_var(walk_threads);
}

module_init(native_init);
module_exit(native_exit);

MODULE_DESCRIPTION("Plays a kernel with RMPOPT of its own, for the selftests");
MODULE_LICENSE("GPL");

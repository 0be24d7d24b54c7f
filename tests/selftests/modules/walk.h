/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Code that the published algorithm (bench/published) and a kernel with RMPOPT of
 * its own (native_rmpopt.c) share: the instruction, the range that is walked, one
 * thread per core, and when a pass begins. Each of the two defines pass_work(),
 * which makes one pass.
 *
 * debugfs, in the folder that walk_files() makes:
 *   pass         write anything: one pass now; the write returns when it is done
 *   guest_ended  write anything: one pass in 10 seconds, as after the last guest
 *   passes       passes finished since load
 */
#ifndef RMPOPT_TEST_WALK_H
#define RMPOPT_TEST_WALK_H

#include <linux/cpumask.h>
#include <linux/ioport.h>
#include <linux/sizes.h>
#include <linux/topology.h>
#include <linux/workqueue.h>

#include <asm/asm.h>

#include "files.h"

#define MSR_RMPOPT_BASE		0xc0010139
#define RMPOPT_EN		BIT_ULL(0)

#define GUEST_ENDED_DELAY	(10 * HZ)

static phys_addr_t walk_start, walk_end;	/* 1 GiB aligned */
static cpumask_var_t walk_threads;		/* one thread of each core */
static u32 passes;

static void pass_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(pass_item, pass_work);

/* Verifies a GiB. The carry flag, which tells what came of it, is thrown away. */
static void walk_verify(phys_addr_t pa)
{
	bool cf;

	asm volatile("1: .byte 0xf2, 0x0f, 0x01, 0xfc\n\t"
		     "setc %b[cf]\n"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : [cf] "=q" (cf) : "a" (pa), "c" (0) : "memory", "cc");
}

static int walk_note_ram(struct resource *res, void *arg)
{
	walk_start = min(walk_start, ALIGN_DOWN(res->start, SZ_1G));
	walk_end = max(walk_end, ALIGN(res->end + 1, SZ_1G));
	return 0;
}

/* From the lowest to the highest RAM. */
static void walk_find_ram(void)
{
	walk_start = PHYS_ADDR_MAX;
	walk_end = 0;
	walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0, -1,
			    NULL, walk_note_ram);
}

/* Under cpus_read_lock(). */
static void walk_find_threads(void)
{
	int cpu;

	for_each_online_cpu(cpu)
		if (cpu == cpumask_first(topology_sibling_cpumask(cpu)))
			cpumask_set_cpu(cpu, walk_threads);
}

static ssize_t pass_write(struct file *file, const char __user *user, size_t len, loff_t *pos)
{
	mod_delayed_work(system_dfl_wq, &pass_item, 0);
	flush_delayed_work(&pass_item);
	return len;
}
DEFINE_WRITE_FILE(pass);

static ssize_t guest_ended_write(struct file *file, const char __user *user, size_t len,
				 loff_t *pos)
{
	mod_delayed_work(system_dfl_wq, &pass_item, GUEST_ENDED_DELAY);
	return len;
}
DEFINE_WRITE_FILE(guest_ended);

static struct dentry *walk_files(const char *name)
{
	struct dentry *dir = debugfs_create_dir(name, NULL);

	debugfs_create_file("pass", 0200, dir, NULL, &pass_fops);
	debugfs_create_file("guest_ended", 0200, dir, NULL, &guest_ended_fops);
	debugfs_create_u32("passes", 0400, dir, &passes);
	return dir;
}

#endif

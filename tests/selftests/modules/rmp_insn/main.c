// SPDX-License-Identifier: GPL-2.0
/*
 * Runs each instruction, MSR and CPUID leaf of SEV-SNP's host side and compares
 * results, flags, memory and faults with what is known of the hardware, line by
 * line. What is not known in public is a switch of the emulator: each of its
 * values is chosen in turn and must be what the processor then does.
 *
 * All runs at load, on the CPUs that the tests are about; debugfs rmp_insn/tap
 * then holds the results as TAP. The module works on memory that it allocates,
 * and leaves the processor as after a new initialisation of SNP.
 *
 * Parameter: model=zen6|zen5|zen4|none, what the host must turn out to be.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "checks.h"
#include "emulator.h"
#include "host.h"
#include "tap.h"

static char *model = "zen6";
module_param(model, charp, 0400);
MODULE_PARM_DESC(model, "processor that the host must turn out to be");

static struct dentry *dir;

static void run_all(void)
{
	if (!check(emu("version"), "the emulator answers: %s", emu_reply))
		return;

	test_cpuid(model);
	choose_cpus();
	choose_memory();
	if (!check(pfn, "there is memory to work on"))
		return;

	test_absent();
	if (!has_snp)
		return;

	test_msrs();
	test_rmp();
	if (!has_rmpopt)
		return;

	test_rmpopt_base();
	test_rmpopt();
	test_questions();
	fresh_start();
}

DEFINE_SHOW_ATTRIBUTE(tap);

static int __init rmp_insn_init(void)
{
	run_all();
	release_memory();

	dir = debugfs_create_dir("rmp_insn", NULL);
	debugfs_create_file("tap", 0400, dir, NULL, &tap_fops);
	pr_info("rmp_insn: %u checks, %u failed\n", tap_count, tap_failed);
	return 0;
}

static void __exit rmp_insn_exit(void)
{
	debugfs_remove(dir);
}

module_init(rmp_insn_init);
module_exit(rmp_insn_exit);

MODULE_DESCRIPTION("Compares the emulated RMP instructions with what is known of the hardware");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/*
 * Executes each instruction, MSR and CPUID leaf of SEV-SNP's host side, and compares
 * results, flags, memory and faults with the documented behaviour of the hardware.
 * For behaviour that no public document states the emulator has a switch: the module
 * sets each of its values in turn, and checks that the processor behaves accordingly.
 *
 * All checks run when the module is loaded, on the CPUs that they test; debugfs
 * rmp_insn/tap then holds the results as TAP. The module uses memory that it
 * allocates, and leaves the processor as after a new initialisation of SNP.
 *
 * Parameter: model=zen6|zen5|zen4|none, the model that the host must have.
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

static unsigned int clear_fault;
module_param(clear_fault, uint, 0400);
MODULE_PARM_DESC(clear_fault, "trap number of a write that clears RMPOPT_EN while SNP is on, 0: none");

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

	test_rmpopt_base(clear_fault);
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

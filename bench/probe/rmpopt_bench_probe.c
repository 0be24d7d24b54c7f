// SPDX-License-Identifier: GPL-2.0
/*
 * Probes as the module has them, with nothing in them: what remains is what the
 * kernel's own machinery costs per call. For the bench only.
 */
#include <linux/fprobe.h>
#include <linux/module.h>

/* Registering sorts them in place. */
static const char *symbols[] = { "rmp_make_private", "rmp_make_shared", "psmash" };

static int entry(struct fprobe *fp, unsigned long entry_ip, unsigned long ret_ip,
		 struct ftrace_regs *regs, void *data)
{
	return 0;
}

static void leave(struct fprobe *fp, unsigned long entry_ip, unsigned long ret_ip,
		  struct ftrace_regs *regs, void *data)
{
}

static struct fprobe probe = {
	.entry_handler		= entry,
	.exit_handler		= leave,
	.entry_data_size	= 16,
};

static int __init bench_probe_init(void)
{
	return register_fprobe_syms(&probe, symbols, ARRAY_SIZE(symbols));
}

static void __exit bench_probe_exit(void)
{
	unregister_fprobe(&probe);
}

module_init(bench_probe_init);
module_exit(bench_probe_exit);

MODULE_DESCRIPTION("Empty probes, for the bench only");
MODULE_LICENSE("GPL");

/* SPDX-License-Identifier: GPL-2.0 */
/* An fprobe with empty handlers on the RMP functions. */
#ifndef RMPOPT_TEST_EMPTY_PROBE_H
#define RMPOPT_TEST_EMPTY_PROBE_H

#include <linux/fprobe.h>

static int empty_entry(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
		       struct ftrace_regs *regs, void *data)
{
	return 0;
}

static void empty_exit(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
		       struct ftrace_regs *regs, void *data)
{
}

static struct fprobe empty_probe = {
	.entry_handler		= empty_entry,
	.exit_handler		= empty_exit,
	.entry_data_size	= 16,
};

static int empty_probe_register(void)
{
	/* Registering sorts them in place. */
	const char *symbols[3] = { "psmash", "rmp_make_private", "rmp_make_shared" };

	return register_fprobe_syms(&empty_probe, symbols, ARRAY_SIZE(symbols));
}

#endif

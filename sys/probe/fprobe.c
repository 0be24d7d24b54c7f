// SPDX-License-Identifier: GPL-2.0
/*
 * The second choice: fprobes. They share the functions with livepatches, BPF
 * programs, kprobes and other fprobes, and cost ten times as much as direct calls.
 */
#include <linux/fprobe.h>

#include <asm/sev.h>

#include "counting.h"

/* The handlers read arguments by their position, so the functions must have these parameters. */
static_assert(__same_type(rmp_make_private, int(u64, u64, enum pg_level, u32, bool)));
static_assert(__same_type(rmp_make_shared, int(u64, enum pg_level)));
static_assert(__same_type(psmash, int(u64)));

static notrace int rmpopt_fprobe_private(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
					 struct ftrace_regs *regs, void *data)
{
	rmpopt_call_begin(data, ftrace_regs_get_argument(regs, 0),
			  rmpopt_pages_of(ftrace_regs_get_argument(regs, 2)));
	return 0;
}

static notrace int rmpopt_fprobe_shared(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
					struct ftrace_regs *regs, void *data)
{
	rmpopt_call_begin(data, ftrace_regs_get_argument(regs, 0),
			  -rmpopt_pages_of(ftrace_regs_get_argument(regs, 1)));
	return 0;
}

static notrace int rmpopt_fprobe_psmash(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
					struct ftrace_regs *regs, void *data)
{
	rmpopt_call_begin(data, ftrace_regs_get_argument(regs, 0), 0);
	return 0;
}

static notrace void rmpopt_fprobe_exit(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
				       struct ftrace_regs *regs, void *data)
{
	rmpopt_call_end(data, ftrace_regs_get_return_value(regs));
}

static struct fprobe rmpopt_fprobes[] = {
	{ .entry_handler = rmpopt_fprobe_private },
	{ .entry_handler = rmpopt_fprobe_shared },
	{ .entry_handler = rmpopt_fprobe_psmash },
};

static const char * const rmpopt_symbols[] = {
	"rmp_make_private",
	"rmp_make_shared",
	"psmash",
};

static void rmpopt_fprobe_remove(unsigned int count)
{
	while (count--)
		unregister_fprobe(&rmpopt_fprobes[count]);
}

void rmpopt_fprobe_unregister(void)
{
	rmpopt_fprobe_remove(ARRAY_SIZE(rmpopt_fprobes));
}

int rmpopt_fprobe_register(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(rmpopt_fprobes); i++) {
		const char *symbol = rmpopt_symbols[i];

		rmpopt_fprobes[i].exit_handler = rmpopt_fprobe_exit;
		rmpopt_fprobes[i].entry_data_size = sizeof(struct rmpopt_call);
		err = register_fprobe_syms(&rmpopt_fprobes[i], &symbol, 1);
		if (err) {
			rmpopt_fprobe_remove(i);
			return err;
		}
	}
	return 0;
}

/* The number of calls that the kernel could not report to the fprobes. */
unsigned long rmpopt_probe_missed(void)
{
	unsigned long missed = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rmpopt_fprobes); i++)
		missed += READ_ONCE(rmpopt_fprobes[i].nmissed);
	return missed;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Makes the allocations of one thread, chosen by its name, fail: while the parameter
 * "on" is 1, the functions by which Rust allocates memory return NULL to that thread.
 * The parameter "failed" counts how often. Stock kernels have no fault injection.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/string.h>

static bool on;
module_param(on, bool, 0600);
static char *thread = "rmpopt";
module_param(thread, charp, 0400);

static atomic_t failed;

static int failed_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", atomic_read(&failed));
}

static const struct kernel_param_ops failed_ops = { .get = failed_get };
module_param_cb(failed, &failed_ops, NULL, 0400);

/* Runs instead of the function, for its caller. */
static noinline notrace void *no_memory(void)
{
	return NULL;
}

static int before(struct kprobe *p, struct pt_regs *regs)
{
	if (!READ_ONCE(on) || !in_task() || strcmp(current->comm, thread))
		return 0;
	atomic_inc(&failed);
	instruction_pointer_set(regs, (unsigned long)no_memory);
	return 1;
}

/* Who changes the instruction pointer has to have one. */
static void after(struct kprobe *p, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe probes[] = {
	{ .symbol_name = "krealloc_node_align_noprof" },
	{ .symbol_name = "kvrealloc_node_align_noprof" },
	{ .symbol_name = "vrealloc_node_align_noprof" },
};

static int __init rmp_enomem_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		int err;

		probes[i].pre_handler = before;
		probes[i].post_handler = after;
		err = register_kprobe(&probes[i]);
		if (err) {
			pr_err("rmp_enomem: %s: %d\n", probes[i].symbol_name, err);
			while (i--)
				unregister_kprobe(&probes[i]);
			return err;
		}
	}
	return 0;
}
module_init(rmp_enomem_init);

static void __exit rmp_enomem_exit(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		unregister_kprobe(&probes[i]);
}
module_exit(rmp_enomem_exit);

MODULE_DESCRIPTION("Lets the allocations of a thread fail, for the rmpopt selftests");
MODULE_LICENSE("GPL");

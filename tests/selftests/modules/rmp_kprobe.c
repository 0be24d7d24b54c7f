// SPDX-License-Identifier: GPL-2.0
/*
 * Registers a kprobe on each of the kernel's RMP functions; with returns=1 a
 * kretprobe. A kprobe has a post handler, so that to ftrace it may change the
 * instruction pointer. The parameter "calls" counts how often one was hit.
 */
#include <linux/kprobes.h>
#include <linux/module.h>

static bool returns;
module_param(returns, bool, 0444);

static atomic_t calls;

static int calls_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", atomic_read(&calls));
}

static const struct kernel_param_ops calls_ops = { .get = calls_get };
module_param_cb(calls, &calls_ops, NULL, 0444);

static void after(struct kprobe *p, struct pt_regs *regs, unsigned long flags)
{
	atomic_inc(&calls);
}

static int returned(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	atomic_inc(&calls);
	return 0;
}

static struct kprobe probes[] = {
	{ .symbol_name = "rmp_make_private", .post_handler = after },
	{ .symbol_name = "rmp_make_shared", .post_handler = after },
	{ .symbol_name = "psmash", .post_handler = after },
};

static struct kretprobe return_probes[] = {
	{ .kp.symbol_name = "rmp_make_private", .handler = returned },
	{ .kp.symbol_name = "rmp_make_shared", .handler = returned },
	{ .kp.symbol_name = "psmash", .handler = returned },
};

static void remove(unsigned int count)
{
	while (count--) {
		if (returns)
			unregister_kretprobe(&return_probes[count]);
		else
			unregister_kprobe(&probes[count]);
	}
}

static int __init rmp_kprobe_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		int err = returns ? register_kretprobe(&return_probes[i]) :
				    register_kprobe(&probes[i]);

		if (err) {
			remove(i);
			return err;
		}
	}
	return 0;
}

static void __exit rmp_kprobe_exit(void)
{
	remove(ARRAY_SIZE(probes));
}

module_init(rmp_kprobe_init);
module_exit(rmp_kprobe_exit);

MODULE_DESCRIPTION("kprobes on the RMP functions, for the rmpopt selftests");
MODULE_LICENSE("GPL");

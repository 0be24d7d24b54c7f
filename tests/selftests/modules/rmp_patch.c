// SPDX-License-Identifier: GPL-2.0
/*
 * A livepatch of the kernel's RMP functions: the new functions do the same as the
 * old ones, and count their calls in the parameter "calls". They do not split the
 * kernel's direct mapping, which the emulated host does not check.
 */
#include <linux/livepatch.h>
#include <linux/module.h>

#include <asm/sev.h>

static atomic_t calls;

static int calls_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", atomic_read(&calls));
}

static const struct kernel_param_ops calls_ops = { .get = calls_get };
module_param_cb(calls, &calls_ops, NULL, 0444);

static int update(u64 pfn, struct rmp_state *state)
{
	int ret;

	atomic_inc(&calls);
	asm volatile(".byte 0xf2, 0x0f, 0x01, 0xfe"
		     : "=a" (ret)
		     : "a" (PFN_PHYS(pfn)), "c" (state)
		     : "memory", "cc");
	return ret ? -EFAULT : 0;
}

static int patched_private(u64 pfn, u64 gpa, enum pg_level level, u32 asid, bool immutable)
{
	struct rmp_state state = {
		.gpa = gpa, .assigned = 1, .pagesize = PG_LEVEL_TO_RMP(level),
		.immutable = immutable, .asid = asid,
	};

	return update(pfn, &state);
}

static int patched_shared(u64 pfn, enum pg_level level)
{
	struct rmp_state state = { .pagesize = PG_LEVEL_TO_RMP(level) };

	return update(pfn, &state);
}

static int patched_psmash(u64 pfn)
{
	int ret;

	atomic_inc(&calls);
	asm volatile(".byte 0xf3, 0x0f, 0x01, 0xff"
		     : "=a" (ret)
		     : "a" (PFN_PHYS(pfn))
		     : "memory", "cc");
	return ret;
}

static struct klp_func funcs[] = {
	{ .old_name = "rmp_make_private", .new_func = patched_private },
	{ .old_name = "rmp_make_shared", .new_func = patched_shared },
	{ .old_name = "psmash", .new_func = patched_psmash },
	{ }
};

static struct klp_object objects[] = { { .funcs = funcs }, { } };
static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objects };

static int __init rmp_patch_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit rmp_patch_exit(void)
{
}

module_init(rmp_patch_init);
module_exit(rmp_patch_exit);

MODULE_INFO(livepatch, "Y");
MODULE_DESCRIPTION("A livepatch of the RMP functions, for the rmpopt selftests");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/*
 * Recognises a kernel that has RMPOPT of its own, and defines the module
 * parameter "native", which says what the module does beside such a kernel. The
 * parameter is defined in C because a module in Rust can only have parameters
 * that are numbers.
 */

#include <linux/moduleparam.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sysfs.h>

#include <asm/cpufeature.h>
#include <asm/processor.h>

#include "native.h"

/* Kernels that do not define the name do not use the bit for anything else. */
#ifndef X86_FEATURE_RMPOPT
#define X86_FEATURE_RMPOPT	(3 * 32 + 7)
#endif

bool rmpopt_native(void)
{
	return boot_cpu_has(X86_FEATURE_RMPOPT);
}

/* In the order of `Native::ALL` in sev/assess.rs. */
static const char * const rmpopt_native_modes[] = { "assist", "observe", "takeover" };
static int rmpopt_native_index;

unsigned int rmpopt_native_mode(void)
{
	return rmpopt_native_index;
}

static int rmpopt_native_set(const char *value, const struct kernel_param *kp)
{
	int index = sysfs_match_string(rmpopt_native_modes, value);

	if (index < 0)
		return index;
	rmpopt_native_index = index;
	return 0;
}

static const struct kernel_param_ops rmpopt_native_ops = {
	.set = rmpopt_native_set,
};

module_param_cb(native, &rmpopt_native_ops, NULL, 0);
MODULE_PARM_DESC(native,
		 "Beside a kernel with RMPOPT of its own: assist (default), observe, takeover");

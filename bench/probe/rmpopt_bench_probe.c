// SPDX-License-Identifier: GPL-2.0
/*
 * Probes as the module has them, with nothing in them: what remains is what the
 * kernel's own machinery costs per call. For the bench only.
 */
#include <linux/module.h>

#include "../../tests/selftests/modules/empty_probe.h"

static int __init bench_probe_init(void)
{
	return empty_probe_register();
}

static void __exit bench_probe_exit(void)
{
	unregister_fprobe(&empty_probe);
}

module_init(bench_probe_init);
module_exit(bench_probe_exit);

MODULE_DESCRIPTION("Empty probes, for the bench only");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/* Calls Rust when this kernel ends: before a restart, a power-off or a kexec. */
#include <linux/notifier.h>
#include <linux/reboot.h>

#include "reboot.h"

static void (*rmpopt_rebooting)(void *data);
static void *rmpopt_reboot_data;

static int rmpopt_reboot_notify(struct notifier_block *nb, unsigned long action, void *command)
{
	rmpopt_rebooting(rmpopt_reboot_data);
	return NOTIFY_DONE;
}

static struct notifier_block rmpopt_reboot_notifier = { .notifier_call = rmpopt_reboot_notify };

/*
 * From now on the kernel calls rebooting(data) before it shuts devices down, in
 * thread context; rebooting() may sleep.
 */
int rmpopt_reboot_register(void (*rebooting)(void *data), void *data)
{
	rmpopt_rebooting = rebooting;
	rmpopt_reboot_data = data;
	return register_reboot_notifier(&rmpopt_reboot_notifier);
}

/* No call is under way when this returns. */
void rmpopt_reboot_unregister(void)
{
	unregister_reboot_notifier(&rmpopt_reboot_notifier);
}

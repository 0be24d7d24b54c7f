// SPDX-License-Identifier: GPL-2.0
/*
 * Simulates the kernel's ccp driver on a host without a firmware processor. It has
 * the driver's name, because snp_prepare() is exported to that name only. Like the
 * driver it holds its mutex for commands while it initialises SNP, and takes the
 * mutex in sev_platform_status(). The emulator's test port simulates the firmware.
 *
 * debugfs ccp_play/cmd takes one command per write, and returns when it is done:
 *
 *   init             initialise SNP; SNP_INIT is over when somebody has written 1
 *                    to the module parameter "end"
 *   refuse           SNP_INIT is refused: EIO
 *   shutdown legacy  SnpEn stays
 *   shutdown full
 *
 * With the module parameter "init" the module initialises SNP while it is still
 * being loaded, when symbol_get() fails for its symbols.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/psp-sev.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/sev.h>
#include <asm/smp.h>

#include "files.h"
#include "port.h"

static DEFINE_MUTEX(commands);
static struct dentry *dir;

static bool init;
module_param(init, bool, 0);
MODULE_PARM_DESC(init, "Initialise SNP while loading");

static bool end;
module_param(end, bool, 0600);
MODULE_PARM_DESC(end, "SNP_INIT ends; 0 before the next one");

/* Named and declared as the driver's. */
int sev_platform_status(struct sev_user_data_status *status, int *error)
{
	guard(mutex)(&commands);
	memset(status, 0, sizeof(*status));
	*error = 0;
	return 0;
}
EXPORT_SYMBOL_GPL(sev_platform_status);

static int initialise(bool refused)
{
	int err;

	guard(mutex)(&commands);
	err = snp_prepare();
	if (err)
		return err;
	wbinvd_on_all_cpus();
	if (refused) {
		msleep(100);
		return -EIO;
	}
	if (!port("snp init-begin"))
		return -EBUSY;
	while (!READ_ONCE(end))
		msleep(20);
	if (!port("snp init-end"))
		return -EIO;
	pr_info("SNP_INIT is over\n");
	wbinvd_on_all_cpus();
	/* What the driver does before it lets others have the mutex. */
	usleep_range(10 * USEC_PER_MSEC, 12 * USEC_PER_MSEC);
	return 0;
}

static int shut_down(const char *how)
{
	guard(mutex)(&commands);
	if (!port("snp shutdown %s", how))
		return -EIO;
	snp_shutdown();
	return 0;
}

static int carry_out(char *text)
{
	if (!strcmp(text, "init"))
		return initialise(false);
	if (!strcmp(text, "refuse"))
		return initialise(true);
	if (!strcmp(text, "shutdown legacy") || !strcmp(text, "shutdown full"))
		return shut_down(text + strlen("shutdown "));
	return -EINVAL;
}

static ssize_t cmd_write(struct file *file, const char __user *from, size_t count,
			 loff_t *offset)
{
	char *text __free(kfree) = memdup_user_nul(from, min_t(size_t, count, 64));
	int err;

	if (IS_ERR(text))
		return PTR_ERR(no_free_ptr(text));
	err = carry_out(strim(text));
	return err ?: count;
}
DEFINE_WRITE_FILE(cmd);

static int __init play_init(void)
{
	int err = init ? initialise(false) : 0;

	if (err)
		return err;
	dir = debugfs_create_dir("ccp_play", NULL);
	debugfs_create_file("cmd", 0200, dir, NULL, &cmd_fops);
	return 0;
}
module_init(play_init);

static void __exit play_exit(void)
{
	debugfs_remove(dir);
}
module_exit(play_exit);

MODULE_DESCRIPTION("Plays the ccp driver for the selftests of rmpopt");
MODULE_LICENSE("GPL");

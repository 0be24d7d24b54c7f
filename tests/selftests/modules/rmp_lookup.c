// SPDX-License-Identifier: GPL-2.0
/*
 * Shows what the kernel itself knows of the RMP: debugfs rmp_lookup has a line "GIB
 * PAGES" for each GiB with RAM that has assigned pages, counted in 4 KiB pages by
 * snp_lookup_rmpentry(). Pages that the RMP does not cover do not count.
 */
#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include <asm/sev.h>

#include "region.h"

static struct dentry *file;

static unsigned long count(unsigned long first)
{
	unsigned long pfn = first, pages = 0;

	while (pfn < first + REGION_PAGES) {
		bool assigned = false;
		int level = PG_LEVEL_4K;
		unsigned long step = 1;

		if (!snp_lookup_rmpentry(pfn, &assigned, &level) && assigned) {
			if (level == PG_LEVEL_2M)
				step = BLOCK_PAGES - pfn % BLOCK_PAGES;
			pages += step;
		}
		pfn += step;
		if (pfn % BLOCK_PAGES == 0)
			cond_resched();
	}
	return pages;
}

static int rmp_lookup_show(struct seq_file *m, void *v)
{
	unsigned int gib;

	for (gib = 0; gib < REGIONS_MAX; gib++) {
		unsigned long pages = region_has_ram(gib) ? count(gib * REGION_PAGES) : 0;

		if (pages)
			seq_printf(m, "%u %lu\n", gib, pages);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(rmp_lookup);

static int __init rmp_lookup_init(void)
{
	file = debugfs_create_file("rmp_lookup", 0400, NULL, NULL, &rmp_lookup_fops);
	return 0;
}
module_init(rmp_lookup_init);

static void __exit rmp_lookup_exit(void)
{
	debugfs_remove(file);
}
module_exit(rmp_lookup_exit);

MODULE_DESCRIPTION("What the kernel knows of the RMP, for the rmpopt selftests");
MODULE_LICENSE("GPL");

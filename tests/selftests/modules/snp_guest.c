// SPDX-License-Identifier: GPL-2.0
/*
 * Simulates the memory of SNP guests: makes pages in chosen 1 GiB regions private,
 * and shared again, through the kernel's own RMP functions.
 *
 * debugfs snp_guest/cmd takes one command per write; an error comes back as the
 * errno of the write:
 *
 *   assign GIB 2m|4k COUNT ASID   allocate COUNT pages in GIB, make them private
 *   release GIB|all               make all held pages in GIB shared, free them
 *   smash GIB                     split one held 2m page in GIB
 *
 * debugfs snp_guest/pages lists the held pages: "gib pfn size asid".
 */
#include <linux/debugfs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/sev.h>

#include "files.h"
#include "region.h"

/* A block of 2 MiB: one 2m page, or up to 512 4k pages from its start on. */
struct chunk {
	struct list_head list;
	unsigned long pfn;
	unsigned int pages;	/* allocated, in units of 4 KiB */
	unsigned int private;	/* of these, made private */
	unsigned int asid;
	bool whole;		/* one RMP entry stands for all */
};

static LIST_HEAD(held);
static DEFINE_MUTEX(held_lock);
static struct dentry *dir;

static unsigned int chunk_gib(const struct chunk *c)
{
	return c->pfn / REGION_PAGES;
}

static int chunk_make_private(struct chunk *c)
{
	int ret;

	if (c->whole) {
		ret = rmp_make_private(c->pfn, PFN_PHYS(c->pfn), PG_LEVEL_2M,
				       c->asid, false);
		if (!ret)
			c->private = c->pages;
		return ret;
	}

	while (c->private < c->pages) {
		unsigned long pfn = c->pfn + c->private;

		ret = rmp_make_private(pfn, PFN_PHYS(pfn), PG_LEVEL_4K,
				       c->asid, false);
		if (ret)
			return ret;
		c->private++;
		cond_resched();
	}

	return 0;
}

static int chunk_make_shared(struct chunk *c)
{
	int ret;

	if (c->whole && c->private) {
		ret = rmp_make_shared(c->pfn, PG_LEVEL_2M);
		if (!ret)
			c->private = 0;
		return ret;
	}

	while (c->private) {
		ret = rmp_make_shared(c->pfn + c->private - 1, PG_LEVEL_4K);
		if (ret)
			return ret;
		c->private--;
		cond_resched();
	}

	return 0;
}

/*
 * Gives a chunk back. If the RMP does not let go of it, it stays held: private
 * memory must never reach the page allocator.
 */
static int chunk_release(struct chunk *c)
{
	int ret = chunk_make_shared(c);

	if (ret)
		return ret;

	list_del(&c->list);
	free_contig_range(c->pfn, c->pages);
	kfree(c);
	return 0;
}

static struct chunk *chunk_alloc(unsigned int gib, unsigned int pages,
				 bool whole, unsigned int asid)
{
	struct chunk *c = kzalloc_obj(*c);

	if (!c)
		return NULL;

	c->pfn = region_alloc(gib, 1);
	if (!c->pfn) {
		kfree(c);
		return NULL;
	}

	c->pages = min(pages, BLOCK_PAGES);
	if (c->pages < BLOCK_PAGES)
		free_contig_range(c->pfn + c->pages, BLOCK_PAGES - c->pages);
	c->asid = asid;
	c->whole = whole;
	return c;
}

static int release_list(struct list_head *list, unsigned int gib, bool all)
{
	struct chunk *c, *next;
	int ret = 0;

	list_for_each_entry_safe(c, next, list, list) {
		if (all || chunk_gib(c) == gib) {
			int err = chunk_release(c);

			ret = ret ?: err;
		}
		cond_resched();
	}

	return ret;
}

/* All or nothing: what was taken before an error is given back. */
static int cmd_assign(unsigned int gib, const char *size, unsigned int count,
		      unsigned int asid)
{
	bool whole = !strcmp(size, "2m");
	unsigned long left = count;
	LIST_HEAD(new);
	int ret = 0;

	if (!whole && strcmp(size, "4k"))
		return -EINVAL;
	if (!count || !asid || gib >= REGIONS_MAX)
		return -EINVAL;

	if (whole)
		left *= BLOCK_PAGES;
	if (left > REGION_PAGES)
		return -EINVAL;

	while (left) {
		struct chunk *c = chunk_alloc(gib, left, whole, asid);

		if (!c) {
			ret = -ENOMEM;
			break;
		}
		list_add_tail(&c->list, &new);
		ret = chunk_make_private(c);
		if (ret)
			break;
		left -= c->pages;
		cond_resched();
	}

	if (ret)
		release_list(&new, 0, true);
	/* Normally all of it; after an error what could not be given back. */
	list_splice_tail(&new, &held);
	return ret;
}

static int cmd_smash(unsigned int gib)
{
	struct chunk *c;
	int ret;

	list_for_each_entry(c, &held, list) {
		if (chunk_gib(c) != gib || !c->whole)
			continue;
		ret = psmash(c->pfn);
		if (ret < 0)
			return ret;
		if (ret)
			return -EIO;
		c->whole = false;
		return 0;
	}

	return -ENOENT;
}

static int run_command(const char *cmd)
{
	unsigned int gib, count, asid;
	char size[4];
	char rest;

	/* The last %c catches what is too much. */
	if (sscanf(cmd, "assign %u %3s %u %u %c", &gib, size, &count, &asid, &rest) == 4)
		return cmd_assign(gib, size, count, asid);
	if (!strcmp(cmd, "release all"))
		return release_list(&held, 0, true);
	if (sscanf(cmd, "release %u %c", &gib, &rest) == 1)
		return release_list(&held, gib, false);
	if (sscanf(cmd, "smash %u %c", &gib, &rest) == 1)
		return cmd_smash(gib);

	return -EINVAL;
}

static ssize_t cmd_write(struct file *file, const char __user *user,
			 size_t len, loff_t *pos)
{
	char *cmd;
	int ret;

	if (len > 64)
		return -EINVAL;
	cmd = memdup_user_nul(user, len);
	if (IS_ERR(cmd))
		return PTR_ERR(cmd);

	mutex_lock(&held_lock);
	ret = run_command(strim(cmd));
	mutex_unlock(&held_lock);

	kfree(cmd);
	return ret ?: len;
}
DEFINE_WRITE_FILE(cmd);

static void *pages_start(struct seq_file *m, loff_t *pos)
{
	mutex_lock(&held_lock);
	return seq_list_start(&held, *pos);
}

static void *pages_next(struct seq_file *m, void *v, loff_t *pos)
{
	return seq_list_next(v, &held, pos);
}

static void pages_stop(struct seq_file *m, void *v)
{
	mutex_unlock(&held_lock);
}

static int pages_show(struct seq_file *m, void *v)
{
	struct chunk *c = list_entry(v, struct chunk, list);
	unsigned int i;

	if (c->whole) {
		seq_printf(m, "%u 0x%lx 2m %u\n", chunk_gib(c), c->pfn, c->asid);
		return 0;
	}

	for (i = 0; i < c->private; i++)
		seq_printf(m, "%u 0x%lx 4k %u\n", chunk_gib(c), c->pfn + i, c->asid);
	return 0;
}

static const struct seq_operations pages_sops = {
	.start	= pages_start,
	.next	= pages_next,
	.stop	= pages_stop,
	.show	= pages_show,
};

DEFINE_SEQ_ATTRIBUTE(pages);

static int __init snp_guest_init(void)
{
	dir = debugfs_create_dir("snp_guest", NULL);
	if (IS_ERR(dir))
		return PTR_ERR(dir);

	debugfs_create_file("cmd", 0200, dir, NULL, &cmd_fops);
	debugfs_create_file("pages", 0400, dir, NULL, &pages_fops);
	return 0;
}

static void __exit snp_guest_exit(void)
{
	debugfs_remove(dir);
	WARN_ON(release_list(&held, 0, true));
}

module_init(snp_guest_init);
module_exit(snp_guest_exit);

MODULE_DESCRIPTION("Plays the memory of SNP guests for the rmpopt selftests");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/*
 * Converts random pages and 2 MiB blocks in many regions from many threads, as
 * guests do that start and end, and measures what one conversion costs.
 *
 * debugfs rmp_storm/:
 *   run     write "SECONDS KEEP": converts pages for SECONDS, then gives all pages
 *           back except random pages in KEEP regions; then the write returns
 *   release write anything: gives the remaining pages back
 *   result  read: "conversions N failures N regions N"
 *   probe   write 1 or 0: registers or removes empty probes on the same functions
 *   taken   write 1 or 0: registers or removes the direct call of rmp_make_shared
 *   cost    read: kernel instructions of a pair of conversions, private and
 *           back to shared, at least; in a region that keeps another page
 */
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/ftrace.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/vmalloc.h>

#include <asm/ibt.h>
#include <asm/linkage.h>
#include <asm/sev.h>

#include "empty_probe.h"
#include "files.h"
#include "port.h"
#include "region.h"

static unsigned int regions = 64;
module_param(regions, uint, 0444);
static unsigned int threads = 16;
module_param(threads, uint, 0444);

#define BLOCKS_PER_REGION	2

/* 2 MiB, shared, private as one page, or private page by page. */
struct block {
	struct mutex lock;
	unsigned long pfn;
	bool whole;
	DECLARE_BITMAP(private, BLOCK_PAGES);
};

static struct block *blocks;
static unsigned int nr_blocks;
static unsigned long end;
static atomic_long_t conversions, failures;
static DEFINE_MUTEX(run_lock);
static struct dentry *dir;

static bool count(int ret)
{
	if (ret) {
		atomic_long_inc(&failures);
		return false;
	}
	atomic_long_inc(&conversions);
	return true;
}

static void make_private(struct block *b, unsigned int page)
{
	unsigned long pfn = b->pfn + page;

	if (!test_bit(page, b->private) &&
	    count(rmp_make_private(pfn, PFN_PHYS(pfn), PG_LEVEL_4K, 1, false)))
		__set_bit(page, b->private);
}

static void make_shared(struct block *b, unsigned int page)
{
	if (test_bit(page, b->private) && count(rmp_make_shared(b->pfn + page, PG_LEVEL_4K)))
		__clear_bit(page, b->private);
}

static void all_shared(struct block *b)
{
	unsigned int page;

	if (b->whole && count(rmp_make_shared(b->pfn, PG_LEVEL_2M)))
		b->whole = false;
	for_each_set_bit(page, b->private, BLOCK_PAGES) {
		make_shared(b, page);
		cond_resched();
	}
}

static void step(struct block *b)
{
	unsigned int dice = get_random_u32_below(16);
	unsigned int n = get_random_u32_below(8) + 1;

	if (b->whole) {
		/* Splitting makes 512 pages to give back: seldom. */
		if (dice == 0 && count(psmash(b->pfn))) {
			b->whole = false;
			bitmap_fill(b->private, BLOCK_PAGES);
		} else {
			all_shared(b);
		}
	} else if (bitmap_empty(b->private, BLOCK_PAGES) && dice < 8) {
		b->whole = count(rmp_make_private(b->pfn, PFN_PHYS(b->pfn), PG_LEVEL_2M, 1, false));
	} else if (dice < 12) {
		while (n--)
			make_private(b, get_random_u32_below(BLOCK_PAGES));
	} else {
		all_shared(b);
	}
}

/* A guest ends: all of a region at once. */
static void end_guest(unsigned int region)
{
	unsigned int i;

	for (i = 0; i < BLOCKS_PER_REGION; i++) {
		struct block *b = &blocks[region * BLOCKS_PER_REGION + i];

		mutex_lock(&b->lock);
		all_shared(b);
		mutex_unlock(&b->lock);
	}
}

static int storm(void *data)
{
	struct completion *done = data;

	while (time_before(jiffies, end)) {
		struct block *b = &blocks[get_random_u32_below(nr_blocks)];

		if (mutex_trylock(&b->lock)) {
			step(b);
			mutex_unlock(&b->lock);
		}
		if (get_random_u32_below(32) == 0)
			end_guest(get_random_u32_below(regions));
		cond_resched();
	}
	kthread_complete_and_exit(done, 0);
}

static int run(unsigned int seconds, unsigned int keep)
{
	struct completion *done;
	unsigned int i, started = 0;
	int ret = 0;

	done = kcalloc(threads, sizeof(*done), GFP_KERNEL);
	if (!done)
		return -ENOMEM;

	end = jiffies + seconds * HZ;
	for (i = 0; i < threads; i++) {
		struct task_struct *task;

		init_completion(&done[i]);
		task = kthread_run(storm, &done[i], "rmp_storm/%u", i);
		if (IS_ERR(task)) {
			ret = PTR_ERR(task);
			end = jiffies;
			break;
		}
		started++;
	}
	for (i = 0; i < started; i++)
		wait_for_completion(&done[i]);
	kfree(done);

	for (i = 0; i < regions; i++) {
		struct block *b = &blocks[i * BLOCKS_PER_REGION];

		end_guest(i);
		if (i < keep) {
			mutex_lock(&b->lock);
			make_private(b, get_random_u32_below(BLOCK_PAGES));
			mutex_unlock(&b->lock);
		}
	}
	return ret;
}

static ssize_t run_write(struct file *file, const char __user *user, size_t len, loff_t *pos)
{
	unsigned int seconds, keep;
	char text[32] = {};
	int ret;

	if (len >= sizeof(text) || copy_from_user(text, user, len))
		return -EINVAL;
	if (sscanf(text, "%u %u", &seconds, &keep) != 2 || keep > regions)
		return -EINVAL;

	mutex_lock(&run_lock);
	ret = run(seconds, keep);
	mutex_unlock(&run_lock);
	return ret ?: len;
}
DEFINE_WRITE_FILE(run);

static ssize_t release_write(struct file *file, const char __user *user, size_t len, loff_t *pos)
{
	unsigned int i;

	mutex_lock(&run_lock);
	for (i = 0; i < regions; i++)
		end_guest(i);
	mutex_unlock(&run_lock);
	return len;
}
DEFINE_WRITE_FILE(release);

static int result_show(struct seq_file *m, void *v)
{
	seq_printf(m, "conversions %ld failures %ld regions %u\n",
		   atomic_long_read(&conversions), atomic_long_read(&failures), regions);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(result);

/* Writes of 1 and 0, for what can be switched. */
static ssize_t switch_write(const char __user *user, size_t len, int (*set)(bool active))
{
	bool active;
	int ret = kstrtobool_from_user(user, len, &active);

	if (ret)
		return ret;

	mutex_lock(&run_lock);
	ret = set(active);
	mutex_unlock(&run_lock);
	return ret ?: len;
}

static bool empty_active;

static int set_probe(bool active)
{
	int ret = 0;

	if (active && !empty_active)
		ret = empty_probe_register();
	else if (!active && empty_active)
		ret = unregister_fprobe(&empty_probe);
	if (!ret)
		empty_active = active;
	return ret;
}

static ssize_t probe_write(struct file *file, const char __user *user, size_t len, loff_t *pos)
{
	return switch_write(user, len, set_probe);
}
DEFINE_WRITE_FILE(probe);

/* Somebody else's direct call: it does nothing and returns to the function. */
void taken_trampoline(void);
asm(
	".pushsection .text, \"ax\", @progbits\n"
	".type taken_trampoline, @function\n"
	"taken_trampoline:\n"
	ASM_ENDBR
	ASM_RET
	".size taken_trampoline, . - taken_trampoline\n"
	".popsection\n"
);

static struct ftrace_ops taken;
static bool taken_active;

static int set_taken(bool active)
{
	int ret = 0;

	if (active && !taken_active) {
		ret = ftrace_set_filter_ip(&taken, (unsigned long)rmp_make_shared, 0, 0);
		if (!ret)
			ret = register_ftrace_direct(&taken, (unsigned long)taken_trampoline);
	} else if (!active && taken_active) {
		ret = unregister_ftrace_direct(&taken, (unsigned long)taken_trampoline, true);
		synchronize_rcu_tasks();
	}
	if (!ret)
		taken_active = active;
	return ret;
}

static ssize_t taken_write(struct file *file, const char __user *user, size_t len, loff_t *pos)
{
	return switch_write(user, len, set_taken);
}
DEFINE_WRITE_FILE(taken);

#define PAIRS	64

/* Instructions that this CPU needs for so many pairs. */
static long measure(unsigned long pfn, unsigned int pairs)
{
	long before, after;
	unsigned int i;
	char key[32];
	int ret = 0;

	local_irq_disable();
	scnprintf(key, sizeof(key), "kernel_instructions.%u", smp_processor_id());
	before = port_number(key);
	for (i = 0; i < pairs; i++) {
		ret |= rmp_make_private(pfn, PFN_PHYS(pfn), PG_LEVEL_4K, 1, false);
		ret |= rmp_make_shared(pfn, PG_LEVEL_4K);
	}
	after = port_number(key);
	local_irq_enable();
	return ret || before < 0 ? -1 : after - before;
}

static int cost_show(struct seq_file *m, void *v)
{
	struct block *b = blocks;
	long best = LONG_MAX;
	unsigned int i;

	mutex_lock(&b->lock);
	make_private(b, 0);
	/* The kernel splits its own mapping once. */
	make_private(b, 1);
	make_shared(b, 1);
	for (i = 0; i < 10; i++) {
		long none = measure(b->pfn + 1, 0);
		long all = measure(b->pfn + 1, PAIRS);

		if (none < 0 || all < 0) {
			best = -1;
			break;
		}
		best = min(best, (all - none) / PAIRS);
	}
	make_shared(b, 0);
	mutex_unlock(&b->lock);
	seq_printf(m, "%ld\n", best);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(cost);

static void free_blocks(void)
{
	unsigned int i;

	for (i = 0; i < nr_blocks; i++) {
		struct block *b = &blocks[i];

		mutex_lock(&b->lock);
		all_shared(b);
		/* Private memory must never reach the page allocator. */
		if (!WARN_ON(b->whole || !bitmap_empty(b->private, BLOCK_PAGES)))
			free_contig_range(b->pfn, BLOCK_PAGES);
		mutex_unlock(&b->lock);
	}
	vfree(blocks);
}

/* The highest regions that have room: the lowest ones hold the kernel. */
static int get_blocks(void)
{
	unsigned int gib = REGIONS_MAX, found = 0;

	blocks = vcalloc(regions * BLOCKS_PER_REGION, sizeof(*blocks));
	if (!blocks)
		return -ENOMEM;

	while (gib-- && found < regions) {
		unsigned long pfn = 0;
		unsigned int i;

		if (region_has_ram(gib))
			pfn = region_alloc(gib, BLOCKS_PER_REGION);
		if (!pfn)
			continue;
		for (i = 0; i < BLOCKS_PER_REGION; i++) {
			struct block *b = &blocks[nr_blocks++];

			mutex_init(&b->lock);
			b->pfn = pfn + i * BLOCK_PAGES;
		}
		found++;
		cond_resched();
	}
	if (found == regions)
		return 0;

	free_blocks();
	return -ENOSPC;
}

static int __init rmp_storm_init(void)
{
	int ret = get_blocks();

	if (ret)
		return ret;

	dir = debugfs_create_dir("rmp_storm", NULL);
	if (IS_ERR(dir)) {
		free_blocks();
		return PTR_ERR(dir);
	}
	debugfs_create_file("run", 0200, dir, NULL, &run_fops);
	debugfs_create_file("release", 0200, dir, NULL, &release_fops);
	debugfs_create_file("result", 0400, dir, NULL, &result_fops);
	debugfs_create_file("probe", 0200, dir, NULL, &probe_fops);
	debugfs_create_file("taken", 0200, dir, NULL, &taken_fops);
	debugfs_create_file("cost", 0400, dir, NULL, &cost_fops);
	return 0;
}

static void __exit rmp_storm_exit(void)
{
	debugfs_remove(dir);
	set_taken(false);
	set_probe(false);
	free_blocks();
}

module_init(rmp_storm_init);
module_exit(rmp_storm_exit);

MODULE_DESCRIPTION("Random conversions for the rmpopt selftests");
MODULE_LICENSE("GPL");

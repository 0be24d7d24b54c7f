/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory inside a chosen 1 GiB region, in naturally aligned blocks of 2 MiB.
 *
 * The page allocator cannot allocate memory at a given address. alloc_contig_range()
 * can: it takes a free range, or frees the range by moving its pages.
 */
#ifndef RMPOPT_TEST_REGION_H
#define RMPOPT_TEST_REGION_H

#include <linux/gfp.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#define REGION_PAGES	(SZ_1G / PAGE_SIZE)
#define BLOCK_PAGES	(SZ_2M / PAGE_SIZE)

/* TCG has 40 physical address bits: nothing lies above. */
#define REGIONS_MAX	1024U

static inline u64 region_start(unsigned int gib)
{
	return (u64)gib * SZ_1G;
}

/* True if all of the block is RAM that the page allocator manages. */
static inline bool block_is_ram(unsigned long pfn)
{
	struct page *first = pfn_to_online_page(pfn);
	struct page *last = pfn_to_online_page(pfn + BLOCK_PAGES - 1);

	return first && last && !PageReserved(first) && !PageReserved(last) &&
	       page_zone(first) == page_zone(last);
}

/* True if some of the region is RAM. */
static inline bool region_has_ram(unsigned int gib)
{
	unsigned long start = gib * REGION_PAGES;
	unsigned long pfn;

	for (pfn = start; pfn < start + REGION_PAGES; pfn += BLOCK_PAGES)
		if (block_is_ram(pfn))
			return true;

	return false;
}

/*
 * Allocates @blocks adjacent blocks at the highest place that can be had.
 * Returns the first page's frame number, or 0. Page 0 is never RAM for us.
 */
static inline unsigned long region_alloc(unsigned int gib, unsigned int blocks)
{
	unsigned long start = gib * REGION_PAGES;
	unsigned long nr = blocks * BLOCK_PAGES;
	unsigned long pfn = start + REGION_PAGES;
	unsigned int i;

	while (pfn >= start + nr) {
		pfn -= BLOCK_PAGES;
		if (pfn + nr > start + REGION_PAGES)
			continue;
		for (i = 0; i < blocks; i++)
			if (!block_is_ram(pfn + i * BLOCK_PAGES))
				break;
		if (i < blocks)
			continue;
		if (!alloc_contig_range(pfn, pfn + nr, ACR_FLAGS_NONE,
					GFP_KERNEL | __GFP_NOWARN))
			return pfn;
	}

	return 0;
}

#endif

// SPDX-License-Identifier: GPL-2.0
/* Checks of the RMP's entries: instructions and the kernel read, change and split them. */
#include <linux/compiler.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/string.h>

#include <asm/pgtable_types.h>

#include "../region.h"
#include "checks.h"
#include "emulator.h"
#include "host.h"
#include "insn.h"
#include "tap.h"

/* Before the first entry of an RMP that is not segmented. */
#define BOOKKEEPING	0x4000

static void test_rmpread(void)
{
	struct rmp_state e;

	check_eq(rmpread(pa, &e), 0, "RMPREAD: EAX 0 on a page of the hypervisor");
	check(!memchr_inv(&e, 0, sizeof(e)), "RMPREAD: the hypervisor's entry is 16 bytes of 0");

	check_eq(rmpread(1ULL << 45, &e), 1,
		 "RMPREAD: EAX 1 on an address that the RMP does not cover");

	set_entry(pa + 3 * PAGE_SIZE, ENTRY_GUEST);
	check_eq(rmpread(pa + 3 * PAGE_SIZE, &e), 0, "RMPREAD: EAX 0 on a guest's page");
	check(e.assigned == 1 && e.asid == ASID && !e.pagesize && !e.immutable && !e.rsvd,
	      "RMPREAD: a guest's 4k page: assigned, its ASID, nothing else");
	rmpread(pa, &e);
	check(!e.assigned && e.pagesize == 2,
	      "RMPREAD: bit 1 of the size: another page of the 2 MiB is assigned");
	rmpread(pa + PAGE_SIZE, &e);
	check(!e.assigned && !e.pagesize, "RMPREAD: bit 1 only where the address is 2 MiB aligned");
	rmpread(pa + SZ_2M, &e);
	check(!e.assigned && !e.pagesize, "RMPREAD: bit 1 is for the page's own 2 MiB only");
	set_entry(pa + 3 * PAGE_SIZE, ENTRY_FREE);

	set_entry(pa, ENTRY_GUEST);
	rmpread(pa, &e);
	check(e.assigned == 1 && !e.pagesize,
	      "RMPREAD: bit 1 is about other pages, not the page itself");
	set_entry(pa, ENTRY_FREE);
	rmpread(pa, &e);
	check(!e.assigned && !e.pagesize, "RMPREAD: bit 1 goes with the last assigned page");

	set_entry(pa, ENTRY_FIRMWARE);
	rmpread(pa, &e);
	check(e.assigned == 1 && !e.asid && e.immutable == 1,
	      "RMPREAD: firmware's page: assigned, ASID 0, immutable");
	set_entry(pa, ENTRY_FREE);

	must(emu("fail rmpread 2 1"));
	check_eq(rmpread(pa, &e), 2, "RMPREAD: EAX 2, no permission");
	check_eq(rmpread(pa, &e), 0, "RMPREAD: EAX 0 again");
}

/* The raw entry, which is defined where there is no RMPREAD. */
static void test_raw(void)
{
	u64 *raw = memremap(rmp_start() + BOOKKEEPING + pfn * 16, 16, MEMREMAP_WB);

	if (!raw) {
		check(false, "raw entry: the RMP's memory can be mapped");
		return;
	}

	check_eq(READ_ONCE(raw[0]), 0, "raw entry: 0 for a page of the hypervisor");
	rmpupdate(pa, ASID, false, false);
	check_eq(READ_ONCE(raw[0]) & ~BIT_ULL(62),
		 1 | pfn << 12 | (u64)ASID << 51, "raw entry: a guest's 4k page");
	check_eq(READ_ONCE(raw[1]), 0, "raw entry: the high word is unused");
	rmpupdate(pa, 0, false, false);
	check_eq(READ_ONCE(raw[0]), 0, "raw entry: 0 when given back");
	rmpupdate(pa, ASID, true, false);
	check_eq(READ_ONCE(raw[0]) & ~BIT_ULL(62),
		 1 | BIT_ULL(1) | pfn << 12 | (u64)ASID << 51, "raw entry: a guest's 2m page");
	rmpupdate(pa, 0, true, false);
	set_entry(pa, ENTRY_FIRMWARE);
	check_eq(READ_ONCE(raw[0]) & (BIT_ULL(3) - 1), 1 | BIT_ULL(2),
		 "raw entry: firmware's page");
	check_eq(READ_ONCE(raw[0]) >> 51 & 0x3ff, 0, "raw entry: firmware's ASID is 0");
	set_entry(pa, ENTRY_FREE);
	memunmap(raw);
}

static void test_rmpupdate(void)
{
	u8 *page = page_address(pfn_to_page(pfn));
	struct rmp_state e;

	memset(page, 0x5a, PAGE_SIZE);
	check_eq(rmpupdate(pa, ASID, false, false), 0,
		 "RMPUPDATE: EAX 0, a 4k page becomes a guest's");
	check(entry_has(pa, ENTRY_GUEST), "RMPUPDATE: the entry: %s", emu_reply);
	if (has_rmpread) {
		rmpread(pa, &e);
		check(e.assigned == 1 && e.asid == ASID && e.gpa == pa && !e.pagesize,
		      "RMPUPDATE: RMPREAD gives back what was written");
	}
	rmpupdate(pa + PAGE_SIZE, ASID, false, false);
	check_eq(rmpupdate(pa, ASID, true, false), 4,
		 "RMPUPDATE: EAX 4, 2m onto a block with an assigned 4k page overlaps");
	rmpupdate(pa + PAGE_SIZE, 0, false, false);
	check_eq(rmpupdate(pa + SZ_2M + PAGE_SIZE, ASID, true, false), 1,
		 "RMPUPDATE: EAX 1, 2m at an address that is not 2 MiB aligned");
	check_eq(rmpupdate(1ULL << 45, ASID, false, false), 1,
		 "RMPUPDATE: EAX 1, an address that the RMP does not cover");
	check_eq(rmpupdate(pa, 0, false, false), 0, "RMPUPDATE: EAX 0, the page is given back");
	check(!memchr_inv(page, 0x5a, PAGE_SIZE), "RMPUPDATE: the page itself is not touched");
	check(entry_has(pa, ENTRY_FREE), "RMPUPDATE: the entry: %s", emu_reply);

	check_eq(rmpupdate(pa, ASID, true, false), 0,
		 "RMPUPDATE: EAX 0, a 2m page becomes a guest's");
	check(entry_has(pa, "assigned=1 size=2m"), "RMPUPDATE: the entry: %s", emu_reply);
	check_eq(rmpupdate(pa + PAGE_SIZE, ASID, false, false), 4,
		 "RMPUPDATE: EAX 4, 4k inside a 2m page overlaps");
	check_eq(rmpupdate(pa, 0, true, false), 0, "RMPUPDATE: EAX 0, the 2m page is given back");

	check_eq(rmpupdate(pa, 0, false, true), 0, "RMPUPDATE: EAX 0, a page becomes firmware's");
	check_eq(rmpupdate(pa, 0, false, false), 2, "RMPUPDATE: EAX 2, an immutable page");
	check_eq(rmpupdate(pa, ASID, false, false), 2,
		 "RMPUPDATE: EAX 2, an immutable page to a guest");
	check(entry_has(pa, ENTRY_FIRMWARE), "RMPUPDATE: a refused update changes nothing");
	set_entry(pa, ENTRY_FREE);
	check_eq(rmpupdate(rmp_start(), ASID, false, false), 2,
		 "RMPUPDATE: EAX 2, the RMP itself");

	must(emu("fail rmpupdate 3 1"));
	check_eq(rmpupdate(pa, ASID, false, false), 3, "RMPUPDATE: EAX 3, in use");
	check(entry_has(pa, ENTRY_FREE), "RMPUPDATE: nothing changes when in use");
	check_eq(rmpupdate(pa, ASID, false, false), 0, "RMPUPDATE: EAX 0 on the second try");
	check_eq(rmpupdate(pa, 0, false, false), 0, "RMPUPDATE: EAX 0, given back");
}

/* The kernel's own functions must get along with the emulator. */
static void test_kernel(void)
{
	bool assigned = false;
	int level = 0;

	check_eq(rmp_make_private(pfn, pa, PG_LEVEL_2M, ASID, false), 0,
		 "kernel: rmp_make_private() of a 2m page");
	check_eq(snp_lookup_rmpentry(pfn, &assigned, &level), 0, "kernel: snp_lookup_rmpentry()");
	check(assigned && level == PG_LEVEL_2M, "kernel: it is assigned, 2m");
	check_eq(snp_lookup_rmpentry(pfn + 77, &assigned, &level), 0,
		 "kernel: snp_lookup_rmpentry() inside of it");
	check_eq(level, PG_LEVEL_2M, "kernel: the 2 MiB-aligned page's entry is authoritative");
	check_eq(rmp_make_shared(pfn, PG_LEVEL_2M), 0, "kernel: rmp_make_shared()");
	check_eq(snp_lookup_rmpentry(pfn, &assigned, &level), 0, "kernel: snp_lookup_rmpentry()");
	check(!assigned && level == PG_LEVEL_4K, "kernel: it is not assigned, 4k");

	must(emu("fail rmpupdate 4 1"));
	check_eq(rmp_make_private(pfn, pa, PG_LEVEL_4K, ASID, false), 0,
		 "kernel: rmp_make_private() tries again after EAX 4");
	check_eq(rmp_make_shared(pfn, PG_LEVEL_4K), 0, "kernel: rmp_make_shared()");
}

static void test_psmash(void)
{
	unsigned int i, wrong = 0;

	check_eq(psmash_code(pa + PAGE_SIZE), 1, "PSMASH: EAX 1, not 2 MiB aligned");
	check_eq(rmpupdate(pa, ASID, true, false), 0, "PSMASH: a 2m page to work on");
	check_eq(psmash_code(pa), 0, "PSMASH: EAX 0");
	for (i = 0; i < BLOCK_PAGES; i++) {
		u64 at = pa + i * PAGE_SIZE;

		wrong += !entry_has(at, ENTRY_GUEST " gpa=%#llx", at);
	}
	check_eq(wrong, 0,
		 "PSMASH: 512 entries of 4k, with the ASID and ascending guest addresses");
	check_eq(rmpupdate(pa, 0, true, false), 4, "PSMASH: the 2 MiB cannot be given back as one");
	wrong = 0;
	for (i = 0; i < BLOCK_PAGES; i++)
		wrong += !!rmpupdate(pa + i * PAGE_SIZE, 0, false, false);
	check_eq(wrong, 0, "PSMASH: each of the 512 pages can be given back");

	set_entry(pa, "assigned=1 asid=0 size=2m immutable=1");
	check_eq(psmash_code(pa), 2, "PSMASH: EAX 2, an immutable page");
	set_entry(pa, "assigned=0 asid=0 size=2m immutable=0");

	must(emu("fail psmash 3 1"));
	rmpupdate(pa, ASID, true, false);
	check_eq(psmash_code(pa), 3, "PSMASH: EAX 3, in use");
	must(emu("fail psmash 7 1"));
	check_eq(psmash_code(pa), 7, "PSMASH: EAX 7");
	check(entry_has(pa, "size=2m"), "PSMASH: a failed one changes nothing");
	check_eq(rmpupdate(pa, 0, true, false), 0, "PSMASH: given back");
}

void test_rmp(void)
{
	if (has_rmpread)
		test_rmpread();
	else
		test_raw();
	test_rmpupdate();
	test_kernel();
	test_psmash();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Runs each instruction, MSR and CPUID leaf of SEV-SNP's host side and compares
 * results, flags, memory and faults with what is known of the hardware, line by
 * line. What is not known in public is a switch of the emulator: each of its
 * values is chosen in turn and must be what the processor then does.
 *
 * All runs at load, on the CPUs that the tests are about; debugfs rmp_insn/tap
 * then holds the results as TAP. The module works on memory that it allocates,
 * and leaves the processor as after a new initialisation of SNP.
 *
 * Parameter: model=zen6|zen5|zen4|none, what the host must turn out to be.
 */
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/smp.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>

#include <asm/asm.h>
#include <asm/cpuid/api.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>
#include <asm/sev.h>
#include <asm/trapnr.h>

#include "port.h"
#include "region.h"

#define MSR_SYSCFG		0xc0010010
#define MSR_HWCR		0xc0010015
#define MSR_RMP_BASE		0xc0010132
#define MSR_RMP_END		0xc0010133
#define MSR_RMP_CFG		0xc0010136
#define MSR_RMPOPT_BASE		0xc0010139

#define SYSCFG_MFDM		BIT_ULL(19)
#define SYSCFG_MEM_ENCRYPT	BIT_ULL(23)
#define SYSCFG_SNP_EN		BIT_ULL(24)
#define RMP_ADDRESS		GENMASK_ULL(51, 13)
#define RMPOPT_EN		BIT_ULL(0)

#define RMPOPT_VERIFY		0
#define RMPOPT_REPORT		1

#define BOOKKEEPING		0x4000
#define NO_FAULT		0

#define ASID			5

static char *model = "zen6";
module_param(model, charp, 0400);
MODULE_PARM_DESC(model, "processor that the host must turn out to be");

static struct dentry *dir;

/* What the tests run on. */
static bool has_snp, has_rmpread, has_segments, has_rmpopt;
static int cpu_a, sibling_a, cpu_b, cpu_c;	/* -1: there is none */
static unsigned int gib, gib2;			/* RAM without assigned pages */
static unsigned long pfn;			/* two blocks in gib */
static unsigned long pfn2;			/* one block in gib2, or 0 */
static u64 pa;					/* of pfn */

/* TAP */

static char tap_text[131072];
static size_t tap_len;
static unsigned int tap_count, tap_failed;

static __printf(1, 0) void vput(const char *fmt, va_list args)
{
	tap_len += vscnprintf(tap_text + tap_len, sizeof(tap_text) - tap_len, fmt, args);
}

static __printf(1, 2) void put(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vput(fmt, args);
	va_end(args);
}

static __printf(2, 3) bool check(bool good, const char *fmt, ...)
{
	va_list args;

	tap_count++;
	tap_failed += !good;
	put("%sok %u - ", good ? "" : "not ", tap_count);
	va_start(args, fmt);
	vput(fmt, args);
	va_end(args);
	put("\n");
	return good;
}

#define check_eq(got, want, fmt, ...)						\
do {										\
	u64 __got = (got), __want = (want);					\
										\
	if (!check(__got == __want, fmt, ##__VA_ARGS__))			\
		put("#   got %#llx, want %#llx\n", __got, __want);		\
} while (0)

static void skip(const char *what, const char *why)
{
	tap_count++;
	put("ok %u - %s # SKIP %s\n", tap_count, what, why);
}

/* A request that must be done for the tests to mean anything. */
static void must(bool done)
{
	if (!done)
		check(false, "emulator: %s: %s", port_request, port_reply);
}

#define port_must(...)	must(port(__VA_ARGS__))

#define ENTRY_FREE	"assigned=0 asid=0 size=4k immutable=0"
#define ENTRY_GUEST	"assigned=1 asid=5 size=4k immutable=0"
#define ENTRY_FIRMWARE	"assigned=1 asid=0 size=4k immutable=1"

/* Instructions: one struct carries the registers in and what came out. */

struct regs {
	unsigned long rax;
	unsigned long rcx;
	unsigned int fault;	/* trap number, NO_FAULT if none */
	u8 cf;
	unsigned long flags_in;
	unsigned long flags_out;
};

/*
 * EX_TYPE_FAULT leaves the trap number in RAX. @fault is set before and cleared
 * behind the instruction, so it tells the two ways to label 2 apart.
 */
#define INSN(bytes)	"1: .byte " bytes "\n\t"
#define INSN_END	"xorl %k[fault], %k[fault]\n\t"				\
			"2:\n\t"						\
			_ASM_EXTABLE_FAULT(1b, 2b)

#define RMPREAD		"0xf2, 0x0f, 0x01, 0xfd"
#define RMPUPDATE	"0xf2, 0x0f, 0x01, 0xfe"
#define RMPOPT		"0xf2, 0x0f, 0x01, 0xfc"
#define PSMASH		"0xf3, 0x0f, 0x01, 0xff"

static void settle(struct regs *i, unsigned long faulted)
{
	i->fault = faulted ? i->rax : NO_FAULT;
}

static void run_rmpread(void *arg)
{
	unsigned long fault = 1;
	struct regs *i = arg;

	asm volatile(INSN(RMPREAD) INSN_END
		     : "+a" (i->rax), "+c" (i->rcx), [fault] "+r" (fault)
		     : : "memory", "cc");
	settle(i, fault);
}

static void run_rmpupdate(void *arg)
{
	unsigned long fault = 1;
	struct regs *i = arg;

	asm volatile(INSN(RMPUPDATE) INSN_END
		     : "+a" (i->rax), "+c" (i->rcx), [fault] "+r" (fault)
		     : : "memory", "cc");
	settle(i, fault);
}

static void run_psmash(void *arg)
{
	unsigned long fault = 1;
	struct regs *i = arg;

	asm volatile(INSN(PSMASH) INSN_END
		     : "+a" (i->rax), [fault] "+r" (fault)
		     : : "memory", "cc");
	settle(i, fault);
}

static void run_rmpopt_setc(void *arg)
{
	unsigned long fault = 1;
	struct regs *i = arg;
	u8 cf = 0xff;

	asm volatile(INSN(RMPOPT)
		     "setc %b[cf]\n\t"
		     INSN_END
		     : "+a" (i->rax), "+c" (i->rcx), [fault] "+r" (fault), [cf] "+r" (cf)
		     : : "memory", "cc");
	i->cf = cf;
	settle(i, fault);
}

static void run_rmpopt_jc(void *arg)
{
	unsigned long fault = 1;
	struct regs *i = arg;
	u8 cf = 0xff;

	asm volatile(INSN(RMPOPT)
		     "jc 3f\n\t"
		     "movb $0, %b[cf]\n\t"
		     "jmp 4f\n"
		     "3: movb $1, %b[cf]\n"
		     "4:\n\t"
		     INSN_END
		     : "+a" (i->rax), "+c" (i->rcx), [fault] "+r" (fault), [cf] "+r" (cf)
		     : : "memory", "cc");
	i->cf = cf;
	settle(i, fault);
}

static void run_rmpopt_jnc(void *arg)
{
	unsigned long fault = 1;
	struct regs *i = arg;
	u8 cf = 0xff;

	asm volatile(INSN(RMPOPT)
		     "jnc 3f\n\t"
		     "movb $1, %b[cf]\n\t"
		     "jmp 4f\n"
		     "3: movb $0, %b[cf]\n"
		     "4:\n\t"
		     INSN_END
		     : "+a" (i->rax), "+c" (i->rcx), [fault] "+r" (fault), [cf] "+r" (cf)
		     : : "memory", "cc");
	i->cf = cf;
	settle(i, fault);
}

#define FLAGS_WATCHED	(X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | \
			 X86_EFLAGS_SF | X86_EFLAGS_OF | X86_EFLAGS_DF)

/* Loads the arithmetic flags before, stores them behind. */
static void run_rmpopt_flags(void *arg)
{
	unsigned long fault = 1, out = 0;
	struct regs *i = arg;
	u8 cf = 0xff;

	asm volatile("pushf\n\t"
		     "andq %[keep], (%%rsp)\n\t"
		     "orq %[in], (%%rsp)\n\t"
		     "popf\n\t"
		     INSN(RMPOPT)
		     "setc %b[cf]\n\t"
		     "pushf\n\t"
		     "pop %[out]\n\t"
		     INSN_END
		     : "+a" (i->rax), "+c" (i->rcx), [fault] "+r" (fault), [cf] "+r" (cf),
		       [out] "+r" (out), ASM_CALL_CONSTRAINT
		     : [in] "r" (i->flags_in), [keep] "r" (~FLAGS_WATCHED)
		     : "memory", "cc");
	i->flags_out = out & FLAGS_WATCHED;
	i->cf = cf;
	settle(i, fault);
}

static void run_rdmsr(void *arg)
{
	unsigned long fault = 1, rdx = 0;
	struct regs *i = arg;

	asm volatile("1: rdmsr\n\t" INSN_END
		     : "+a" (i->rax), "+d" (rdx), [fault] "+r" (fault)
		     : "c" (i->rcx) : "memory");
	settle(i, fault);
	if (!fault)
		i->rax = (u32)i->rax | rdx << 32;
}

static void run_wrmsr(void *arg)
{
	unsigned long fault = 1;
	struct regs *i = arg;
	unsigned long rdx = i->rax >> 32;

	asm volatile("1: wrmsr\n\t" INSN_END
		     : "+a" (i->rax), [fault] "+r" (fault)
		     : "c" (i->rcx), "d" (rdx) : "memory");
	settle(i, fault);
}

/* Typed helpers */

static struct regs on(int cpu, void (*insn)(void *), unsigned long rax, unsigned long rcx)
{
	struct regs i = { .rax = rax, .rcx = rcx, .fault = -1 };

	smp_call_function_single(cpu, insn, &i, 1);
	return i;
}

static u64 msr_read(int cpu, u32 msr)
{
	struct regs i = on(cpu, run_rdmsr, 0, msr);

	return i.fault ? ~0ULL : i.rax;
}

static unsigned int msr_write(int cpu, u32 msr, u64 value)
{
	return on(cpu, run_wrmsr, value, msr).fault;
}

static bool rmpopt(int cpu, u64 address, unsigned long function)
{
	struct regs i = on(cpu, run_rmpopt_setc, address, function);

	if (i.fault || i.cf > 1)
		check(false, "RMPOPT %#llx, %lu on CPU %d: fault %u, CF %u",
		      address, function, cpu, i.fault, i.cf);
	return i.cf == 1;
}

static bool verify(int cpu, unsigned int g)
{
	return rmpopt(cpu, (u64)g * SZ_1G, RMPOPT_VERIFY);
}

static bool report(int cpu, unsigned int g)
{
	return rmpopt(cpu, (u64)g * SZ_1G, RMPOPT_REPORT);
}

/* RMPREAD and RMPUPDATE must not move the entry's address: same CPU, stack. */
static unsigned int rmpread(u64 address, struct rmp_state *e)
{
	struct regs i = { .rax = address, .rcx = (unsigned long)e, .fault = -1 };

	memset(e, 0xff, sizeof(*e));
	run_rmpread(&i);
	return i.fault ? 0x100 + i.fault : (u32)i.rax;
}

static unsigned int rmpupdate(u64 address, u32 asid, bool huge, bool immutable)
{
	struct rmp_state e = {
		.gpa = asid ? address : 0,
		.assigned = asid || immutable,
		.pagesize = huge,
		.immutable = immutable,
		.asid = asid,
	};
	struct regs i = { .rax = address, .rcx = (unsigned long)&e, .fault = -1 };

	run_rmpupdate(&i);
	return i.fault ? 0x100 + i.fault : (u32)i.rax;
}

static unsigned int psmash_code(u64 address)
{
	struct regs i = { .rax = address, .fault = -1 };

	run_psmash(&i);
	return i.fault ? 0x100 + i.fault : (u32)i.rax;
}

#define for_each_core(cpu)							\
	for_each_online_cpu(cpu)						\
		if (cpu == cpumask_first(topology_sibling_cpumask(cpu)))

static unsigned int count_cores(void)
{
	unsigned int n = 0;
	int cpu;

	for_each_core(cpu)
		n++;
	return n;
}

static void base_on_all(u64 value)
{
	int cpu;

	for_each_core(cpu)
		if (msr_write(cpu, MSR_RMPOPT_BASE, value))
			check(false, "RMPOPT_BASE of CPU %d takes %#llx", cpu, value);
}

/* CPUs whose core says that the region is optimised. */
static unsigned int reporting(unsigned int g)
{
	unsigned int n = 0;
	int cpu;

	for_each_online_cpu(cpu)
		n += report(cpu, g);
	return n;
}

/* Cores that have the region optimised, as the emulator knows it: -1 if not told. */
static int optimised_cores(unsigned int g)
{
	cpumask_var_t mask;
	int n = -1;

	if (!port("optimised %u", g))
		return -1;
	if (!port_reply[0] || !strcmp(port_reply, "none"))
		return 0;
	if (!zalloc_cpumask_var(&mask, GFP_KERNEL))
		return -1;
	if (!cpulist_parse(port_reply, mask))
		n = cpumask_weight(mask);
	free_cpumask_var(mask);
	return n;
}

/* SNP goes away and is initialised again: tables clear, RMPOPT off. */
static void fresh_start(void)
{
	port_must("snp off");
	port_must("snp on");
	port_must("forget");
}

/* CPUID */

static void test_cpuid(void)
{
	bool zen6 = !strcmp(model, "zen6"), zen5 = !strcmp(model, "zen5");
	bool zen4 = !strcmp(model, "zen4");
	u32 eax, ebx, ecx, edx;

	cpuid(0x8000001f, &eax, &ebx, &ecx, &edx);
	put("# CPUID 8000001f: eax %08x\n", eax);
	check_eq(!!(eax & BIT(1)), zen6 || zen5 || zen4, "CPUID 8000001f EAX 1: SEV");
	check_eq(!!(eax & BIT(3)), zen6 || zen5 || zen4, "CPUID 8000001f EAX 3: SEV-ES");
	check_eq(!!(eax & BIT(4)), zen6 || zen5 || zen4, "CPUID 8000001f EAX 4: SEV-SNP");
	check_eq(!!(eax & BIT(21)), zen6 || zen5, "CPUID 8000001f EAX 21: RMPREAD");
	check_eq(!!(eax & BIT(23)), zen6 || zen5, "CPUID 8000001f EAX 23: segmented RMP");
	has_snp = eax & BIT(4);
	has_rmpread = eax & BIT(21);
	has_segments = eax & BIT(23);

	eax = 0;
	ebx = 0;
	edx = 0;
	if (cpuid_eax(0x80000000) >= 0x80000025)
		cpuid(0x80000025, &eax, &ebx, &ecx, &edx);
	put("# CPUID 80000025: eax %08x ebx %08x edx %08x\n", eax, ebx, edx);
	check_eq(eax, zen6 || zen5 ? 0xaa4 : 0, "CPUID 80000025 EAX: segments of 64 GiB to 4 TiB");
	check_eq(ebx, zen6 || zen5 ? 0x410 : 0, "CPUID 80000025 EBX: 16 segments, a hard limit");
	check_eq(edx & BIT(0), zen6, "CPUID 80000025 EDX 0: RMPOPT");
	has_rmpopt = edx & BIT(0);
}

struct leaf {
	u32 eax_1f, eax_25, ebx_25, edx_25;
};

static void read_leaf(void *arg)
{
	struct leaf *l = arg;

	l->eax_1f = cpuid_eax(0x8000001f);
	l->eax_25 = cpuid_eax(0x80000025);
	l->ebx_25 = cpuid_ebx(0x80000025);
	l->edx_25 = cpuid_edx(0x80000025);
}

static void test_cpuid_everywhere(void)
{
	struct leaf first, other;
	unsigned int differ = 0;
	int cpu;

	smp_call_function_single(cpu_a, read_leaf, &first, 1);
	for_each_online_cpu(cpu) {
		smp_call_function_single(cpu, read_leaf, &other, 1);
		differ += !!memcmp(&first, &other, sizeof(first));
	}
	check_eq(differ, 0, "CPUID says the same on every CPU");
}

/* MSRs */

static void test_msrs(void)
{
	u64 syscfg = msr_read(cpu_a, MSR_SYSCFG);
	u64 base, end, cfg;
	int cpu, differ = 0;

	check(syscfg & SYSCFG_MEM_ENCRYPT, "SYSCFG 23: memory encryption is on");
	check(syscfg & SYSCFG_SNP_EN, "SYSCFG 24: SnpEn is set");
	check_eq(msr_write(cpu_a, MSR_SYSCFG, syscfg & ~SYSCFG_SNP_EN), NO_FAULT,
		 "SYSCFG: a write with SnpEn set does not fault");
	check_eq(msr_read(cpu_a, MSR_SYSCFG), syscfg,
		 "SYSCFG: a write with SnpEn set is ignored");
	check(msr_read(cpu_a, MSR_HWCR) & BIT(0), "HWCR 0: SMM is locked");

	base = msr_read(cpu_a, MSR_RMP_BASE);
	end = msr_read(cpu_a, MSR_RMP_END);
	check(base && !(base & ~RMP_ADDRESS), "RMP_BASE: %#llx has bits 51:13 only", base);
	if (has_segments) {
		check(IS_ALIGNED(base, SZ_1M), "RMP_BASE: %#llx is 1 MiB aligned", base);
		check_eq(end, 0, "RMP_END: 0 when segmented");
		cfg = msr_read(cpu_a, MSR_RMP_CFG);
		check(cfg & BIT(0), "RMP_CFG 0: segmented RMP is on");
		check((cfg >> 8 & 0x3f) >= 36 && (cfg >> 8 & 0x3f) <= 42,
		      "RMP_CFG 13:8: %llu is a size that CPUID offers", cfg >> 8 & 0x3f);
	} else {
		check((end & RMP_ADDRESS) > (base & RMP_ADDRESS),
		      "RMP_END: %#llx lies above RMP_BASE", end);
	}

	for_each_online_cpu(cpu)
		differ += msr_read(cpu, MSR_SYSCFG) != syscfg ||
			  msr_read(cpu, MSR_RMP_BASE) != base ||
			  msr_read(cpu, MSR_RMP_END) != end;
	check_eq(differ, 0, "SYSCFG, RMP_BASE and RMP_END are the same on every CPU");
}

static void test_rmpopt_base(void)
{
	u64 value = (u64)gib * SZ_1G | RMPOPT_EN;

	fresh_start();
	check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE), 0, "RMPOPT_BASE: 0 after SNP's initialisation");
	check_eq(msr_write(cpu_a, MSR_RMPOPT_BASE, value), NO_FAULT,
		 "RMPOPT_BASE: can be enabled while SNP is on");
	check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE), value, "RMPOPT_BASE: reads what was written");
	if (sibling_a >= 0) {
		check_eq(msr_read(sibling_a, MSR_RMPOPT_BASE), value,
			 "RMPOPT_BASE: siblings share it");
		msr_write(sibling_a, MSR_RMPOPT_BASE, RMPOPT_EN);
		check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE), RMPOPT_EN,
			 "RMPOPT_BASE: a sibling's write is seen");
	} else {
		skip("RMPOPT_BASE: siblings share it", "no sibling");
	}
	if (cpu_b >= 0)
		check_eq(msr_read(cpu_b, MSR_RMPOPT_BASE), 0, "RMPOPT_BASE: one per core");
	else
		skip("RMPOPT_BASE: one per core", "one core");
	check_eq(msr_write(cpu_a, MSR_RMPOPT_BASE, 0), NO_FAULT, "RMPOPT_BASE: can be cleared");
	check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE), 0, "RMPOPT_BASE: reads 0 when cleared");
}

/* RMPREAD */

static void test_rmpread(void)
{
	struct rmp_state e;

	check_eq(rmpread(pa, &e), 0, "RMPREAD: EAX 0 on a page of the hypervisor");
	check(!memchr_inv(&e, 0, sizeof(e)), "RMPREAD: the hypervisor's entry is 16 bytes of 0");

	check_eq(rmpread(1ULL << 45, &e), 1,
		 "RMPREAD: EAX 1 on an address that the RMP does not cover");

	port_must("set-entry %#llx " ENTRY_GUEST, pa + 3 * PAGE_SIZE);
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
	port_must("set-entry %#llx " ENTRY_FREE, pa + 3 * PAGE_SIZE);

	port_must("set-entry %#llx " ENTRY_GUEST, pa);
	rmpread(pa, &e);
	check(e.assigned == 1 && !e.pagesize,
	      "RMPREAD: bit 1 is about other pages, not the page itself");
	port_must("set-entry %#llx " ENTRY_FREE, pa);
	rmpread(pa, &e);
	check(!e.assigned && !e.pagesize, "RMPREAD: bit 1 goes with the last assigned page");

	port_must("set-entry %#llx " ENTRY_FIRMWARE, pa);
	rmpread(pa, &e);
	check(e.assigned == 1 && !e.asid && e.immutable == 1,
	      "RMPREAD: firmware's page: assigned, ASID 0, immutable");
	port_must("set-entry %#llx " ENTRY_FREE, pa);

	if (port("fail rmpread 2 1")) {
		check_eq(rmpread(pa, &e), 2, "RMPREAD: EAX 2, no permission");
		check_eq(rmpread(pa, &e), 0, "RMPREAD: EAX 0 again");
	} else {
		skip("RMPREAD: EAX 2, no permission", "the emulator has no request for it");
	}
}

/* RMPUPDATE */

static void test_rmpupdate(void)
{
	u8 *page = page_address(pfn_to_page(pfn));
	struct rmp_state e;
	u64 rmp = msr_read(cpu_a, MSR_RMP_BASE) & RMP_ADDRESS;

	memset(page, 0x5a, PAGE_SIZE);
	check_eq(rmpupdate(pa, ASID, false, false), 0,
		 "RMPUPDATE: EAX 0, a 4k page becomes a guest's");
	port_must("entry %#llx", pa);
	check(strstr(port_reply, "assigned=1") && strstr(port_reply, "size=4k") &&
	      strstr(port_reply, "asid=5"), "RMPUPDATE: the entry: %s", port_reply);
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
	port_must("entry %#llx", pa);
	check(strstr(port_reply, "assigned=0") && strstr(port_reply, "asid=0"),
	      "RMPUPDATE: the entry: %s", port_reply);

	check_eq(rmpupdate(pa, ASID, true, false), 0,
		 "RMPUPDATE: EAX 0, a 2m page becomes a guest's");
	port_must("entry %#llx", pa);
	check(strstr(port_reply, "assigned=1") && strstr(port_reply, "size=2m"),
	      "RMPUPDATE: the entry: %s", port_reply);
	check_eq(rmpupdate(pa + PAGE_SIZE, ASID, false, false), 4,
		 "RMPUPDATE: EAX 4, 4k inside a 2m page overlaps");
	check_eq(rmpupdate(pa, 0, true, false), 0, "RMPUPDATE: EAX 0, the 2m page is given back");

	check_eq(rmpupdate(pa, 0, false, true), 0, "RMPUPDATE: EAX 0, a page becomes firmware's");
	check_eq(rmpupdate(pa, 0, false, false), 2, "RMPUPDATE: EAX 2, an immutable page");
	check_eq(rmpupdate(pa, ASID, false, false), 2,
		 "RMPUPDATE: EAX 2, an immutable page to a guest");
	port_must("entry %#llx", pa);
	check(strstr(port_reply, "assigned=1") && strstr(port_reply, "immutable=1"),
	      "RMPUPDATE: a refused update changes nothing");
	port_must("set-entry %#llx " ENTRY_FREE, pa);
	check_eq(rmpupdate(rmp, ASID, false, false), 2, "RMPUPDATE: EAX 2, the RMP itself");

	if (port("fail rmpupdate 3 1")) {
		check_eq(rmpupdate(pa, ASID, false, false), 3, "RMPUPDATE: EAX 3, in use");
		port_must("entry %#llx", pa);
		check(strstr(port_reply, "assigned=0"), "RMPUPDATE: nothing changes when in use");
		check_eq(rmpupdate(pa, ASID, false, false), 0,
			 "RMPUPDATE: EAX 0 on the second try");
		check_eq(rmpupdate(pa, 0, false, false), 0, "RMPUPDATE: EAX 0, given back");
	} else {
		skip("RMPUPDATE: EAX 3, in use", "the emulator has no request for it");
	}
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

	if (port("fail rmpupdate 4 1")) {
		check_eq(rmp_make_private(pfn, pa, PG_LEVEL_4K, ASID, false), 0,
			 "kernel: rmp_make_private() tries again after EAX 4");
		check_eq(rmp_make_shared(pfn, PG_LEVEL_4K), 0, "kernel: rmp_make_shared()");
	} else {
		skip("kernel: rmp_make_private() tries again after EAX 4",
		     "the emulator has no request for it");
	}
}

/* The raw entry, which is defined where there is no RMPREAD. */
static void test_raw(void)
{
	u64 at = (msr_read(cpu_a, MSR_RMP_BASE) & RMP_ADDRESS) + BOOKKEEPING + pfn * 16;
	u64 *raw = memremap(at, 16, MEMREMAP_WB);

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
	port_must("set-entry %#llx " ENTRY_FIRMWARE, pa);
	check_eq(READ_ONCE(raw[0]) & (BIT_ULL(3) - 1), 1 | BIT_ULL(2),
		 "raw entry: firmware's page");
	check_eq(READ_ONCE(raw[0]) >> 51 & 0x3ff, 0, "raw entry: firmware's ASID is 0");
	port_must("set-entry %#llx " ENTRY_FREE, pa);
	memunmap(raw);
}

/* PSMASH */

static void test_psmash(void)
{
	unsigned int i, wrong = 0;

	check_eq(psmash_code(pa + PAGE_SIZE), 1, "PSMASH: EAX 1, not 2 MiB aligned");
	check_eq(rmpupdate(pa, ASID, true, false), 0, "PSMASH: a 2m page to work on");
	check_eq(psmash_code(pa), 0, "PSMASH: EAX 0");
	for (i = 0; i < BLOCK_PAGES; i++) {
		u64 at = pa + i * PAGE_SIZE;
		unsigned long long gpa;
		char *found;

		if (!port("entry %#llx", at)) {
			wrong++;
			continue;
		}
		found = strstr(port_reply, "gpa=");
		if (!found || sscanf(found, "gpa=%llx", &gpa) != 1 || gpa != at ||
		    !strstr(port_reply, "assigned=1") || !strstr(port_reply, "size=4k") ||
		    !strstr(port_reply, "asid=5"))
			wrong++;
	}
	check_eq(wrong, 0,
		 "PSMASH: 512 entries of 4k, with the ASID and ascending guest addresses");
	check_eq(rmpupdate(pa, 0, true, false), 4, "PSMASH: the 2 MiB cannot be given back as one");
	wrong = 0;
	for (i = 0; i < BLOCK_PAGES; i++)
		wrong += !!rmpupdate(pa + i * PAGE_SIZE, 0, false, false);
	check_eq(wrong, 0, "PSMASH: each of the 512 pages can be given back");

	port_must("set-entry %#llx assigned=1 asid=0 size=2m immutable=1", pa);
	check_eq(psmash_code(pa), 2, "PSMASH: EAX 2, an immutable page");
	port_must("set-entry %#llx assigned=0 asid=0 size=2m immutable=0", pa);

	if (port("fail psmash 3 1")) {
		rmpupdate(pa, ASID, true, false);
		check_eq(psmash_code(pa), 3, "PSMASH: EAX 3, in use");
		port_must("fail psmash 7 1");
		check_eq(psmash_code(pa), 7, "PSMASH: EAX 7");
		port_must("entry %#llx", pa);
		check(strstr(port_reply, "size=2m"), "PSMASH: a failed one changes nothing");
		check_eq(rmpupdate(pa, 0, true, false), 0, "PSMASH: given back");
	} else {
		skip("PSMASH: EAX 3, in use", "the emulator has no request for it");
	}
}

/* RMPOPT */

static void test_rmpopt_faults(void)
{
	unsigned long ud = port_number("rmpopt.ud");

	fresh_start();
	check_eq(on(cpu_a, run_rmpopt_setc, pa, RMPOPT_VERIFY).fault, X86_TRAP_UD,
		 "RMPOPT: #UD for verify while RMPOPT_EN is 0");
	check_eq(on(cpu_a, run_rmpopt_setc, pa, RMPOPT_REPORT).fault, X86_TRAP_UD,
		 "RMPOPT: #UD for report while RMPOPT_EN is 0");
	check_eq(port_number("rmpopt.ud"), ud + 2, "RMPOPT: the emulator counted both");

	msr_write(cpu_a, MSR_RMPOPT_BASE, RMPOPT_EN);
	check_eq(on(cpu_a, run_rmpopt_setc, pa, RMPOPT_REPORT).fault, NO_FAULT,
		 "RMPOPT: no fault with RMPOPT_EN 1");
	if (sibling_a >= 0)
		check_eq(on(sibling_a, run_rmpopt_setc, pa, RMPOPT_REPORT).fault, NO_FAULT,
			 "RMPOPT: nor on the sibling");
	if (cpu_b >= 0)
		check_eq(on(cpu_b, run_rmpopt_setc, pa, RMPOPT_REPORT).fault, X86_TRAP_UD,
			 "RMPOPT: still #UD on another core");

	msr_write(cpu_a, MSR_RMPOPT_BASE, 0);
	check_eq(on(cpu_a, run_rmpopt_setc, pa, RMPOPT_REPORT).fault, X86_TRAP_UD,
		 "RMPOPT: #UD again with RMPOPT_EN 0");
}

static void test_rmpopt_registers(void)
{
	struct regs i;

	fresh_start();
	base_on_all(RMPOPT_EN);

	check_eq(on(cpu_a, run_rmpopt_setc, pa, RMPOPT_REPORT).cf, 0,
		 "RMPOPT: report gives CF 0 before the first verify");
	check_eq(on(cpu_a, run_rmpopt_jc, pa, RMPOPT_REPORT).cf, 0, "RMPOPT: CF 0 for jc");
	check_eq(on(cpu_a, run_rmpopt_jnc, pa, RMPOPT_REPORT).cf, 0, "RMPOPT: CF 0 for jnc");
	i = on(cpu_a, run_rmpopt_setc, pa, RMPOPT_VERIFY);
	check_eq(i.cf, 1, "RMPOPT: verify gives CF 1 where nothing is assigned");
	check_eq(i.rax, pa, "RMPOPT: RAX is kept");
	check_eq(i.rcx, RMPOPT_VERIFY, "RMPOPT: RCX is kept");
	i = on(cpu_a, run_rmpopt_setc, pa, RMPOPT_REPORT);
	check_eq(i.cf, 1, "RMPOPT: report gives CF 1 after it");
	check_eq(i.rax, pa, "RMPOPT: RAX is kept by report");
	check_eq(i.rcx, RMPOPT_REPORT, "RMPOPT: RCX is kept by report");
	check_eq(on(cpu_a, run_rmpopt_jc, pa, RMPOPT_REPORT).cf, 1, "RMPOPT: CF 1 for jc");
	check_eq(on(cpu_a, run_rmpopt_jnc, pa, RMPOPT_REPORT).cf, 1, "RMPOPT: CF 1 for jnc");

	i = (struct regs){ .rax = pa, .rcx = RMPOPT_REPORT,
			   .flags_in = X86_EFLAGS_PF | X86_EFLAGS_ZF | X86_EFLAGS_OF };
	smp_call_function_single(cpu_a, run_rmpopt_flags, &i, 1);
	check_eq(i.flags_out, i.flags_in, "RMPOPT: CF only: PF, ZF, OF stay set, AF, SF clear");
	check_eq(i.cf, 1, "RMPOPT: and CF is right");
	i = (struct regs){ .rax = pa, .rcx = RMPOPT_REPORT,
			   .flags_in = X86_EFLAGS_AF | X86_EFLAGS_SF };
	smp_call_function_single(cpu_a, run_rmpopt_flags, &i, 1);
	check_eq(i.flags_out, i.flags_in, "RMPOPT: CF only: AF, SF stay set, PF, ZF, OF clear");

	check_eq(on(cpu_a, run_rmpopt_setc, (u64)gib * SZ_1G, RMPOPT_REPORT).cf, 1,
		 "RMPOPT: the region's first byte");
	check_eq(on(cpu_a, run_rmpopt_setc, (u64)gib * SZ_1G + 0x12345677, RMPOPT_REPORT).cf, 1,
		 "RMPOPT: an unaligned address is aligned down to 1 GiB");
	check_eq(on(cpu_a, run_rmpopt_setc, (u64)gib * SZ_1G + SZ_1G - 1, RMPOPT_REPORT).cf, 1,
		 "RMPOPT: the region's last byte");
	check_eq(on(cpu_a, run_rmpopt_setc, (u64)(gib + 1) * SZ_1G, RMPOPT_REPORT).cf, 0,
		 "RMPOPT: the next region is another one");
}

static void test_rmpopt_tables(void)
{
	unsigned int cores = count_cores();
	long scans, reads;
	int cpu;

	fresh_start();
	base_on_all(RMPOPT_EN);

	scans = port_number("rmpopt.scans");
	check(verify(cpu_a, gib), "RMPOPT: a first core verifies");
	check_eq(port_number("rmpopt.scans"), scans + 1, "RMPOPT: with one scan");
	check_eq(optimised_cores(gib), 1, "RMPOPT: one core's table has the region");
	if (sibling_a >= 0)
		check(report(sibling_a, gib), "RMPOPT: the sibling sees the same table");
	else
		skip("RMPOPT: the sibling sees the same table", "no sibling");
	if (cpu_b >= 0)
		check(!report(cpu_b, gib), "RMPOPT: another core's table is another one");
	else
		skip("RMPOPT: another core's table is another one", "one core");

	scans = port_number("rmpopt.scans");
	reads = port_number("rmpopt.entries_read");
	check(verify(cpu_a, gib), "RMPOPT: the same core verifies again");
	for_each_core(cpu)
		verify(cpu, gib);
	check_eq(port_number("rmpopt.scans"), scans,
		 "RMPOPT: the stored result saves the others' scans");
	check_eq(port_number("rmpopt.entries_read"), reads, "RMPOPT: and their reads");
	check_eq(optimised_cores(gib), cores, "RMPOPT: every core's table has the region");
	check_eq(reporting(gib), num_online_cpus(), "RMPOPT: every CPU reports it");

	/* Cores lose a region the moment a page of it is assigned. */
	if (pfn2)
		for_each_core(cpu)
			verify(cpu, gib2);
	check_eq(rmpupdate(pa, ASID, false, false), 0, "RMPOPT: a 4k page becomes assigned");
	check_eq(reporting(gib), 0, "RMPOPT: the broadcast clears the bit on all cores");
	check_eq(optimised_cores(gib), 0, "RMPOPT: no core's table has the region");
	if (pfn2)
		check_eq(reporting(gib2), num_online_cpus(),
			 "RMPOPT: another region keeps its bits");
	else
		skip("RMPOPT: another region keeps its bits", "one region");

	scans = port_number("rmpopt.failed_scans");
	check(!verify(cpu_a, gib), "RMPOPT: verify gives CF 0 with an assigned 4k page");
	check(!verify(cpu_a, gib), "RMPOPT: and again");
	check_eq(port_number("rmpopt.failed_scans"), scans + 2,
		 "RMPOPT: a region that failed is scanned anew each time");
	check_eq(rmpupdate(pa, 0, false, false), 0, "RMPOPT: the page is given back");
	check_eq(reporting(gib), 0, "RMPOPT: giving pages back sets no bit");
	scans = port_number("rmpopt.scans");
	check(verify(cpu_a, gib), "RMPOPT: verify wins the region back");
	check_eq(port_number("rmpopt.scans"), scans + 1,
		 "RMPOPT: after a scan, the old result is void");

	/* The last page of the region, as 2m. */
	if (cpu_b >= 0)
		verify(cpu_b, gib);
	check_eq(rmpupdate(pa + SZ_2M, ASID, true, false), 0, "RMPOPT: a 2m page becomes assigned");
	check_eq(reporting(gib), 0, "RMPOPT: the bits are cleared");
	check(!verify(cpu_a, gib), "RMPOPT: verify gives CF 0 with an assigned 2m page");
	check_eq(psmash_code(pa + SZ_2M), 0, "RMPOPT: the 2m page is split");
	check(!verify(cpu_a, gib), "RMPOPT: verify gives CF 0 with the split page");
	port_must("set-entry %#llx " ENTRY_FREE, pa + SZ_2M);
	check(!verify(cpu_a, gib), "RMPOPT: 511 of 512 are enough for CF 0");
	for (cpu = 1; cpu < BLOCK_PAGES; cpu++)
		rmpupdate(pa + SZ_2M + cpu * PAGE_SIZE, 0, false, false);
	check(verify(cpu_a, gib), "RMPOPT: verify gives CF 1 when all are given back");

	/* Entries that change behind the kernel's back clear as well. */
	port_must("set-entry %#llx " ENTRY_FIRMWARE, pa);
	check_eq(reporting(gib), 0, "RMPOPT: firmware's page clears the bits");
	check(!verify(cpu_a, gib), "RMPOPT: verify gives CF 0 with firmware's page");
	port_must("set-entry %#llx " ENTRY_FREE, pa);

	/* Cold again. */
	verify(cpu_a, gib);
	port_must("forget");
	if (cpu_b >= 0) {
		scans = port_number("rmpopt.scans");
		check(verify(cpu_b, gib), "RMPOPT: a core verifies when the result is forgotten");
		check_eq(port_number("rmpopt.scans"), scans + 1, "RMPOPT: with a scan of its own");
	} else {
		skip("RMPOPT: a core verifies when the result is forgotten", "one core");
	}

	check(!verify(cpu_a, (msr_read(cpu_a, MSR_RMP_BASE) & RMP_ADDRESS) / SZ_1G),
	      "RMPOPT: the region of the RMP itself never becomes optimised");
	check_eq(optimised_cores((msr_read(cpu_a, MSR_RMP_BASE) & RMP_ADDRESS) / SZ_1G), 0,
		 "RMPOPT: no table has it");
}

/* SNP goes and comes */

static void test_transitions(void)
{
	int cpu, wrong;

	fresh_start();
	base_on_all(RMPOPT_EN);
	check(verify(cpu_a, gib), "SNP: a region is optimised");

	port_must("snp off-legacy");
	check(msr_read(cpu_a, MSR_SYSCFG) & SYSCFG_SNP_EN,
	      "SNP: a legacy shutdown leaves SnpEn set");
	check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE), RMPOPT_EN,
		 "SNP: a legacy shutdown leaves RMPOPT_BASE set");

	port_must("snp on");
	check(msr_read(cpu_a, MSR_SYSCFG) & SYSCFG_SNP_EN, "SNP: SnpEn is set when initialised");
	wrong = 0;
	for_each_core(cpu)
		wrong += msr_read(cpu, MSR_RMPOPT_BASE) != 0;
	check_eq(wrong, 0, "SNP: RMPOPT_BASE is 0 on every core when initialised");
	base_on_all(RMPOPT_EN);
	check_eq(reporting(gib), 0, "SNP: initialisation clears the tables");

	check(verify(cpu_a, gib), "SNP: a region is optimised again");
	port_must("snp off");
	check(!(msr_read(cpu_a, MSR_SYSCFG) & SYSCFG_SNP_EN), "SNP: a full shutdown clears SnpEn");
	check(!(msr_read(cpu_a, MSR_RMPOPT_BASE) & RMPOPT_EN),
	      "SNP: a full shutdown clears RMPOPT_EN");
	check_eq(on(cpu_a, run_rmpopt_setc, pa, RMPOPT_REPORT).fault, X86_TRAP_UD,
		 "SNP: RMPOPT is #UD after it");
	check_eq(optimised_cores(gib), 0, "SNP: no table has anything after it");
	port_must("snp on");
}

/*
 * What the manuals leave open. Each answer that the emulator knows is chosen,
 * and must be what the processor then does; the last choice is put back.
 */

#define UNCOVERED_GIB	1500	/* in the window, above all of TCG's addresses */

static void choose(const char *name, const char *value)
{
	port_must("switch %s %s", name, value);
	fresh_start();
	base_on_all(RMPOPT_EN);
}

static void test_outside_window(void)
{
	u64 beyond = (u64)(gib + 1) * SZ_1G | RMPOPT_EN;

	choose("outside_window", "ud");
	msr_write(cpu_a, MSR_RMPOPT_BASE, beyond);
	check_eq(on(cpu_a, run_rmpopt_setc, pa, RMPOPT_VERIFY).fault, X86_TRAP_UD,
		 "outside_window=ud: #UD for verify");
	check_eq(on(cpu_a, run_rmpopt_setc, pa, RMPOPT_REPORT).fault, X86_TRAP_UD,
		 "outside_window=ud: #UD for report");

	choose("outside_window", "cf0");
	msr_write(cpu_a, MSR_RMPOPT_BASE, beyond);
	check(!verify(cpu_a, gib), "outside_window=cf0: CF 0 for verify");
	check(!report(cpu_a, gib), "outside_window=cf0: CF 0 for report");
	check_eq(optimised_cores(gib), 0, "outside_window=cf0: no table has the region");
}

static void test_function_above_1(void)
{
	struct regs r;

	choose("function_above_1", "mask");
	check_eq(on(cpu_a, run_rmpopt_setc, pa, 3).cf, 0, "function_above_1=mask: 3 reports");
	check_eq(on(cpu_a, run_rmpopt_setc, pa, 2).cf, 1, "function_above_1=mask: 2 verifies");
	check(report(cpu_a, gib), "function_above_1=mask: and sets the bit");

	choose("function_above_1", "report");
	check_eq(on(cpu_a, run_rmpopt_setc, pa, 2).cf, 0, "function_above_1=report: 2 reports");
	check(!report(cpu_a, gib), "function_above_1=report: and sets no bit");

	choose("function_above_1", "ud");
	r = on(cpu_a, run_rmpopt_setc, pa, 2);
	check_eq(r.fault, X86_TRAP_UD, "function_above_1=ud: #UD");
	check(!report(cpu_a, gib), "function_above_1=ud: and sets no bit");
}

/* Which of three writes keep the table. */
static void base_writes(const char *value, bool same, bool off_and_on)
{
	choose("base_write_clears", value);

	verify(cpu_a, gib);
	msr_write(cpu_a, MSR_RMPOPT_BASE, RMPOPT_EN);
	check_eq(report(cpu_a, gib), same, "base_write_clears=%s: the same value again", value);

	verify(cpu_a, gib);
	msr_write(cpu_a, MSR_RMPOPT_BASE, 0);
	msr_write(cpu_a, MSR_RMPOPT_BASE, RMPOPT_EN);
	check_eq(report(cpu_a, gib), off_and_on, "base_write_clears=%s: off and on", value);

	verify(cpu_a, gib);
	msr_write(cpu_a, MSR_RMPOPT_BASE, (u64)gib * SZ_1G | RMPOPT_EN);
	check_eq(report(cpu_a, gib), false, "base_write_clears=%s: another base", value);
}

static void test_base_write_clears(void)
{
	base_writes("base", true, true);
	base_writes("change", true, false);
	base_writes("always", false, false);
}

static void test_unaligned_base(void)
{
	u64 unaligned = (u64)gib * SZ_1G | SZ_2M | RMPOPT_EN;

	choose("unaligned_base", "align");
	check_eq(msr_write(cpu_a, MSR_RMPOPT_BASE, unaligned), NO_FAULT, "unaligned_base=align");
	check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE), (u64)gib * SZ_1G | RMPOPT_EN,
		 "unaligned_base=align: the low bits read as 0");

	choose("unaligned_base", "gp");
	check_eq(msr_write(cpu_a, MSR_RMPOPT_BASE, unaligned), X86_TRAP_GP, "unaligned_base=gp");
	check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE), RMPOPT_EN,
		 "unaligned_base=gp: the old value stays");
}

static void test_early_enable(void)
{
	choose("early_enable", "ignore");
	port_must("snp off");
	check_eq(msr_write(cpu_a, MSR_RMPOPT_BASE, RMPOPT_EN), NO_FAULT, "early_enable=ignore");
	check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE) & RMPOPT_EN, 0,
		 "early_enable=ignore: RMPOPT_EN stays 0");
	check_eq(on(cpu_a, run_rmpopt_setc, pa, RMPOPT_REPORT).fault, X86_TRAP_UD,
		 "early_enable=ignore: RMPOPT is #UD");

	choose("early_enable", "gp");
	port_must("snp off");
	check_eq(msr_write(cpu_a, MSR_RMPOPT_BASE, RMPOPT_EN), X86_TRAP_GP, "early_enable=gp");
	check_eq(msr_read(cpu_a, MSR_RMPOPT_BASE) & RMPOPT_EN, 0,
		 "early_enable=gp: RMPOPT_EN stays 0");
	port_must("snp on");
}

static void test_uncovered(void)
{
	choose("uncovered", "cf0");
	check(!verify(cpu_a, UNCOVERED_GIB), "uncovered=cf0: never optimised");
	choose("uncovered", "cf1");
	check(verify(cpu_a, UNCOVERED_GIB), "uncovered=cf1: optimised, nothing is assigned there");
}

static void test_sub_pages(void)
{
	struct rmp_state e;

	choose("sub_pages", "copy");
	rmpupdate(pa, ASID, true, false);
	rmpread(pa + 5 * PAGE_SIZE, &e);
	check(e.assigned == 1 && e.asid == ASID && e.gpa == pa + 5 * PAGE_SIZE,
	      "sub_pages=copy: a page inside a 2m page reads as assigned");
	rmpupdate(pa, 0, true, false);
	rmpread(pa + 5 * PAGE_SIZE, &e);
	check(!e.assigned && !e.asid, "sub_pages=copy: until the 2m page is given back");

	choose("sub_pages", "zero");
	rmpupdate(pa, ASID, true, false);
	rmpread(pa + 5 * PAGE_SIZE, &e);
	check(!e.assigned && !e.asid, "sub_pages=zero: a page inside a 2m page reads as free");
	rmpread(pa, &e);
	check(e.assigned == 1 && (e.pagesize & 1), "sub_pages=zero: the 2m page's entry decides");
	rmpupdate(pa, 0, true, false);
}

static void test_rules(void)
{
	struct rmp_state e = { .gpa = pa, .assigned = 1, .asid = ASID, .rsvd = 1 };
	struct regs r = { .rax = pa, .rcx = (unsigned long)&e };

	choose("rules", "error");
	run_rmpupdate(&r);
	check_eq((u32)r.rax, 1, "rules=error: EAX 1 with a reserved bit set");
	choose("rules", "fatal");
}

static void test_stored_result(void)
{
	long scans;

	if (cpu_b < 0) {
		skip("stored_result=off", "one core");
		return;
	}

	choose("stored_result", "off");
	verify(cpu_a, gib);
	scans = port_number("rmpopt.scans");
	verify(cpu_b, gib);
	check_eq(port_number("rmpopt.scans"), scans + 1, "stored_result=off: each core scans");

	if (pfn2) {
		choose("stored_result", "1");
		verify(cpu_a, gib);
		verify(cpu_a, gib2);
		scans = port_number("rmpopt.scans");
		verify(cpu_b, gib2);
		check_eq(port_number("rmpopt.scans"), scans,
			 "stored_result=1: the last one is kept");
		verify(cpu_b, gib);
		check_eq(port_number("rmpopt.scans"), scans + 1,
			 "stored_result=1: that before is not");
	}

	choose("stored_result", "kept");
	verify(cpu_a, gib);
	scans = port_number("rmpopt.scans");
	verify(cpu_b, gib);
	check_eq(port_number("rmpopt.scans"), scans, "stored_result=kept: one scan for all cores");
}

static void test_open_questions(void)
{
	test_outside_window();
	test_function_above_1();
	test_base_write_clears();
	test_unaligned_base();
	test_early_enable();
	test_uncovered();
	test_sub_pages();
	test_rules();
	test_stored_result();
}

/* Processors that lack something */

static void test_no_rmpopt(void)
{
	check_eq(on(cpu_a, run_rmpopt_setc, pa, RMPOPT_VERIFY).fault, X86_TRAP_UD,
		 "RMPOPT: #UD on a processor without it");
	check_eq(on(cpu_a, run_rmpopt_setc, pa, RMPOPT_REPORT).fault, X86_TRAP_UD,
		 "RMPOPT: #UD on a processor without it, report");
	check_eq(on(cpu_a, run_rdmsr, 0, MSR_RMPOPT_BASE).fault, X86_TRAP_GP,
		 "RMPOPT_BASE: #GP when read on a processor without it");
	check_eq(msr_write(cpu_a, MSR_RMPOPT_BASE, RMPOPT_EN), X86_TRAP_GP,
		 "RMPOPT_BASE: #GP when written on a processor without it");
}

static void test_no_rmpread(void)
{
	struct rmp_state e;

	check_eq(rmpread(pa, &e), 0x100 + X86_TRAP_UD, "RMPREAD: #UD on a processor without it");
}

static void test_no_snp(void)
{
	check_eq(rmpupdate(pa, ASID, false, false), 0x100 + X86_TRAP_UD,
		 "RMPUPDATE: #UD on a processor without SNP");
	check_eq(psmash_code(pa), 0x100 + X86_TRAP_UD, "PSMASH: #UD on a processor without SNP");
}

/* What to run on */

static void choose_cpus(void)
{
	int cpu;

	cpu_a = cpumask_first(cpu_online_mask);
	sibling_a = -1;
	cpu_b = -1;
	cpu_c = -1;

	for_each_online_cpu(cpu) {
		if (cpu == cpu_a)
			continue;
		if (cpumask_test_cpu(cpu, topology_sibling_cpumask(cpu_a)))
			sibling_a = cpu;
		else if (cpu_b < 0)
			cpu_b = cpu;
		else if (cpu_c < 0 && !cpumask_test_cpu(cpu, topology_sibling_cpumask(cpu_b)))
			cpu_c = cpu;
	}
	put("# CPU %d, sibling %d, other cores %d and %d\n", cpu_a, sibling_a, cpu_b, cpu_c);
}

static bool region_is_free(unsigned int g)
{
	unsigned int pages;

	return region_has_ram(g) && port("assigned %u", g) &&
	       !kstrtouint(strsep(&(char *){ port_reply }, " "), 10, &pages) && !pages;
}

static void choose_memory(void)
{
	unsigned int g;

	for (g = REGIONS_MAX; g-- && !pfn2;) {
		if (has_snp && !region_is_free(g))
			continue;
		if (!pfn) {
			pfn = region_alloc(g, 2);
			gib = g;
		} else {
			pfn2 = region_alloc(g, 1);
			gib2 = g;
		}
	}
	pa = PFN_PHYS(pfn);
	put("# region %u, page %#llx; other region %u\n", gib, pa, pfn2 ? gib2 : 0);
}

static void run_all(void)
{
	if (!check(port("version"), "the emulator answers: %s", port_reply))
		return;

	test_cpuid();
	test_cpuid_everywhere();
	choose_cpus();
	choose_memory();
	if (!check(pfn, "there is memory to work on"))
		return;

	if (!has_rmpopt)
		test_no_rmpopt();
	if (!has_rmpread)
		test_no_rmpread();
	if (!has_snp) {
		test_no_snp();
		return;
	}

	test_msrs();
	if (has_rmpread)
		test_rmpread();
	else
		test_raw();
	test_rmpupdate();
	test_kernel();
	test_psmash();
	if (!has_rmpopt)
		return;

	test_rmpopt_base();
	test_rmpopt_faults();
	test_rmpopt_registers();
	test_rmpopt_tables();
	test_transitions();
	test_open_questions();
	fresh_start();
}

static int tap_show(struct seq_file *m, void *v)
{
	seq_printf(m, "TAP version 13\n1..%u\n", tap_count);
	seq_write(m, tap_text, tap_len);
	if (tap_len == sizeof(tap_text) - 1)
		seq_puts(m, "Bail out! results are cut off\n");
	return 0;
}

DEFINE_SHOW_ATTRIBUTE(tap);

static int __init rmp_insn_init(void)
{
	run_all();

	if (pfn)
		free_contig_range(pfn, 2 * BLOCK_PAGES);
	if (pfn2)
		free_contig_range(pfn2, BLOCK_PAGES);

	dir = debugfs_create_dir("rmp_insn", NULL);
	debugfs_create_file("tap", 0400, dir, NULL, &tap_fops);
	pr_info("rmp_insn: %u checks, %u failed\n", tap_count, tap_failed);
	return 0;
}

static void __exit rmp_insn_exit(void)
{
	debugfs_remove(dir);
}

module_init(rmp_insn_init);
module_exit(rmp_insn_exit);

MODULE_DESCRIPTION("Compares the emulated RMP instructions with what is known of the hardware");
MODULE_LICENSE("GPL");

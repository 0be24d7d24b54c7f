/* SPDX-License-Identifier: GPL-2.0 */
/* The CPUs and the memory that the checks use, and the state of the whole host. */
#ifndef RMP_INSN_HOST_H
#define RMP_INSN_HOST_H

#include <linux/cpumask.h>
#include <linux/topology.h>
#include <linux/types.h>

/* As CPUID says. */
extern bool has_snp, has_rmpread, has_rmpopt;

/* Of two cores; -1: there is none. */
extern int cpu_a, sibling_a, cpu_b;

extern unsigned int gib, gib2;		/* RAM without assigned pages */
extern unsigned long pfn;		/* two blocks in gib */
extern unsigned long pfn2;		/* one block in gib2, or 0 */
extern u64 pa;				/* of pfn */

void choose_cpus(void);
void choose_memory(void);
void release_memory(void);

#define for_each_core(cpu)							\
	for_each_online_cpu(cpu)						\
		if (cpu == cpumask_first(topology_sibling_cpumask(cpu)))

/* Where the RMP lies. */
u64 rmp_start(void);

/* Writes RMPOPT_BASE on every core. */
void base_on_all(u64 value);

/* SNP goes away and is initialised again: tables clear, RMPOPT off. */
void fresh_start(void);

/* The same, and RMPOPT is on again. */
void fresh_tables(void);

/* Cores that have the region optimised, as the emulator knows it: -1 if not told. */
int optimised_cores(unsigned int g);

#endif

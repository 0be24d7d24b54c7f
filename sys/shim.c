// SPDX-License-Identifier: GPL-2.0
/* See shim.h. */

#include <linux/cc_platform.h>
#include <linux/cpumask.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/topology.h>
#include <linux/workqueue.h>

#include "shim.h"

unsigned int rmpopt_this_cpu(void)
{
	return raw_smp_processor_id();
}

void rmpopt_preempt_disable(void)
{
	preempt_disable();
}

void rmpopt_preempt_enable(void)
{
	preempt_enable();
}

void rmpopt_cond_resched(void)
{
	cond_resched();
}

bool rmpopt_cpu_online(unsigned int cpu)
{
	return cpu_online(cpu);
}

/* The mask holds online CPUs only; an offline CPU stands for itself. */
unsigned int rmpopt_first_sibling(unsigned int cpu)
{
	unsigned int first = cpumask_first(topology_sibling_cpumask(cpu));

	return first < nr_cpu_ids ? first : cpu;
}

int rmpopt_cpu_node(unsigned int cpu)
{
	return cpu_to_node(cpu);
}

int rmpopt_pfn_node(u64 pfn)
{
	struct page *page = pfn_to_online_page(pfn);

	return page ? page_to_nid(page) : NUMA_NO_NODE;
}

bool rmpopt_host_snp(void)
{
	return cc_platform_has(CC_ATTR_HOST_SEV_SNP);
}

void rmpopt_work_init(struct work_struct *work, void (*func)(struct work_struct *work))
{
	INIT_WORK(work, func);
}

/* CPU intensive: other work of the same CPU does not wait for ours. */
struct workqueue_struct *rmpopt_workqueue(void)
{
	return alloc_workqueue("rmpopt", WQ_PERCPU | WQ_CPU_INTENSIVE, 0);
}

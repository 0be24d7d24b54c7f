// SPDX-License-Identifier: GPL-2.0
/* See shim.h. */

#include <linux/cc_platform.h>
#include <linux/cpumask.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/isolation.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/topology.h>
#include <linux/workqueue.h>

#include <asm/processor.h>

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

/*
 * With lazy preemption cond_resched() does nothing, and who wants the CPU waits
 * for the next tick.
 */
void rmpopt_reschedule(void)
{
	if (test_thread_flag(TIF_NEED_RESCHED) || test_thread_flag(TIF_NEED_RESCHED_LAZY))
		schedule();
	else
		cond_resched();
}

bool rmpopt_cpu_online(unsigned int cpu)
{
	return cpu_online(cpu);
}

unsigned int rmpopt_cpu_core(unsigned int cpu)
{
	return topology_logical_core_id(cpu);
}

int rmpopt_cpu_node(unsigned int cpu)
{
	return cpu_to_node(cpu);
}

unsigned int rmpopt_cpu_socket(unsigned int cpu)
{
	return topology_physical_package_id(cpu);
}

/*
 * isolcpus= takes a CPU out of the scheduling domains, nohz_full= out of the
 * tick. Both never change; HK_TYPE_DOMAIN does, with the partitions of cpusets.
 */
bool rmpopt_cpu_isolated(unsigned int cpu)
{
	return !housekeeping_test_cpu(cpu, HK_TYPE_DOMAIN_BOOT) ||
	       !housekeeping_test_cpu(cpu, HK_TYPE_KERNEL_NOISE);
}

int rmpopt_node_distance(int from, int to)
{
	return node_distance(from, to);
}

int rmpopt_pfn_node(u64 pfn)
{
	struct page *page = pfn_to_online_page(pfn);

	return page ? page_to_nid(page) : NUMA_NO_NODE;
}

u64 rmpopt_section_size(void)
{
	return 1ULL << SECTION_SIZE_BITS;
}

/* Fails where the CPU went offline: then any CPU will do. */
void rmpopt_stay_on(unsigned int cpu)
{
	set_cpus_allowed_ptr(current, cpumask_of(cpu));
}

int rmpopt_nice(void)
{
	return task_nice(current);
}

void rmpopt_set_nice(int nice)
{
	set_user_nice(current, nice);
}

struct rmpopt_memory {
	struct notifier_block nb;
	void (*changed)(void *data);
	void *data;
};

static int rmpopt_memory_notify(struct notifier_block *nb, unsigned long action, void *arg)
{
	struct rmpopt_memory *memory = container_of(nb, struct rmpopt_memory, nb);

	if (action == MEM_ONLINE || action == MEM_OFFLINE)
		memory->changed(memory->data);
	return NOTIFY_OK;
}

struct rmpopt_memory *rmpopt_memory_register(void (*changed)(void *data), void *data)
{
	struct rmpopt_memory *memory = kzalloc(sizeof(*memory), GFP_KERNEL);
	int err;

	if (!memory)
		return ERR_PTR(-ENOMEM);
	memory->nb.notifier_call = rmpopt_memory_notify;
	memory->changed = changed;
	memory->data = data;
	err = register_memory_notifier(&memory->nb);
	if (err) {
		kfree(memory);
		return ERR_PTR(err);
	}
	return memory;
}

void rmpopt_memory_unregister(struct rmpopt_memory *memory)
{
	unregister_memory_notifier(&memory->nb);
	kfree(memory);
}

bool rmpopt_host_snp(void)
{
	return cc_platform_has(CC_ATTR_HOST_SEV_SNP);
}

unsigned int rmpopt_phys_bits(void)
{
	return boot_cpu_data.x86_phys_bits;
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

/* The default is SPAN of engine/window.rs. */
static unsigned int window_gib = 2048;
module_param(window_gib, uint, 0);
MODULE_PARM_DESC(window_gib,
		 "GiB that a core's table spans (1-2048); for validation only");

static bool takeover;
module_param(takeover, bool, 0);
MODULE_PARM_DESC(takeover,
		 "Optimise even where RMPOPT was already enabled before loading");

static bool probes = true;
module_param(probes, bool, 0);
MODULE_PARM_DESC(probes,
		 "Watch the kernel's RMP functions; 0 reports all regions at an interval instead");

unsigned int rmpopt_param_window_gib(void)
{
	return window_gib;
}

bool rmpopt_param_takeover(void)
{
	return takeover;
}

bool rmpopt_param_probes(void)
{
	return probes;
}

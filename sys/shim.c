// SPDX-License-Identifier: GPL-2.0
/* See shim.h. */

#include <linux/cc_platform.h>
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/isolation.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/topology.h>

#include <asm/extable.h>
#include <asm/extable_fixup_types.h>
#include <asm/processor.h>
#include <asm/trapnr.h>

#include <uapi/linux/sched/types.h>

#include "shim.h"

/* The layout and the numbers on which sys/insn.rs and sys/fault.rs rely. */
static_assert(sizeof(struct exception_table_entry) == 12);
static_assert(offsetof(struct exception_table_entry, insn) == 0);
static_assert(offsetof(struct exception_table_entry, fixup) == 4);
static_assert(offsetof(struct exception_table_entry, data) == 8);
static_assert(EX_TYPE_FAULT == 2);
static_assert(X86_TRAP_UD == 6);
static_assert(X86_TRAP_GP == 13);

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

/* Sleeps unless @flag is set. Code that sets @flag must wake the task afterwards. */
void rmpopt_sleep_unless(const bool *flag, long timeout)
{
	set_current_state(TASK_IDLE);
	if (!READ_ONCE(*flag))
		schedule_timeout(timeout);
	__set_current_state(TASK_RUNNING);
}

/* Gives the task the lowest priority, below all nice values. The task has not run yet. */
void rmpopt_make_idle(struct task_struct *task)
{
	const struct sched_attr attr = {
		.size = sizeof(attr),
		.sched_policy = SCHED_IDLE,
	};

	WARN_ON_ONCE(sched_setattr_nocheck(task, &attr));
}

/* Moves the task to the CPU. Fails where the CPU is offline. */
int rmpopt_move_to(struct task_struct *task, unsigned int cpu)
{
	return set_cpus_allowed_ptr(task, cpumask_of(cpu));
}

/*
 * Moves the task to any CPU that is not isolated. A change of cpuset partitions
 * replaces the mask HK_TYPE_DOMAIN and frees the old one, so that the mask is
 * copied under RCU.
 */
void rmpopt_move_away(struct task_struct *task)
{
	static DEFINE_MUTEX(lock);
	static struct cpumask mask;

	guard(mutex)(&lock);
	scoped_guard(rcu)
		cpumask_and(&mask, housekeeping_cpumask(HK_TYPE_DOMAIN),
			    housekeeping_cpumask(HK_TYPE_KERNEL_NOISE));
	/* Perhaps none of these CPUs is online. */
	if (set_cpus_allowed_ptr(task, &mask))
		set_cpus_allowed_ptr(task, cpu_possible_mask);
}

/*
 * Keeps the task from the CPUs of nohz_full=, which never change. The kernel
 * itself keeps kthreads only from the CPUs of isolcpus= and of isolated cpuset
 * partitions. The task has not run yet.
 */
void rmpopt_avoid_nohz_full(struct task_struct *task)
{
	if (housekeeping_enabled(HK_TYPE_KERNEL_NOISE))
		kthread_affine_preferred(task, housekeeping_cpumask(HK_TYPE_KERNEL_NOISE));
}

/* A number that grows when the task has run. While the task runs it may be outdated. */
u64 rmpopt_task_runtime(struct task_struct *task)
{
	return READ_ONCE(task->se.sum_exec_runtime);
}

bool rmpopt_task_runs(struct task_struct *task)
{
	return READ_ONCE(task->on_cpu);
}

/* Calls function(data) in an interrupt. Fails, without a call, where the CPU is offline. */
int rmpopt_call_on(unsigned int cpu, void (*function)(void *data), void *data)
{
	return smp_call_function_single(cpu, function, data, true);
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
 * isolcpus= and isolated cpuset partitions take a CPU out of the scheduling
 * domains (HK_TYPE_DOMAIN); nohz_full= takes it out of the tick
 * (HK_TYPE_KERNEL_NOISE). A change of partitions replaces the mask of the first,
 * and frees the old mask after a grace period.
 */
bool rmpopt_cpu_isolated(unsigned int cpu)
{
	guard(rcu)();
	return !housekeeping_test_cpu(cpu, HK_TYPE_DOMAIN) ||
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

/* The default is SPAN of engine/host/window.rs. */
static unsigned int rmpopt_window_gib = 2048;
module_param_named(window_gib, rmpopt_window_gib, uint, 0);
MODULE_PARM_DESC(window_gib,
		 "GiB that a core's table spans (1-2048); for validation only");

static bool rmpopt_skip_isolated;
module_param_named(skip_isolated, rmpopt_skip_isolated, bool, 0);
MODULE_PARM_DESC(skip_isolated,
		 "Leave isolated CPUs alone from the beginning: isolated_cpus is skip");

static bool rmpopt_probes = true;
module_param_named(probes, rmpopt_probes, bool, 0);
MODULE_PARM_DESC(probes,
		 "Watch the kernel's RMP functions; 0 reports all regions at an interval instead");

unsigned int rmpopt_param_window_gib(void)
{
	return rmpopt_window_gib;
}

bool rmpopt_param_skip_isolated(void)
{
	return rmpopt_skip_isolated;
}

bool rmpopt_param_probes(void)
{
	return rmpopt_probes;
}

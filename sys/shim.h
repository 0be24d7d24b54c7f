/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions for the kernel's macros and inline functions that Rust needs, without
 * policy. sys/shim.rs declares the same functions for Rust: change both together.
 */
#ifndef RMPOPT_SHIM_H
#define RMPOPT_SHIM_H

#include <linux/types.h>

struct task_struct;

unsigned int rmpopt_this_cpu(void);
void rmpopt_preempt_disable(void);
void rmpopt_preempt_enable(void);
void rmpopt_cond_resched(void);
int rmpopt_call_on(unsigned int cpu, void (*function)(void *data), void *data);
bool rmpopt_cpu_online(unsigned int cpu);
unsigned int rmpopt_cpu_core(unsigned int cpu);
int rmpopt_cpu_node(unsigned int cpu);
unsigned int rmpopt_cpu_socket(unsigned int cpu);
bool rmpopt_cpu_isolated(unsigned int cpu);
int rmpopt_node_distance(int from, int to);
int rmpopt_pfn_node(u64 pfn);
u64 rmpopt_section_size(void);
bool rmpopt_host_snp(void);
unsigned int rmpopt_phys_bits(void);

void rmpopt_sleep_unless(const bool *flag, long timeout);
void rmpopt_make_idle(struct task_struct *task);
int rmpopt_move_to(struct task_struct *task, unsigned int cpu);
void rmpopt_move_away(struct task_struct *task);
void rmpopt_avoid_nohz_full(struct task_struct *task);
u64 rmpopt_task_runtime(struct task_struct *task);
bool rmpopt_task_runs(struct task_struct *task);

struct rmpopt_memory;
struct rmpopt_memory *rmpopt_memory_register(void (*changed)(void *data), void *data);
void rmpopt_memory_unregister(struct rmpopt_memory *memory);

unsigned int rmpopt_param_window_gib(void);
bool rmpopt_param_skip_isolated(void);
bool rmpopt_param_probes(void);

#endif

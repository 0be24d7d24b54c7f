// SPDX-License-Identifier: GPL-2.0
/*
 * Panics on CPU 0 while other CPUs hold all that CPU 0 would need to queue work or
 * to wake the module's thread:
 *
 *   pool     the lock of CPU 0's workqueue pool
 *   queue    the lock of CPU 0's run queue
 *   thread   the lock that waking the module's thread takes (pi_lock)
 *
 * A CPU gets such a lock by entering a tracepoint that the kernel calls with the
 * lock held, and never leaves the tracepoint. Interrupts are off there, so that the
 * panic stops the CPU by an NMI, with the lock held.
 *
 * how=null  a null pointer on CPU 0
 * how=nmi   an unknown NMI on CPU 0; kernel.unknown_nmi_panic must be 1
 * hold=     "pool,queue,thread", or some of them
 * pid=      the module's thread
 */
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched/task.h>
#include <linux/tracepoint.h>
#include <linux/workqueue.h>

#include <asm/apic.h>

static char *how = "null";
module_param(how, charp, 0444);
static char *hold = "pool,queue,thread";
module_param(hold, charp, 0444);
static int pid;
module_param(pid, int, 0444);

/* CPU 0 has interrupts off. */
static bool dying;
/* And so has the CPU that will send the NMI. */
static bool deaf;
/* The locks may be taken. */
static bool ready;
/* CPU 0 has said who holds what. */
static bool said;
/* The task that is woken on CPU 0, for its run queue's lock. */
static struct task_struct *sleeper;
/* The module's thread. */
static struct task_struct *target;

static struct holder {
	const char *name;
	int (*take)(void *data);
	bool wanted;
	bool held;
	struct task_struct *task;
} pool, queue, thread;

static struct holder * const holders[] = { &pool, &queue, &thread };

static bool held(const struct holder *holder)
{
	/* Pairs with the release of the CPU that holds the lock. */
	return !holder->wanted || smp_load_acquire(&holder->held);
}

static void wait_for(const struct holder *holder)
{
	while (!held(holder))
		cpu_relax();
}

/* In a tracepoint, on the way of that holder. */
static void keep(struct holder *holder)
{
	if (current != READ_ONCE(holder->task))
		return;
	/* The lock is held: pairs with the acquire of who panics. */
	smp_store_release(&holder->held, true);
	for (;;)
		cpu_relax();
}

static void on_queue_work(void *data, int cpu, void *pwq, struct work_struct *work)
{
	keep(&pool);
}

static void on_wakeup(void *data, struct task_struct *task)
{
	if (task == READ_ONCE(sleeper))
		keep(&queue);
}

static void on_waking(void *data, struct task_struct *task)
{
	if (task == target)
		keep(&thread);
}

static void nothing(struct work_struct *work)
{
}

static DECLARE_WORK(work, nothing);

static void wait_until_ready(void)
{
	/* Pairs with the release of who panics. */
	while (!smp_load_acquire(&ready))
		cpu_relax();
}

static int take_pool(void *data)
{
	wait_until_ready();
	schedule_work_on(0, &work);
	return 0;
}

static int take_queue(void *data)
{
	wait_until_ready();
	wake_up_process(sleeper);
	return 0;
}

/* The thread may just be awake. */
static int take_thread(void *data)
{
	wait_until_ready();
	for (;;) {
		wake_up_process(target);
		cpu_relax();
	}
	return 0;
}

static int sleep(void *data)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule();
	return 0;
}

static void wait_for_all(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(holders); i++)
		wait_for(holders[i]);
}

static int interrupt(void *data)
{
	/* Pairs with the release of who panics. */
	while (!smp_load_acquire(&dying))
		cpu_relax();
	/* A timer's interrupt could wait for one of the locks for ever. */
	local_irq_disable();
	/* Pairs with the acquire of who panics. */
	smp_store_release(&deaf, true);
	/* Pairs with the release of who panics. */
	while (!smp_load_acquire(&said))
		cpu_relax();
	__apic_send_IPI_mask(cpumask_of(0), NMI_VECTOR);
	/* A thread must not end with interrupts off. The panic stops this CPU. */
	for (;;)
		cpu_relax();
	return 0;
}

static int die(void *data)
{
	unsigned int i;

	local_irq_disable();
	/* Pairs with the acquire of who sends the NMI. */
	smp_store_release(&dying, true);
	/* Pairs with the release of who sends the NMI. */
	while (!strcmp(how, "nmi") && !smp_load_acquire(&deaf))
		cpu_relax();
	/* Interrupts are off: those that wait may take their locks. Pairs with their acquire. */
	smp_store_release(&ready, true);
	wait_for_all();
	for (i = 0; i < ARRAY_SIZE(holders); i++)
		if (holders[i]->wanted)
			pr_emerg("rmp_panic: %s is held\n", holders[i]->name);
	/* All messages are out: whoever sends the NMI may do so. */
	smp_store_release(&said, true);
	if (!strcmp(how, "null"))
		WRITE_ONCE(*(int *)8, 0);
	for (;;)
		cpu_relax();
	return 0;
}

static void find(struct tracepoint *tp, void *data)
{
	if (!strcmp(tp->name, "workqueue_queue_work"))
		WARN_ON(tracepoint_probe_register(tp, on_queue_work, NULL));
	if (!strcmp(tp->name, "sched_wakeup"))
		WARN_ON(tracepoint_probe_register(tp, on_wakeup, NULL));
	if (!strcmp(tp->name, "sched_waking"))
		WARN_ON(tracepoint_probe_register(tp, on_waking, NULL));
}

static struct task_struct *start(int (*func)(void *data), unsigned int cpu)
{
	return kthread_run_on_cpu(func, NULL, cpu, "rmp_panic/%u");
}

static void prepare(struct holder *holder, const char *name, int (*take)(void *data))
{
	holder->name = name;
	holder->take = take;
	holder->wanted = strstr(hold, name);
}

static int __init rmp_panic_init(void)
{
	unsigned int i;

	if (num_online_cpus() < 7)
		return -EINVAL;
	prepare(&pool, "pool", take_pool);
	prepare(&queue, "queue", take_queue);
	prepare(&thread, "thread", take_thread);
	target = get_pid_task(find_vpid(pid), PIDTYPE_PID);
	if (!target)
		return -ESRCH;
	/* Nobody keeps it from falling asleep there. */
	set_cpus_allowed_ptr(target, cpumask_of(6));
	for_each_kernel_tracepoint(find, NULL);
	WRITE_ONCE(sleeper, start(sleep, 0));
	while (READ_ONCE(sleeper->__state) != TASK_UNINTERRUPTIBLE)
		schedule_timeout_uninterruptible(1);
	for (i = 0; i < ARRAY_SIZE(holders); i++)
		if (holders[i]->wanted)
			WRITE_ONCE(holders[i]->task, start(holders[i]->take, i + 1));
	if (!strcmp(how, "nmi"))
		start(interrupt, 5);
	start(die, 0);
	for (;;)
		schedule_timeout_uninterruptible(HZ);
	return 0;
}

module_init(rmp_panic_init);

MODULE_DESCRIPTION("Panics while other CPUs hold locks, for the rmpopt selftests");
MODULE_LICENSE("GPL");

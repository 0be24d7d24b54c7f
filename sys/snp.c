// SPDX-License-Identifier: GPL-2.0
/*
 * See snp.h. Between SnpEn and the end of the firmware's SNP_INIT nobody may
 * execute RMPOPT or write RMPOPT_BASE. What is relied on, of the ccp driver and
 * of arch/x86/virt/svm/sev.c:
 *
 * - Each initialisation, the first one and any later one, calls snp_prepare()
 *   before it sends SNP_INIT, and between the two it has each CPU write back its
 *   caches (wbinvd_on_all_cpus()), by an interrupt for which it waits.
 * - All of it is done with the driver's mutex for commands held, and
 *   sev_platform_status() takes that mutex.
 *
 * So a counter goes up at the entry of snp_prepare(). A CPU that has seen the old
 * count with interrupts off, and enables them only after its access, has made
 * that access before the write-back interrupt, and thus before SNP_INIT. Whoever
 * looks after the interrupt sees the new count. And who has read the counter and
 * then got and given the mutex knows that all initialisations that it counts are
 * over, whether they succeeded or failed.
 */
#include <linux/atomic.h>
#include <linux/ftrace.h>
#include <linux/irqflags.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/psp-sev.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "snp.h"

static struct {
	/* Initialisations that have begun. */
	atomic_t begun;
	/*
	 * Accesses are allowed while this equals @begun. It does not at first:
	 * an initialisation may have begun before we were there.
	 */
	u32 open;
	/* So many of them are known to be over. */
	u32 over;
} rmpopt_gate ____cacheline_aligned = { .begun = ATOMIC_INIT(1) };

static struct {
	void (*begins)(void *data);
	void *data;
	struct work_struct work;
} rmpopt_snp_listener;

u32 rmpopt_snp_begun(void)
{
	/* Whatever the caller looks at next is looked at later. */
	return atomic_read_acquire(&rmpopt_gate.begun);
}

bool rmpopt_snp_open(void)
{
	return READ_ONCE(rmpopt_gate.open) == (u32)atomic_read(&rmpopt_gate.begun);
}

/*
 * @begun: what rmpopt_snp_begun() said before the caller looked whether SNP is on.
 * Where another one has begun since, the gate stays closed.
 */
void rmpopt_snp_set_open(u32 begun)
{
	WRITE_ONCE(rmpopt_gate.open, begun);
}

void rmpopt_snp_close(void)
{
	WRITE_ONCE(rmpopt_gate.open, atomic_read(&rmpopt_gate.begun) - 1);
}

unsigned long rmpopt_irq_save(void)
{
	unsigned long flags;

	local_irq_save(flags);
	return flags;
}

void rmpopt_irq_restore(unsigned long flags)
{
	local_irq_restore(flags);
}

static notrace void rmpopt_snp_prepare_entry(unsigned long ip, unsigned long parent_ip,
					     struct ftrace_ops *op, struct ftrace_regs *fregs)
{
	atomic_inc(&rmpopt_gate.begun);
	/* In task context, in a driver that is just being loaded: any CPU that work may use. */
	queue_work(system_dfl_wq, &rmpopt_snp_listener.work);
}

/* Nobody can switch it off with the sysctl kernel.ftrace_enabled. */
static struct ftrace_ops rmpopt_snp_ops = {
	.func = rmpopt_snp_prepare_entry,
	.flags = FTRACE_OPS_FL_PERMANENT,
};

static void rmpopt_snp_work(struct work_struct *work)
{
	rmpopt_snp_listener.begins(rmpopt_snp_listener.data);
}

/*
 * Calls begins(data) in task context after an initialisation has begun; may be once
 * for several. May sleep. -EINVAL: this kernel has no function snp_prepare() that
 * can be traced.
 */
int rmpopt_snp_watch(void (*begins)(void *data), void *data)
{
	char name[] = "snp_prepare";
	int err;

	rmpopt_snp_listener.begins = begins;
	rmpopt_snp_listener.data = data;
	INIT_WORK(&rmpopt_snp_listener.work, rmpopt_snp_work);
	/* Where there is no such function the filter would be empty, and that means all. */
	err = ftrace_set_filter(&rmpopt_snp_ops, name, strlen(name), 1);
	if (err)
		return err;
	err = register_ftrace_function(&rmpopt_snp_ops);
	if (err)
		ftrace_free_filter(&rmpopt_snp_ops);
	return err;
}

/* Nobody is called any more when this returns. */
void rmpopt_snp_unwatch(void)
{
	WARN_ON(unregister_ftrace_function(&rmpopt_snp_ops));
	ftrace_free_filter(&rmpopt_snp_ops);
	cancel_work_sync(&rmpopt_snp_listener.work);
}

/*
 * Whether the ccp driver is there, also while it is being loaded, when its symbols
 * cannot be taken yet. A probe that is never armed finds its function. May sleep.
 */
bool rmpopt_snp_ccp_there(void)
{
	struct kprobe probe = {
		.symbol_name = "sev_platform_status",
		.flags = KPROBE_FLAG_DISABLED,
	};
	int err = register_kprobe(&probe);

	if (!err)
		unregister_kprobe(&probe);
	/* Without kprobes only a driver that is ready can be seen. */
	return err != -ENOENT && err != -EOPNOTSUPP;
}

/*
 * Waits until each initialisation that rmpopt_snp_begun() has counted so far is over,
 * with @unseen also those that it has not counted. False where that cannot be
 * told now: the driver is being loaded. May sleep, for as long as the firmware
 * takes. Of several callers at once each waits for itself: a number that one of
 * them takes back costs a later caller another wait.
 */
bool rmpopt_snp_wait(bool unseen)
{
	struct sev_user_data_status status = {};
	u32 begun = rmpopt_snp_begun();
	typeof(&sev_platform_status) ask;
	int error;

	if (READ_ONCE(rmpopt_gate.over) == begun && !unseen)
		return true;
	ask = symbol_get(sev_platform_status);
	if (!ask) {
		if (rmpopt_snp_ccp_there())
			return false;
		/* Without the driver nobody initialises anything. */
		WRITE_ONCE(rmpopt_gate.over, begun);
		return true;
	}
	/*
	 * Only for the mutex. Once SNP is initialised the driver lends the command's
	 * buffer, one page, to the firmware meanwhile: its region is optimised on
	 * no core at this moment, as nothing is.
	 */
	ask(&status, &error);
	symbol_put(sev_platform_status);
	WRITE_ONCE(rmpopt_gate.over, begun);
	return true;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * See snp.h. Between the setting of SnpEn and the end of the firmware's SNP_INIT
 * nobody may execute RMPOPT or write RMPOPT_BASE. This file relies on two facts
 * about the ccp driver and arch/x86/virt/svm/sev.c:
 *
 * - Each initialisation, the first one and any later one, calls snp_prepare()
 *   before it sends SNP_INIT. Between the two it makes each CPU write back its
 *   caches (wbinvd_on_all_cpus()), by an interrupt for which it waits.
 * - The driver holds its mutex for commands during all of this, and
 *   sev_platform_status() takes that mutex.
 *
 * Therefore a probe increments rmpopt_gate.begun at the entry of snp_prepare(). A
 * CPU that reads the old count with interrupts off, makes its access, and enables
 * interrupts afterwards, has made that access before the write-back interrupt, and
 * thus before SNP_INIT. A CPU that reads the counter after the interrupt reads the
 * new count. A task that has read the counter, and has taken and released the
 * mutex afterwards, knows that all counted initialisations are over, whether they
 * succeeded or failed.
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
	/* The number of initialisations that have begun, plus 1. */
	atomic_t begun;
	/*
	 * Accesses are allowed while this equals @begun. At first it does not: an
	 * initialisation may have begun before the module was loaded.
	 */
	u32 open;
	/* The value of @begun up to which all initialisations are known to be over. */
	u32 over;
} rmpopt_gate ____cacheline_aligned = { .begun = ATOMIC_INIT(1) };

static struct {
	void (*begins)(void *data);
	void *data;
	struct work_struct work;
} rmpopt_snp_listener;

u32 rmpopt_snp_begun(void)
{
	/* Acquire: the caller's reads of SNP's state come after this read. */
	return atomic_read_acquire(&rmpopt_gate.begun);
}

bool rmpopt_snp_open(void)
{
	return READ_ONCE(rmpopt_gate.open) == (u32)atomic_read(&rmpopt_gate.begun);
}

/*
 * @begun: the value of rmpopt_snp_begun() before the caller looked whether SNP is
 * on. Where another initialisation has begun since, the gate stays closed.
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
	/* The callback needs task context. The work may run on any CPU that is not isolated. */
	queue_work(system_dfl_wq, &rmpopt_snp_listener.work);
}

/* PERMANENT: the sysctl kernel.ftrace_enabled cannot switch the probe off. */
static struct ftrace_ops rmpopt_snp_ops = {
	.func = rmpopt_snp_prepare_entry,
	.flags = FTRACE_OPS_FL_PERMANENT,
};

static void rmpopt_snp_work(struct work_struct *work)
{
	rmpopt_snp_listener.begins(rmpopt_snp_listener.data);
}

/*
 * From now on calls begins(data) in task context after an initialisation has
 * begun, perhaps only once for several. May sleep. Returns -EINVAL where this
 * kernel has no function snp_prepare() that can be traced.
 */
int rmpopt_snp_watch(void (*begins)(void *data), void *data)
{
	char name[] = "snp_prepare";
	int err;

	rmpopt_snp_listener.begins = begins;
	rmpopt_snp_listener.data = data;
	INIT_WORK(&rmpopt_snp_listener.work, rmpopt_snp_work);
	/* An error must end here: an empty filter would match all functions. */
	err = ftrace_set_filter(&rmpopt_snp_ops, name, strlen(name), 1);
	if (err)
		return err;
	err = register_ftrace_function(&rmpopt_snp_ops);
	if (err)
		ftrace_free_filter(&rmpopt_snp_ops);
	return err;
}

/* No call is under way, and none follows, when this returns. */
void rmpopt_snp_unwatch(void)
{
	WARN_ON(unregister_ftrace_function(&rmpopt_snp_ops));
	ftrace_free_filter(&rmpopt_snp_ops);
	cancel_work_sync(&rmpopt_snp_listener.work);
}

/*
 * Whether the ccp driver is present. Also true while it is being loaded, when
 * symbol_get() fails for its symbols: the registration of a kprobe, which is never
 * armed, finds its function even then. May sleep.
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
	/* On kernels without kprobes a driver that is being loaded counts as absent. */
	return err != -ENOENT && err != -EOPNOTSUPP;
}

/*
 * Waits until each initialisation that rmpopt_snp_begun() has counted so far is
 * over; with @unseen waits also for those that it has not counted. Returns false
 * where the driver is being loaded, so that the answer is not known. May sleep, for
 * as long as the firmware takes. Several callers may wait at the same time: where
 * one overwrites rmpopt_gate.over with an older number, a later caller only waits
 * once more.
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
		/* Without the driver nobody can initialise SNP. */
		WRITE_ONCE(rmpopt_gate.over, begun);
		return true;
	}
	/*
	 * The call is made only because it takes the mutex. Once SNP is initialised,
	 * the driver assigns the command's buffer, one page, to the firmware during
	 * the call. That displaces no optimised region, because no region is
	 * optimised while the gate is closed.
	 */
	ask(&status, &error);
	symbol_put(sev_platform_status);
	WRITE_ONCE(rmpopt_gate.over, begun);
	return true;
}

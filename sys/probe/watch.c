// SPDX-License-Identifier: GPL-2.0
/*
 * Chooses how the module sees conversions: by direct calls as long as nobody else
 * is attached to the functions, by fprobes afterwards.
 */
#include <linux/rcupdate.h>
#include <linux/workqueue.h>

#include "counting.h"

static int rmpopt_kind;
/* The probes are being unregistered: no change to fprobes any more. */
static bool rmpopt_closing;

static void rmpopt_change_over(struct work_struct *work)
{
	int err;

	/* Calls during an earlier execution of this work may have queued it once more. */
	if (rmpopt_kind != RMPOPT_PROBE_DIRECT)
		return;
	err = rmpopt_fprobe_register();
	if (err) {
		/*
		 * The beginning of each call is still seen: it makes the number of
		 * the region's pages unknown, so that they are counted when needed.
		 */
		pr_warn("rmpopt: others are attached to the RMP functions, and there are no fprobes (%d)\n",
			err);
		WRITE_ONCE(rmpopt_kind, RMPOPT_PROBE_NONE);
		return;
	}
	/* Its grace periods end after all calls of which only the beginning was seen. */
	rmpopt_direct_unregister();
	rmpopt_settle_unsure();
	WRITE_ONCE(rmpopt_kind, RMPOPT_PROBE_FPROBE);
}

static DECLARE_WORK(rmpopt_change_over_work, rmpopt_change_over);

/* Called with preemption disabled, in every context in which the kernel converts pages. */
static notrace void rmpopt_functions_shared(void)
{
	if (READ_ONCE(rmpopt_kind) != RMPOPT_PROBE_DIRECT || READ_ONCE(rmpopt_closing))
		return;
	/* Queueing work takes locks, which a CPU that was stopped in a panic may hold. */
	if (panic_in_progress() || work_pending(&rmpopt_change_over_work))
		return;
	queue_work(system_long_wq, &rmpopt_change_over_work);
}

/*
 * Registers the probes. From now on kick(data) is called when a region may have
 * become free, in the context of the conversion or in an interrupt. Returns RMPOPT_PROBE_*, or a
 * negative errno. Calls that had entered the functions before, unseen, have left
 * them when this returns, except for calls that sleep in the function.
 */
int rmpopt_probe_register(void (*kick)(void *data), void *data)
{
	int err;

	rmpopt_closing = false;
	rmpopt_kick_begin(kick, data);
	if (!rmpopt_direct_register(rmpopt_functions_shared)) {
		/* From here on the first call of which only the beginning is seen changes to fprobes. */
		WRITE_ONCE(rmpopt_kind, RMPOPT_PROBE_DIRECT);
		if (!rmpopt_direct_alone()) {
			queue_work(system_long_wq, &rmpopt_change_over_work);
			flush_work(&rmpopt_change_over_work);
		}
	} else {
		err = rmpopt_fprobe_register();
		if (err) {
			rmpopt_kick_end();
			return err;
		}
		WRITE_ONCE(rmpopt_kind, RMPOPT_PROBE_FPROBE);
	}
	synchronize_rcu_tasks();
	return rmpopt_probe_kind();
}

/* When this returns, no handler runs any more, and kick() is not called any more. */
void rmpopt_probe_unregister(void)
{
	WRITE_ONCE(rmpopt_closing, true);
	/* Handlers run with preemption disabled: those that may not see the flag end here. */
	synchronize_rcu();
	cancel_work_sync(&rmpopt_change_over_work);
	if (rmpopt_kind == RMPOPT_PROBE_FPROBE)
		rmpopt_fprobe_unregister();
	else
		rmpopt_direct_unregister();
	rmpopt_kick_end();
	WRITE_ONCE(rmpopt_kind, RMPOPT_PROBE_NONE);
}

/* RMPOPT_PROBE_*: how the module sees conversions at this moment. */
int rmpopt_probe_kind(void)
{
	return READ_ONCE(rmpopt_kind);
}

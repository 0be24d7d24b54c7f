// SPDX-License-Identifier: GPL-2.0
/*
 * Chooses how conversions are seen: by direct calls as long as nobody else is
 * attached to the functions, by fprobes from then on.
 */
#include <linux/rcupdate.h>
#include <linux/workqueue.h>

#include "counting.h"

static int rmpopt_kind;
/* Nobody changes over any more. */
static bool rmpopt_closing;

static void rmpopt_change_over(struct work_struct *work)
{
	int err;

	/* Calls that came while this was at work have queued it again. */
	if (rmpopt_kind != RMPOPT_PROBE_DIRECT)
		return;
	err = rmpopt_fprobe_register();
	if (err) {
		/* What calls begin in is still seen, and counted when it is asked for. */
		pr_warn("rmpopt: others are attached to the RMP functions, and there are no fprobes (%d)\n",
			err);
		WRITE_ONCE(rmpopt_kind, RMPOPT_PROBE_NONE);
		return;
	}
	/* Its grace periods end after all calls whose beginning only was seen. */
	rmpopt_direct_unregister();
	rmpopt_settle_unsure();
	WRITE_ONCE(rmpopt_kind, RMPOPT_PROBE_FPROBE);
}

static DECLARE_WORK(rmpopt_change_over_work, rmpopt_change_over);

/* With preemption disabled, in whatever context the kernel converts a page. */
static notrace void rmpopt_functions_shared(void)
{
	if (READ_ONCE(rmpopt_kind) != RMPOPT_PROBE_DIRECT || READ_ONCE(rmpopt_closing))
		return;
	/* Queueing takes locks, which a stopped CPU may hold. */
	if (panic_in_progress() || work_pending(&rmpopt_change_over_work))
		return;
	queue_work(system_long_wq, &rmpopt_change_over_work);
}

/*
 * Calls kick(data) when a region may have become free, in the context of the conversion.
 * Returns RMPOPT_PROBE_*, or a negative errno. Calls that were in the functions
 * already, unseen, have returned by then, but for those that slept there.
 */
int rmpopt_probe_register(void (*kick)(void *data), void *data)
{
	int err;

	rmpopt_closing = false;
	rmpopt_kick_begin(kick, data);
	if (!rmpopt_direct_register(rmpopt_functions_shared)) {
		/* From here on the first call that is shared changes over. */
		WRITE_ONCE(rmpopt_kind, RMPOPT_PROBE_DIRECT);
		if (!rmpopt_direct_alone()) {
			queue_work(system_long_wq, &rmpopt_change_over_work);
			flush_work(&rmpopt_change_over_work);
		}
	} else {
		err = rmpopt_fprobe_register();
		if (err)
			return err;
		WRITE_ONCE(rmpopt_kind, RMPOPT_PROBE_FPROBE);
	}
	synchronize_rcu_tasks();
	return rmpopt_probe_kind();
}

/* No handler runs any more when this returns, and nobody is kicked. */
void rmpopt_probe_unregister(void)
{
	WRITE_ONCE(rmpopt_closing, true);
	/* A handler that has not seen it yet runs with preemption disabled. */
	synchronize_rcu();
	cancel_work_sync(&rmpopt_change_over_work);
	if (rmpopt_kind == RMPOPT_PROBE_FPROBE)
		rmpopt_fprobe_unregister();
	else
		rmpopt_direct_unregister();
	WRITE_ONCE(rmpopt_kind, RMPOPT_PROBE_NONE);
}

/* RMPOPT_PROBE_*: how conversions are seen at this moment. */
int rmpopt_probe_kind(void)
{
	return READ_ONCE(rmpopt_kind);
}

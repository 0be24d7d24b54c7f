#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: timed
# Another task needs a core: the core's thread gives way to it, again and again.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/trace.sh"
begin 11
require_time
require_rmpopt

switch=$TRACE/events/sched/sched_switch

# leave STATE: how often a core's thread left its CPU to one of the loops. R: it offered
# that itself; R+: it was preempted.
leave()
{
	grep -c "prev_comm=rmpopt/.* prev_state=$1 ==> next_comm=busy" $TRACE/trace
}

# policies: the scheduling policies of the cores' threads, each once. 5 is SCHED_IDLE.
policies()
{
	for stat in /proc/[0-9]*/stat; do
		sed -n 's/^[0-9]* (rmpopt\/[0-9]*) //p' "$stat" 2>/dev/null
	done | cut -d' ' -f39 | sort -u
}

# workers: priorities that workers of the kernel's had, each once. 120 is nice 0.
workers()
{
	sed -n 's/.* sched_switch: .*prev_comm=kworker.* prev_prio=\([0-9]*\) .*/\1/p' $TRACE/trace | sort -u
}

# Something to do for the CPU that stands for each core. Not as urgent as most: the pass
# shall end.
cat >/tmp/busy <<-EOF
	#!/bin/sh
	while :; do :; done
EOF
chmod +x /tmp/busy
loops=
busy()
{
	for core in $(each_core); do
		taskset "$(printf %x $((1 << core * $(threads))))" /tmp/busy &
		renice -n 15 $! >/dev/null
		loops="$loops $!"
	done
}

unload
load
poll 60 idle
echo 0 >$CONFIG/slice_us
ok "RMPOPT takes time" emu time model
busy
emu reset >/dev/null
echo 16384 >$TRACE/buffer_size_kb
echo >$TRACE/trace
echo 1 >$switch/enable
echo 1 >$CONFIG/action
within 300 "a pass ends although all its CPUs are busy" idle
echo 0 >$switch/enable
attempts=$(emu get rmpopt.verify)
# shellcheck disable=SC2086 # a list
kill $loops
emu time none
offered=$(leave R)
preempted=$(leave R+)
note "$attempts attempts: the CPU was offered $offered times, taken $preempted times"
at_least "attempts of all cores" "$attempts" $(($(cores) * $(free_regions | wc -l)))
at_least "a core's thread left its CPU to others again and again" \
	$((offered + preempted)) $((attempts / 20))
# How many of these are due to the slice depends on when ticks come: one in the middle of
# an RMPOPT is followed by the next at once. Without the slice there is none.
at_least "and offered it by itself" "$offered" $((attempts / 100))
is "the cores' threads run under SCHED_IDLE" "$(policies)" 5
at_least "workers of the kernel's that were seen" "$(workers | wc -l)" 1
is "none of them had a lower priority than its own" "$(workers | awk '$1 > 120')" ""
is "tracing has lost nothing" "$(cat $TRACE/per_cpu/cpu*/stats | awk '$1 == "overrun:" { n += $2 } END { print (n + 0) }')" 0
tables_agree "the table is what the cores have"

unload
no_splat "the kernel log is clean"
finish

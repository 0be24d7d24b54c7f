#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: dimms
# A minute of conversions in 64 GiBs on 16 CPUs, with passes and CPU hotplug all the time.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
begin 23
require_rmpopt
require_cpus 16
require_regions 64
require_test_module rmp_storm

SECONDS_LONG=${STORM_SECONDS:-60}
KEEP=8
TRACE=/sys/kernel/tracing

# Milliseconds from the last conversion to the last region that was won: each event tells when it was, and
# how long before that its region's last conversion.
behind()
{
	sed -n 's/.* \([0-9.]*\): region_optimised: gib=[0-9]* delay_ms=\([0-9]*\)$/\1 \2/p' $TRACE/trace | awk '
		{ won = $1 * 1000; if (won > last_won) last_won = won }
		won - $2 > last_conversion { last_conversion = won - $2 }
		END { printf "%d\n", last_won - last_conversion }'
}

# settled: nothing is queued, no pass is under way.
settled()
{
	idle && ! awk '$2 == "queued" || $2 == "open" { found = 1 } END { exit !found }' $DEBUG/regions
}

# Random CPUs off and on, until the file is there.
churn()
{
	while [ ! -e /tmp/storm.done ]; do
		cpu=$(($(awk 'BEGIN { srand(); print int(rand() * 1000000) }' </dev/null) % 15 + 1))
		echo 0 >/sys/devices/system/cpu/cpu$cpu/online && echo "off $cpu" >>/tmp/storm.churn
		sleep 1
		echo 1 >/sys/devices/system/cpu/cpu$cpu/online && echo "on $cpu" >>/tmp/storm.churn
	done
}

unload
log_mark
rm -f /tmp/storm.*
insmod "$MODULES/rmp_storm.ko" || bail "rmp_storm.ko does not load"
load
poll 120 idle || bail "the first pass does not end"
echo 20 >$CONFIG/delay_ms
echo 200 >$CONFIG/max_delay_ms
echo >$TRACE/trace
echo 1 >$TRACE/events/rmpopt/region_optimised/enable
emu reset >/dev/null

churn &
churner=$!
is "the storm" "$(try write $STORM/run "$SECONDS_LONG $KEEP")" ok
: >/tmp/storm.done
wait $churner
is "all CPUs are there again" "$(cat /sys/devices/system/cpu/online)" "$all"
within 60 "all settles" settled
emu take storm >/dev/null
echo 0 >$TRACE/events/rmpopt/region_optimised/enable
at_most "milliseconds from the end to the last region won: delay + 1 s" "$(behind)" $((20 + 1000))

note "$(cat $STORM/result)"
at_least "CPUs went off meanwhile" "$(grep -c off /tmp/storm.churn)" 3
is "as many came on" "$(grep -c on /tmp/storm.churn)" "$(grep -c off /tmp/storm.churn)"
note "$(sed -n 's/^\(passes:.*\)/\1/p' $DEBUG/stats); raced $(stat regions_raced)"
is "no conversion failed" "$(sed -n 's/.*failures \([0-9]*\) .*/\1/p' $STORM/result)" 0
is "all were seen" "$(stat conversions)" "$(sed -n 's/^conversions \([0-9]*\) .*/\1/p' $STORM/result)"
is "no probe was missed" "$(stat missed)" 0
counts_agree "counts are the emulator's, in every region"
is "no count was ever wrong" "$(stat corrections)" 0
free_regions >/tmp/storm.free
is "every region without an assigned page is optimised, and no other" \
	"$(table | grep -v ' none$' | cut -d' ' -f1 | tr '\n' ' ')" "$(tr '\n' ' ' </tmp/storm.free)"
is "on every CPU" "$(table | grep -v ' none$' | cut -d' ' -f2 | sort -u)" "$all"
tables_agree "the table is what the cores have"
at_least "regions that are held" "$(table | grep -c ' none$')" "$KEEP"
empty=$(emu get regions.became_empty)
races=$(emu get raced_scans)
at_least "regions became empty" "$empty" 64
note "became empty $empty, raced $races"
at_most "scans" "$(emu get rmpopt.scans)" $((empty + races))
at_least "passes meanwhile" $(($(passes given-back) + $(passes host))) 2
at_least "passes for what was given back" "$(passes given-back)" 2
is "no #UD" "$(emu get rmpopt.ud)" 0

echo x >$STORM/release
within 60 "all is given back and won" settled
counts_agree "no page is counted any more"
tables_agree "the table is what the cores have"
unload
rmmod rmp_storm
no_splat "the kernel log is clean"
finish

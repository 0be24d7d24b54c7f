#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# The module is loaded and unloaded while all CPUs convert pages.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
begin 13
require_rmpopt
require_test_module rmp_storm

loads=0

# The counts of regions that were unknown at load become known by a census; a storm leaves it no chance until
# it ends.
counted()
{
	! awk 'NR > 1 && $3 == "-" { found = 1 } END { exit !found }' $DEBUG/regions
}

free_is_optimised()
{
	[ "$(table | grep -v ' none$' | cut -d' ' -f1)" = "$(free_regions)" ]
}

unload
log_mark
insmod "$MODULES/rmp_storm.ko" regions=3 threads=8 || bail "rmp_storm.ko does not load"
rm -f /tmp/storm.done
seconds=${STORM_SECONDS:-60}
{ try write $STORM/run "$seconds 1" >/tmp/storm.result; : >/tmp/storm.done; } &
while [ ! -e /tmp/storm.done ]; do
	is "insmod" "$(try insmod "$MODULE")" ok
	sleep 0.7
	is "rmmod" "$(try rmmod rmpopt)" ok
	loads=$((loads + 1))
done
wait
is "the storm" "$(cat /tmp/storm.result)" ok
at_least "loads" "$loads" $(((seconds + 29) / 30))
is "no conversion failed" "$(sed -n 's/.*failures \([0-9]*\) .*/\1/p' $STORM/result)" 0
like "nothing is watched any more" "$(cat /sys/kernel/tracing/enabled_functions)" ""

# Loaded in the middle of it, and there at its end.
{ try write $STORM/run "6 1" >/tmp/storm.result; : >/tmp/storm.done; } &
sleep 2
load
wait
is "the storm" "$(cat /tmp/storm.result)" ok
within 60 "all regions get counted" counted
counts_agree "as they are"
# The pass begins delay_ms after the last conversion.
within 60 "every region without an assigned page is optimised, and no other" free_is_optimised
within 60 "the pass ends" idle
tables_agree "the table is what the cores have"
unload
rmmod rmp_storm
no_splat "the kernel log is clean"
finish

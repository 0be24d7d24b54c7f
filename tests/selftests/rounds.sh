#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: timed
# Passes that take time: leaders work at the same time, no two cores attempt one region at a time, requests coalesce.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
begin 13
require_time
require_rmpopt

# cold: a pass begins of which nothing is known, neither by the cores nor by the hardware.
cold()
{
	poll 60 idle
	echo 0 >$CONFIG/enabled
	clear_cores
	emu forget >/dev/null
	emu reset >/dev/null
	echo 1 >$CONFIG/enabled
}

# scans: "CORE SCANS" of the cores that have scanned, all read at one moment.
scans()
{
	emu get rmpopt.by_core | tr '}' '\n' |
		sed -n 's/.*"core":\([0-9]*\).*"scans":\([1-9][0-9]*\).*/\1 \2/p'
}

# in_passes: microseconds that passes have taken until now.
in_passes()
{
	awk '/^(leaders|followers)_us:/ { sum += $2 } END { printf "%d\n", sum }' $DEBUG/stats
}

now_us()
{
	awk '{ printf "%d\n", $1 * 1000000 }' /proc/uptime
}

# each_scans WHOLE: in WHOLE, what each leader has to do; both have begun, and none is through.
each_scans()
{
	scans >/tmp/scans
	[ "$(wc -l </tmp/scans)" = "$(echo "$1" | wc -l)" ] && ! echo "$1" | grep -qxFf /tmp/scans
}

unload
load
poll 60 idle
ok "RMPOPT takes time" emu time model

cold
poll 60 idle
whole=$(scans)
is "two cores lead, one for each node" "$(echo "$whole" | wc -l)" 2
at_least "cores in one region at once, at most" "$(emu get rmpopt.most_cores_in_region)" 1
at_most "cores in one region at once, at most" "$(emu get rmpopt.most_cores_in_region)" 2
tables_agree "the table is what the cores have"

# Where one leader waited for the other, one of them would have all or nothing at any moment.
together=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
	cold
	while running || [ "$running_word" = pending ]; do
		each_scans "$whole" && together=$((together + 1))
	done
	[ "$together" = 0 ] || break
done
at_least "moments at which both leaders have begun, and none is through" "$together" 1

# Requests while a pass is under way make one more, however many there are. The pass
# under way is one for which nobody has asked, and longer than what it takes to write
# them: each core scans for itself.
yes 1 | head -n 1000 >/tmp/ones
emu switch stored_result off
for _ in $(seq 30); do
	cold
	poll 60 running || continue
	before=$(passes start)
	asked=$(passes request)
	taken=$(dd if=/tmp/ones of=$CONFIG/action bs=2 2>&1 | sed -n 's/+0 records out//p')
	# Else they came to more than one pass.
	running && [ "$(passes start)" = "$before" ] && break
	before=
done
ok "1000 requests while one pass is under way" [ -n "$before" ]
is "all are taken" "$taken" 1000
within 60 "the passes end" idle
is "they make one more pass" $(($(passes request) - asked)) 1
emu switch stored_result kept

# However many come, half of the time is for others: a ratio, whatever the clock is worth.
passed=$(in_passes)
begun=$(now_us)
lasted=0
while [ $lasted -lt 8000000 ]; do
	echo 1 >$CONFIG/action
	sleep 0.01
	lasted=$(($(now_us) - begun))
done
passed=$(($(in_passes) - passed))
note "$passed of $lasted us in passes"
at_least "percent of the time in passes" $((passed * 100 / lasted)) 10
at_most "percent of the time in passes" $((passed * 100 / lasted)) 60
emu time none

unload
no_splat "the kernel log is clean"
finish

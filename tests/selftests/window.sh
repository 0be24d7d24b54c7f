#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: window
# RAM beyond the window of a core: the emulator's table spans 5 GiB here.
. "$(dirname "$0")/tap.sh"
begin "$(hard 940 300)"
require_emulator
require_rmpopt
require_nodes 4

window=5
all=$(cat /sys/devices/system/cpu/online)

# window_of POLICY CPU: the first GiB of the window that a core shall have; two
# cores make a node.
#
# The nodes' RAM is the GiBs 0-1, 4-5, 6-7 and 8-9. A GiB is worth 255 to its
# own node, 212 to the other one of the socket (distance 12), 127 to the other
# socket's (20). Windows that begin at 0 and 1 hold three GiBs, 0 1 4 and 1 4 5,
# those at 4 and 5 hold five, those above hold a part of the latter. They are
# worth
#
#   to node   0     1     4     5
#   0         722   679   805   720
#   1         679   722   891   720
#   2         381   381   976  1061
#   3         381   381   933  1061
#
# auto takes the best of a line. node takes the best of those with both GiBs of
# the node: for node 0 that is 0 alone. socket takes the best of those with the
# most GiBs of the socket: three on the first, at 0 and 1; four on the second, at
# 5.
window_of()
{
	at=$(($2 / 2))
	case $1 in
	auto)	set -- 4 4 5 5 ;;
	all)	set -- 0 0 0 0 ;;
	node)	set -- 0 4 5 5 ;;
	socket)	set -- 0 1 5 5 ;;
	esac
	shift $at
	echo "$1"
}

# in_window CPU: the free regions in the window that cpu/N names.
in_window()
{
	range=$(field "$1" window_gib)
	for region in $free; do
		[ "$region" -lt "${range%-*}" ] || [ "$region" -gt "${range#*-}" ] || echo "$region"
	done | tr '\n' ' '
}

# places WHAT POLICY: every core has the window that the policy gives it, by the
# module's word and by the emulator's, and all that is free in it.
places()
{
	tables_agree "$1: the table is what the cores have"
	for cpu in $(cpus); do
		first=$(window_of "$2" "$cpu")
		range=$first-$((first + window - 1))
		is "$1: the window of cpu/$cpu" "$(field "$cpu" window_gib)" "$range"
		is "$1: RMPOPT_BASE of core $cpu" "$(($(emu base "$cpu") >> 30))" "$first"
		is "$1: cpu/$cpu covers" "$(field "$cpu" covered_gib)" "$(covered "$cpu")"
		is "$1: cpu/$cpu has all of its window $range" \
			"$(expand "$(field "$cpu" optimised_ranges)" | tr '\n' ' ')" "$(in_window "$cpu")"
	done
	is "$1: each region has its line" "$(table | wc -l)" "$(ram_regions | wc -l)"
}

# moves WHAT FROM TO: each core whose window moved was written once and has run
# RMPOPT, the others were left alone.
moves()
{
	for cpu in $(cpus); do
		moved=$(($(window_of "$2" "$cpu") != $(window_of "$3" "$cpu")))
		is "$1: writes of RMPOPT_BASE on core $cpu" "$(emu get "rmpopt_base.by_core.$cpu")" $moved
		ran=$(emu get "rmpopt.by_core.$cpu.verify")
		is "$1: core $cpu was filled again" $((ran > 0)) $moved
		at_most "$1: RMPOPT of core $cpu" "$ran" $window
	done
}

unload
# What the windows above were worked out for.
for node in 0 1 2 3; do
	is "distances of node $node" "$(cat /sys/devices/system/node/node$node/distance)" \
		"$(echo '10 12 20 20,12 10 20 20,20 20 10 12,20 20 12 10' | cut -d, -f$((node + 1)))"
done
is "sockets of the CPUs" "$(cat /sys/devices/system/cpu/cpu?/topology/physical_package_id | tr '\n' ' ')" "0 0 0 0 1 1 1 1 "
is "CPUs of the nodes" "$(cat /sys/devices/system/node/node?/cpulist | tr '\n' ' ')" "0-1 2-3 4-5 6-7 "
is "GiBs with RAM" "$(ram_regions | tr '\n' ' ')" "0 1 4 5 6 7 8 9 "

free=$(free_regions)
below=$(echo "$free" | awk -v w=$window '$1 < w' | wc -l)
above=$(echo "$free" | awk -v w=$window '$1 >= w' | wc -l)
at_least "free regions in the lowest window of $window GiB" "$below" 1
at_least "free regions above it" "$above" 1

for value in $(hard "cf0 ud" ud); do
	unload
	emu switch outside_window $value >/dev/null
	log_mark
	emu forget >/dev/null
	emu reset >/dev/null
	is "outside_window=$value: insmod window_gib=$window" "$(try insmod "$MODULE" window_gib=$window)" ok
	within 60 "outside_window=$value, auto: the pass ends" idle
	is "outside_window=$value: the default" "$(cat $CONFIG/window_policy)" "[auto] all node socket"
	places "outside_window=$value, auto" auto
	before=auto
	for policy in $(hard "all node socket auto" "all auto"); do
		what="outside_window=$value, from $before to $policy"
		emu reset >/dev/null
		is "$what" "$(try write $CONFIG/window_policy $policy)" ok
		within 60 "$what: the pass ends" idle
		moves "$what" $before $policy
		places "$what" $policy
		[ $policy != all ] ||
			is "$what: the lowest window on all CPUs" "$(table | grep -c " $all\$")" "$below"
		before=$policy
	done
	is "outside_window=$value: no #UD" "$(emu get rmpopt.ud)" 0
	for bad in "" none Auto "[auto]" "auto all" 1; do
		is "window_policy: '$bad'" "$(try write $CONFIG/window_policy "$bad")" EINVAL
	done
	is "window_policy is as it was" "$(cat $CONFIG/window_policy)" "[auto] all node socket"
	unload
	no_splat "outside_window=$value: the kernel log is clean"
done

# The processor does not let a window move: the policy is refused, and nothing is touched but by the one write
# that finds that out.
for moves in ignored gp; do
	what=base_moves=$moves
	unload
	emu switch base_moves $moves >/dev/null
	log_mark
	load window_gib=$window
	within 60 "$what: the first pass ends" idle
	places "$what, auto" auto
	for policy in $(hard "all node socket" node); do
		emulator_table >/tmp/table.before
		emu reset >/dev/null
		is "$what, auto to $policy" "$(try write $CONFIG/window_policy $policy)" EBUSY
		is "$what, auto to $policy: the policy" "$(cat $CONFIG/window_policy)" "[auto] all node socket"
		is "$what, auto to $policy: writes of RMPOPT_BASE" "$(emu get rmpopt_base.writes)" 1
		within 60 "$what, auto to $policy: nothing follows" idle
		is "$what, auto to $policy: nothing is verified" "$(emu get rmpopt.verify)" 0
		is "$what, auto to $policy: the cores have what they had" \
			"$(emulator_table | diff /tmp/table.before -)" ""
	done
	places "$what, auto as before" auto
	is "$what: the same policy again" "$(try write $CONFIG/window_policy auto)" ok

	# Off and on again, unloaded and loaded: the windows are those of the policy.
	rmmod rmpopt
	emu reset >/dev/null
	load window_gib=$window
	within 60 "$what, loaded again: that ends" idle
	is "$what, loaded again: nothing is scanned" "$(emu get rmpopt.scans)" 0
	places "$what, loaded again" auto

	# Windows that an earlier load has left, and that this policy would not give.
	unload
	for core in $(each_core); do
		emu base "$core" 1 >/dev/null
	done
	log_mark
	emu reset >/dev/null
	load window_gib=$window
	within 60 "$what, other windows: the pass ends" idle
	for cpu in $(cpus); do
		is "$what, other windows: state of cpu/$cpu" "$(field "$cpu" state)" "enabled, other window"
	done
	places "$what, other windows" all
	is "$what, other windows: each core was tried once" "$(emu get rmpopt_base.writes)" "$(cores)"
	ok "$what, other windows: another pass" pass
	is "$what, other windows: and is not tried again" "$(emu get rmpopt_base.writes)" "$(cores)"
	is "$what, other windows: no #UD" "$(emu get rmpopt.ud)" 0
	is "$what, other windows: no core is taken out" "$(log_count 'taken out')" 0
	is "$what, other windows: the policy that agrees" "$(try write $CONFIG/window_policy all)" ok
	within 60 "$what, other windows: that ends" idle
	for cpu in $(cpus); do
		is "$what, as the policy says: state of cpu/$cpu" "$(field "$cpu" state)" enabled
	done
	unload
	no_splat "$what: the kernel log is clean"
done
emu switch base_moves yes >/dev/null

# Windows that an earlier load has left move where the processor lets them.
for core in $(each_core); do
	emu base "$core" 1 >/dev/null
done
log_mark
load window_gib=$window
within 60 "windows that were left: the pass ends" idle
places "windows that were left" auto

# One core of all does not let its window move: those that have moved go back.
last=$(each_core | tail -n 1)
emu fault "$last" gp >/dev/null
is "one core refuses" "$(try write $CONFIG/window_policy all)" EBUSY
is "one core refuses: the policy" "$(cat $CONFIG/window_policy)" "[auto] all node socket"
within 60 "one core refuses: that ends" idle
places "one core refuses" auto
is "one core refuses: no core is taken out" "$(log_count 'taken out')" 0
emu fault "$last" none >/dev/null
is "it does no longer" "$(try write $CONFIG/window_policy all)" ok
within 60 "that ends" idle
places "all have moved" all
unload
no_splat "the kernel log is clean"

# The module believes in a larger window than the core has: what is outside
# faults. The cores are taken out, nothing worse.
log_mark
load
within 60 "a window that is too large: the first pass ends" idle
at_most "a window that is too large: warnings" "$(log_count 'taken out')" "$(cores)"
at_least "a window that is too large: warnings" "$(log_count 'taken out')" 1
is "a window that is too large: rmmod" "$(try rmmod rmpopt)" ok
no_splat "a window that is too large: the kernel log is clean"
emu switch outside_window cf0 >/dev/null

for bad in 0 2049 4096 x -1; do
	is "window_gib=$bad" "$(try insmod "$MODULE" window_gib=$bad)" EINVAL
done
unload
finish

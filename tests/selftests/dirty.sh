# SPDX-License-Identifier: GPL-2.0
# Shared by the scripts about guests: reads the module's counters, statistics and states.

all=$(cat /sys/devices/system/cpu/online)
STORM=/sys/kernel/debug/rmp_storm

guest()
{
	try write $GUEST/cmd "$*"
}

# stat KEY: a value of stats. KEY is a pattern.
stat()
{
	sed -n "s/^$1: *//p" $DEBUG/stats
}

# passes REASON
passes()
{
	sed -n "s/^passes:.* $1=\([0-9]*\).*/\1/p" $DEBUG/stats
}

# region GIB COLUMN: a value of regions, by the name of its column.
region()
{
	awk -v gib="$1" -v column="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == column) c = i; next }
		$1 == gib { print $c }' $DEBUG/regions
}

# won GIB: optimised on all CPUs.
won()
{
	[ "$(table_of "$1")" = "$(cat /sys/devices/system/cpu/online)" ]
}

# full: all free regions are optimised on all CPUs, and nothing is under way.
full()
{
	idle && [ "$(table | grep -c " $all\$")" = "$(free_regions | wc -l)" ]
}

# states: the states of all CPUs, each once.
states()
{
	for cpu in $(cpus); do
		field "$cpu" state
	done | sort -u
}

# status_of KEY: a value of the file status.
status_of()
{
	sed -n "s/^$1: *//p" $DEBUG/status
}

# The first and the last optimised region above 4 GiB.
pick_two()
{
	one=$(table | awk -v all="$all" '$1 >= 4 && $2 == all { print $1; exit }')
	two=$(table | awk -v all="$all" '$1 >= 4 && $2 == all { last = $1 } END { print last }')
	[ -n "$one" ] && [ "$one" != "$two" ] || bail "no two regions to play with"
	note "regions $one and $two"
}

# The module is loaded and has optimised all that is free, and guests may come: to regions $one and $two.
loaded_for_guests()
{
	unload
	log_mark
	insmod "$MODULES/snp_guest.ko" || bail "snp_guest.ko does not load"
	load
	poll 60 idle || bail "the first pass does not end"
	pick_two
}

# counts_agree WHAT: pages are assigned as the module has counted, in every region.
counts_agree()
{
	awk 'NR > 1 { print $1, $3 }' $DEBUG/regions >/tmp/counts.module
	emu assigned all >/tmp/assigned
	awk '
		/:/ { pages[$1 + 0] = $2; next }
		{ print $1, pages[$1] + 0 }' /tmp/assigned /tmp/counts.module >/tmp/counts.emulator
	is "$1" "$(diff /tmp/counts.emulator /tmp/counts.module | head -8)" ""
}

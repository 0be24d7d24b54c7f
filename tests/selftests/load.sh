#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: one smt
# hard: dimms
# Load, unload, load again: what is there meanwhile, and that nothing is left but what
# the processor keeps while SNP is on.
. "$(dirname "$0")/tap.sh"
begin 48
require_rmpopt

# bases_set: cores whose RMPOPT_BASE is enabled, as the emulator sees it.
bases_set()
{
	set=0
	for core in $(each_core); do
		[ "$(($(emu base "$core") & 1))" = 0 ] || set=$((set + 1))
	done
	echo $set
}

stays="stays optimised until SNP is shut down: RMPOPT_EN cannot be cleared"

kthreads()
{
	cat /proc/[0-9]*/comm 2>/dev/null | grep -cx rmpopt
}

# Nothing of the module may be found in the system.
nothing_left()
{
	fails "$1: no debugfs directory" test -e $DEBUG
	fails "$1: no configfs directory" test -e $CONFIG
	fails "$1: no module in sysfs" test -e /sys/module/rmpopt
	is "$1: no kthread" "$(kthreads)" 0
	is "$1: nothing of it in /proc/modules" "$(grep -c '^rmpopt ' /proc/modules)" 0
}

unload
nothing_left "before"

for turn in ignored gp clear; do
	unload
	emu switch enable_sticky $turn >/dev/null
	log_mark
	emu forget >/dev/null
	is "$turn load: insmod" "$(try insmod "$MODULE")" ok
	within 60 "$turn load: the first pass ends" idle
	is "$turn load: RMPOPT_BASE is set on every core" "$(bases_set)" "$(cores)"
	ok "$turn load: debugfs directory" test -d $DEBUG
	ok "$turn load: configfs directory" test -d $CONFIG
	is "$turn load: one kthread" "$(kthreads)" 1
	tables_agree "$turn load: the table is what the cores have"
	is "$turn load: a second insmod" "$(try insmod "$MODULE")" EEXIST
	emulated on
	emulator_table >/tmp/table.before
	emulated off
	is "$turn load: rmmod" "$(try rmmod rmpopt)" ok
	nothing_left "$turn unload"
	emulated on
	if [ $turn = clear ]; then
		is "$turn unload: RMPOPT_BASE is 0 on every core" "$(bases_set)" 0
		is "$turn unload: no table has a region" "$(emulator_table | grep -vc ' none$')" 0
		is "$turn unload: nothing is said to stay" "$(log_count "$stays")" 0
	else
		is "$turn unload: the processor keeps RMPOPT_EN" "$(bases_set)" "$(cores)"
		is "$turn unload: and the tables" "$(emulator_table | diff /tmp/table.before -)" ""
		is "$turn unload: the log says so" "$(log_count "$stays")" 1
	fi
	emulated off
	is "$turn unload: no warning" "$(warnings)" ""
	no_splat "$turn turn: the kernel log is clean"
done

sticky_as_booted

# Away in the middle of a pass. Whether the pass was still under way is not
# up to the script, so it is tried several times.
for turn in $(seq "$(hard 5 2)"); do
	emu forget >/dev/null
	load
	unload
done
nothing_left "rmmod during a first pass"
load
poll 60 idle
for turn in $(seq "$(hard 5 2)"); do
	emu forget >/dev/null
	echo 1 >$CONFIG/action
	unload
	load
done
unload
nothing_left "rmmod during a pass"
no_splat "the kernel log is clean"
finish

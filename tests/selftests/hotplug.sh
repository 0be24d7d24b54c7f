#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: timed
# CPUs go offline and online: other threads of the core take over, cores come back, also during passes.
. "$(dirname "$0")/tap.sh"
begin 57
require_time
require_rmpopt

turns=$(hard 100 30)
free=$(free_regions | tr '\n' ' ')

# switch CPU 0|1: takes a CPU offline or brings it back.
switch()
{
	echo "$2" >"/sys/devices/system/cpu/cpu$1/online"
}

online()
{
	[ "$(cat "/sys/devices/system/cpu/cpu$1/online")" = 1 ]
}

# has CORE: the core has all free regions, as the emulator knows.
has()
{
	[ "$(expand "$(emu table "$1")" | tr '\n' ' ')" = "$free" ]
}

all_have()
{
	idle || return 1
	core=0
	while [ $core -lt 4 ]; do
		has $core || return 1
		core=$((core + 1))
	done
}

has_threads()
{
	[ "$(field 6 core)" = "3 (CPUs $1)" ]
}

state_of_3()
{
	[ "$(field 3 state)" = "$1" ]
}

# cores_on: the cores in which RMPOPT_EN is set, as the emulator knows.
cores_on()
{
	for core in 0 1 2 3; do
		[ "$(emu base $core)" = 0x0 ] || echo $core
	done | tr '\n' ' '
}

some_on()
{
	[ "$(cores_on)" ]
}

unload
load
within 60 "all cores have all free regions" all_have

switch 2 0
within 60 "the first thread of a core goes: the core keeps its table" has 1
ok "a pass without it" pass
ok "its sibling does the core's part" has 1
like "cpu/3: core" "$(field 3 core)" "1 (CPUs 3)"
is "cpu/3: state" "$(field 3 state)" enabled
like "cpu/3: it was at work" "$(field 3 last_pass)" "attempted [1-9]*"

switch 3 0
is "the last thread of the core goes: the processor keeps RMPOPT_EN" "$(emu base 1)" 0x1
ok "and its table" has 1
is "cpu/3: state" "$(field 3 state)" "kept by the processor"
ok "a pass without the core" pass
for core in 0 2 3; do
	ok "core $core has all" has $core
done

emu reset >/dev/null
switch 3 1
within 60 "a thread comes back: the core is on as before" state_of_3 enabled
within 60 "that ends" idle
ok "it has all" has 1
is "that costs no scan" "$(emu get rmpopt.scans)" 0
at_least "it was asked for what it has" "$(emu get rmpopt.by_core.1.report)" 1
is "and for nothing else" "$(emu get rmpopt.by_core.1.verify)" 0
is "and nothing on other cores" "$(($(emu get rmpopt.verify) - $(emu get rmpopt.by_core.1.verify)))" 0
switch 2 1
within 60 "all CPUs are back" all_have
tables_agree "the table is what the cores have"

# A core that is away while the module comes or goes.
switch 6 0
switch 7 0
is "rmmod while a core is away" "$(try rmmod rmpopt)" ok
switch 6 1
is "the processor has kept RMPOPT_EN on it when it comes back" "$(emu base 3)" 0x1
switch 6 0
is "insmod while it is away" "$(try insmod "$MODULE")" ok
within 60 "the first pass ends" idle
switch 7 1
within 60 "it is filled when it comes back" has 3
switch 6 1
within 60 "its threads are those of one core" has_threads 6-7
tables_agree "the table is what the cores have"
switch 6 0
ok "the thread that was there last goes: the core keeps its table" has 3
switch 7 0
switch 6 1
within 60 "the core comes back with its other thread" has 3
switch 7 1
within 60 "its threads are those of one core still" has_threads 6-7

# The module has never seen the thread that comes when the one that it has seen is gone.
switch 7 0
rmmod rmpopt
load
within 60 "the first pass ends, one thread is away" idle
switch 6 0
is "the other one goes: the processor keeps RMPOPT_EN" "$(emu base 3)" 0x1
switch 7 1
within 60 "the core is filled when the first one comes" has 3
within 60 "and that is all" idle
switch 6 1
within 60 "its threads are those of one core again" has_threads 6-7

# Away with the module while the thread that stands for a core is going.
for turn in 1 2 3 4 5; do
	echo 1 >$CONFIG/action
	switch 2 0
	is "rmmod while a CPU has just gone, turn $turn" "$(try rmmod rmpopt)" ok
	is "the processor keeps RMPOPT_EN on every core" "$(bases)" "0x1 "
	switch 2 1
	load
	poll 60 idle
done
within 60 "all cores have all again" all_have

# In the middle of passes: any but CPU 0, a core at a time or a thread, each to go and
# to come. Only what happens while a pass is under way is a turn.
ok "RMPOPT takes time" emu time model
turn=0
gone=0
came=0
while [ $((gone + came)) -lt $turns ] && [ $turn -lt $turns ] && during; do
	cpu=$((turn * 5 % 7 + 1))
	switch $cpu 0 && gone=$((gone + 1))
	if [ $((turn % 4)) = 3 ]; then
		for other in $(seq 7); do
			online "$other" && continue
			during && switch "$other" 1 && came=$((came + 1))
		done
	fi
	turn=$((turn + 1))
done
emu time none
at_least "CPUs went or came in the middle of passes" $((gone + came)) $turns
at_least "CPUs came" $came $((turns / 2 - 3))
for other in $(seq 7); do
	switch "$other" 1
done
within 120 "all cores have all in the end" all_have
tables_agree "the table is what the cores have"
is "no core was taken out" "$(log_count 'taken out')" 0

# RMPOPT is switched off while CPUs go and come: where "enabled" says that it is done, no core
# is left on. Core 0 stays, the others are busy with this all the time.
emu switch enable_sticky clear >/dev/null
: >/tmp/flapping
for core in 1 2 3; do
	while [ -e /tmp/flapping ]; do
		for cpu in $((2 * core)) $((2 * core + 1)); do
			switch $cpu 0
		done
		for cpu in $((2 * core)) $((2 * core + 1)); do
			switch $cpu 1
		done
	done 2>/dev/null &
done
turn=0
refused=0
left_on=
busy=0
while [ $turn -lt "$(hard 60 20)" ]; do
	turn=$((turn + 1))
	echo 1 >$CONFIG/enabled || refused=$((refused + 1))
	# Something is on, at least for a moment.
	poll 60 some_on && busy=$((busy + 1))
	echo 0 >$CONFIG/enabled || refused=$((refused + 1))
	on=$(cores_on)
	[ -z "$on" ] || left_on="$left_on turn $turn: core $on;"
done
rm /tmp/flapping
wait
is "enabled: 0 and 1 while CPUs go and come: each is accepted" $refused 0
is "RMPOPT was on in each turn" $busy $turn
is "and off at the end of each turn" "$left_on" ""
for cpu in $(seq 7); do
	switch "$cpu" 1
done
echo 1 >$CONFIG/enabled
within 120 "all cores have all when that is over" all_have
tables_agree "the table is what the cores have"
sticky_as_booted

is "rmmod" "$(try rmmod rmpopt)" ok
for core in 0 1 2 3; do
	is "the processor keeps RMPOPT_EN on core $core" "$(emu base $core)" 0x1
done
no_splat "the kernel log is clean"
finish

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: timed
# A FIFO task occupies a CPU for ever: the module does not wait for it, and leaves nothing on that CPU.
. "$(dirname "$0")/tap.sh"
begin 37
require_time
require_rmpopt

fair=/sys/kernel/debug/sched/fair_server
free=$(free_regions | tr '\n' ' ')

# has CORE: the core has all free regions, as the emulator knows.
has()
{
	[ "$(expand "$(emu table "$1")" | tr '\n' ' ')" = "$free" ]
}

# ready: both threads of core 1 may be taken at any moment.
hogs=
ready()
{
	for cpu in 2 3; do
		echo 0 >$fair/cpu$cpu/runtime
		rm -f /tmp/hog.$cpu
		hog $cpu 50 >/tmp/hog.$cpu 2>&1 &
		hogs="$hogs $!"
		poll 30 grep -q ready /tmp/hog.$cpu || bail "no hog on CPU $cpu: $(cat /tmp/hog.$cpu)"
	done
}

# take: they belong to somebody else from now on, until release.
take()
{
	# shellcheck disable=SC2086 # a list
	kill -USR1 $hogs
}

release()
{
	# shellcheck disable=SC2086 # a list
	kill $hogs
	# shellcheck disable=SC2086 # a list
	wait $hogs 2>/dev/null
	hogs=
	for cpu in 2 3; do
		cat /tmp/runtime.$cpu >$fair/cpu$cpu/runtime
	done
}

unload
for cpu in 2 3; do
	cat $fair/cpu$cpu/runtime >/tmp/runtime.$cpu
done
[ -s /tmp/runtime.2 ] || bail "the kernel has no fair server that could be switched off"
# Where the processor keeps RMPOPT_EN is tried below.
emu switch enable_sticky clear >/dev/null
load
within 60 "the first pass ends" idle

ready
take
is "cpu/2 can be read" "$(try read $DEBUG/cpu/2)" ok
is "cpu/2: state" "$(field 2 state)" "no answer"
is "cpu/2: rmpopt_base" "$(field 2 rmpopt_base)" "not read"
is "cpu/4: state" "$(field 4 state)" enabled
is "rmpopt-table can be read" "$(try read $DEBUG/rmpopt-table)" ok
is "it lists the other CPUs" "$(table | grep -v ' none$' | cut -d' ' -f2 | sort -u)" 0-1,4-7

emu forget >/dev/null
ok "a pass ends without the core" pass
for core in 0 2 3; do
	ok "core $core has all" has $core
done
is "enabled: 0" "$(try write $CONFIG/enabled 0)" ok
is "RMPOPT is off on every core, on that one too" "$(bases)" "0x0 "
is "enabled: 1" "$(try write $CONFIG/enabled 1)" ok
within 60 "the pass ends" idle
is "nothing is switched on where the thread does not run" "$(emu base 1)" 0x0

release
ok "a pass when the CPU is free again" pass
ok "the core has all" has 1
tables_agree "the table is what the cores have"

# The processor keeps RMPOPT_EN: that is read on that core, too, by the interrupt.
poll 60 idle
emu switch enable_sticky ignored >/dev/null
ready
take
log_mark
is "RMPOPT_EN is kept: enabled: 0" "$(try write $CONFIG/enabled 0)" ok
is "RMPOPT_EN is kept: on every core" "$(bases)" "0x1 "
is "RMPOPT_EN is kept: the log counts that one, too" "$(log_count 'cannot be cleared (cores kept by the processor: 4)')" 1
release
is "RMPOPT_EN is kept: enabled: 1" "$(try write $CONFIG/enabled 1)" ok
within 60 "that ends" idle
ok "core 1 has all" has 1
emu switch enable_sticky clear >/dev/null

# The end of rmmod waits for the kernel's own workers of the CPU, by ftrace's RCU tasks grace
# period. RMPOPT is off before.
off()
{
	[ "$(bases)" = "0x0 " ]
}
gone()
{
	[ ! -d /sys/module/rmpopt ]
}
poll 60 idle
ready
take
rmmod rmpopt &
within 120 "rmmod: RMPOPT is off on every core" off
release
within 120 "rmmod ends at the latest when the CPU is free again" gone

# In the middle of the core's part: the thread has begun, and is called away. Each core
# scans for itself, so that this lasts.
load probes=0
ok "RMPOPT takes time" emu time model
emu switch stored_result off >/dev/null
begun()
{
	[ "$(emu get rmpopt.by_core.1.verify)" -gt 0 ]
}
turn=0
left=all
while [ "$left" = all ] && [ $turn -lt 10 ]; do
	poll 60 idle
	echo 0 >$CONFIG/enabled
	ready
	emu reset >/dev/null
	echo 1 >$CONFIG/enabled
	tries=1000
	until begun || [ $tries = 0 ]; do
		tries=$((tries - 1))
	done
	take
	poll 120 idle || break
	# It may have been through already.
	left=$(has 1 && echo all)
	[ "$left" = "" ] || release
	turn=$((turn + 1))
done
ok "a pass ends although a thread was kept from its part" idle
emu switch stored_result kept >/dev/null
emu time none
is "the core does not have all" "$left" ""
at_least "it has begun" "$(emu get rmpopt.by_core.1.verify)" 1
rmmod rmpopt &
within 120 "rmmod without probes: RMPOPT is off on every core" off
release
within 120 "rmmod ends at the latest when the CPU is free again" gone
is "no thread is left" "$(cat /proc/[0-9]*/comm | grep -c '^rmpopt')" 0

load
within 60 "the first pass ends" idle
ok "core 1 has all" has 1
unload
sticky_as_booted
no_splat "the kernel log is clean"
finish

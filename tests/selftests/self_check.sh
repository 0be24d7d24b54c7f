#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# The self-check notices that the cores were cleared, and all regions are won back, although passes and checks are off.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
. "$(dirname "$0")/waits.sh"
begin 66
require_emulator
require_rmpopt
require_test_module snp_guest

filled()
{
	idle && [ "$(table | grep -c " $all\$")" = "$free" ] &&
		[ "$(awk '$2 == "optimised"' "$DEBUG/regions" | wc -l)" = "$free" ]
}

# back WHAT: all is there again, by itself, and the files say the truth.
back()
{
	within 60 "$1: all is won back" filled
	tables_agree "$1: the table is what the cores have"
	is "$1: core 0 is enabled" "$(field 0 state)" enabled
}

# nothing WHAT: the files say that no region is optimised on any core.
nothing()
{
	is "$1: regions says so" "$(awk '$2 == "optimised"' $DEBUG/regions)" ""
	is "$1: rmpopt-table says so" "$(table | grep -v ' none$')" ""
}

# all_out: every core is taken out.
all_out()
{
	idle && [ "$(states | grep -vc '^taken out')" = 0 ]
}

# every_core FAULT
every_core()
{
	for core in $(each_core); do
		emu fault "$core" "$1" >/dev/null
	done
}

# lost: from here on it has to be noticed, before the thread has chosen to wait for two seconds.
lost()
{
	waits_begin rmpopt/pass_begin
	waits_mark "selftest: lost"
}

# won_back WHAT: "back", and what the thread has waited from "lost" to the pass.
won_back()
{
	back "$1"
	waits_end rmpopt/pass_begin
	result=$(waited 'selftest: lost' ' pass_begin: ')
	note "$1: noticed after ${result#* } ms, by the clock of this host"
	at_most "$1: ms that the thread chose to wait before" "${result% *}" 2000
}

unseen()
{
	[ "$(stat missing)" -ge 1 ]
}

held()
{
	[ "$(region "$two" state)" = held ]
}

# The region that the guest had may still wait for somebody who looks.
all_but_one()
{
	[ "$(table | grep -c " $all\$")" -ge $((free - 1)) ]
}

free=$(free_regions | wc -l)
loaded_for_guests
echo 0 >$CONFIG/auto
echo 0 >$CONFIG/full_check_s

# A look is one core's: that of the thread, which is made to stay on core 0 here. On the others
# nothing is executed, and their threads are not woken.
poll 60 idle
affinity=$(taskset -p "$(thread_pid)" | sed 's/.*: //')
taskset -p 1 "$(thread_pid)" >/dev/null
echo 'comm ~ "rmpopt/*"' >$WAITS/events/sched/sched_waking/filter
echo >$WAITS/trace
echo 1 >$WAITS/events/sched/sched_waking/enable
looks=$(stat self_checks)
emu reset >/dev/null
sleep 4
echo 0 >$WAITS/events/sched/sched_waking/enable
echo 0 >$WAITS/events/sched/sched_waking/filter
is "no verify" "$(emu get rmpopt.verify)" 0
at_least "looks" "$(stat self_checks)" $((looks + 1))
asked=$(emu get rmpopt.by_core.0.report)
at_most "regions asked for in the looks" "$asked" $(($(stat self_checks) - looks))
at_least "core 0 was asked" "$asked" 1
for core in $(each_core | grep -vx 0); do
	is "core $core was not" "$(emu get "rmpopt.by_core.$core.report")" 0
done
is "no write" "$(emu get rmpopt_base.writes)" 0
is "no core's thread is woken" "$(grep 'sched_waking: comm=rmpopt/' $WAITS/trace)" ""
taskset -p "$affinity" "$(thread_pid)" >/dev/null

# SNP is initialised anew behind the kernel's back.
hz=$(ticks)
lost
emu snp off >/dev/null
emu snp on >/dev/null
won_back "SNP was initialised anew"
lost
emu snp on >/dev/null
won_back "initialised anew while on"

# RMPOPT_BASE is cleared on all cores.
log_mark
lost
emu base all 0 >/dev/null
won_back "RMPOPT_BASE was cleared"
is "no core was taken out" "$(log_count 'taken out')" 0

# The tables are: writing the same base does that.
base=$(emu base 0)
is "all cores have the same base" "$(for core in $(each_core); do emu base "$core"; done | sort -u)" "$base"
emu reset >/dev/null
lost
emu base all "$base" >/dev/null
won_back "the tables were cleared"
at_least "each core has won each region again" "$(emu get rmpopt.verify)" $((free * $(cores)))

# SNP goes off, and comes on later.
emu snp off >/dev/null
sleep 3
is "it was noticed" "$(log_count 'SNP has gone off')" 1
nothing "SNP is off"
emu reset >/dev/null
sleep 2
is "no RMPOPT while SNP is off" "$(emu get rmpopt.verify) $(emu get rmpopt.report)" "0 0"
lost
emu snp on >/dev/null
won_back "SNP came on"

# What a guest takes is no loss: nobody is asked.
checks=$(stat checks)
is "a guest" "$(guest assign "$one" 2m 1 5)" ok
sleep 3
is "no check" "$(stat checks)" "$checks"
is "the guest ends" "$(guest release "$one")" ok
sleep 3
is "no check then" "$(stat checks)" "$checks"
is "auto is off: it is not won back" "$(table_of "$one")" none
is "but stays in the queue" "$(region "$one" state)" queued
is "action" "$(try write $CONFIG/action 1)" ok
back "action"

# All is lost, and no core lets it be won back: RMPOPT_BASE was cleared and its write raises #GP;
# the tables were cleared and RMPOPT raises #UD.
for fault in gp ud; do
	every_core $fault
	[ $fault = ud ] || emu base all 0 >/dev/null
	[ $fault = gp ] || emu base all "$base" >/dev/null
	within 60 "#$fault everywhere: every core is taken out" all_out
	nothing "#$fault everywhere"
	every_core none
	is "#$fault everywhere: enabled: 1" "$(try write $CONFIG/enabled 1)" ok
	back "#$fault everywhere, and mended"
done

# A page that the firmware has taken behind the kernel's back is such a loss, too.
address=$(((two << 30) + (64 << 20)))
emu set-entry $address assigned=1 asid=0 size=4k immutable=1 >/dev/null
within 60 "a region that was lost unseen is found" unseen
within 60 "regions says that it is held" held
emu set-entry $address assigned=0 asid=0 size=4k immutable=0 >/dev/null

# While it is disabled, it looks at nothing.
is "enabled: 0" "$(try write $CONFIG/enabled 0)" ok
emu reset >/dev/null
looks=$(stat self_checks)
sleep 3
is "no look while disabled" "$(stat self_checks)" "$looks"
is "nothing is asked, nothing written" "$(emu get rmpopt.report) $(emu get rmpopt_base.writes)" "0 0"
is "enabled: 1" "$(try write $CONFIG/enabled 1)" ok
back "enabled again"

# Without probes a guest looks like a loss. It is not while the core has other regions.
rmmod snp_guest
unload
insmod "$MODULES/snp_guest.ko"
load probes=0
poll 60 idle
echo 0 >$CONFIG/auto
checks=$(stat checks)
is "a guest, unseen" "$(guest assign "$one" 2m 1 5)" ok
sleep 4
is "no check" "$(stat checks)" "$checks"
guest release all >/dev/null
emu base all "$base" >/dev/null
within 60 "without probes: all is won back" all_but_one
rmmod snp_guest
unload
no_splat "the kernel log is clean"
finish

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# Tracepoints: their fields, and no events while they are off.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
begin 18
require_rmpopt
require_test_module snp_guest

TRACE=/sys/kernel/tracing

lines()
{
	grep -c " $1: $2" $TRACE/trace
}

[ -d $TRACE/events ] || bail "no tracefs"
loaded_for_guests
is "the events" "$(cd $TRACE/events/rmpopt && echo */)" \
	"pass_begin/ pass_end/ region_displaced/ region_optimised/"

echo >$TRACE/trace
is "a guest, events off" "$(guest assign "$one" 2m 1 5)" ok
is "ends" "$(guest release "$one")" ok
within 60 "its region is won" won "$one"
is "no event" "$(grep -vc '^#' $TRACE/trace)" 0

echo 1 >$TRACE/events/rmpopt/enable
is "a guest, events on" "$(guest assign "$one" 2m 2 5)" ok
is "region_displaced once, for its first page" "$(lines region_displaced "gib=$one pages=512$")" 1
is "and not again" "$(lines region_displaced "gib=$one")" 1
is "ends" "$(guest release "$one")" ok
within 60 "its region is won" won "$one"
poll 60 idle
is "pass_begin" "$(lines pass_begin 'reason=given-back regions=1$')" 1
is "pass_end" "$(lines pass_end "reason=given-back regions=1 cores=$(cores) scans=1 duration_us=[0-9]*$")" 1
is "region_optimised" "$(lines region_optimised "gib=$one delay_ms=[0-9]*$")" 1
delay=$(sed -n "s/.* region_optimised: gib=$one delay_ms=//p" $TRACE/trace)
at_least "delay in ms" "$delay" 500

is "a split is no loss" "$(guest assign "$two" 2m 1 5; guest smash "$two"; lines region_displaced "gib=$two")" "ok
ok
1"
ok "an attempt on everything" pass
is "pass_begin of it" "$(lines pass_begin "reason=request regions=$(ram_regions | wc -l)$")" 1

emulated on
checks=$(stat missing)
emu set-entry $(((one << 30) + (64 << 20))) assigned=1 asid=0 size=4k immutable=1 >/dev/null
echo 1 >$CONFIG/full_check_s
unseen()
{
	[ "$(stat missing)" -gt "$checks" ]
}
within 60 "a loss that no probe has told" unseen
is "region_displaced, with no pages counted" "$(lines region_displaced "gib=$one pages=0$")" 1
emu set-entry $(((one << 30) + (64 << 20))) assigned=0 asid=0 size=4k immutable=0 >/dev/null
emulated off

echo 0 >$TRACE/events/rmpopt/enable
echo >$TRACE/trace
guest release all >/dev/null
rmmod snp_guest
unload
ok "the events are gone with the module" test ! -d $TRACE/events/rmpopt
no_splat "the kernel log is clean"
finish

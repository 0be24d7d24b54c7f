#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# The full check finds changes that no probe has seen; without probes all regions are checked at an interval.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
begin 36
require_emulator
require_rmpopt
require_test_module snp_guest

# checked N: so many checks more than at the last note.
checked()
{
	[ "$(stat checks)" -ge $((checks + $1)) ]
}

counted()
{
	[ "$(region "$1" counted)" = "$2" ]
}

loaded_for_guests
held=$(table | grep -c ' none$')
regions=$(ram_regions | wc -l)

# Where the cores still say "optimised" it reports and does not scan.
echo 0 >$CONFIG/full_check_s
looks=$(stat self_checks)
emu reset >/dev/null
checks=$(stat checks)
sleep 2
is "0: no check" "$(stat checks)" "$checks"
at_most "nothing is asked but one core, for a look now and then" "$(emu get rmpopt.report)" \
	$(($(stat self_checks) - looks))
echo 1 >$CONFIG/full_check_s
within 60 "1: two checks" checked 2
echo 0 >$CONFIG/full_check_s
poll 60 idle
checks=$(($(stat checks) - checks))
at_least "reports: each optimised region on each core" "$(emu get rmpopt.report)" \
	$((checks * (regions - held) * $(cores)))
at_most "and no more than that, but for the looks" "$(emu get rmpopt.report)" \
	$((checks * (regions - held) * $(cores) + $(stat self_checks) - looks))
is "scans: the others only" "$(emu get rmpopt.scans)" $((checks * held))
is "nothing had to be put right" "$(stat corrections)" 0

# The firmware takes a page and gives it back, behind the kernel's back.
address=$(((two << 30) + (64 << 20)))
emu set-entry $address assigned=1 asid=0 size=4k immutable=1 >/dev/null
is "the firmware takes a page" "$(table_of "$two")" none
echo 1 >$CONFIG/full_check_s
within 60 "the check finds the page" counted "$two" 1
is "it is the firmware's" "$(region "$two" firmware)" 1
is "a loss that no probe has told" "$(stat missing)" 1
is "the count was put right" "$(stat corrections)" 1
emu set-entry $address assigned=0 asid=0 size=4k immutable=0 >/dev/null
within 60 "the check wins the region back" won "$two"
is "the count was put right again" "$(stat corrections)" 2
is "nothing is counted there" "$(region "$two" counted)" 0
echo 0 >$CONFIG/full_check_s

# A guest's page is given back where no probe sees it. The next time the kernel gives it back, too, there
# is less than nothing.
is "a guest" "$(guest assign "$one" 2m 1 5)" ok
is "was seen" "$(region "$one" counted)" 512
address=$(($(awk -v gib="$one" '$1 == gib { print $2 }' $GUEST/pages) << 12))
emu set-entry $address assigned=0 size=2m >/dev/null
like "the emulator has no page there" "$(emu assigned "$one")" "0 *"
sleep 2
is "nobody knows" "$(table_of "$one")" none
is "it is still counted" "$(region "$one" counted)" 512
echo 1 >$CONFIG/full_check_s
within 60 "the check wins the region" won "$one"
poll 60 idle
echo 0 >$CONFIG/full_check_s
is "the count was put right" "$(stat corrections)" 3
counts_agree "all counts are right"
is "the kernel gives the page back" "$(guest release "$one")" ok
within 60 "less than no page: that is looked into at once" counted "$one" 0
is "the count was put right" "$(stat corrections)" 4
counts_agree "all counts are right"

# A core that has lost a region by itself is found too.
poll 60 idle
emu base 1 "$(emu base 1)" >/dev/null
is "a core has lost its table" "$(emu table 1)" none
echo 1 >$CONFIG/full_check_s
within 60 "the check fills it again" won "$one"
tables_agree "the table is what the cores have"
unload

# Without probes.
load probes=0
within 60 "the first pass ends, without probes" idle
like "stats says so" "$(stat probes)" "none, polling every 10 s"
is "the log says so" "$(log_count 'not watched')" 1
is "a guest" "$(guest assign "$one" 2m 1 5)" ok
is "nothing is counted" "$(region "$one" counted)" -
is "the guest ends" "$(guest release "$one")" ok
emu reset >/dev/null
within 120 "its region is won back by the interval" won "$one"
at_least "by reports" "$(emu get rmpopt.report)" $(((regions - held - 1) * $(cores)))
at_most "scans: what was given back, once" "$(emu get rmpopt.scans)" 1
at_least "passes of the interval" "$(passes poll)" 1
is "passes for what was given back" "$(passes given-back)" 0
rmmod snp_guest
unload
no_splat "the kernel log is clean"
finish

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# Assigned pages are counted only when somebody reads status, and not before a pass;
# delays are counted only for regions that were attempted because of a conversion.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
begin 26
require_emulator
require_rmpopt
require_test_module snp_guest

# delays: how many regions are in the histogram.
delays()
{
	sed -n 's/^delay_ms .*: //p' $DEBUG/stats | awk '{ n += $1 } END { print n + 0 }'
}

checked()
{
	[ "$(stat checks)" -gt "$checks" ]
}

loaded_for_guests
unload
is "a guest of 4k pages" "$(guest assign "$one" 4k 1500 5)" ok
is "another one" "$(guest assign "$two" 4k 1500 6)" ok

# Page by page that would be 1,500 and more for each of them.
emu reset >/dev/null
load
within 60 "the first pass ends" idle
sleep 3
at_most "RMPREAD: nobody has counted anything" "$(emu get rmpread)" 200
is "stats says so" "$(stat censuses)" 0
is "both regions are known to be held" "$(table_of "$one") $(table_of "$two")" "none none"

# Passes do not count either, nor does a check.
ok "another pass" pass
echo 1 >$CONFIG/full_check_s
checks=$(stat checks)
within 60 "and a check" checked
echo 600 >$CONFIG/full_check_s
poll 60 idle
at_most "RMPREAD: still nobody" "$(emu get rmpread)" 400

# What is given back is won back without a count: until the first assigned page is enough.
emu reset >/dev/null
is "a guest ends, uncounted" "$(guest release "$two")" ok
within 60 "its region is won back" won "$two"
is "no scan was made in vain" "$(emu get rmpopt.failed_scans)" 0
is "nothing was counted" "$(stat censuses)" 0

# A file that shows counts counts.
is "regions counts" "$(region "$one" counted)" 1500
at_least "stats says so" "$(stat censuses)" 2
counts_agree "all are right"
is "no count was wrong" "$(stat corrections)" 0
unload
load
poll 60 idle
cat $DEBUG/rmp/occupancy >/dev/null
at_least "rmp/occupancy counts, too" "$(stat censuses)" 2
is "the guest ends, counted" "$(guest release "$one")" ok
within 60 "its region is won back" won "$one"

# Delays.
is "that is a delay" "$(delays)" 1
is "enabled: 0" "$(try write $CONFIG/enabled 0)" ok
is "a guest comes" "$(guest assign "$one" 2m 1 5)" ok
is "and goes while nobody is waiting" "$(guest release "$one")" ok
is "enabled: 1" "$(try write $CONFIG/enabled 1)" ok
within 60 "its region is optimised" won "$one"
poll 60 idle
is "that is no delay" "$(delays)" 1
is "enabled: 0" "$(try write $CONFIG/enabled 0)" ok
is "enabled: 1" "$(try write $CONFIG/enabled 1)" ok
within 60 "all is optimised" won "$two"
poll 60 idle
is "nor is that" "$(delays)" 1
rmmod snp_guest
unload
no_splat "the kernel log is clean"
finish

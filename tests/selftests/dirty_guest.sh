#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# hard: dimms
# What guests give back is optimised again by itself; counts are those of the emulator.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
begin 36
require_rmpopt
require_test_module snp_guest

loaded_for_guests
unload

# A guest that runs before the module is loaded.
is "a guest gets two 2m pages before the module is there" "$(guest assign "$one" 2m 2 5)" ok
is "and two 4k pages" "$(guest assign "$one" 4k 2 5)" ok
load
within 60 "the first pass ends" idle
is "conversions are seen" "$(stat probes)" direct
is "the guest's region is lost" "$(table_of "$one")" none
counts_agree "regions are counted as they are"
is "it is held" "$(region "$one" state)" held
is "by the guest" "$(region "$one" guest)" 1026

emu reset >/dev/null
is "the guest ends" "$(guest release "$one")" ok
within 60 "its region is optimised again by itself" won "$one"
tables_agree "the table is what the cores have"
is "that took one scan" "$(emu get rmpopt.scans)" 1
is "in that region" "$(emu get rmpopt.by_region."$one".scans)" 1
at_most "RMPOPT on all cores" "$(emu get rmpopt.verify)" "$(cores)"
is "it was one pass for what was given back" "$(passes given-back)" 1
like "the delay is in the histogram" "$(stat 'delay_ms [0-9]*-[0-9]*')" 1

# Every size and a split one, in both regions.
is "2m pages" "$(guest assign "$one" 2m 3 5)" ok
is "one is split" "$(guest smash "$one")" ok
is "4k pages" "$(guest assign "$two" 4k 700 6)" ok
counts_agree "counted as they are"
conversions=$(stat conversions)
echo 100 >$CONFIG/delay_ms
is "both are given back" "$(guest release all)" ok
within 60 "and are optimised again" won "$one"
within 60 "both of them" won "$two"
counts_agree "none is left"
# 2 of 2 MiB, 512 of the split one, 700 of 4 KiB.
is "each conversion was seen" $(($(stat conversions) - conversions)) $((2 + 512 + 700))

# What fails does not count.
is "a guest" "$(guest assign "$one" 2m 1 5)" ok
conversions=$(stat conversions)
emulated on
emu fail psmash 1 1 >/dev/null
is "a split that fails" "$(guest smash "$one")" EIO
is "is not counted" "$(stat conversions)" "$conversions"
is "one that does not fail" "$(guest smash "$one")" ok
is "is" "$(stat conversions)" $((conversions + 1))
emulated off
is "and changes no count" "$(region "$one" counted)" 512

# A region that gets a page again leaves the queue. Nothing is attempted.
echo 3000 >$CONFIG/delay_ms
emu reset >/dev/null
is "given back" "$(guest release "$one")" ok
is "it is queued" "$(region "$one" state)" queued
is "a new guest takes it" "$(guest assign "$one" 4k 1 7)" ok
is "it is held, not queued" "$(region "$one" state)" held
sleep 4
is "nothing was attempted there" "$(emu get rmpopt.by_region."$one".verify)" 0

# While one gives back and another converts on, the pass waits, but not for ever.
echo 100000 >$CONFIG/delay_ms
is "given back, with a long delay" "$(guest release "$one")" ok
sleep 1
is "it waits" "$(region "$one" state)" queued
echo 0 >$CONFIG/max_delay_ms
within 60 "the longest delay is over at once" won "$one"

# A storm of guests ending: one pass for all that ended before it began.
homes=
for gib in $(table | awk -v all="$all" '$1 >= 4 && $2 == all { print $1 }' | tail -n 12); do
	echo "assign $gib 4k 3 5" >$GUEST/cmd && homes="$homes $gib"
done 2>/dev/null
at_least "guests in as many regions" "$(echo "$homes" | wc -w)" 2
echo 100000 >$CONFIG/max_delay_ms
given_back=$(passes given-back)
for gib in $homes; do
	guest release "$gib" >/dev/null
	sleep 0.1
done
is "they have ended, and all wait" "$(grep -c queued $DEBUG/regions)" "$(echo "$homes" | wc -w)"
emu reset >/dev/null
echo 0 >$CONFIG/delay_ms
for gib in $homes; do
	within 60 "region $gib is won back" won "$gib"
done
poll 60 idle
is "in one pass" $(($(passes given-back) - given_back)) 1
is "each was scanned once" "$(emu get rmpopt.scans)" "$(echo "$homes" | wc -w)"

is "no count was wrong" "$(stat corrections)" 0
is "nothing was lost unseen" "$(stat missing)" 0
is "no probe was missed" "$(stat missed)" 0
guest release all >/dev/null
rmmod snp_guest
unload
no_splat "the kernel log is clean"
finish

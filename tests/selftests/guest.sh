#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# hard: dimms
# Regions are lost to a guest and won back.
. "$(dirname "$0")/tap.sh"
begin 35
require_rmpopt
require_test_module snp_guest

all=$(cat /sys/devices/system/cpu/online)

guest()
{
	try write $GUEST/cmd "$*"
}

# How many CPUs say in cpu/N that the region is optimised.
cpus_claiming()
{
	claims=0
	for cpu in $(cpus); do
		for region in $(expand "$(field "$cpu" optimised_ranges)"); do
			[ "$region" != "$1" ] || claims=$((claims + 1))
		done
	done
	echo $claims
}

others()
{
	table | grep -v -e "^$one " -e "^$two "
}

unload
log_mark
insmod "$MODULES/snp_guest.ko" || bail "snp_guest.ko does not load"
load
poll 60 idle || bail "the first pass does not end"
# By hand here: nothing is to be won back by itself.
[ ! -e $CONFIG/auto ] || echo 0 >$CONFIG/auto

# The first and the last optimised region above 4 GiB: they are on two nodes.
one=$(table | awk -v all="$all" '$1 >= 4 && $2 == all { print $1; exit }')
two=$(table | awk -v all="$all" '$1 >= 4 && $2 == all { last = $1 } END { print last }')
[ -n "$one" ] && [ "$one" != "$two" ] || bail "no two regions to play with"
note "regions $one and $two"
before=$(others)
optimised=$(field 0 optimised_gib)

is "a guest gets three 2m pages" "$(guest assign "$one" 2m 3 5)" ok
is "and five 4k pages elsewhere" "$(guest assign "$two" 4k 5 5)" ok
like "the emulator sees the 2m pages" "$(emu assigned "$one")" "1536*"
like "the emulator sees the 4k pages" "$(emu assigned "$two")" "5*"
is "the guest holds 8 pages" "$(wc -l <$GUEST/pages)" 8
for region in "$one" "$two"; do
	is "region $region is lost in the table" "$(table_of "$region")" none
	is "region $region is lost in every cpu/N" "$(cpus_claiming "$region")" 0
	is "region $region is lost on every core" "$(emu optimised "$region" | grep -c '[0-9]')" 0
done
is "all other regions stay" "$(others)" "$before"
is "cpu/0 counts two less" "$(field 0 optimised_gib)" $((optimised - 2))

ok "an attempt while the guest runs" pass
tables_agree "wins nothing"
is "and loses nothing" "$(others)" "$before"

is "a 2m page is split" "$(guest smash "$one")" ok
ok "an attempt on it" pass
is "region $one is still lost" "$(table_of "$one")" none

is "the guest gives one region back" "$(guest release "$one")" ok
like "the emulator sees that" "$(emu assigned "$one")" "0*"
is "region $one is not optimised by that alone" "$(table_of "$one")" none
ok "an attempt" pass
is "region $one is won back in the table" "$(table_of "$one")" "$all"
is "region $one is won back in every cpu/N" "$(cpus_claiming "$one")" "$(cpus | wc -l)"
is "region $two is still lost" "$(table_of "$two")" none

is "the guest gives all back" "$(guest release all)" ok
ok "an attempt" pass
is "region $two is won back" "$(table_of "$two")" "$all"
tables_agree "the table is what the cores have"
is "cpu/0 counts as before" "$(field 0 optimised_gib)" "$optimised"

# What the firmware takes behind the kernel's back.
emulated on
address=$(((two << 30) + (64 << 20)))
emu set-entry $address assigned=1 asid=0 size=4k immutable=1 >/dev/null
is "a page of the firmware's loses the region" "$(table_of "$two")" none
ok "an attempt" pass
is "the region stays lost" "$(table_of "$two")" none
emu set-entry $address assigned=0 asid=0 size=4k immutable=0 >/dev/null
ok "an attempt when the page is back" pass
is "the region is won back" "$(table_of "$two")" "$all"
emulated off

# Wrong words for the test module itself, so that typing errors do not pass.
is "snp_guest: a size that is none" "$(guest assign "$one" 1g 1 5)" EINVAL
is "snp_guest: ASID 0" "$(guest assign "$one" 4k 1 0)" EINVAL
is "snp_guest: a region without RAM" "$(guest assign $(($(ram_regions | tail -n 1) + 1)) 4k 1 5)" ENOMEM
is "snp_guest: nothing to split" "$(guest smash "$one")" ENOENT

rmmod snp_guest
unload
no_splat "the kernel log is clean"
finish

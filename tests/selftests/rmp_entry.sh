#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt zen4
# hard: zen5
# The entry of a page: the address and its errors, every kind of entry, and 10,000
# random pages, whose entries are those of the emulator.
. "$(dirname "$0")/tap.sh"
begin 45
require_model zen6 zen5 zen4
require_test_module snp_guest

entry=$CONFIG/rmp_entry

# What the module says of a page: ask ADDRESS; said KEY
ask()
{
	echo "$1" >$entry && cat $entry >/tmp/entry
}

said()
{
	sed -n "s/^$1: //p" /tmp/entry
}

# agrees WHAT ADDRESS: as the emulator has it.
agrees()
{
	ask "$2"
	agrees_want=$(emu entry "$2" | tr ' ' '\n' | grep -v -e vmsa -e validated | sort)
	agrees_got=$(sed -n 's/^\(assigned\|size\|immutable\|asid\|gpa\|owner\): /\1=/p' /tmp/entry | sort)
	is "$1" "$agrees_got" "$agrees_want"
}

unload
log_mark
load
poll 60 idle
case $MODEL in
zen4)	source=raw ;;
*)	source=rmpread ;;
esac

is "nothing is asked at first" "$(cat $entry)" "address: none"
is "mode" "$(stat -c %a $entry)" 660
log_mark
for bad in "" " " x 0x "0x " -4096 +4096 0x10g0 "4096 4096" 1e6 0b1 4,096 "0x1000;" 1 4095 0x1001 0xfffffffffffff; do
	is "\"$bad\"" "$(try write $entry "$bad")" EINVAL
done
for bad in 0x10000000000000 4503599627370496 0xffffffffffffffff 18446744073709551616 999999999999999999999999999999; do
	is "$bad" "$(try write $entry $bad)" ERANGE
done
at_most "lines in the log for all of that" "$(log_count)" 1
is "what was refused changes nothing" "$(cat $entry)" "address: none"
for good in 0 4096 0x1000 0X1000 " 0x1000 " 0xffffffffff000; do
	is "\"$good\"" "$(try write $entry "$good")" ok
done

ask 0xffffffffff000
is "beyond the RMP: covered" "$(said covered)" 0
is "beyond the RMP: owner" "$(said owner)" hypervisor
ask 0x70000000
is "source" "$(said source)" $source
emulated on
is "the RMP's own first page" "$(said owner)" firmware
agrees "it is the emulator's" 0x70000000
emulated off
is "debugfs shows the same" "$(cat $DEBUG/rmp/entry)" "$(cat $entry)"
is "debugfs: mode" "$(stat -c %a $DEBUG/rmp/entry)" 400

# A guest's pages.
insmod "$MODULES/snp_guest.ko"
region=$(free_regions | tail -n 1)
echo "assign $region 2m 1 5" >$GUEST/cmd
block=$(awk '{ print $2 }' $GUEST/pages)
block=$((block << 12))
page=$(printf '0x%x' $((block + 7 * 4096)))
block=$(printf '0x%x' $block)
agrees "a 2 MiB page" "$block"
agrees "a 4 KiB page in it" "$page"
is "it resolves to the 2 MiB entry" "$(said entry_of)" "$block"
is "owner" "$(said owner)" guest
is "ASID" "$(said asid)" 5
is "size" "$(said size)" 2m
echo "smash $region" >$GUEST/cmd
agrees "the same page after a split" "$page"
is "it has an entry of its own" "$(said entry_of)" "$page"
is "of 4 KiB" "$(said size)" 4k
echo "release all" >$GUEST/cmd
ask "$page"
is "given back" "$(said owner)" hypervisor
rmmod snp_guest

# What only the raw form tells.
emulated on
emu set-entry "$page" assigned=1 asid=9 vmsa=1 validated=1 gpa=0x12345000
agrees "a page with all fields" "$page"
if [ $source = raw ]; then
	is "vmsa" "$(said vmsa)" 1
	is "validated" "$(said validated)" 1
else
	is "vmsa" "$(said vmsa)" unknown
	is "validated" "$(said validated)" unknown
fi
emu set-entry "$page"
# Some processors may repeat the 2 MiB entry in its other pages.
emu switch sub_pages copy
emu set-entry "$block" assigned=1 asid=9 size=2m gpa=0x40000000
agrees "entries under a 2 MiB entry that repeat it" "$page"
emu set-entry "$block" size=2m
emu switch sub_pages zero

if [ $source = rmpread ]; then
	emu fail rmpread 2
	is "RMPREAD that fails" "$(try read $entry)" EIO
	emu fail rmpread 1 3
	ask "$page"
	is "RMPREAD that says bad input" "$(said covered)" 0
fi
emu snp off
is "SNP off: configfs" "$(try read $entry)" ENODEV
is "SNP off: debugfs" "$(try read $DEBUG/rmp/entry)" ENODEV
is "SNP off: occupancy" "$(try read $DEBUG/rmp/occupancy)" ENODEV
is "SNP off: an address is still taken" "$(try write $entry "$page")" ok
emu snp on
poll 60 idle

# shellcheck disable=SC2046 # a list
ok "10000 random pages" rmpcmp 10000 "$(cut -d. -f1 /proc/uptime)" $(ram_regions)
note "$tap_out"
emulated off

is "rmmod" "$(try rmmod rmpopt)" ok
no_splat "the kernel log is clean"
finish

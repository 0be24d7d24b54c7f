#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt dimms zen5 zen4
# The census: pages by region as the emulator counts them, what holds a region,
# and the number of RMPREAD.
. "$(dirname "$0")/tap.sh"
begin 15
require_model zen6 zen5 zen4
require_test_module snp_guest

file=$DEBUG/rmp/occupancy

# "REGION GUEST FIRMWARE" lines, from the module and from the emulator.
occupancy()
{
	cat $file >/tmp/occupancy
	awk '!/^#/ { print $1, $3, $4 }' /tmp/occupancy
}

emulator_occupancy()
{
	{
		emu assigned all
		ram_regions
	} | awk -F'[: =]+' '
		/:/ { pages[$1 + 0] = $6 " " $4; next }
		{ print $1, ($1 in pages) ? pages[$1] : "0 0" }'
}

counts_agree()
{
	occupancy >/tmp/census.module
	emulator_occupancy >/tmp/census.emulator
	is "$1" "$(diff /tmp/census.emulator /tmp/census.module | head -8)" ""
}

# held REGION: the last column.
held()
{
	awk -v region="$1" '$1 == region { print $5 }' /tmp/occupancy
}

# could REGION: what rmpopt-table says of it without RMPOPT.
could()
{
	sed -n "s/^Memory @ *$1GB: CPU(s): none (\(.*\))\$/\1/p" $DEBUG/rmpopt-table
}

unload
log_mark
load
poll 120 idle
regions=$(ram_regions | wc -l)

# The deciding thread reads the RMP too, once a second while it is enabled.
if [ "$MODEL" = zen6 ]; then
	echo 0 >$CONFIG/enabled
fi
emu reset >/dev/null
counts_agree "with no guest the counts are the emulator's"
is "each region with RAM has a line" "$(awk '!/^#/' /tmp/occupancy | wc -l)" "$regions"
like "the first line names the columns" "$(head -n 1 /tmp/occupancy)" "# GiB node * guest firmware held-by"
# RMPREAD: 512 in a region of which each block's first entry says all.
reads=$(emu get rmpread)
is "the last line counts the RMPREAD" "$(tail -n 1 /tmp/occupancy)" "# $reads RMPREAD"
case $MODEL in
zen4)	is "RMPREAD without the instruction" "$reads" 0 ;;
*)	at_most "RMPREAD" "$reads" $((600 * regions))
	at_least "RMPREAD" "$reads" $((512 * regions)) ;;
esac
if [ "$MODEL" = zen6 ]; then
	echo 1 >$CONFIG/enabled
	poll 120 idle
fi
is "nodes are the regions' own" "$(awk '!/^#/ { print $2 }' /tmp/occupancy | sort -u | wc -l)" "$(ls -d /sys/devices/system/node/node[0-9]* | wc -l)"

free=$(free_regions | head -n 3 | tr '\n' ' ')
one=${free%% *}
two=$(echo "$free" | cut -d' ' -f2)
three=$(free_regions | tail -n 1)
insmod "$MODULES/snp_guest.ko"
echo "assign $one 2m 3 5" >$GUEST/cmd
echo "assign $two 4k 700 6" >$GUEST/cmd
echo "assign $three 2m 1 7" >$GUEST/cmd
echo "smash $three" >$GUEST/cmd
# A page of the firmware beside the guest's, in a block of its own or not.
pa=$(printf '0x%x' $((two << 30)))
emu set-entry "$pa" assigned=1 immutable=1
counts_agree "with guests and firmware the counts are the emulator's"
is "GiB $one is held by" "$(held "$one")" guest
is "GiB $three is held by" "$(held "$three")" guest
emulated on
is "GiB $two is held by" "$(held "$two")" guest,firmware
is "GiB 1 is held by" "$(held 1)" rmp
emulated off
if [ "$MODEL" = zen6 ]; then
	skip "rmpopt-table: GiB $two" "it shows what is optimised"
else
	# It looks no further than the first page that holds a region.
	like "rmpopt-table: GiB $two" "$(could "$two")" "held by *"
fi
emu set-entry "$pa"
echo "release all" >$GUEST/cmd
rmmod snp_guest
counts_agree "given back"

# The census says what RMPOPT finds.
occupancy >/dev/null
if [ "$MODEL" = zen6 ]; then
	pass
	is "free regions are those that RMPOPT optimises" \
		"$(awk '$5 == "none" { print $1 }' /tmp/occupancy | tr '\n' ' ')" \
		"$(table | awk '$2 != "none" { print $1 }' | tr '\n' ' ')"
else
	is "free regions are those that could be optimised" \
		"$(awk '$5 == "none" { print $1 }' /tmp/occupancy | tr '\n' ' ')" \
		"$(sed -n 's/^Memory @ *\([0-9]*\)GB: .*(could be optimised)$/\1/p' $DEBUG/rmpopt-table | tr '\n' ' ')"
fi
is "rmmod" "$(try rmmod rmpopt)" ok
no_splat "the kernel log is clean"
finish

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: smt
# RMPOPT_EN cannot be cleared while SNP is on, and the base may not move: each answer that the processor may give.
# When RMPOPT is switched off and on, and when the module or another build of it is loaded again, the cores keep their
# regions, and the module does not scan these again.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
begin "$(hard 590 190)"
require_emulator
require_rmpopt
require_test_module snp_guest

NEXT=${MODULE%.ko}_next.ko
stays="stays optimised until SNP is shut down: RMPOPT_EN cannot be cleared"

switch_cpu()
{
	echo "$2" >"/sys/devices/system/cpu/cpu$1/online"
}

# mark: what is counted from here on.
mark()
{
	poll 60 idle
	emu forget >/dev/null
	emu reset >/dev/null
	emulator_table >/tmp/table.before
	log_mark
}

# unchanged WHAT: the cores have what they had at the mark.
unchanged()
{
	is "$1: the cores have what they had" "$(emulator_table | diff /tmp/table.before - | head -4)" ""
	tables_agree "$1: the table is what the cores have"
}

# no_scan WHAT: nothing was scanned since the mark where the processor keeps RMPOPT_EN. Else all was.
no_scan()
{
	if [ $keeps = 1 ]; then
		is "$1: nothing is scanned again" "$(emu get rmpopt.scans)" 0
		is "$1: nor verified" "$(emu get rmpopt.verify)" 0
	else
		at_least "$1: all is scanned" "$(emu get rmpopt.scans)" "$(free_regions | wc -l)"
	fi
}

# stays_on WHAT: what has become of RMPOPT_EN, and that it is said once.
stays_on()
{
	if [ $keeps = 1 ]; then
		ok "$1: RMPOPT_EN stays set" all_cores 1
		unchanged "$1"
		is "$1: the log says so, once" "$(log_count "$stays")" 1
	else
		ok "$1: RMPOPT_EN is cleared" all_cores 0
		is "$1: nothing is optimised" "$(emulator_table | grep -vc ' none$')" 0
		is "$1: nothing is said to stay" "$(log_count "$stays")" 0
	fi
	is "$1: no warning" "$(warnings)" ""
}

insmod "$MODULES/snp_guest.ko" || bail "snp_guest.ko does not load"
for sticky in ignored gp clear; do
	# Each answer once, or all combinations.
	case $sticky in
	ignored) some=yes ;;
	gp) some=gp ;;
	clear) some=ignored ;;
	esac
	for moves in $(hard "yes ignored gp" $some); do
		what="enable_sticky=$sticky, base_moves=$moves"
		keeps=1
		[ $sticky != clear ] || keeps=0
		unload
		emu switch enable_sticky $sticky >/dev/null
		emu switch base_moves $moves >/dev/null
		load
		poll 60 full || bail "$what: the first pass does not end"
		is "$what: state" "$(states)" enabled
		pick_two

		# Off: nothing is attempted, what is there stays, and the status goes on telling what that is.
		mark
		is "$what, enabled: 0" "$(try write $CONFIG/enabled 0)" ok
		is "$what, off: enabled reads" "$(cat $CONFIG/enabled)" 0
		is "$what, off: action: 1" "$(try write $CONFIG/action 1)" EPERM
		stays_on "$what, off"
		if [ $keeps = 1 ]; then
			is "$what, off: state" "$(states)" "kept by the processor"
			is "$what, off: what that means" "$(field 0 kept)" "$stays"
			is "$what, off: status: cores" "$(status_of 'cores kept by the processor')" "$(cores)"
			is "$what, off: status: what that means" "$(status_of kept)" "$stays"
			is "$what, off: region $one" "$(region "$one" state)" optimised
		else
			is "$what, off: state" "$(states)" off
			is "$what, off: status: cores" "$(status_of 'cores off')" "$(cores)"
			is "$what, off: status: nothing is said to stay" "$(status_of kept)" ""
		fi
		is "$what, off: a guest" "$(guest assign "$one" 2m 1 5)" ok
		is "$what, off: its region is lost" "$(table_of "$one")" none
		is "$what, off: and is held" "$(region "$one" state)" held
		is "$what, off: the guest ends" "$(guest release "$one")" ok
		sleep 1
		is "$what, off: nothing was attempted" "$(emu get rmpopt.verify)" 0
		is "$what, off: the region is not optimised" "$(table_of "$one")" none
		tables_agree "$what, off: the table is what the cores have"

		# On again: only what was given back meanwhile is scanned.
		emu reset >/dev/null
		is "$what, enabled: 1" "$(try write $CONFIG/enabled 1)" ok
		within 60 "$what, on again: all is there" full
		is "$what, on again: state" "$(states)" enabled
		[ $keeps = 0 ] || is "$what, on again: scans" "$(emu get rmpopt.scans)" 1
		tables_agree "$what, on again: the table is what the cores have"

		# A core that goes and comes.
		mark
		switch_cpu 6 0
		switch_cpu 7 0
		poll 60 idle
		switch_cpu 6 1
		switch_cpu 7 1
		within 60 "$what, a core was away: all is there" full
		[ $keeps = 0 ] || is "$what, a core was away: verifies" "$(emu get rmpopt.verify)" 0

		# Away and back, with a guest; then another build.
		is "$what: a guest" "$(guest assign "$two" 2m 1 5)" ok
		for build in "$MODULE" "$NEXT"; do
			after="$what, ${build##*/}"
			poll 60 idle
			mark
			is "$after: rmmod" "$(try rmmod rmpopt)" ok
			if [ $keeps = 1 ]; then
				ok "$after: RMPOPT_EN stays set" all_cores 1
				is "$after: the log says so, once" "$(log_count "$stays")" 1
			else
				ok "$after: RMPOPT_EN is cleared" all_cores 0
				is "$after: nothing is said to stay" "$(log_count "$stays")" 0
			fi
			is "$after: no warning" "$(warnings)" ""
			is "$after: insmod" "$(try insmod "$build")" ok
			within 60 "$after: all is there" full
			unchanged "$after"
			no_scan "$after"
			is "$after: state" "$(states)" enabled
			is "$after: it goes on" "$(cat $CONFIG/enabled)" 1
			is "$after: the guest's region" "$(region "$two" state)" held
			is "$after: its pages are counted" "$(region "$two" counted)" 512
			is "$after: another region" "$(region "$one" state)" optimised
			[ $keeps = 0 ] ||
				at_least "$after: the log tells what was there" "$(log_count 'not scanned again')" 1
			[ "$build" = "$MODULE" ] || is "$after: it is another build" "$(cat /sys/module/rmpopt/version)" next
		done
		emu reset >/dev/null
		is "$what: the guest ends" "$(guest release "$two")" ok
		within 60 "$what: what it gave back is won back by itself" full
		is "$what: with one scan" "$(emu get rmpopt.scans)" 1

		# Away and back: nobody sees that a guest ends meanwhile.
		is "$what, unseen: a guest" "$(guest assign "$two" 2m 1 5)" ok
		poll 60 idle
		is "$what, unseen: rmmod" "$(try rmmod rmpopt)" ok
		is "$what, unseen: the guest ends" "$(guest release "$two")" ok
		emulator_table >/tmp/table.before
		is "$what, unseen: its region is not optimised by that alone" \
			"$(awk -v two="$two" '$1 == two { print $2 }' /tmp/table.before)" none
		emu reset >/dev/null
		is "$what, unseen: insmod" "$(try insmod "$MODULE")" ok
		within 60 "$what, unseen: the region is won" full
		if [ $keeps = 1 ]; then
			is "$what, unseen: with one scan" "$(emu get rmpopt.scans)" 1
			is "$what, unseen: and one verify on each core" "$(emu get rmpopt.verify)" "$(cores)"
		fi
		is "$what, unseen: its pages are counted" "$(region "$two" counted)" 0
		tables_agree "$what, unseen: the table is what the cores have"
		unload
		no_splat "$what: the kernel log is clean"
	done
done
sticky_as_booted
emu switch base_moves yes >/dev/null
rmmod snp_guest
finish

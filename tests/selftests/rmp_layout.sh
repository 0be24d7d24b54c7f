#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: zen4 zen5
# hard: smt
# Registers and segments: decoded as the firmware set them up, each fault by its
# name, and random bytes in their place.
. "$(dirname "$0")/tap.sh"
begin 20
require_emulator
require_model zen6 zen5 zen4

config=$DEBUG/rmp/config
segments=$DEBUG/rmp/segments
RMP_BASE=0xc0010132
RMP_END=0xc0010133
RMP_CFG=0xc0010136

value()
{
	sed -n "s/^$2: *//p" "$1"
}

# The names of all faults, in order, once each.
issues()
{
	sed -n 's/^issue: \([a-z-]*\): .*/\1/p' $segments | uniq | tr '\n' ' '
}

# look WHAT COMMAND...: loads the module behind the command's back, reads all that
# comes of it, unloads it. None of that may fail or make the kernel complain.
look()
{
	look_what=$1
	shift
	"$@" >/dev/null
	is "$look_what: insmod" "$(try insmod "$MODULE")" ok
	poll 60 idle
	cat $segments >/tmp/segments
	cat $config $DEBUG/rmp/occupancy $DEBUG/rmpopt-table >/dev/null 2>&1
	echo 0x40000000 >$CONFIG/rmp_entry
	cat $CONFIG/rmp_entry >/dev/null 2>&1
}

# fault WHAT NAMES COMMAND...: a fault by its name.
fault()
{
	fault_what=$1
	fault_names=$2
	shift 2
	log_mark
	look "$fault_what" "$@"
	is "$fault_what" "$(issues)" "$fault_names"
	is "$fault_what: one line in the log" "$(log_count "issues with the RMP's layout")" 1
	unload
	mend
}

mend()
{
	for msr in $RMP_BASE $RMP_END $RMP_CFG; do
		emu msr "$msr" default >/dev/null
	done
	emu rst restore >/dev/null
}

unload
log_mark
load
poll 60 idle

is "config: SYSCFG" "$(value $config syscfg)" "0x0000000003800000 (memory encryption on, SNP on, VMPL on)"
is "config: HWCR" "$(value $config hwcr)" "0x0000000000000001 (SMM locked)"
is "config: RMP_BASE" "$(value $config rmp_base)" "0x0000000070000000 (0x70000000)"
is "config: nothing but such lines" "$(grep -vcE '^[a-z_]+: [^ ]' $config)" 0
is "segments: nothing but such lines" "$(grep -vcE '^[a-z_]+( [0-9]+)?: [^ ]' $segments)" 0
is "no fault" "$(issues)" ""
is "the log has no word of one" "$(log_count 'layout')" 0
case $MODEL in
zen4)
	is "config: entries by" "$(value $config entries_by)" raw
	is "config: no segments" "$(value $config segment_sizes)" ""
	is "form" "$(value $segments form)" contiguous
	;;
*)
	is "config: entries by" "$(value $config entries_by)" rmpread
	is "config: segment sizes of a Turin" "$(value $config segment_sizes)" "2^36 to 2^42 bytes"
	is "config: its limit" "$(value $config segments)" "at most 16, 16 cacheable (a hard limit)"
	like "config: RMP_CFG" "$(value $config rmp_cfg)" "0x0000000000002401 (segmented, *)"
	is "form" "$(value $segments form)" segmented
	is "segment size" "$(value $segments segment_size)" "64 GiB"
	is "unused" "$(value $segments unused)" 1-15
	;;
esac
like "segment 0" "$(value $segments 'segment 0')" "covers 0x0-0x*fffffff (* GiB) nodes *, entries 0x70*-0x7*fff (* MiB) node 0"
unload

if [ "$MODEL" != zen4 ]; then
	first=$((0x70200000))
	gib=$((($(ram_regions | tail -n 1)) + 1))
	fault "a segment that is too large" "clamped " emu rst 0 $((first | 0x1000))
	fault "beyond the limit" "beyond-limit " emu rst 20 $((0x73000000 | 1))
	fault "no entries" "no-entries " emu rst 1 1
	fault "two with the same entries" "overlap " emu rst 1 $((first | 1))
	fault "entries in the table itself" "overlaps-head " emu rst 0 $((0x70000000 | gib))
	fault "reserved bits" "reserved-bits " emu rst 0 $((first | gib | 1 << 60))
	fault "RAM without entries" "ram-uncovered " emu rst 0 $((first | (gib - 1)))
	fault "an empty table" "ram-uncovered head-uncovered " emu rst 0 0
	fault "a segment size that is not offered" "segment-size " emu msr $RMP_CFG $((1 | 35 << 8))
	fault "a segment size beyond all" "segment-size ram-uncovered head-uncovered " emu msr $RMP_CFG $((1 | 63 << 8))
	fault "RMP_END" "end-not-zero " emu msr $RMP_END 0x2000

	# Random bytes in every 16th entry; in make test-hard also in more and in fewer entries.
	# shellcheck disable=SC2317 # look() calls it
	hostile()
	{
		od -An -v -tx8 -N$((512 * 8)) /dev/urandom | tr -s ' ' '\n' | grep . | awk -v step="$1" '
			(NR - 1) % step == 0 { print NR - 1, "0x" $1 }' |
		while read -r index word; do
			emu rst "$index" "$word"
		done
	}
	for step in $(hard "3 16 60" 16); do
		log_mark
		look "random bytes in every ${step}. entry" hostile $step
		at_least "random bytes in every ${step}. entry: faults" "$(grep -c '^issue: ' /tmp/segments)" 1
		is "random bytes in every ${step}. entry: all have names" "$(grep -c '^issue: ' /tmp/segments)" "$(grep -cE '^issue: [a-z-]+: [^ ]' /tmp/segments)"
		unload
		no_splat "random bytes in every ${step}. entry: the kernel log is clean"
		mend
	done
fi

# The RMP in odd places. Where there is no address of that width nothing is mapped.
log_mark
if [ "$MODEL" = zen4 ]; then
	for base in 0x000fffffffe00000 0x1000000000000 0xfffff00000; do
		emu msr $RMP_BASE $base
		is "RMP_BASE $base, above RMP_END: insmod" "$(try insmod "$MODULE")" ENODEV
		mend
	done
	for base in 0x70002000 0x2000; do
		look "RMP_BASE $base" emu msr $RMP_BASE $base
		unload
		mend
	done
	for end in 0x70003fff 0x70005fff 0x7fffffff 0x13fffffff 0x000fffffffffffff; do
		look "RMP_END $end" emu msr $RMP_END $end
		unload
		mend
	done
else
	for base in $(hard "0x000fffffffe00000 0xfffff00000 0x2000") 0x70002000 0x1000000000000 0xfee00000; do
		look "RMP_BASE $base" emu msr $RMP_BASE $base
		unload
		mend
	done
fi
no_splat "RMP_BASE and RMP_END anywhere: the kernel log is clean"

load
is "restored, there is no fault" "$(issues)" ""
poll 60 idle
is "rmmod" "$(try rmmod rmpopt)" ok
no_splat "the kernel log is clean"
finish

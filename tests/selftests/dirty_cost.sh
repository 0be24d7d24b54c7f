#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: one
# How many more kernel instructions a conversion takes with the module.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"
begin 9
require_emulator
require_rmpopt
require_cpus 1 1
require_test_module rmp_storm

cost()
{
	cat $STORM/cost
}

unload
log_mark
insmod "$MODULES/rmp_storm.ko" regions=1 || bail "rmp_storm.ko does not load"
plain=$(cost)
at_least "a pair of conversions" "$plain" 2
load
poll 60 idle || bail "the first pass does not end"
is "direct calls" "$(stat probes)" direct
direct=$(cost)
at_least "conversions" "$(stat conversions)" 1000
unload
is "nothing is left" "$(cost)" "$plain"

# Where somebody else has the direct call, there are fprobes.
echo 1 >$STORM/taken
echo 1 >$STORM/probe
empty=$(cost)
echo 0 >$STORM/probe
taken=$(cost)
load
poll 60 idle || bail "the first pass does not end"
is "fprobes" "$(stat probes)" fprobe
fprobe=$(cost)
at_least "conversions" "$(stat conversions)" 1000
is "missed" "$(stat missed)" 0
counts_agree "counts are right"
unload
echo 0 >$STORM/taken

note "per conversion: plain $((plain / 2)), direct $((direct / 2)); with another's direct call $((taken / 2))," \
	"empty fprobes $((empty / 2)), ours $((fprobe / 2))"
at_most "all that a conversion costs more" $(((direct - plain) / 2)) 499
at_most "our part of it, with direct calls all" $(((direct - plain) / 2)) 99
at_most "our part of it, with fprobes" $(((fprobe - empty) / 2)) 99
rmmod rmp_storm
no_splat "the kernel log is clean"
finish

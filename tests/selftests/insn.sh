#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: one smt zen5 zen4 none
# hard: dimms
# The instructions of the emulated host, line by line. The checks are those of
# rmp_insn.ko, which runs them in the kernel.
. "$(dirname "$0")/tap.sh"
require_module
require_emulator
require_test_module rmp_insn

case $MODEL in
zen6)	least=100 ;;
zen5)	least=50 ;;
zen4)	least=40 ;;
*)	least=10 ;;
esac

unload
log_mark
# A write that clears RMPOPT_EN is ignored, or raises #GP.
clear_fault=0
[ "$STICKY" != gp ] || clear_fault=13
insmod "$MODULES/rmp_insn.ko" model="$MODEL" clear_fault=$clear_fault || bail "rmp_insn.ko does not load"
count=$(sed -n 's/^1\.\.//p' /sys/kernel/debug/rmp_insn/tap)
# Three checks are added to the module's own.
sed "s/^1\.\.$count\$/1..$((count + 3))/" /sys/kernel/debug/rmp_insn/tap
failed=$(grep -c '^not ok' /sys/kernel/debug/rmp_insn/tap)
rmmod rmp_insn
sticky_as_booted

tap_count=$count
tap_failed=$failed
at_least "checks in the kernel on $MODEL" "$count" $least
modprobe cpuid
is "user space can tell the processor, too" "$(snpmodel)" "$MODEL"
no_splat "the kernel log is clean"
totals
[ $tap_failed -eq 0 ]

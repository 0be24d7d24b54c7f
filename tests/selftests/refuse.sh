#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host: none intel smt
# On a host that the module does not support it refuses to load, with one line and ENODEV.
. "$(dirname "$0")/tap.sh"
begin 8

unload
case $(sed -n '/^vendor_id/{s/.*: //p;q}' /proc/cpuinfo)-$MODEL in
GenuineIntel*)	reason="*not AMD*" ;;
*-none)	reason="*no SEV-SNP*" ;;
*)
	require_emulator
	# A firmware that set up no RMP.
	for msr in 0xc0010132 0xc0010133 0xc0010136; do
		emu msr $msr 0
	done
	reason="*no RMP*" ;;
esac

log_mark
is "insmod" "$(try insmod "$MODULE")" ENODEV
is "one line in the log" "$(log_count)" 1
like "it names the reason" "$(log_lines)" "$reason"
fails "no debugfs directory" test -e $DEBUG
fails "no configfs directory" test -e $CONFIG
is "not in /proc/modules" "$(grep -c '^rmpopt ' /proc/modules)" 0
is "insmod again" "$(try insmod "$MODULE")" ENODEV
is "insmod with parameters" "$(try insmod "$MODULE" native=takeover window_gib=4)" ENODEV
is "one line each time" "$(log_count)" 3
no_splat "the kernel log is clean"

if [ "$reason" = "*no RMP*" ]; then
	for msr in 0xc0010132 0xc0010133 0xc0010136; do
		emu msr $msr default
	done
	is "with the RMP it loads" "$(try insmod "$MODULE")" ok
	unload
fi
finish

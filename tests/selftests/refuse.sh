# SPDX-License-Identifier: GPL-2.0
# host: none intel normp
# Where the module has nothing to do it refuses with one line and ENODEV.
. "$(dirname "$0")/tap.sh"
begin 8

reason="the host is none of those that refuse"
case $(sed -n 's/^vendor_id\t*: //p;/^vendor_id/q' /proc/cpuinfo) in
GenuineIntel)	reason="*not AMD*" ;;
*)	case $MODEL in
	none)	reason="*no SEV-SNP*" ;;
	*)	reason="*no RMP*" ;;
	esac ;;
esac

log_mark
is "insmod" "$(try insmod $MODULE)" ENODEV
is "one line in the log" "$(log_count)" 1
like "it names the reason" "$(log_lines)" "$reason"
fails "no debugfs directory" test -e $DEBUG
fails "no configfs directory" test -e $CONFIG
is "not in /proc/modules" "$(grep -c '^rmpopt ' /proc/modules)" 0
is "insmod again" "$(try insmod $MODULE)" ENODEV
is "insmod with parameters" "$(try insmod $MODULE takeover=1 window_gib=4)" ENODEV
is "one line each time" "$(log_count)" 3
no_splat "the kernel log is clean"
finish

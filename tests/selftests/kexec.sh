# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The guest's part of tests/kexec, in the first kernel: pages are assigned, the module has optimised the rest, and
# the next kernel starts in the middle of a pass. This is no test of the collection.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/dirty.sh"

insmod "$MODULES/snp_guest.ko" || bail "snp_guest.ko does not load"
load
poll 60 idle || bail "the first pass does not end"
pick_two
is "a guest comes" "$(guest assign "$two" 4k 3 5)" ok
kexec_file load /rmpopt/second/vmlinuz /rmpopt/second/initrd "$(cat /proc/cmdline)" || bail "nothing is loaded"
emu time model >/dev/null
echo 1 >$CONFIG/action
echo "kexec.sh: held: $two" >/dev/kmsg
kexec_file boot
bail "there was no kexec"
